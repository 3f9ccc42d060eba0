import type { Pdu } from 'smpp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestGateway } from '../support/gateway.ts';
import { type Esme, Sessions } from './esme.ts';
import { cancel, query, RCANCELFAIL, RREPLACEFAIL, replace, SHOP, STATE } from './manage-stand.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

const TO = '12025550101';
const REFUSED = { destination_addr: TO, short_message: 'casino' };
/** Insufficient credit. */
const POOR = 0x401;
const CAP_REACHED = 0x40d;

let carrier: ScriptedCarrier;
let gateway: TestGateway;
const sessions = new Sessions();

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  const casino = { name: 'gambling', bannedWords: { words: ['casino'] } };
  const charged = { policy: 'charged' };
  const spendPolicy = (messages: number) => ({
    rules: [
      { ...casino, charged: true },
      { spend: { per: 'account', credits: '0.3' } },
      { caps: { per: 'account', messages } },
    ],
    partsWaitSeconds: 60,
  });
  gateway = await TestGateway.start(
    resources({
      terms: { usual: { onRefusal: 'refund' }, onDelivery: { chargeOn: 'delivered' } },
      policies: {
        charged: { rules: [{ ...casino, charged: true }] },
        spent: spendPolicy(1),
        spentByParts: spendPolicy(2),
        seen: {
          rules: [
            { ...casino, charged: true },
            { spend: { per: 'account', credits: '0.1' }, action: 'flag' },
          ],
        },
      },
      accounts: {
        cancels: charged,
        reserves: { ...charged, terms: 'onDelivery' },
        replaces: charged,
        behind: charged,
        stopped: charged,
        repeats: { ...charged, dedupe: { by: ['destination', 'text'], seconds: 60 } },
        many: { ...charged, credit: '0.15' },
        data: charged,
        spends: { policy: 'spent' },
        cuts: { policy: 'spentByParts' },
        seen: { policy: 'seen' },
        trial: { ...charged, trial: true, credit: '0.1' },
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

function bind(systemId: string): Promise<Esme> {
  return sessions.bind(gateway.port, systemId);
}

describe('a refusal that is charged', () => {
  it.each(['cancels', 'reserves'])(
    'is not cancelled, however fast its customer is (%s)',
    async (account) => {
      const esme = await bind(account);
      const asked = Array.from({ length: 20 }, async () => {
        const id = await esme.accepted(REFUSED);
        return { id, status: await cancel(esme, { message_id: id, ...SHOP }) };
      });
      for (const { id, status } of await Promise.all(asked)) {
        expect(status).toBe(RCANCELFAIL);
        await gateway.ended(id, { state: 'REJECTD', cause: 'refusedCharged' });
        expect((await query(esme, { message_id: id, ...SHOP })).message_state).toBe(STATE.REJECTED);
      }
      expect(await gateway.money(account)).toEqual({ credits: '8', reserved: '0' });
    },
  );

  it('is not replaced, by replace_sm or replace_if_present_flag', async () => {
    const esme = await bind('replaces');
    const statuses = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const id = await esme.accepted({
          ...SHOP,
          ...REFUSED,
          short_message: `casino${' '.repeat(200)}`,
        });
        return replace(esme, { message_id: id, ...SHOP, short_message: 'hi' });
      }),
    );
    expect(new Set(statuses)).toEqual(new Set([RREPLACEFAIL]));
    const asked = Array.from({ length: 10 }, async (_, nth) => {
      const to = { destination_addr: `1202555${2000 + nth}` };
      const id = await esme.accepted({ ...SHOP, ...to, short_message: 'casino' });
      const flagged = { ...SHOP, ...to, replace_if_present_flag: 1, short_message: 'hi' };
      return { id, other: await esme.accepted(flagged) };
    });
    for (const { id, other } of await Promise.all(asked)) {
      expect(other).not.toBe(id);
      await gateway.ended(id, { state: 'REJECTD', cause: 'refusedCharged', refund: '0' });
    }
    // 10 of two segments, 10 of one, and 10 that went.
    expect(await gateway.money('replaces')).toEqual({ credits: '6', reserved: '0' });
  });

  it('is neither cancelled nor replaced while its end waits for the store', async () => {
    const esme = await bind('behind');
    const ids = await whileNothingEnds(async () => {
      // The first one's end is under way, that of the others waits for it.
      const ids = [await esme.accepted(REFUSED), await esme.accepted(REFUSED)];
      ids.push(await esme.accepted({ ...REFUSED, short_message: `casino${' '.repeat(200)}` }));
      const [, second = '', third = ''] = ids;
      expect(await cancel(esme, { message_id: second, ...SHOP })).toBe(RCANCELFAIL);
      const all = { message_id: '', destination_addr: TO, dest_addr_ton: 1, ...SHOP };
      expect(await cancel(esme, all)).toBe(RCANCELFAIL);
      const other = { message_id: third, ...SHOP, short_message: 'hi' };
      expect(await replace(esme, other)).toBe(RREPLACEFAIL);
      return ids;
    });
    for (const id of ids) await gateway.ended(id, { cause: 'refusedCharged', refund: '0' });
    expect(await gateway.money('behind')).toEqual({ credits: '9.6', reserved: '0' });
  });

  it('keeps its charge though its account is suspended before its end is stored', async () => {
    const esme = await bind('stopped');
    const { ids, suspended } = await whileNothingEnds(async () => {
      // The first one's end is under way, that of the other waits for it.
      const ids = [await esme.accepted(REFUSED), await esme.accepted(REFUSED)];
      const suspended = gateway.setStatus('stopped', 'suspended');
      await blocked(2);
      return { ids, suspended };
    });
    await suspended;
    for (const id of ids) await gateway.ended(id, { cause: 'refusedCharged', refund: '0' });
    expect(await gateway.money('stopped')).toEqual({ credits: '9.8', reserved: '0' });
  });

  it('counts as spent, and costs nothing where no more may be', async () => {
    const esme = await bind('spends');
    for (let sent = 0; sent < 2; sent++)
      await gateway.ended(await esme.accepted(REFUSED), { cause: 'refusedCharged' });
    // The third would be 0.4 of 0.3; it is a refusal all the same.
    const long = { ...REFUSED, short_message: `casino${' '.repeat(200)}` };
    await gateway.ended(await esme.accepted(long), { state: 'REJECTD', cause: 'refusedLater' });
    // 0.1 is left: it and no more than it is taken, of whatever comes. What was refused is no message of a cap.
    expect((await esme.submit({ destination_addr: TO })).command_status).toBe(0);
    expect((await esme.submit({ destination_addr: TO })).command_status).toBe(CAP_REACHED);
    const floods = await Promise.all(Array.from({ length: 20 }, () => esme.accepted(REFUSED)));
    for (const id of floods) await gateway.ended(id, { cause: 'refusedLater' });
    expect(await gateway.money('spends')).toEqual({ credits: '9.7', reserved: '0' });
  });

  it('counts as spent of all parts of a long message', async () => {
    const esme = await bind('cuts');
    const part = (nth: number, short_message: string) => ({
      ...{ destination_addr: TO, short_message },
      ...{ sar_msg_ref_num: 9, sar_total_segments: 2, sar_segment_seqnum: nth },
    });
    const ids = [await esme.accepted(part(1, 'the cas')), await esme.accepted(part(2, 'ino'))];
    for (const id of ids) await gateway.ended(id, { cause: 'refusedCharged' });
    const left = await gateway.sql<{ n: number }>('select count(*)::int as n from part_set');
    expect(left).toEqual([{ n: 0 }]);
    // 0.1 is left, and the cap's message.
    expect((await esme.submit({ destination_addr: TO })).command_status).toBe(0);
    await gateway.ended(await esme.accepted(REFUSED), { cause: 'refusedLater' });
    expect(await gateway.money('cuts')).toEqual({ credits: '9.7', reserved: '0' });
  });

  it('costs on where what is spent is only watched', async () => {
    const esme = await bind('seen');
    for (let sent = 0; sent < 3; sent++)
      await gateway.ended(await esme.accepted(REFUSED), { cause: 'refusedCharged' });
    expect(await gateway.money('seen')).toEqual({ credits: '9.7', reserved: '0' });
  });

  it('costs once where `dedupe` knows it', async () => {
    const esme = await bind('repeats');
    const id = await esme.accepted(REFUSED);
    expect(await esme.accepted(REFUSED)).toBe(id);
    await gateway.ended(id, { cause: 'refusedCharged' });
    expect(await esme.accepted(REFUSED)).toBe(id);
    expect(await gateway.entries('repeats')).toEqual(['top_up +10', 'charge -0.1']);
  });

  it('is each recipient’s in a submit_multi, as far as the credit goes', async () => {
    const esme = await bind('many');
    const dest_address = [TO, '12025550102'].map((destination_addr) => ({
      dest_addr_ton: 1,
      dest_addr_npi: 1,
      destination_addr,
    }));
    const fields = { ...SHOP, dest_address, registered_delivery: 1, short_message: 'casino' };
    const response = await new Promise<Pdu>((resolve) =>
      esme.session.submit_multi(fields, resolve),
    );
    expect(response.command_status).toBe(0);
    expect(response.unsuccess_sme).toMatchObject([{ error_status_code: POOR }]);
    expect(await esme.receiptOf(response.message_id ?? '')).toMatchObject({ state: 'REJECTD' });
    expect(await gateway.money('many')).toEqual({ credits: '0.05', reserved: '0' });
  });

  it('is that of a data_sm, and of a trial, too', async () => {
    const esme = await bind('data');
    const response = await new Promise<Pdu>((resolve) => {
      const payload = { message_payload: Buffer.from('casino'), registered_delivery: 1 };
      esme.session.data_sm({ ...SHOP, destination_addr: TO, ...payload }, resolve);
    });
    expect(response.command_status).toBe(0);
    expect(await esme.receiptOf(response.message_id ?? '')).toMatchObject({ state: 'REJECTD' });
    expect(await gateway.money('data')).toEqual({ credits: '9.9', reserved: '0' });
    const trial = await bind('trial');
    await gateway.ended(await trial.accepted(REFUSED), { cause: 'refusedCharged' });
    expect((await trial.submit(REFUSED)).command_status).toBe(POOR);
    expect(await gateway.money('trial')).toEqual({ credits: '0', reserved: '0' });
    await gateway.reconciled();
  });
});

/** Nothing ends in the store until this has returned. */
async function whileNothingEnds<T>(work: () => Promise<T>): Promise<T> {
  const blocker = await gateway.pool.connect();
  try {
    await blocker.query('begin; lock table outcome in exclusive mode');
    return await work();
  } finally {
    await blocker.query('rollback');
    blocker.release();
  }
}

/** Waits until so many statements wait for a lock. */
async function blocked(atLeast: number): Promise<void> {
  await eventually(async () => {
    const [row] = await gateway.sql<{ n: number }>(
      `select count(*)::int as n from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'`,
    );
    expect(row?.n).toBeGreaterThanOrEqual(atLeast);
  });
}
