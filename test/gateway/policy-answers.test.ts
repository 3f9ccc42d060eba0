import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { messageId } from '../../src/domain/ids.ts';
import { readTimeline } from '../../src/store/timeline.ts';
import { eventually, TestGateway } from '../support/gateway.ts';
import { type Esme, Sessions } from './esme.ts';
import { replace } from './manage-stand.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

/** Of the rule. */
const OWN_STATUS = 0x45;
const TO = '12025550101';

let carrier: ScriptedCarrier;
let gateway: TestGateway;
const sessions = new Sessions();

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  carrier.onSubmit = (submit) => {
    carrier.accept(submit);
    void carrier.receipt(submit).catch(() => {});
  };
  const casino = { name: 'gambling', bannedWords: { words: ['casino'] } };
  const charged = { policy: 'charged' };
  gateway = await TestGateway.start(
    resources({
      // What is refused goes back by these terms: the rule's word is what keeps it.
      terms: { usual: { onRefusal: 'refund' }, onDelivery: { chargeOn: 'delivered' } },
      policies: {
        byReceipt: { rules: [{ ...casino, answer: 'receipt', reason: 'GAMBLING-1' }] },
        byStatus: { rules: [{ ...casino, answer: 'status', status: 0x45 }] },
        charged: { rules: [{ ...casino, charged: true }], partsWaitSeconds: 60 },
        parted: { rules: [casino], partsWaitSeconds: 60 },
        urdu: { rules: [{ bannedWords: { words: ['کسینو'] } }] },
        noted: {
          rules: [
            { ...casino, name: 'tried', mode: 'monitor' },
            { ...casino, name: 'seen', action: 'flag' },
          ],
        },
      },
      accounts: {
        byReceipt: { policy: 'byReceipt' },
        byStatus: { policy: 'byStatus', refusals: 'receipt' },
        charged,
        reserved: { ...charged, terms: 'onDelivery' },
        cut: charged,
        nodes: charged,
        freeNodes: { policy: 'parted', refusals: 'receipt' },
        poor: { ...charged, credit: '0.1' },
        killed: charged,
        noted: { policy: 'noted' },
        urdu: { policy: 'urdu' },
      },
      tariffs: { standard: { '1': '0.1' } },
      carriers: { main: { port: carrier.port, prefix: '1' } },
    }),
  );
});

afterAll(async () => {
  await sessions.close();
  await gateway?.close();
  await carrier?.down();
});

function bind(systemId: string, port = gateway.port): Promise<Esme> {
  return sessions.bind(port, systemId);
}

/** What rules did about a message, as its timeline says. */
async function notesOf(id: string): Promise<string[]> {
  const timeline = await readTimeline(gateway.pool, messageId(BigInt(id)));
  return (timeline?.events ?? [])
    .filter(({ event, detail }) => detail !== undefined && event !== 'replaced')
    .map(({ event, detail }) => `${event} ${detail}`);
}

describe('a rule that refuses', () => {
  it('is answered by a receipt where it says so, at no charge, with its reason on the timeline', async () => {
    const esme = await bind('byReceipt');
    const id = await esme.accepted({ destination_addr: TO, short_message: 'casino' });
    expect(await esme.receiptOf(id)).toMatchObject({ state: 'REJECTD' });
    expect(await gateway.entries('byReceipt')).toEqual(['top_up +10']);
    expect(await notesOf(id)).toEqual([
      'refusedByPolicy rule gambling: contentRefused: GAMBLING-1',
    ]);
    // What no rule refuses is answered as the account has it.
    expect((await esme.submit({ destination_addr: 'abc' })).command_status).toBe(0x0b);
  });

  it('is answered by a status where it says so, though the account has refusals by receipt', async () => {
    const esme = await bind('byStatus');
    const response = await esme.submit({ destination_addr: TO, short_message: 'casino' });
    expect(response.command_status).toBe(OWN_STATUS);
  });

  it('has its status for a replace_sm, too', async () => {
    const esme = await bind('byStatus');
    const queued = { destination_addr: TO, schedule_delivery_time: '000001000000000R' };
    const id = await esme.accepted(queued);
    const response = await replace(esme, { message_id: id, short_message: 'casino' });
    expect(response).toBe(OWN_STATUS);
  });

  it('charges what it refuses where it says so, and nothing gives that back', async () => {
    const esme = await bind('charged');
    const text = { message_payload: Buffer.from(`${'a'.repeat(160)} casino`) };
    const id = await esme.accepted({ destination_addr: TO, short_message: '', ...text });
    expect(await esme.receiptOf(id)).toMatchObject({ state: 'REJECTD' });
    expect(await gateway.end(id)).toMatchObject({
      cause: 'refusedCharged',
      fault: 'customer',
      refund: '0',
    });
    expect(await gateway.entries('charged')).toEqual(['top_up +10', 'charge -0.2']);
    expect(carrier.to(TO)).toEqual([]);
    await gateway.reconciled();
  });

  it('charges what was reserved, too', async () => {
    const esme = await bind('reserved');
    const id = await esme.accepted({ destination_addr: TO, short_message: 'casino' });
    expect(await esme.receiptOf(id)).toMatchObject({ state: 'REJECTD' });
    expect(await gateway.end(id)).toMatchObject({ charge: '0.1', release: '0' });
    expect(await gateway.money('reserved')).toEqual({ credits: '9.9', reserved: '0' });
  });

  it('charges all parts of a long message that it refuses as a whole', async () => {
    const esme = await bind('cut');
    const part = (nth: number, short_message: string) => ({
      destination_addr: TO,
      short_message,
      sar_msg_ref_num: 9,
      sar_total_segments: 2,
      sar_segment_seqnum: nth,
    });
    const first = await esme.accepted(part(1, 'the cas'));
    const second = await esme.accepted(part(2, 'ino is open'));
    for (const id of [first, second])
      expect(await esme.receiptOf(id)).toMatchObject({ state: 'REJECTD' });
    await gateway.ended(first, { cause: 'refusedCharged', refund: '0' });
    expect(await gateway.money('cut')).toEqual({ credits: '9.8', reserved: '0' });
  });

  it.each([
    ['charges', 'nodes', '9.8', 'refusedCharged'],
    ['gives back', 'freeNodes', '10', 'policy'],
  ])('%s all parts also where they come to two nodes', async (_, account, credits, cause) => {
    const beside = await gateway.beside();
    try {
      const sessions = [await bind(account), await bind(account, beside.port)];
      const ids: string[] = [];
      for (const [nth, short_message] of ['the cas', 'ino is open'].entries()) {
        const sar = { sar_msg_ref_num: 8, sar_total_segments: 2, sar_segment_seqnum: nth + 1 };
        const id = await sessions[nth]?.accepted({ destination_addr: TO, short_message, ...sar });
        ids.push(id ?? '');
      }
      const [first = '', last = ''] = ids;
      await gateway.ended(first, { state: 'REJECTD', cause });
      await gateway.ended(last, { state: 'REJECTD', fault: 'customer' });
      expect(await gateway.money(account)).toEqual({ credits, reserved: '0' });
      expect((await notesOf(last)).join()).toMatch(
        /^refusedByPolicy rule gambling: contentRefused/,
      );
      for (const esme of sessions) await esme.close();
      await gateway.reconciled();
    } finally {
      await beside.close();
    }
  });

  it('refuses by a status what the account cannot pay', async () => {
    const esme = await bind('poor');
    const fields = { destination_addr: TO, short_message: 'casino' };
    await esme.accepted(fields);
    expect((await esme.submit(fields)).command_status).toBe(0x401);
  });
});

describe('a word written by a national language table', () => {
  it('is read as handsets read it', async () => {
    const esme = await bind('urdu');
    // TS 23.040 §9.2.3.24.16: locking shift, Urdu; then the septets of TS 23.038 annex A.3.13.
    const submit = (...septets: number[]) =>
      esme.submit({
        destination_addr: TO,
        esm_class: 0x40,
        short_message: Buffer.from([3, 0x25, 1, 13, ...septets]),
      });
    expect((await submit(0x47, 0x3d, 0x59, 0x4f, 0x53)).command_status).toBe(0x405);
    expect((await submit(0x47, 0x3d, 0x59, 0x4f)).command_status).toBe(0);
  });
});

describe('the timeline', () => {
  it('says which rules flagged a message, and which would have refused it', async () => {
    const esme = await bind('noted');
    const id = await esme.accepted({ destination_addr: TO, short_message: 'a casino' });
    expect(await notesOf(id)).toEqual(['monitored rule tried', 'flagged rule seen']);
    const other = await esme.accepted({ destination_addr: TO, short_message: 'a letter' });
    expect(await notesOf(other)).toEqual([]);
    const queued = { destination_addr: TO, schedule_delivery_time: '000000010000000R' };
    const later = await esme.accepted({ ...queued, short_message: 'a letter' });
    expect(await replace(esme, { message_id: later, short_message: 'a casino' })).toBe(0);
    const found = ['monitored rule tried', 'flagged rule seen'];
    await eventually(async () => expect(await notesOf(later)).toEqual(found));
    expect(await replace(esme, { message_id: later, short_message: 'my casino' })).toBe(0);
    await eventually(async () => expect(await notesOf(later)).toEqual([...found, ...found]));
  });
});

describe('after a crash', () => {
  it('what was charged for and not ended yet ends REJECTD, and keeps its charge', async () => {
    const esme = await bind('killed');
    const blocker = await gateway.pool.connect();
    await blocker.query('begin; lock table outcome in exclusive mode');
    const id = await esme.accepted({ destination_addr: TO, short_message: 'casino' });
    const gone = gateway.abandon();
    await blocker.query('rollback');
    blocker.release();
    await gone;
    await gateway.up();
    await eventually(async () => expect(await gateway.end(id)).toMatchObject({ state: 'REJECTD' }));
    expect(await gateway.end(id)).toMatchObject({ cause: 'refusedCharged', refund: '0' });
    expect(await gateway.entries('killed')).toEqual(['top_up +10', 'charge -0.1']);
    const again = await bind('killed');
    expect(await again.receiptOf(id)).toMatchObject({ state: 'REJECTD' });
    await gateway.reconciled();
  });
});
