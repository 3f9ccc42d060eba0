import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  BEAT,
  GRANT,
  nodeKeyOf,
  OPEN_PLACES,
  placesKey,
  rateKey,
  type Script,
} from '../../src/cluster/scripts.ts';
import { redisUrl } from '../support/redis.ts';

let redis: Redis;
const run = (script: Script, keys: string[], ...args: (string | number)[]) =>
  redis.eval(script.lua, keys.length, ...keys, ...args);

beforeAll(() => {
  redis = new Redis(redisUrl());
});
afterAll(() => redis.disconnect());

describe('GRANT', () => {
  it('gives what was wanted while there is enough, then what is there, then what has grown', async () => {
    const key = rateKey('bind', 1);
    expect(await run(GRANT, [key], 1_000, 10, 20, 15)).toEqual([15, 5_000]);
    expect(await run(GRANT, [key], 1_000, 10, 20, 15)).toEqual([5, 0]);
    expect(await run(GRANT, [key], 1_250, 10, 20, 15)).toEqual([2, 500]);
    // The half token of before counts.
    expect(await run(GRANT, [key], 1_300, 10, 20, 15)).toEqual([1, 0]);
    expect(await run(GRANT, [key], 99_000, 10, 20, 0)).toEqual([0, 20_000]);
  });

  it('takes tokens back up to the burst', async () => {
    const key = rateKey('bind', 2);
    expect(await run(GRANT, [key], 1_000, 10, 20, 15)).toEqual([15, 5_000]);
    expect(await run(GRANT, [key], 1_000, 10, 20, -10)).toEqual([-10, 15_000]);
    expect(await run(GRANT, [key], 1_000, 10, 20, -10)).toEqual([-10, 20_000]);
  });

  it('serves many buckets at once, each by its own numbers', async () => {
    const keys = [rateKey('bind', 3), rateKey('account', 3)];
    expect(await run(GRANT, keys, 1_000, 10, 20, 15, 1, 1, 5)).toEqual([15, 5_000, 1, 0]);
  });

  it('adds nothing when time goes back', async () => {
    const key = rateKey('bind', 4);
    expect(await run(GRANT, [key], 10_000, 10, 20, 20)).toEqual([20, 0]);
    expect(await run(GRANT, [key], 5_000, 10, 20, 20)).toEqual([0, 0]);
  });

  it('leaves keys that expire when the bucket is full again, by the time of Redis itself', async () => {
    const key = rateKey('bind', 5);
    expect(await run(GRANT, [key], -1, 1, 2_000, 500)).toEqual([500, 1_500_000]);
    const ms = await redis.pttl(key);
    expect(ms).toBeGreaterThan(0);
    // 500 tokens at one a second, and one second more.
    expect(ms).toBeLessThanOrEqual(501_000);
  });
});

describe('OPEN_PLACES', () => {
  const open = (key: string, node: string, own: number, wanted: number, most: number) =>
    run(OPEN_PLACES, [key], node, 60_000, own, wanted, most);

  it('counts the sessions of living nodes only, and removes those of dead ones', async () => {
    const key = placesKey('acme');
    await run(BEAT, [nodeKeyOf('a')], 5_000);
    await run(BEAT, [nodeKeyOf('b')], 5_000);
    expect(await open(key, 'a', 0, 2, 5)).toEqual([2]);
    expect(await open(key, 'b', 0, 4, 5)).toEqual([3]);
    expect(await open(key, 'a', 2, 1, 5)).toEqual([0]);
    await redis.del(nodeKeyOf('b'));
    expect(await open(key, 'a', 2, 5, 5)).toEqual([3]);
    expect(await redis.hgetall(key)).toEqual({ a: '5' });
  });

  it('lets a node be over the limit, and gives no more', async () => {
    const key = placesKey('beta');
    expect(await open(key, 'a', 7, 0, 5)).toEqual([0]);
    expect(await open(key, 'a', 7, 1, 5)).toEqual([0]);
    expect(await redis.hget(key, 'a')).toBe('7');
  });

  it('serves many system_ids at once, and removes what a node no longer has', async () => {
    const keys = [placesKey('one'), placesKey('two')];
    expect(await run(OPEN_PLACES, keys, 'a', 60_000, 1, 2, 9, 4, 4, 6)).toEqual([2, 2]);
    expect(await run(OPEN_PLACES, keys, 'a', 60_000, 3, 0, 9, 0, 0, 6)).toEqual([0, 0]);
    expect(await redis.hgetall(placesKey('one'))).toEqual({ a: '3' });
    expect(await redis.exists(placesKey('two'))).toBe(0);
  });
});
