import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SimulatedCustomer } from '../../src/simulator/customer-options.ts';
import { type TestDaemon, until } from '../support/daemon.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { type OwnRedis, ownRedis } from '../support/redis.ts';
import { carriersBound, figures, Stage } from './stage.ts';

/** Segments a second of `rated` and `rated2`, and their burst: over both nodes. */
const RATE = 200;
const BINDS_MAX = 4;
const ESME_RALYBND = 5;
const ESME_RTHROTTLED = '0x58';

let database: TestDatabase;
let redis: OwnRedis;
let stage: Stage;
let a: TestDaemon;
let b: TestDaemon;
/** Numbers the senders, so that each has destinations and a book of its own. */
let senderCount = 600;

beforeAll(async () => {
  [database, redis] = await Promise.all([createDatabase(), ownRedis()]);
  stage = await Stage.open(database.url);
  await stage.startCarrier({ receipts: { delayMs: 20, delaySpreadMs: 50 } });
  const rated = { segmentsPerSecond: RATE, burst: RATE };
  const resources = stage.resources({
    accounts: ['acme', 'rated', 'rated2', 'few', 'load', 'load2'],
    bindOf: { rated, rated2: rated, few: { bindsMax: BINDS_MAX } },
  });
  // Both at once: on an empty database each makes the same objects.
  [a, b] = await Promise.all([
    stage.startDaemon({ resources, env: { REDIS_URL: redis.url } }),
    stage.startDaemon({ resources, env: { REDIS_URL: redis.url } }),
  ]);
  await Promise.all([a.logged('redisUp'), b.logged('redisUp')]);
  // Receipts go over the binds of both.
  await Promise.all([carriersBound(a, { sim: 2 }), carriersBound(b, { sim: 2 })]);
  // They take the receipts of whoever submits under the limits.
  for (const account of ['rated', 'rated2'])
    stage.startCustomer(a.smppPort, account, { bindAs: 'receiver' });
});

afterAll(async () => {
  await stage.close();
  await redis.dispose();
  await database.drop();
});

/**
 * Submits to both nodes, each at the whole rate, and measures what both together are accepted a second, for a while and
 * again until they get what is theirs: a machine that stands still for a second gives them less, a limit that is too low
 * does so each time. More than is theirs they never get. @returns the last measure
 */
async function acceptedPerSecond(account: string, forMs: number): Promise<number> {
  const senders = [a, b].map((daemon) =>
    stage.startCustomer(daemon.smppPort, account, {
      messages: 100_000,
      ratePerSecond: RATE * 1.5,
      windowMax: 50,
      bindAs: 'transmitter',
      receiptWaitMs: 0,
      destination: `96${++senderCount}#######`,
      log: join(stage.folder, `sender-${senderCount}.jsonl`),
    }),
  );
  await until('both submit', () => senders.every((sender) => sender.summary().accepted > 0));
  // The burst is spent first.
  await until('both are throttled', () =>
    senders.every((s) => s.summary().refused[ESME_RTHROTTLED]),
  );
  const accepted = () => senders.reduce((sum, sender) => sum + sender.summary().accepted, 0);
  const measured = await until('they get what is theirs', async () => {
    const [from, fromMs] = [accepted(), performance.now()];
    await until('time is over', () => performance.now() - fromMs > forMs);
    const perSecond = ((accepted() - from) / (performance.now() - fromMs)) * 1_000;
    expect(perSecond).toBeLessThan(SHARED_MOST);
    return perSecond > SHARED_LEAST && Math.round(perSecond);
  });
  await Promise.all(senders.map((sender) => sender.drain()));
  return measured;
}

/**
 * Without a common limit it would be three times the rate of both; a process that is held up for a second takes up to
 * a burst more after it.
 */
const SHARED_LEAST = RATE * 0.5;
const SHARED_MOST = RATE * 1.6;

/** Binds so often, one after the other; the customers that were let in. */
async function bind(daemon: TestDaemon, times: number): Promise<SimulatedCustomer[]> {
  const inside: SimulatedCustomer[] = [];
  for (let i = 0; i < times; i++) {
    let status: number | undefined;
    const customer = stage.startCustomer(daemon.smppPort, 'few', {
      rebind: false,
      onEvent: (event) => {
        if (event.event === 'bind') status = event.status;
      },
    });
    await until('the bind is answered', () => status !== undefined);
    if (status === 0) inside.push(customer);
    else expect(status).toBe(ESME_RALYBND);
  }
  return inside;
}

describe('two nodes on one database', () => {
  it('give a customer who is bound to one of them the receipts that the other settled, once each', async () => {
    const customer = stage.startCustomer(a.smppPort, 'acme', { messages: 600, windowMax: 50 });
    expect(await customer.done).toMatchObject({
      accepted: 600,
      receipts: { DELIVRD: 600 },
      repeatedReceipts: 0,
    });
    expect(await stage.value('select count(distinct epoch) from message')).toBe('1');
    // The carrier sends receipts over the binds of both.
    expect(await stage.value('select count(distinct epoch) from outcome')).toBe('2');
  });

  it('share the rate of a system_id through Redis', async () => {
    const perSecond = await acceptedPerSecond('rated', 3_000);
    figures('rate over two nodes', { limit: RATE, perSecond });
    expect(perSecond).toBeLessThan(SHARED_MOST);
  });

  it('share the limit on binds through Redis', async () => {
    const onA = await bind(a, 3);
    const onB = await bind(b, 3);
    expect([onA.length, onB.length]).toEqual([3, 1]);
    await onA[0]?.stop();
    await until('the place is free', async () => {
      const [one] = await bind(b, 1);
      if (one !== undefined) onB.push(one);
      return one !== undefined;
    });
    await Promise.all([...onA, ...onB].map((customer) => customer.stop()));
  });

  it('change no message and no credit when Redis is killed, keep to a share each, and share again when it is back', async () => {
    const loads = [a, b].map((daemon, i) =>
      stage.startCustomer(daemon.smppPort, i === 0 ? 'load' : 'load2', {
        messages: 100_000,
        ratePerSecond: 300,
        windowMax: 50,
        destination: `9667${i}#######`,
      }),
    );
    await until('both are under load', () => loads.every((load) => load.summary().accepted > 200));
    // It may have been given up before, on a machine that stood still.
    const downs = [a, b].map((node) => node.log('redisDown').length);
    await redis.kill();
    await Promise.all(
      [a, b].map((node, i) => node.logged('redisDown', undefined, (downs[i] ?? 0) + 1)),
    );
    const down = await acceptedPerSecond('rated2', 3_000);
    const inside = [await bind(a, 4), await bind(b, 4)];
    // A share each: half of four.
    expect(inside.map((customers) => customers.length)).toEqual([2, 2]);
    await Promise.all(inside.flat().map((customer) => customer.stop()));
    const ups = [a, b].map((node) => node.log('redisUp').length);
    await redis.start();
    await Promise.all(
      [a, b].map((node, i) => node.logged('redisUp', undefined, (ups[i] ?? 0) + 1)),
    );
    const up = await acceptedPerSecond('rated', 3_000);
    figures('rate without Redis, and with it again', { limit: RATE, down, up });
    const summaries = await Promise.all(loads.map((load) => load.drain()));
    expect(summaries.map((summary) => summary.refused)).toEqual([{}, {}]);
    expect(summaries.map((summary) => summary.unanswered)).toEqual([0, 0]);
  });

  it('have lost, doubled and mischarged nothing by all that', async () => {
    await stage.settled();
    const verdict = await stage.verdict();
    expect(verdict.faults).toEqual([]);
    expect(verdict.counts).toMatchObject({ unknownOutcomes: 0, repeatedReceipts: 0 });
    // Ids carry the number of the node that gave them.
    expect(await stage.value('select count(distinct (id >> 12) & 1023) from message')).toBe('2');
    for (const node of [a, b])
      expect(await node.get('/v1/reconciliation')).toMatchObject({ ok: true, mismatches: [] });
  });
});
