import type { Pdu, PduInput } from 'smpp';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { messageId } from '../../src/domain/ids.ts';
import { readTimeline } from '../../src/store/timeline.ts';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme, payload } from './esme.ts';
import { resources } from './resources.ts';
import { contentOf, partOf, ScriptedCarrier } from './scripted-carrier.ts';

// Statuses of SMPP 3.4 §5.1.3 and states of §5.2.28.
const RINVMSGID = 0x0c;
const RINVDSTADR = 0x0b;
const RCANCELFAIL = 0x11;
const RREPLACEFAIL = 0x13;
const RTHROTTLED = 0x58;
const RQUERYFAIL = 0x67;
const ENROUTE = 1;
const DELIVERED = 2;
const DELETED = 4;
const REJECTED = 8;

let carrier: ScriptedCarrier;
let gateway: TestGateway;
let alice: Esme;
let bob: Esme;
let later: Esme;
const open: Esme[] = [];
let numbers = 0;

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  const words = { name: 'words', bannedWords: { words: ['casino'], action: 'refuse' } };
  gateway = await TestGateway.start(
    resources({
      policies: { clean: { rules: [words] } },
      terms: { onDelivery: { chargeOn: 'delivered' } },
      accounts: {
        alice: { policy: 'clean', credit: '100' },
        bob: { credit: '100' },
        latin: { defaultAlphabet: 'latin1' },
        later: { terms: 'onDelivery' },
        poor: { credit: '0.2' },
        slow: { bind: { segmentsPerSecond: 1, burst: 3 } },
      },
      tariffs: { standard: { '*': '0.1' } },
      carriers: { main: { port: carrier.port, prefix: '' } },
    }),
  );
  [alice, bob, later] = [await bind('alice'), await bind('bob'), await bind('later')];
});

afterAll(async () => {
  for (const esme of open) await esme.close();
  await gateway?.close();
  await carrier?.down();
});

beforeEach(() => gateway.setPaused('main', true));

async function bind(systemId: string, version?: number): Promise<Esme> {
  const esme = await Esme.bind(gateway.port, {
    systemId,
    // Receipts go to the first bind of the account.
    ...(version !== undefined && { version, as: 'transmitter' as const }),
  });
  open.push(esme);
  return esme;
}

const number = (): string => `1202555${String(1000 + numbers++)}`;
const release = () => gateway.setPaused('main', false);

function ask(esme: Esme, command: 'query_sm' | 'cancel_sm' | 'replace_sm', fields: PduInput) {
  return new Promise<Pdu>((resolve, reject) => {
    esme.session.on('close', () => reject(new Error(`closed without a ${command}_resp`)));
    esme.session[command](fields, resolve);
  });
}

const query = (esme: Esme, fields: PduInput) => ask(esme, 'query_sm', fields);
const cancel = async (esme: Esme, fields: PduInput) =>
  (await ask(esme, 'cancel_sm', fields)).command_status;
const replace = async (esme: Esme, fields: PduInput) =>
  (await ask(esme, 'replace_sm', { registered_delivery: 1, ...fields })).command_status;

/** A queued message: its carrier is paused. */
async function queued(esme: Esme, fields: PduInput = {}): Promise<{ id: string; to: string }> {
  const to = number();
  return { to, id: await esme.accepted({ destination_addr: to, ...fields }) };
}

const SHOP = { source_addr_ton: 5, source_addr_npi: 0, source_addr: 'Shop' };

describe('query_sm', () => {
  it('answers ENROUTE and no final date for a message that is queued or sent', async () => {
    const { id, to } = await queued(alice);
    const before = await query(alice, { message_id: id, ...SHOP });
    expect(before).toMatchObject({ command_status: 0, message_id: id, message_state: ENROUTE });
    expect(before).toMatchObject({ final_date: '', error_code: 0 });
    await release();
    await carrier.taken(1, to);
    expect(await query(alice, { message_id: id, ...SHOP })).toMatchObject({
      message_state: ENROUTE,
    });
  });

  it('answers the final state with its date in UTC, and the error of a failed one', async () => {
    const { id, to } = await queued(alice);
    await release();
    const [submit] = await carrier.taken(1, to);
    if (submit === undefined) throw new Error('taken');
    await carrier.receipt(submit, { stat: 'UNDELIV', err: '011' });
    await gateway.ended(id, { state: 'UNDELIV' });
    const answer = await query(alice, { message_id: id });
    expect(answer).toMatchObject({ command_status: 0, message_state: 5, error_code: 11 });
    // npm smpp reads "YYMMDDhhmmsstnnp"; the carrier's receipt says whole minutes.
    expect(answer.final_date).toBeInstanceOf(Date);
    expect(Math.abs(Number(answer.final_date) - Date.now())).toBeLessThan(120_000);
  });

  it('does not know the message of another account, and says the same of one of nobody', async () => {
    const { id } = await queued(bob);
    for (const name of [id, '1', '123456789012345678', 'abcdef01', '', "x' or 1=1"])
      expect(await query(alice, { message_id: name, ...SHOP })).toMatchObject({
        command_status: RINVMSGID,
      });
  });

  it('fails when the sender is not the one of the message', async () => {
    const { id } = await queued(alice);
    expect(await query(alice, { message_id: id, source_addr: 'Other' })).toMatchObject({
      command_status: RQUERYFAIL,
    });
  });

  it('finds a message by the alias that its account has for it, and only there', async () => {
    const { id } = await queued(alice);
    await gateway.sql("update message set customer_id = '0000beef' where id = $1", [id]);
    expect(await query(alice, { message_id: '0000beef' })).toMatchObject({
      command_status: 0,
      message_id: '0000beef',
    });
    expect(await query(alice, { message_id: id })).toMatchObject({ command_status: RINVMSGID });
    expect(await query(bob, { message_id: '0000beef' })).toMatchObject({
      command_status: RINVMSGID,
    });
  });

  it('takes the ids of 3.3 binds, of submit_multi and of data_sm', async () => {
    const old = await bind('alice', 0x33);
    const { id } = await queued(old);
    expect(id).toMatch(/^[0-9A-F]{8}$/);
    expect(await query(alice, { message_id: id })).toMatchObject({ message_state: ENROUTE });
    expect(await replace(old, { message_id: id, ...SHOP, short_message: 'new' })).toBe(0);
    expect(await cancel(old, { message_id: id, ...SHOP })).toBe(0);
    const [one, two] = [number(), number()];
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
    await release();
    await carrier.taken(1, two);
    expect(carrier.to(one)).toEqual([]);
  });

  it('cannot tell which of several destinations is meant by the id that they share', async () => {
    const [one, two] = [await queued(alice), await queued(alice)];
    await gateway.sql('update message set customer_id = $1 where id = any ($2)', [
      one.id,
      [one.id, two.id],
    ]);
    expect(await query(alice, { message_id: one.id, ...SHOP })).toMatchObject({
      command_status: RQUERYFAIL,
    });
    expect(await cancel(alice, { message_id: one.id, ...SHOP })).toBe(RCANCELFAIL);
    expect(await replace(alice, { message_id: one.id, short_message: 'x' })).toBe(RREPLACEFAIL);
    expect(await cancel(alice, { message_id: one.id, ...SHOP, destination_addr: two.to })).toBe(0);
    expect(await gateway.end(two.id)).toMatchObject({ state: 'DELETED' });
    expect(await gateway.end(one.id)).toMatchObject({ state: undefined });
  });

  it('costs a token of the rate of its bind', async () => {
    const slow = await bind('slow');
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
    const before = await gateway.money('alice');
    const { id, to } = await queued(alice, payload('x'.repeat(200), 'latin1'));
    expect(await cancel(alice, { message_id: id, ...SHOP })).toBe(0);
    expect(await gateway.end(id)).toMatchObject({
      state: 'DELETED',
      cause: 'cancelled',
      refund: '0.2',
    });
    expect(await gateway.money('alice')).toEqual(before);
    expect(await alice.receiptOf(id)).toMatchObject({ state: 'DELETED' });
    expect(await query(alice, { message_id: id })).toMatchObject({ message_state: DELETED });
    const other = await queued(alice);
    await release();
    await carrier.taken(1, other.to);
    expect(carrier.to(to)).toEqual([]);
    expect(await cancel(alice, { message_id: id })).toBe(RCANCELFAIL);
  });

  it('releases what was reserved', async () => {
    const before = await gateway.money('later');
    const { id } = await queued(later);
    expect(await cancel(later, { message_id: id })).toBe(0);
    expect(await gateway.end(id)).toMatchObject({ state: 'DELETED', release: '0.1', charge: '0' });
    expect(await gateway.money('later')).toEqual(before);
  });

  it('sends no receipt for a message that asked for none', async () => {
    const { id } = await queued(alice, { registered_delivery: 0 });
    expect(await cancel(alice, { message_id: id })).toBe(0);
    const { id: next } = await queued(alice);
    expect(await cancel(alice, { message_id: next })).toBe(0);
    await alice.receiptOf(next);
    expect(alice.receipts.some((receipt) => receipt.id === id)).toBe(false);
  });

  it('changes nothing once a carrier has the message', async () => {
    const { id, to } = await queued(alice);
    await release();
    const [submit] = await carrier.taken(1, to);
    expect(await cancel(alice, { message_id: id, ...SHOP })).toBe(RCANCELFAIL);
    if (submit === undefined) throw new Error('taken');
    await carrier.receipt(submit);
    await gateway.ended(id, { state: 'DELIVRD', refund: '0' });
    expect(await query(alice, { message_id: id })).toMatchObject({ message_state: DELIVERED });
    expect(await cancel(alice, { message_id: id, ...SHOP })).toBe(RCANCELFAIL);
  });

  it('does not touch the message of another account or of another sender or destination', async () => {
    const { id, to } = await queued(bob);
    expect(await cancel(alice, { message_id: id, ...SHOP })).toBe(RINVMSGID);
    expect(await cancel(bob, { message_id: id, source_addr: 'Else' })).toBe(RCANCELFAIL);
    expect(await cancel(bob, { message_id: id, destination_addr: '12025559999' })).toBe(
      RCANCELFAIL,
    );
    expect(await cancel(alice, { ...SHOP, destination_addr: to })).toBe(RCANCELFAIL);
    expect(await gateway.end(id)).toMatchObject({ state: undefined });
    expect(await cancel(bob, { message_id: id, ...SHOP, destination_addr: `+${to}` })).toBe(0);
  });

  it('without an id takes all queued from one sender to one number, of one service if it says so', async () => {
    const to = number();
    const send = (fields: PduInput) => alice.accepted({ destination_addr: to, ...fields });
    const plain = await Promise.all([send({}), send({}), send({})]);
    const otp = await send({ service_type: 'OTP' });
    const other = await send({ source_addr: 'Bank' });
    const numeric = await send({ source_addr_ton: 1, source_addr_npi: 1, source_addr: '4479' });
    expect(await cancel(alice, { service_type: 'OTP', ...SHOP, destination_addr: to })).toBe(0);
    expect(await gateway.end(otp)).toMatchObject({ state: 'DELETED' });
    expect(await gateway.end(plain[0] ?? '')).toMatchObject({ state: undefined });
    expect(await cancel(alice, { ...SHOP, destination_addr: to })).toBe(0);
    for (const id of plain) expect(await gateway.end(id)).toMatchObject({ state: 'DELETED' });
    for (const id of [other, numeric])
      expect(await gateway.end(id)).toMatchObject({ state: undefined });
    expect(await cancel(alice, { ...SHOP, destination_addr: to })).toBe(RCANCELFAIL);
    expect(await cancel(alice, { ...SHOP, destination_addr: 'x' })).toBe(RINVDSTADR);
    expect(await cancel(alice, { ...SHOP, destination_addr: '' })).toBe(RINVDSTADR);
    await release();
    await carrier.taken(2, to);
    expect(carrier.to(to)).toHaveLength(2);
  });

  it('without an id goes through more than one page of messages', async () => {
    const to = number();
    await Promise.all(
      Array.from({ length: 50 }, () => alice.accepted({ destination_addr: to, ...OLD })),
    );
    for (let i = 0; i < 4; i++)
      await Promise.all(Array.from({ length: 40 }, () => bob.accepted({ destination_addr: to })));
    expect(await cancel(bob, { ...SHOP, destination_addr: to })).toBe(0);
    const [row] = await gateway.sql<{ n: number }>(
      `select count(*)::int as n from outcome o join message m on m.id = o.id
       where o.state = 4 and m.destination_hash = (select destination_hash from message order by id desc limit 1)`,
    );
    expect(row?.n).toBe(160);
  });
});

const OLD = { source_addr: 'Shop', registered_delivery: 0 };

describe('replace_sm', () => {
  it('sends the new text only, and takes the validity and receipt it says', async () => {
    const { id, to } = await queued(alice, { short_message: 'first' });
    const fields = { message_id: id, ...SHOP, short_message: 'second', registered_delivery: 0 };
    expect(await replace(alice, fields)).toBe(0);
    expect(await replace(alice, { ...fields, short_message: 'third' })).toBe(0);
    await release();
    const [submit] = await carrier.taken(1, to);
    if (submit === undefined) throw new Error('taken');
    expect(contentOf(submit.pdu)).toBe('third');
    await carrier.receipt(submit);
    await gateway.ended(id, { state: 'DELIVRD' });
    expect(carrier.to(to)).toHaveLength(1);
    expect(alice.receipts.some((receipt) => receipt.id === id)).toBe(false);
    expect(await replace(alice, fields)).toBe(RREPLACEFAIL);
  });

  it.each([
    { account: 'alice', first: 'charge', more: 'charge -0.2', less: 'charge +0.2' },
    { account: 'later', first: 'reserve', more: 'reserve +0.2r', less: 'reserve -0.2r' },
  ])('pays and gets back the difference in price ($first)', async ({ account, more, less }) => {
    const esme = account === 'alice' ? alice : later;
    const before = await gateway.money(account);
    const { id, to } = await queued(esme);
    const long = payload('y'.repeat(400), 'latin1');
    expect(await replace(esme, { message_id: id, ...long })).toBe(0);
    expect((await gateway.entries(account)).at(-1)).toBe(more);
    expect(await replace(esme, { message_id: id, short_message: 'short' })).toBe(0);
    expect((await gateway.entries(account)).at(-1)).toBe(less);
    expect(await replace(esme, { message_id: id, ...long })).toBe(0);
    await gateway.reconciled();
    await release();
    const submits = await carrier.taken(3, to);
    expect(submits.map((submit) => partOf(submit.pdu)?.total)).toEqual([3, 3, 3]);
    for (const submit of submits) await carrier.receipt(submit, { stat: 'REJECTD' });
    await gateway.ended(id, { state: 'REJECTD' });
    expect(await query(esme, { message_id: id })).toMatchObject({ message_state: REJECTED });
    const after = await gateway.money(account);
    const paid = Number(before.credits) - Number(after.credits);
    expect(paid).toBeCloseTo(account === 'alice' ? 0.3 : 0, 6);
    expect(after.reserved).toBe(before.reserved);
  });

  it('refunds a replaced message that is cancelled at the price of its last version', async () => {
    const before = await gateway.money('alice');
    const { id } = await queued(alice);
    expect(await replace(alice, { message_id: id, ...payload('y'.repeat(400), 'latin1') })).toBe(0);
    expect(await cancel(alice, { message_id: id, ...SHOP })).toBe(0);
    expect(await gateway.end(id)).toMatchObject({ state: 'DELETED', refund: '0.3' });
    expect(await gateway.money('alice')).toEqual(before);
    expect((await alice.receiptOf(id)).text).toContain(`text:${'y'.repeat(20)}`);
  });

  it('shows each version on the timeline, with what it paid or gave back', async () => {
    const { id } = await queued(alice);
    await replace(alice, { message_id: id, ...payload('y'.repeat(400), 'latin1') });
    await replace(alice, { message_id: id, short_message: 'short' });
    await replace(alice, { message_id: id, ...payload('y'.repeat(200), 'latin1') });
    const timeline = await readTimeline(gateway.pool, messageId(BigInt(id)));
    expect(timeline?.message).toMatchObject({ segments: 2, price: 200_000n });
    const lines = timeline?.events.map(({ event, money, detail }) =>
      [event, money, detail?.replace(/, valid.*/, '')]
        .filter((word) => word !== undefined)
        .join(' '),
    );
    expect(lines).toEqual([
      'accepted',
      'charged -100000',
      'replaced version 1 of 3 segments',
      'charged -200000',
      'replaced version 2 of 1 segments',
      'charged 200000',
      'replaced version 3 of 2 segments',
      'charged -100000',
    ]);
  });

  it('keeps the data_coding of the message', async () => {
    const { id, to } = await queued(alice, payload('привет', 'ucs2'));
    const text = Buffer.from('пока', 'utf16le').swap16();
    expect(await replace(alice, { message_id: id, short_message: text })).toBe(0);
    // 71 characters of UCS-2 are two segments.
    await release();
    const [submit] = await carrier.taken(1, to);
    expect(submit?.pdu.data_coding).toBe(8);
    expect(contentOf(submit?.pdu ?? ({} as Pdu))).toBe('пока');
  });

  it('reads the text in the alphabet of its account, whatever became of the first one', async () => {
    const latin = await bind('latin');
    const texts = { gsm: 'café', neither: 'aþb' };
    for (const [first, second, coding] of [
      [texts.gsm, texts.neither, 8],
      [texts.neither, texts.gsm, 0],
    ] as const) {
      const { id, to } = await queued(latin, { short_message: Buffer.from(first, 'latin1') });
      const text = { short_message: Buffer.from(second, 'latin1') };
      expect(await replace(latin, { message_id: id, ...text })).toBe(0);
      await release();
      const [submit] = await carrier.taken(1, to);
      expect(submit?.pdu.data_coding).toBe(coding);
      expect(contentOf(submit?.pdu ?? ({} as Pdu))).toBe(second);
      await gateway.setPaused('main', true);
    }
  });

  it('is judged as a submit_sm is, and leaves the message as it was when it is refused', async () => {
    const { id, to } = await queued(alice, { short_message: 'nice' });
    const attempts: [PduInput, number][] = [
      [{ short_message: 'come to the casino' }, 0x405],
      [{ short_message: 'x', validity_period: '200101000000000+' }, 0x62],
      [{ short_message: 'x', schedule_delivery_time: 'tomorrow' }, 0x61],
      [{ short_message: 'x', source_addr: 'Else' }, RREPLACEFAIL],
      [{ short_message: 'x', message_id: '17' }, RINVMSGID],
    ];
    const before = await gateway.money('alice');
    for (const [fields, status] of attempts)
      expect(await replace(alice, { message_id: id, ...fields })).toBe(status);
    expect(await replace(bob, { message_id: id, short_message: 'mine' })).toBe(RINVMSGID);
    expect(await gateway.money('alice')).toEqual(before);
    await release();
    const [submit] = await carrier.taken(1, to);
    expect(contentOf(submit?.pdu ?? ({} as Pdu))).toBe('nice');
  });

  it('fails when the difference cannot be paid, and lets it be paid to the last unit', async () => {
    const poor = await bind('poor');
    const { id } = await queued(poor);
    const text = (segments: number) => payload('z'.repeat(153 * segments), 'latin1');
    expect(await replace(poor, { message_id: id, ...text(3) })).toBe(RREPLACEFAIL);
    expect(await gateway.money('poor')).toMatchObject({ credits: '0.1' });
    expect(await replace(poor, { message_id: id, ...text(2) })).toBe(0);
    expect(await gateway.money('poor')).toMatchObject({ credits: '0' });
    await gateway.setStatus('poor', 'suspended');
    expect(await replace(poor, { message_id: id, short_message: 'x' })).toBe(0x403);
  });

  it('fails once a carrier has the message', async () => {
    const { id, to } = await queued(alice);
    await release();
    await carrier.taken(1, to);
    expect(await replace(alice, { message_id: id, short_message: 'late' })).toBe(RREPLACEFAIL);
  });

  it('makes a message expire by its new validity, not by the one it had', async () => {
    const { id } = await queued(alice);
    const soon = { message_id: id, short_message: 'soon', validity_period: '000000000001000R' };
    expect(await replace(alice, soon)).toBe(0);
    await gateway.ended(id, { state: 'EXPIRED', refund: '0.1' });
    const other = await queued(alice, { validity_period: '000000000001000R' });
    const late = { message_id: other.id, short_message: 'late' };
    expect(await replace(alice, { ...late, validity_period: '000000010000000R' })).toBe(0);
    await gateway.bringBeforeJanitor(other.id);
    await eventually(async () =>
      expect(
        await gateway.sql('select at > now() as later from due where id = $1', [other.id]),
      ).toContainEqual({ later: true }),
    );
    await new Promise((resolve) => setTimeout(resolve, 1_200)); // its first validity is over
    await release();
    const [submit] = await carrier.taken(1, other.to);
    expect(contentOf(submit?.pdu ?? ({} as Pdu))).toBe('late');
  });
});

describe('a message with a time of its own', () => {
  /** So many seconds from now. */
  const inSeconds = (seconds: number) => `0000000000${String(seconds).padStart(2, '0')}000R`;

  it('is SCHEDULED to a 5.0 bind, ENROUTE to an older one, and can be cancelled', async () => {
    const newer = await bind('alice', 0x50);
    const { id, to } = await queued(alice, { schedule_delivery_time: '000001000000000R' });
    expect(await query(newer, { message_id: id })).toMatchObject({ message_state: 0 });
    expect(await query(alice, { message_id: id })).toMatchObject({ message_state: ENROUTE });
    expect(await cancel(alice, { message_id: '', ...SHOP, destination_addr: to })).toBe(0);
    expect(await gateway.end(id)).toMatchObject({ state: 'DELETED', refund: '0.1' });
  });

  it('is found by its number however old it is', async () => {
    const { id, to } = await queued(alice, { schedule_delivery_time: '000001000000000R' });
    await gateway.sql('update node_epoch set queue_floor = (select max(id) + 1 from message)');
    const again = { replace_if_present_flag: 1, destination_addr: to };
    const later = { schedule_delivery_time: '000002000000000R' };
    expect(await alice.accepted({ ...again, ...later })).toBe(id);
    expect(await cancel(alice, { message_id: '', ...SHOP, destination_addr: to })).toBe(0);
  });

  it('is sent once, in its last version and not before its last time', async () => {
    await release();
    const { id, to } = await queued(alice, { schedule_delivery_time: '000001000000000R' });
    const soon = { message_id: id, short_message: 'soon' };
    expect(await replace(alice, { ...soon, schedule_delivery_time: inSeconds(2) })).toBe(0);
    const askedAt = Date.now();
    const [submit] = await carrier.taken(1, to);
    expect(Date.now() - askedAt).toBeGreaterThan(1_000);
    expect(contentOf(submit?.pdu ?? ({} as Pdu))).toBe('soon');
    await eventually(async () =>
      expect(await gateway.sql('select from scheduled where id = $1', [id])).toHaveLength(0),
    );
    expect(carrier.to(to)).toHaveLength(1);
  });

  it('leaves the queue when it is given a time, and waits for a further one when it was under way', async () => {
    const { id, to } = await queued(alice);
    const fields = { message_id: id, short_message: 'later' };
    expect(await replace(alice, { ...fields, schedule_delivery_time: inSeconds(1) })).toBe(0);
    // Its time comes while the carrier is away: it is under way, and then is given another.
    await eventually(async () => {
      const [row] = await gateway.sql<{ due: boolean }>(
        "select at < now() - interval '1500 ms' as due from scheduled where id = $1",
        [id],
      );
      expect(row?.due).toBe(true);
    });
    const last = { message_id: id, short_message: 'last' };
    expect(await replace(alice, { ...last, schedule_delivery_time: inSeconds(3) })).toBe(0);
    await release();
    const marker = await queued(alice);
    await carrier.taken(1, marker.to);
    expect(carrier.to(to)).toEqual([]);
    const [submit] = await carrier.taken(1, to);
    expect(contentOf(submit?.pdu ?? ({} as Pdu))).toBe('last');
    await gateway.sql('select pg_sleep(1.5)');
    expect(carrier.to(to)).toHaveLength(1);
  });
});

describe('replace_if_present_flag', () => {
  const again = { replace_if_present_flag: 1 };

  it('puts a message in the place of the queued one of the same service, sender and number', async () => {
    const { id, to } = await queued(alice, { short_message: 'old' });
    const text = payload('n'.repeat(200), 'latin1');
    expect(await alice.accepted({ destination_addr: to, ...again, ...text })).toBe(id);
    expect((await gateway.entries('alice')).at(-1)).toBe('charge -0.1');
    await release();
    const submits = await carrier.taken(2, to);
    expect(submits.map((submit) => partOf(submit.pdu)?.total)).toEqual([2, 2]);
    expect(carrier.to(to)).toHaveLength(2);
  });

  it('is a new message where none is queued, another service or sender is, or a carrier has it', async () => {
    const to = number();
    const ids = [
      await alice.accepted({ destination_addr: to, ...again }),
      await alice.accepted({ destination_addr: to, ...again, service_type: 'OTP' }),
      await alice.accepted({ destination_addr: to, ...again, source_addr: 'Bank' }),
      await bob.accepted({ destination_addr: to, ...again }),
    ];
    expect(new Set(ids).size).toBe(4);
    await release();
    await carrier.taken(4, to);
    await gateway.setPaused('main', true);
    const next = await alice.accepted({ destination_addr: to, ...again });
    expect(ids).not.toContain(next);
  });

  it('refuses what the specification reserves', async () => {
    const answer = await alice.submit({ destination_addr: number(), replace_if_present_flag: 2 });
    expect(answer.command_status).toBe(0x54);
  });
});

describe('reconcile', () => {
  it('finds the books in order after all this', () => gateway.reconciled());
});
