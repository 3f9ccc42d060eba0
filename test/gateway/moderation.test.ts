import type { PduInput } from 'smpp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { messageId } from '../../src/domain/ids.ts';
import { setAccountStatus } from '../../src/store/accounts.ts';
import { countHeld, decideHeld, listHeld } from '../../src/store/moderation.ts';
import { inTransaction } from '../../src/store/pool.ts';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { cancel, replace } from './manage-stand.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

let carrier: ScriptedCarrier;
let gateway: TestGateway;
const bound = new Map<string, Esme>();
let numbers = 0;

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  carrier.deliverAll();
  const rule = { name: 'donations', bannedWords: { words: ['donate'] } };
  gateway = await TestGateway.start(
    resources({
      terms: {
        keeps: { onRefusal: 'keep' },
        onDelivery: { chargeOn: 'delivered' },
        once: { onViolation: { suspendAfter: 1, forfeitBalance: false } },
        forfeits: { onViolation: { suspendAfter: 3, forfeitBalance: true } },
        patient: { onViolation: { suspendAfter: 3, forfeitBalance: false } },
      },
      policies: {
        holds: { rules: [{ ...rule, action: 'hold' }] },
        flags: { rules: [{ ...rule, action: 'flag' }] },
        counts: { rules: [{ ...rule, violation: true }] },
        countsHeld: { rules: [{ ...rule, action: 'hold', violation: true }] },
        tries: { rules: [{ ...rule, violation: true, mode: 'monitor' }] },
        suspends: { rules: [{ ...rule, action: 'suspend' }] },
      },
      accounts: {
        held: { policy: 'holds' },
        heldKeeps: { policy: 'holds', terms: 'keeps' },
        heldReserved: { policy: 'holds', terms: 'onDelivery' },
        flagged: { policy: 'flags' },
        violator: { policy: 'counts', terms: 'forfeits' },
        lenient: { policy: 'counts', terms: 'patient' },
        tried: { policy: 'tries', terms: 'once' },
        heldOnce: { policy: 'countsHeld', terms: 'once' },
        everywhere: { policy: 'suspends' },
        late: {},
        atOnce: { policy: 'suspends', terms: 'patient' },
      },
      carriers: { main: { port: carrier.port, prefix: '1' } },
    }),
  );
});

afterAll(async () => {
  for (const esme of bound.values()) await esme.close();
  await gateway?.close();
  await carrier?.down();
});

/** One session an account, so that each receipt comes to who waits for it. */
async function bind(systemId: string): Promise<Esme> {
  const known = bound.get(systemId);
  if (known?.closed === false) return known;
  const esme = await Esme.bind(gateway.port, { systemId });
  bound.set(systemId, esme);
  return esme;
}

function number(): string {
  numbers++;
  return `1202555${1000 + numbers}`;
}

const TEXT = 'please donate today';

async function submit(esme: Esme, fields = {}): Promise<{ id: string; to: string }> {
  const to = number();
  const id = await esme.accepted({ destination_addr: to, short_message: TEXT, ...fields });
  return { id, to };
}

/** Of the usual sender. */
function named(message_id: string): PduInput {
  const source = { source_addr_ton: 5, source_addr_npi: 0, source_addr: 'Shop' };
  return { message_id, ...source, dest_addr_ton: 1, dest_addr_npi: 1 };
}

function decide(id: string, is: 'released' | 'refused', version?: number): Promise<string> {
  return inTransaction(gateway.pool, (client) =>
    decideHeld(client, { id: BigInt(id), version, is, by: 'mona', reason: 'seen' }),
  );
}

/** As POST /v1/moderation/{id}/refuse. */
async function refuse(id: string): Promise<void> {
  expect(await decide(id, 'refused')).toBe('decided');
  await gateway.node.gateway.held.refused(messageId(BigInt(id)));
}

async function heldIds(account: string): Promise<string[]> {
  const rows = await listHeld(gateway.pool, { account, after: 0n, limit: 100 });
  return rows.map((row) => row.id.toString());
}

/** Since a node takes what is due once a second, a message sent here would be seen by the next one of `other`. */
async function notSent(to: string): Promise<void> {
  const esme = await bind('flagged');
  const inOneSecond = '000000000001000R';
  const later = await submit(esme, { schedule_delivery_time: inOneSecond });
  await eventually(() => expect(carrier.to(later.to)).toHaveLength(1));
  expect(carrier.to(to)).toHaveLength(0);
}

async function statusOf(name: string): Promise<string | undefined> {
  const [row] = await gateway.sql<{ status: string }>(
    'select status from account where name = $1',
    [name],
  );
  return row?.status;
}

describe('a message that a rule holds', () => {
  it('is accepted, charged and stored, and not sent; its twin that is flagged goes out', async () => {
    const esme = await bind('held');
    const { id, to } = await submit(esme);
    expect(await gateway.money('held')).toEqual({ credits: '9.9', reserved: '0' });
    expect(await heldIds('held')).toEqual([id]);
    expect((await countHeld(gateway.pool)).byAccount.get('held')).toBe(1);
    const twin = await submit(await bind('flagged'));
    await eventually(() => expect(carrier.to(twin.to)).toHaveLength(1));
    await notSent(to);
    await refuse(id);
  });

  it('is sent once when a moderator releases it, and only the first decision counts', async () => {
    const esme = await bind('held');
    const { id, to } = await submit(esme);
    expect(await decide(id, 'released')).toBe('decided');
    expect(await decide(id, 'refused')).toBe('released');
    expect(await esme.receiptOf(id)).toMatchObject({ state: 'DELIVRD' });
    expect(carrier.to(to)).toHaveLength(1);
    expect(await heldIds('held')).toEqual([]);
  });

  it('waits for its own time when that is later than its release', async () => {
    const esme = await bind('held');
    const { id, to } = await submit(esme, { schedule_delivery_time: '000000001000000R' });
    expect(await decide(id, 'released')).toBe('decided');
    const [row] = await gateway.sql<{ minutes: number }>(
      'select round(extract(epoch from at - now()) / 60)::int as minutes from scheduled where id = $1',
      [id],
    );
    expect(row?.minutes).toBe(10);
    expect(carrier.to(to)).toHaveLength(0);
    expect(await cancel(esme, { ...named(id), destination_addr: to })).toBe(0);
  });

  it.each([
    { account: 'held', money: { refund: '0.1', charge: '0', release: '0' } },
    { account: 'heldKeeps', money: { refund: '0', charge: '0', release: '0' } },
    { account: 'heldReserved', money: { refund: '0', charge: '0', release: '0.1' } },
  ])('ends REJECTD when refused, by the terms of $account', async ({ account, money }) => {
    const esme = await bind(account);
    const { id } = await submit(esme);
    await refuse(id);
    expect(await decide(id, 'released')).toBe('refused');
    expect(await esme.receiptOf(id)).toMatchObject({ state: 'REJECTD' });
    expect(await gateway.end(id)).toEqual({
      state: 'REJECTD',
      fault: 'customer',
      cause: 'refusedLater',
      ...money,
    });
  });

  it('is ended by its refusal even when the node that took it dies before it could', async () => {
    const esme = await bind('held');
    const { id } = await submit(esme);
    expect(await decide(id, 'refused')).toBe('decided');
    await gateway.ended(id, { state: 'REJECTD', fault: 'customer' });
  });

  it('can be cancelled, and then neither released nor refused', async () => {
    const esme = await bind('held');
    const { id, to } = await submit(esme);
    expect(await cancel(esme, { ...named(id), destination_addr: to })).toBe(0);
    expect(await gateway.end(id)).toMatchObject({ state: 'DELETED', refund: '0.1' });
    expect(await decide(id, 'released')).toBe('ended');
    expect(await decide(id, 'refused')).toBe('ended');
    expect(await heldIds('held')).toEqual([]);
  });

  it('expires by its validity and is refunded whole: it was never sent', async () => {
    const esme = await bind('heldKeeps');
    const { id, to } = await submit(esme, { validity_period: '000000000001000R' });
    await gateway.bringBeforeJanitor(id);
    await gateway.ended(id, { state: 'EXPIRED', fault: 'platform', refund: '0.1' });
    expect(carrier.to(to)).toHaveLength(0);
  });

  it('stays held when it is replaced, and a release of what it was is refused', async () => {
    const esme = await bind('held');
    const { id, to } = await submit(esme);
    expect(await replace(esme, { ...named(id), short_message: 'a clean text' })).toBe(0);
    expect(await heldIds('held')).toEqual([id]);
    expect(await decide(id, 'released', 0)).toBe('replaced');
    await notSent(to);
    expect(await decide(id, 'released', 1)).toBe('decided');
    await eventually(() => expect(carrier.to(to)).toHaveLength(1));
  });

  it('is one that a replace_sm gives such a text, while it waits for its time', async () => {
    const esme = await bind('held');
    const { id } = await submit(esme, {
      short_message: 'hello',
      schedule_delivery_time: '000000010000000R',
    });
    expect(await heldIds('held')).toEqual([]);
    expect(await replace(esme, { ...named(id), short_message: TEXT })).toBe(0);
    expect(await heldIds('held')).toEqual([id]);
    await refuse(id);
    expect(await gateway.end(id)).toMatchObject({ state: 'REJECTD' });
  });

  it('is still held by the next life of the node', async () => {
    const esme = await bind('held');
    const { id, to } = await submit(esme);
    await gateway.drain();
    await gateway.up();
    await notSent(to);
    expect(await heldIds('held')).toEqual([id]);
    expect(await decide(id, 'released')).toBe('decided');
    await eventually(() => expect(carrier.to(to)).toHaveLength(1));
  });
});

describe('violations', () => {
  it('suspend the account at the number of its terms, drop its binds and forfeit', async () => {
    const esme = await bind('violator');
    const queued = await submit(esme, {
      short_message: 'hello',
      schedule_delivery_time: '000000001000000R',
    });
    for (let n = 0; n < 3; n++) {
      const answer = await esme.submit({ destination_addr: number(), short_message: TEXT });
      expect(answer.command_status).toBe(0x405);
    }
    // Who does not answer our unbind is not kept for it.
    esme.session.removeAllListeners('pdu');
    await eventually(async () => expect(await statusOf('violator')).toBe('suspended'));
    await gateway.ended(queued.id, { state: 'REJECTD', fault: 'customer', refund: '0.1' });
    await eventually(() => expect(esme.closed).toBe(true));
    expect(await gateway.entries('violator')).toEqual([
      'top_up +10',
      'charge -0.1',
      'forfeit -9.9',
      'refund +0.1',
    ]);
    const counted = gateway.reports.filter(
      ({ what, args }) => what === 'money' && args[1] === 'forfeit',
    );
    expect(counted.map(({ args }) => args[2])).toEqual([9_900_000n]);
    const audits = await gateway.sql<{ action: string; actor: string }>(
      `select action, actor from audit where subject = 'violator' and actor = 'policy' order by id`,
    );
    expect(audits.map(({ action }) => action)).toEqual(['account.forfeit', 'account.suspended']);
    const { response } = await Esme.tryBind(gateway.port, { systemId: 'violator' });
    expect(response.command_status).toBe(0x0d);
  });

  it('count anew after a resume, for each recipient of a submit_multi, and take nothing where the terms do not', async () => {
    const violate = async (esme: Esme, times: number) => {
      for (let n = 0; n < times; n++)
        await esme.submit({ destination_addr: number(), short_message: TEXT });
    };
    const first = await bind('lenient');
    await violate(first, 3);
    await eventually(async () => expect(await statusOf('lenient')).toBe('suspended'));
    await eventually(() => expect(first.closed).toBe(true));
    await gateway.setStatus('lenient', 'active');
    const esme = await bind('lenient');
    const dest_address = [number(), number()].map((destination_addr) => ({
      ...{ dest_addr_ton: 1, dest_addr_npi: 1, destination_addr },
    }));
    await new Promise((resolve) =>
      esme.session.submit_multi(
        { source_addr: 'Shop', dest_address, short_message: TEXT },
        resolve,
      ),
    );
    const { id } = await submit(esme, { short_message: 'hello' });
    expect(await esme.receiptOf(id)).toMatchObject({ state: 'DELIVRD' });
    const count = 'select count(*)::int as n from violation where account = $1';
    const account = await gateway.accountId('lenient');
    await eventually(async () =>
      expect(await gateway.sql<{ n: number }>(count, [account])).toEqual([{ n: 5 }]),
    );
    expect(await statusOf('lenient')).toBe('active');
    expect(await gateway.money('lenient')).toEqual({ credits: '9.9', reserved: '0' });
  });

  it('are not counted of a rule that is only tried', async () => {
    const esme = await bind('tried');
    const { id } = await submit(esme);
    expect(await esme.receiptOf(id)).toMatchObject({ state: 'DELIVRD' });
    expect(await statusOf('tried')).toBe('active');
  });

  it('are counted of held messages as well, with the message; what was held then ends', async () => {
    const esme = await bind('heldOnce');
    const { id } = await submit(esme);
    await eventually(async () => expect(await statusOf('heldOnce')).toBe('suspended'));
    await gateway.ended(id, { state: 'REJECTD', fault: 'customer' });
    const rows = await gateway.sql('select rule, message::text from violation where message = $1', [
      id,
    ]);
    expect(rows).toEqual([{ rule: 'donations', message: id }]);
  });

  it('drop the binds of every node, each of which refuses new ones', async () => {
    const other = await gateway.beside();
    try {
      const there = await Esme.bind(other.port, { systemId: 'everywhere' });
      const here = await bind('everywhere');
      await here.submit({ destination_addr: number(), short_message: TEXT });
      await eventually(() => expect([here.closed, there.closed]).toEqual([true, true]));
      const { response } = await Esme.tryBind(other.port, { systemId: 'everywhere' });
      expect(response.command_status).toBe(0x0d);
    } finally {
      await other.close();
    }
  });

  it('end what was queued even when the node died right after the suspension', async () => {
    const esme = await bind('late');
    const later = { short_message: 'hello', schedule_delivery_time: '000000001000000R' };
    const { id } = await submit(esme, later);
    const change = { name: 'late', reason: 'rule x', actor: 'policy', dropBinds: true };
    await setAccountStatus(gateway.pool, { ...change, status: 'suspended' });
    await gateway.drain();
    expect((await gateway.end(id)).state).toBeUndefined();
    await gateway.up();
    await gateway.ended(id, { state: 'REJECTD', fault: 'customer' });
  });

  it('of a rule that suspends do so at the first', async () => {
    const esme = await bind('atOnce');
    const answer = await esme.submit({ destination_addr: number(), short_message: TEXT });
    expect(answer.command_status).toBe(0x405);
    await eventually(async () => expect(await statusOf('atOnce')).toBe('suspended'));
    await eventually(() => expect(esme.closed).toBe(true));
  });
});

it('the books agree afterwards', () => gateway.reconciled());
