import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BindPlaces } from '../../src/cluster/bind-places.ts';
import { RateBuckets, type RunScript } from '../../src/cluster/rate-buckets.ts';
import { type LinkTimings, RedisLink } from '../../src/cluster/redis-link.ts';
import { type OwnRedis, ownRedis } from '../support/redis.ts';

/** Beats and retries of a tenth or less of the real ones; a machine that stands still for a while is not Redis lost. */
const TIMINGS: LinkTimings = { commandMs: 900, beatMs: 40, nodeTtlMs: 20_000, retryMaxMs: 100 };
/** As short as a test is to wait for it. */
const IMPATIENT: LinkTimings = { ...TIMINGS, commandMs: 250 };
const SHORT_LIVED: LinkTimings = { ...TIMINGS, nodeTtlMs: 1_500 };
const POLL = { timeout: 40_000, interval: 10 };

let redis: OwnRedis;
const nodes: Node[] = [];
beforeEach(async () => {
  redis = await ownRedis();
});
afterEach(async () => {
  for (const node of nodes.splice(0)) await node.close();
  await redis.dispose();
});

describe('Redis killed and back', () => {
  it('leaves each node its share at once, then shares again, each change told once', async () => {
    const [a, b] = [await node('a', 2), await node('b', 2)];
    const buckets = [a, b].map((one) => one.buckets.create('smppgate:rate:test', 100, 20));
    await redis.kill();
    await expect.poll(() => [a.link.up, b.link.up], POLL).toEqual([false, false]);
    const passes = buckets.map((bucket) => {
      const now = Date.now() + 3_600_000;
      let passed = 0;
      while (passed < 100 && bucket.has(1, now)) {
        bucket.spend(1);
        passed++;
      }
      return passed;
    });
    expect(passes).toEqual([10, 10]);
    await redis.start();
    await expect.poll(() => [a.link.up, b.link.up], POLL).toEqual([true, true]);
    for (const { states } of [a, b]) expect(states.map(([up]) => up)).toEqual([true, false, true]);
  });

  it('starts without Redis, and finds it later', async () => {
    await redis.kill();
    const a = await node('a', 1);
    expect(a.states).toEqual([[false, expect.stringContaining('ECONNREFUSED')]]);
    expect(await a.places.open('acme', 1, '1')).toBe(true);
    await redis.start();
    await expect.poll(() => a.link.up, POLL).toBe(true);
    expect(a.states.length).toBe(2);
  });

  it('lets nodes take their share of places meanwhile, keeps what is open, and publishes it afterwards', async () => {
    const [a, b] = [await node('a', 2), await node('b', 2)];
    for (const key of ['1', '2', '3']) expect(await a.places.open('acme', 5, key)).toBe(true);
    await redis.kill();
    await expect.poll(() => [a.link.up, b.link.up], POLL).toEqual([false, false]);
    expect(await a.places.open('acme', 5, '4')).toBe(false);
    for (const key of ['1', '2']) expect(await b.places.open('acme', 5, key)).toBe(true);
    a.places.close('acme', '1');
    await redis.start();
    await expect.poll(() => [a.link.up, b.link.up], POLL).toEqual([true, true]);
    expect([a.places.count('acme'), b.places.count('acme')]).toEqual([2, 2]);
    // 4 of 5 are taken, and Redis knows: one more, on whichever node, and no other.
    const opened = await Promise.all([
      a.places.open('acme', 5, '5'),
      b.places.open('acme', 5, '5'),
    ]);
    expect(opened.filter(Boolean).length).toBe(1);
  });

  it('answers those that wait for a place when it is killed', async () => {
    const a = await node('a', 1);
    process.kill(redis.pid, 'SIGSTOP');
    const waiting = ['1', '2', '3'].map((key) => a.places.open('acme', 2, key));
    await redis.kill();
    expect(await Promise.all(waiting)).toEqual([true, true, false]);
  });
});

describe('Redis that hangs', () => {
  it('is given up after commandMs, refuses nobody for it, and is found again', async () => {
    const a = await node('a', 1, IMPATIENT);
    const bucket = a.buckets.create('smppgate:rate:test', 1_000, 1_000);
    process.kill(redis.pid, 'SIGSTOP');
    try {
      const from = Date.now();
      let refused = 0;
      // 200 a second of the 1,000 allowed, until the loss is noticed and for as long again.
      const submits = setInterval(() => {
        if (bucket.has(1, Date.now())) bucket.spend(1);
        else refused++;
      }, 5);
      await expect.poll(() => a.link.up, POLL).toBe(false);
      const noticedMs = Date.now() - from;
      await expect.poll(() => Date.now() - from, POLL).toBeGreaterThan(2 * noticedMs);
      clearInterval(submits);
      expect(refused).toBe(0);
    } finally {
      process.kill(redis.pid, 'SIGCONT');
    }
    await expect.poll(() => a.link.up, POLL).toBe(true);
    expect(a.states.map(([up]) => up)).toEqual([true, false, true]);
  });
});

describe('Redis emptied', () => {
  it('learns again what is open', async () => {
    const [a, b] = [await node('a', 2), await node('b', 2)];
    expect(await a.places.open('acme', 1, '1')).toBe(true);
    await a.link.run({ lua: `return redis.call('FLUSHALL')`, sha: '0' }, [], []);
    await expect
      .poll(
        () =>
          a.link.run(
            { lua: `return redis.call('HGET', 'smppgate:binds:acme', 'a')`, sha: '0' },
            [],
            [],
          ),
        POLL,
      )
      .toBe('1');
    expect(await b.places.open('acme', 1, '1')).toBe(false);
  });
});

describe('places of two nodes', () => {
  it('are never more than bindsMax, nor fewer, however many are opened at once', async () => {
    const [a, b] = [await node('a', 2), await node('b', 2)];
    const opens = Array.from({ length: 40 }, (_, i) =>
      (i % 3 === 0 ? a : b).places.open('acme', 7, `${i}`),
    );
    const opened = (await Promise.all(opens)).filter(Boolean).length;
    expect(opened).toBe(7);
    expect(a.places.count('acme') + b.places.count('acme')).toBe(7);
  });

  it('are free again once closed, also before they were answered', async () => {
    const [a, b] = [await node('a', 2), await node('b', 2)];
    const open = a.places.open('acme', 1, '1');
    a.places.close('acme', '1');
    expect(await open).toBe(false);
    await expect.poll(() => b.places.open('acme', 1, '2'), POLL).toBe(true);
    b.places.close('acme', '2');
    await expect.poll(() => a.places.open('acme', 1, '3'), POLL).toBe(true);
  });

  it('of a node that ends are free at once', async () => {
    const [a, b] = [await node('a', 2), await node('b', 2)];
    expect(await a.places.open('acme', 1, '1')).toBe(true);
    expect(await b.places.open('acme', 1, '2')).toBe(false);
    await a.close();
    expect(await b.places.open('acme', 1, '3')).toBe(true);
  });

  it('of a node that dies are free after nodeTtlMs', async () => {
    const [a, b] = [await node('a', 2, SHORT_LIVED), await node('b', 2, SHORT_LIVED)];
    expect(await a.places.open('acme', 1, '1')).toBe(true);
    a.die();
    expect(await b.places.open('acme', 1, '2')).toBe(false);
    await expect.poll(() => b.places.open('acme', 1, '2'), POLL).toBe(true);
  });
});

interface Node {
  readonly link: RedisLink;
  readonly buckets: RateBuckets;
  readonly places: BindPlaces;
  readonly states: [boolean, string][];
  /** As by kill -9: its connection ends without a word. */
  die(): void;
  close(): Promise<void>;
}

async function node(nodeKey: string, liveNodes: number, timings = TIMINGS): Promise<Node> {
  const states: [boolean, string][] = [];
  let link: RedisLink | undefined;
  let alive = true;
  const run: RunScript = async (script, keys, args) => link?.run(script, keys, args);
  const both = { now: Date.now, run, liveNodes: () => liveNodes };
  const buckets = new RateBuckets(both);
  const places = new BindPlaces({ ...both, nodeKey, settleMs: 0 });
  link = await RedisLink.connect({
    url: redis.url,
    nodeKey,
    timings,
    random: () => 0,
    onUp: () => {
      buckets.up();
      places.up();
    },
    onDown: () => {
      buckets.down();
      places.down();
    },
    onForgotten: () => places.publish(),
    onBeat: () => places.beat(),
    onState: (up, reason) => alive && states.push([up, reason]),
  });
  const made = link;
  const one: Node = {
    link,
    buckets,
    places,
    states,
    die() {
      alive = false;
      made.abandon();
    },
    async close() {
      buckets.close();
      places.down();
      await made.close();
    },
  };
  nodes.push(one);
  return one;
}
