import type { PduInput } from 'smpp';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { messageId } from '../../src/domain/ids.ts';
import { readTimeline } from '../../src/store/timeline.ts';
import { eventually } from '../support/gateway.ts';
import { type Esme, payload } from './esme.ts';
import {
  cancel,
  ManageStand,
  query,
  RINVMSGID,
  RREPLACEFAIL,
  replace,
  SHOP,
  STATE,
} from './manage-stand.ts';
import { contentOf, partOf } from './scripted-carrier.ts';

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

describe('replace_sm', () => {
  it('sends the new text only, and takes the validity and receipt it says', async () => {
    const { id, to } = await stand.queued(alice, { short_message: 'first' });
    const fields = { message_id: id, ...SHOP, short_message: 'second', registered_delivery: 0 };
    expect(await replace(alice, fields)).toBe(0);
    expect(await replace(alice, { ...fields, short_message: 'third' })).toBe(0);
    await stand.release();
    const submit = await stand.first(to);
    expect(contentOf(submit.pdu)).toBe('third');
    await stand.carrier.receipt(submit);
    await stand.gateway.ended(id, { state: 'DELIVRD' });
    expect(stand.carrier.to(to)).toHaveLength(1);
    expect(alice.receipts.some((receipt) => receipt.id === id)).toBe(false);
    expect(await replace(alice, fields)).toBe(RREPLACEFAIL);
  });

  it.each([
    { account: 'alice', first: 'charge', more: 'charge -0.2', less: 'charge +0.2' },
    { account: 'later', first: 'reserve', more: 'reserve +0.2r', less: 'reserve -0.2r' },
  ])('pays and gets back the difference in price ($first)', async ({ account, more, less }) => {
    const esme = account === 'alice' ? alice : later;
    const before = await stand.gateway.money(account);
    const { id, to } = await stand.queued(esme);
    const long = payload('y'.repeat(400), 'latin1');
    expect(await replace(esme, { message_id: id, ...long })).toBe(0);
    expect((await stand.gateway.entries(account)).at(-1)).toBe(more);
    expect(await replace(esme, { message_id: id, short_message: 'short' })).toBe(0);
    expect((await stand.gateway.entries(account)).at(-1)).toBe(less);
    expect(await replace(esme, { message_id: id, ...long })).toBe(0);
    await stand.gateway.reconciled();
    await stand.release();
    const submits = await stand.carrier.taken(3, to);
    expect(submits.map((submit) => partOf(submit.pdu)?.total)).toEqual([3, 3, 3]);
    for (const submit of submits) await stand.carrier.receipt(submit, { stat: 'REJECTD' });
    await stand.gateway.ended(id, { state: 'REJECTD' });
    expect(await query(esme, { message_id: id })).toMatchObject({ message_state: STATE.REJECTED });
    const after = await stand.gateway.money(account);
    const paid = Number(before.credits) - Number(after.credits);
    expect(paid).toBeCloseTo(account === 'alice' ? 0.3 : 0, 6);
    expect(after.reserved).toBe(before.reserved);
  });

  it('refunds a replaced message that is cancelled at the price of its last version', async () => {
    const before = await stand.gateway.money('alice');
    const { id } = await stand.queued(alice);
    expect(await replace(alice, { message_id: id, ...payload('y'.repeat(400), 'latin1') })).toBe(0);
    expect(await cancel(alice, { message_id: id, ...SHOP })).toBe(0);
    expect(await stand.gateway.end(id)).toMatchObject({ state: 'DELETED', refund: '0.3' });
    expect(await stand.gateway.money('alice')).toEqual(before);
    expect((await alice.receiptOf(id)).text).toContain(`text:${'y'.repeat(20)}`);
  });

  it('shows each version on the timeline, with what it paid or gave back', async () => {
    const { id } = await stand.queued(alice);
    await replace(alice, { message_id: id, ...payload('y'.repeat(400), 'latin1') });
    await replace(alice, { message_id: id, short_message: 'short' });
    await replace(alice, { message_id: id, ...payload('y'.repeat(200), 'latin1') });
    const timeline = await readTimeline(stand.gateway.pool, messageId(BigInt(id)));
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
    const { id, to } = await stand.queued(alice, payload('привет', 'ucs2'));
    const text = Buffer.from('пока', 'utf16le').swap16();
    expect(await replace(alice, { message_id: id, short_message: text })).toBe(0);
    // 71 characters of UCS-2 are two segments.
    await stand.release();
    const submit = await stand.first(to);
    expect(submit.pdu.data_coding).toBe(8);
    expect(contentOf(submit.pdu)).toBe('пока');
  });

  it('reads the text in the alphabet of its account, whatever became of the first one', async () => {
    const latin = await stand.bind('latin');
    const texts = { gsm: 'café', neither: 'aþb' };
    for (const [first, second, coding] of [
      [texts.gsm, texts.neither, 8],
      [texts.neither, texts.gsm, 0],
    ] as const) {
      const { id, to } = await stand.queued(latin, { short_message: Buffer.from(first, 'latin1') });
      const text = { short_message: Buffer.from(second, 'latin1') };
      expect(await replace(latin, { message_id: id, ...text })).toBe(0);
      await stand.release();
      const submit = await stand.first(to);
      expect(submit.pdu.data_coding).toBe(coding);
      expect(contentOf(submit.pdu)).toBe(second);
      await stand.hold();
    }
  });

  it('is judged as a submit_sm is, and leaves the message as it was when it is refused', async () => {
    const { id, to } = await stand.queued(alice, { short_message: 'nice' });
    const attempts: [PduInput, number][] = [
      [{ short_message: 'come to the casino' }, 0x405],
      [{ short_message: 'x', validity_period: '200101000000000+' }, 0x62],
      [{ short_message: 'x', schedule_delivery_time: 'tomorrow' }, 0x61],
      [{ short_message: 'x', source_addr: 'Else' }, RREPLACEFAIL],
      [{ short_message: 'x', message_id: '17' }, RINVMSGID],
    ];
    const before = await stand.gateway.money('alice');
    for (const [fields, status] of attempts)
      expect(await replace(alice, { message_id: id, ...fields })).toBe(status);
    expect(await replace(bob, { message_id: id, short_message: 'mine' })).toBe(RINVMSGID);
    expect(await stand.gateway.money('alice')).toEqual(before);
    await stand.release();
    expect(await stand.text(to)).toBe('nice');
  });

  it('fails when the difference cannot be paid, and lets it be paid to the last unit', async () => {
    const poor = await stand.bind('poor');
    const { id } = await stand.queued(poor);
    const text = (segments: number) => payload('z'.repeat(153 * segments), 'latin1');
    expect(await replace(poor, { message_id: id, ...text(3) })).toBe(RREPLACEFAIL);
    expect(await stand.gateway.money('poor')).toMatchObject({ credits: '0.1' });
    expect(await replace(poor, { message_id: id, ...text(2) })).toBe(0);
    expect(await stand.gateway.money('poor')).toMatchObject({ credits: '0' });
    // Suspended, and not yet ended for it.
    await stand.gateway.sql(`update account set status = 'suspended' where name = 'poor'`);
    await stand.gateway.reload();
    expect(await replace(poor, { message_id: id, short_message: 'x' })).toBe(0x403);
  });

  it('fails once a carrier has the message', async () => {
    const { id, to } = await stand.queued(alice);
    await stand.release();
    await stand.carrier.taken(1, to);
    expect(await replace(alice, { message_id: id, short_message: 'late' })).toBe(RREPLACEFAIL);
  });

  it('makes a message expire by its new validity, not by the one it had', async () => {
    const { id } = await stand.queued(alice);
    const soon = { message_id: id, short_message: 'soon', validity_period: '000000000001000R' };
    expect(await replace(alice, soon)).toBe(0);
    await stand.gateway.ended(id, { state: 'EXPIRED', refund: '0.1' });
    const { other, overMs } = await prolonged();
    await stand.gateway.bringBeforeJanitor(other.id);
    await eventually(async () =>
      expect(
        await stand.gateway.sql('select at > now() as later from due where id = $1', [other.id]),
      ).toContainEqual({ later: true }),
    );
    await eventually(() => expect(Date.now()).toBeGreaterThan(overMs)); // its first validity is over
    await stand.release();
    expect(await stand.text(other.to)).toBe('late');
  });
});

/** One of a short validity that was replaced within it, by an hour's; the first is over at `overMs`. */
async function prolonged(): Promise<{ other: { id: string; to: string }; overMs: number }> {
  // A second is enough on a machine at rest.
  for (const seconds of [1, 4, 16]) {
    const validity = `0000000000${String(seconds).padStart(2, '0')}000R`;
    const other = await stand.queued(alice, { validity_period: validity });
    const overMs = Date.now() + seconds * 1_000 + 100;
    const late = { message_id: other.id, short_message: 'late' };
    const status = await replace(alice, { ...late, validity_period: '000000010000000R' });
    if (status === 0) return { other, overMs };
  }
  throw new Error('replaced in time');
}

describe('a message with a time of its own', () => {
  /** So many seconds from now. */
  const inSeconds = (seconds: number) => `0000000000${String(seconds).padStart(2, '0')}000R`;

  it('is SCHEDULED to a 5.0 bind, ENROUTE to an older one, and can be cancelled', async () => {
    const newer = await stand.bind('alice', 0x50);
    const { id, to } = await stand.queued(alice, { schedule_delivery_time: '000001000000000R' });
    expect(await query(newer, { message_id: id })).toMatchObject({ message_state: 0 });
    expect(await query(alice, { message_id: id })).toMatchObject({ message_state: STATE.ENROUTE });
    expect(await cancel(alice, { message_id: '', ...SHOP, destination_addr: to })).toBe(0);
    expect(await stand.gateway.end(id)).toMatchObject({ state: 'DELETED', refund: '0.1' });
  });

  it('is found by its number however old it is', async () => {
    const { id, to } = await stand.queued(alice, { schedule_delivery_time: '000001000000000R' });
    await stand.gateway.sql(
      'update node_epoch set queue_floor = (select max(id) + 1 from message)',
    );
    const again = { replace_if_present_flag: 1, destination_addr: to };
    const later = { schedule_delivery_time: '000002000000000R' };
    expect(await alice.accepted({ ...again, ...later })).toBe(id);
    expect(await cancel(alice, { message_id: '', ...SHOP, destination_addr: to })).toBe(0);
  });

  it('is sent once, in its last version and not before its last time', async () => {
    await stand.release();
    const { id, to } = await stand.queued(alice, { schedule_delivery_time: '000001000000000R' });
    const soon = { message_id: id, short_message: 'soon' };
    const askedAt = Date.now();
    expect(await replace(alice, { ...soon, schedule_delivery_time: inSeconds(2) })).toBe(0);
    const submit = await stand.first(to);
    expect(submit.atMs - askedAt).toBeGreaterThanOrEqual(2_000);
    expect(contentOf(submit.pdu)).toBe('soon');
    await eventually(async () =>
      expect(await stand.gateway.sql('select from scheduled where id = $1', [id])).toHaveLength(0),
    );
    expect(stand.carrier.to(to)).toHaveLength(1);
  });

  it('leaves the queue when it is given a time, and waits for a further one when it was under way', async () => {
    const { id, to } = await stand.queued(alice);
    const fields = { message_id: id, short_message: 'later' };
    expect(await replace(alice, { ...fields, schedule_delivery_time: inSeconds(1) })).toBe(0);
    // Its time comes while the carrier is away: it is under way, and then is given another.
    await eventually(async () => {
      const [row] = await stand.gateway.sql<{ due: boolean }>(
        "select at < now() - interval '1500 ms' as due from scheduled where id = $1",
        [id],
      );
      expect(row?.due).toBe(true);
    });
    const last = { message_id: id, short_message: 'last' };
    const askedAt = Date.now();
    expect(await replace(alice, { ...last, schedule_delivery_time: inSeconds(2) })).toBe(0);
    await stand.release();
    expect(await stand.text(to)).toBe('last');
    expect((await stand.first(to)).atMs - askedAt).toBeGreaterThanOrEqual(2_000);
    // Nothing is left that could send it once more.
    await eventually(async () => {
      const left = 'select from scheduled where id = $1';
      expect(await stand.gateway.sql(left, [id])).toEqual([]);
      expect(await stand.gateway.sql('select from lease')).toEqual([]);
    });
    expect(stand.carrier.to(to)).toHaveLength(1);
  });
});

describe('replace_if_present_flag', () => {
  const again = { replace_if_present_flag: 1 };

  it('puts a message in the place of the queued one of the same service, sender and number', async () => {
    const { id, to } = await stand.queued(alice, { short_message: 'old' });
    const text = payload('n'.repeat(200), 'latin1');
    expect(await alice.accepted({ destination_addr: to, ...again, ...text })).toBe(id);
    expect((await stand.gateway.entries('alice')).at(-1)).toBe('charge -0.1');
    await stand.release();
    const submits = await stand.carrier.taken(2, to);
    expect(submits.map((submit) => partOf(submit.pdu)?.total)).toEqual([2, 2]);
    expect(stand.carrier.to(to)).toHaveLength(2);
  });

  it('is a new message where none is queued, another service or sender is, or a carrier has it', async () => {
    const to = stand.number();
    const ids = [
      await alice.accepted({ destination_addr: to, ...again }),
      await alice.accepted({ destination_addr: to, ...again, service_type: 'OTP' }),
      await alice.accepted({ destination_addr: to, ...again, source_addr: 'Bank' }),
      await bob.accepted({ destination_addr: to, ...again }),
    ];
    expect(new Set(ids).size).toBe(4);
    await stand.release();
    await stand.carrier.taken(4, to);
    await stand.hold();
    const next = await alice.accepted({ destination_addr: to, ...again });
    expect(ids).not.toContain(next);
  });

  it('refuses what the specification reserves', async () => {
    const answer = await alice.submit({
      destination_addr: stand.number(),
      replace_if_present_flag: 2,
    });
    expect(answer.command_status).toBe(0x54);
  });
});

describe('reconcile', () => {
  it('finds the books in order after all this', () => stand.gateway.reconciled());
});
