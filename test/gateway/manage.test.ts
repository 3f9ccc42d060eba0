import type { Pdu, PduInput } from 'smpp';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Esme, payload } from './esme.ts';
import {
  cancel,
  ManageStand,
  query,
  RCANCELFAIL,
  RINVDSTADR,
  RINVMSGID,
  RQUERYFAIL,
  RREPLACEFAIL,
  RTHROTTLED,
  replace,
  SHOP,
  STATE,
} from './manage-stand.ts';

let stand: ManageStand;
let alice: Esme;
let bob: Esme;
let later: Esme;

beforeAll(async () => {
  stand = await ManageStand.open();
  alice = await stand.bind('alice');
  bob = await stand.bind('bob');
  later = await stand.bind('later');
});
afterAll(() => stand?.close());

beforeEach(() => stand.hold());

describe('query_sm', () => {
  it('answers ENROUTE and no final date for a message that is queued or sent', async () => {
    const { id, to } = await stand.queued(alice);
    const before = await query(alice, { message_id: id, ...SHOP });
    expect(before).toMatchObject({
      command_status: 0,
      message_id: id,
      message_state: STATE.ENROUTE,
    });
    expect(before).toMatchObject({ final_date: '', error_code: 0 });
    await stand.release();
    await stand.carrier.taken(1, to);
    expect(await query(alice, { message_id: id, ...SHOP })).toMatchObject({
      message_state: STATE.ENROUTE,
    });
  });

  it('answers the final state with its date in UTC, and the error of a failed one', async () => {
    const { id, to } = await stand.queued(alice);
    await stand.release();
    const submit = await stand.first(to);
    await stand.carrier.receipt(submit, { stat: 'UNDELIV', err: '011' });
    await stand.gateway.ended(id, { state: 'UNDELIV' });
    const answer = await query(alice, { message_id: id });
    expect(answer).toMatchObject({
      command_status: 0,
      message_state: STATE.UNDELIVERABLE,
      error_code: 11,
    });
    // npm smpp reads "YYMMDDhhmmsstnnp"; the carrier's receipt says whole minutes.
    expect(answer.final_date).toBeInstanceOf(Date);
    expect(Math.abs(Number(answer.final_date) - Date.now())).toBeLessThan(120_000);
  });

  it('does not know the message of another account, and says the same of one of nobody', async () => {
    const { id } = await stand.queued(bob);
    for (const name of [id, '1', '123456789012345678', 'abcdef01', '', "x' or 1=1"])
      expect(await query(alice, { message_id: name, ...SHOP })).toMatchObject({
        command_status: RINVMSGID,
      });
  });

  it('fails when the sender is not the one of the message', async () => {
    const { id } = await stand.queued(alice);
    expect(await query(alice, { message_id: id, source_addr: 'Other' })).toMatchObject({
      command_status: RQUERYFAIL,
    });
  });

  it('finds a message by the alias that its account has for it, and only there', async () => {
    const { id } = await stand.queued(alice);
    await stand.gateway.sql("update message set customer_id = '0000BEEF' where id = $1", [id]);
    expect(await query(alice, { message_id: '0000BEEF' })).toMatchObject({
      command_status: 0,
      message_id: '0000BEEF',
    });
    expect(await query(alice, { message_id: id })).toMatchObject({ command_status: RINVMSGID });
    expect(await query(bob, { message_id: '0000BEEF' })).toMatchObject({
      command_status: RINVMSGID,
    });
  });

  it('takes the ids of 3.3 binds, of submit_multi and of data_sm', async () => {
    const old = await stand.bind('alice', 0x33);
    const { id } = await stand.queued(old);
    expect(id).toMatch(/^[0-9A-F]{8}$/);
    expect(await query(alice, { message_id: id })).toMatchObject({ message_state: STATE.ENROUTE });
    expect(await replace(old, { message_id: id, ...SHOP, short_message: 'new' })).toBe(0);
    expect(await cancel(old, { message_id: id, ...SHOP })).toBe(0);
    const [one, two] = [stand.number(), stand.number()];
    const dest_address = [one, two].map((destination_addr) => ({
      dest_flag: 1,
      dest_addr_ton: 1,
      dest_addr_npi: 1,
      destination_addr,
    }));
    const multi = await new Promise<Pdu>((resolve) =>
      alice.session.submit_multi({ ...SHOP, dest_address, short_message: 'to all' }, resolve),
    );
    const shared = multi.message_id;
    if (shared === undefined) throw new Error('an id');
    expect(await query(alice, { message_id: shared })).toMatchObject({
      command_status: RQUERYFAIL,
    });
    expect(await cancel(alice, { message_id: shared, destination_addr: one })).toBe(0);
    expect(await cancel(alice, { message_id: shared, destination_addr: one })).toBe(RCANCELFAIL);
    await stand.release();
    await stand.carrier.taken(1, two);
    expect(stand.carrier.to(one)).toEqual([]);
  });

  it('takes the id of a 3.3 bind in lower case, but not without its zeros', async () => {
    const old = await stand.bind('alice', 0x33);
    let id = '';
    // One in ten has a letter at the latest: ids count up.
    while (!/[A-F]/.test(id)) ({ id } = await stand.queued(old));
    const lower = id.toLowerCase();
    expect(await query(old, { message_id: lower })).toMatchObject({
      message_id: lower,
      message_state: STATE.ENROUTE,
    });
    expect(await query(old, { message_id: lower.replace(/^0+/, '') })).toMatchObject({
      command_status: RINVMSGID,
    });
    expect(await cancel(old, { message_id: lower, ...SHOP })).toBe(0);
  });

  it('cannot tell which of several destinations is meant by the id that they share', async () => {
    const [one, two] = [await stand.queued(alice), await stand.queued(alice)];
    await stand.gateway.sql('update message set customer_id = $1 where id = any ($2)', [
      one.id,
      [one.id, two.id],
    ]);
    expect(await query(alice, { message_id: one.id, ...SHOP })).toMatchObject({
      command_status: RQUERYFAIL,
    });
    expect(await cancel(alice, { message_id: one.id, ...SHOP })).toBe(RCANCELFAIL);
    expect(await replace(alice, { message_id: one.id, short_message: 'x' })).toBe(RREPLACEFAIL);
    expect(await cancel(alice, { message_id: one.id, ...SHOP, destination_addr: two.to })).toBe(0);
    expect(await stand.gateway.end(two.id)).toMatchObject({ state: 'DELETED' });
    expect(await stand.gateway.end(one.id)).toMatchObject({ state: undefined });
  });

  it('costs a token of the rate of its bind', async () => {
    const slow = await stand.bind('slow');
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => query(slow, { message_id: '1' })),
    );
    const statuses = answers.map((answer) => answer.command_status);
    expect(statuses.filter((status) => status === RTHROTTLED).length).toBeGreaterThanOrEqual(3);
    expect(statuses.filter((status) => status === RINVMSGID).length).toBeGreaterThanOrEqual(3);
  });
});

describe('cancel_sm', () => {
  it('ends a queued message DELETED, refunds it whole, and sends its receipt and nothing else', async () => {
    const before = await stand.gateway.money('alice');
    const { id, to } = await stand.queued(alice, payload('x'.repeat(200), 'latin1'));
    expect(await cancel(alice, { message_id: id, ...SHOP })).toBe(0);
    expect(await stand.gateway.end(id)).toMatchObject({
      state: 'DELETED',
      cause: 'cancelled',
      refund: '0.2',
    });
    expect(await stand.gateway.money('alice')).toEqual(before);
    expect(await alice.receiptOf(id)).toMatchObject({ state: 'DELETED' });
    expect(await query(alice, { message_id: id })).toMatchObject({ message_state: STATE.DELETED });
    const other = await stand.queued(alice);
    await stand.release();
    await stand.carrier.taken(1, other.to);
    expect(stand.carrier.to(to)).toEqual([]);
    expect(await cancel(alice, { message_id: id })).toBe(RCANCELFAIL);
  });

  it('releases what was reserved', async () => {
    const before = await stand.gateway.money('later');
    const { id } = await stand.queued(later);
    expect(await cancel(later, { message_id: id })).toBe(0);
    expect(await stand.gateway.end(id)).toMatchObject({
      state: 'DELETED',
      release: '0.1',
      charge: '0',
    });
    expect(await stand.gateway.money('later')).toEqual(before);
  });

  it('sends no receipt for a message that asked for none', async () => {
    const { id } = await stand.queued(alice, { registered_delivery: 0 });
    expect(await cancel(alice, { message_id: id })).toBe(0);
    const { id: next } = await stand.queued(alice);
    expect(await cancel(alice, { message_id: next })).toBe(0);
    await alice.receiptOf(next);
    expect(alice.receipts.some((receipt) => receipt.id === id)).toBe(false);
  });

  it('changes nothing once a carrier has the message', async () => {
    const { id, to } = await stand.queued(alice);
    await stand.release();
    const submit = await stand.first(to);
    expect(await cancel(alice, { message_id: id, ...SHOP })).toBe(RCANCELFAIL);
    await stand.carrier.receipt(submit);
    await stand.gateway.ended(id, { state: 'DELIVRD', refund: '0' });
    expect(await query(alice, { message_id: id })).toMatchObject({
      message_state: STATE.DELIVERED,
    });
    expect(await cancel(alice, { message_id: id, ...SHOP })).toBe(RCANCELFAIL);
  });

  it('does not touch the message of another account or of another sender or destination', async () => {
    const { id, to } = await stand.queued(bob);
    expect(await cancel(alice, { message_id: id, ...SHOP })).toBe(RINVMSGID);
    expect(await cancel(bob, { message_id: id, source_addr: 'Else' })).toBe(RCANCELFAIL);
    expect(await cancel(bob, { message_id: id, destination_addr: '12025559999' })).toBe(
      RCANCELFAIL,
    );
    expect(await cancel(alice, { ...SHOP, destination_addr: to })).toBe(RCANCELFAIL);
    expect(await stand.gateway.end(id)).toMatchObject({ state: undefined });
    expect(await cancel(bob, { message_id: id, ...SHOP, destination_addr: `+${to}` })).toBe(0);
  });

  it('without an id takes all queued from one sender to one number, of one service if it says so', async () => {
    const to = stand.number();
    const send = (fields: PduInput) => alice.accepted({ destination_addr: to, ...fields });
    const plain = await Promise.all([send({}), send({}), send({})]);
    const otp = await send({ service_type: 'OTP' });
    const other = await send({ source_addr: 'Bank' });
    const numeric = await send({ source_addr_ton: 1, source_addr_npi: 1, source_addr: '4479' });
    expect(await cancel(alice, { service_type: 'OTP', ...SHOP, destination_addr: to })).toBe(0);
    expect(await stand.gateway.end(otp)).toMatchObject({ state: 'DELETED' });
    expect(await stand.gateway.end(plain[0] ?? '')).toMatchObject({ state: undefined });
    expect(await cancel(alice, { ...SHOP, destination_addr: to })).toBe(0);
    for (const id of plain) expect(await stand.gateway.end(id)).toMatchObject({ state: 'DELETED' });
    for (const id of [other, numeric])
      expect(await stand.gateway.end(id)).toMatchObject({ state: undefined });
    expect(await cancel(alice, { ...SHOP, destination_addr: to })).toBe(RCANCELFAIL);
    expect(await cancel(alice, { ...SHOP, destination_addr: 'x' })).toBe(RINVDSTADR);
    expect(await cancel(alice, { ...SHOP, destination_addr: '' })).toBe(RINVDSTADR);
    await stand.release();
    await stand.carrier.taken(2, to);
    expect(stand.carrier.to(to)).toHaveLength(2);
  });

  it('without an id goes through more than one page of messages', async () => {
    const to = stand.number();
    await Promise.all(
      Array.from({ length: 50 }, () => alice.accepted({ destination_addr: to, ...OLD })),
    );
    for (let i = 0; i < 4; i++)
      await Promise.all(Array.from({ length: 40 }, () => bob.accepted({ destination_addr: to })));
    expect(await cancel(bob, { ...SHOP, destination_addr: to })).toBe(0);
    const [row] = await stand.gateway.sql<{ n: number }>(
      `select count(*)::int as n from outcome o join message m on m.id = o.id
       where o.state = 4 and m.destination_hash = (select destination_hash from message order by id desc limit 1)`,
    );
    expect(row?.n).toBe(160);
  });
});

const OLD = { source_addr: 'Shop', registered_delivery: 0 };

describe('reconcile', () => {
  it('finds the books in order after all this', () => stand.gateway.reconciled());
});
