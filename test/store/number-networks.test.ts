import { createHash } from 'node:crypto';
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  countNumberNetworks,
  findNumberNetwork,
  readNumberNetworks,
  setNumberNetworks,
} from '../../src/store/number-networks.ts';
import { createStorePool, inTransaction } from '../../src/store/pool.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';

let database: TestDatabase;
let pool: Pool;
beforeAll(async () => {
  database = await createDatabase();
  pool = createStorePool({ url: database.url, applicationName: 'test' });
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

const MOST = 5;
const hash = (n: number): Buffer => createHash('md5').update(String(n)).digest();
const set = (entries: [number, string | null][]) =>
  inTransaction(pool, async (client) => {
    const rows = entries.map(([n, network]) => ({ hash: hash(n), network }));
    const changed = await setNumberNetworks(client, rows, MOST);
    if (changed === 'tooMany') throw new Error('tooMany');
    return changed;
  });

describe('setNumberNetworks', () => {
  it('counts what changed, and of several for one number takes the last', async () => {
    expect(
      await set([
        [1, '42001'],
        [2, '42003'],
        [1, '42004'],
      ]),
    ).toBe(2);
    expect(
      await set([
        [1, '42004'],
        [3, '42001'],
      ]),
    ).toBe(1);
    expect(await findNumberNetwork(pool, [hash(1)])).toBe('42004');
    expect(await countNumberNetworks(pool)).toBe(3);
  });

  it('removes, and does not keep what it never had', async () => {
    expect(
      await set([
        [2, null],
        [9, null],
      ]),
    ).toBe(1);
    expect(await findNumberNetwork(pool, [hash(2)])).toBeUndefined();
    expect(await countNumberNetworks(pool)).toBe(2);
    expect(await set([[2, '42001']])).toBe(1);
  });

  it('refuses to go over the limit, and then changes nothing', async () => {
    await expect(
      set([
        [4, '42001'],
        [5, '42001'],
        [6, '42001'],
      ]),
    ).rejects.toThrow('tooMany');
    expect(await countNumberNetworks(pool)).toBe(3);
    expect(
      await set([
        [4, '42001'],
        [5, '42001'],
        [1, null],
      ]),
    ).toBe(3);
    expect(await countNumberNetworks(pool)).toBe(4);
  });
});

describe('readNumberNetworks', () => {
  it('gives each number as it stands now, in pages by the order of the changes', async () => {
    const seen = new Map<string, string>();
    for (let after = 0n; ; ) {
      const page = await readNumberNetworks(pool, after, 2);
      for (let i = 0; i < page.length; i++)
        seen.set(page.hashes.toString('hex', i * 16, i * 16 + 16), page.networks[i] ?? '?');
      after = page.lastChange;
      if (page.length < 2) break;
    }
    const expected = [
      [1, ''],
      [2, '42001'],
      [3, '42001'],
      [4, '42001'],
      [5, '42001'],
    ] as const;
    expect(seen).toEqual(new Map(expected.map(([n, code]) => [hash(n).toString('hex'), code])));
  });

  it('has nothing after the last one', async () => {
    const { lastChange } = await readNumberNetworks(pool, 0n, 100);
    expect(await readNumberNetworks(pool, lastChange, 100)).toMatchObject({
      length: 0,
      lastChange,
    });
  });
});

describe('findNumberNetwork', () => {
  it('takes the first hash that has one: that of the current key', async () => {
    expect(await findNumberNetwork(pool, [hash(9), hash(3)])).toBe('42001');
    await set([[9, '42009']]);
    expect(await findNumberNetwork(pool, [hash(9), hash(3)])).toBe('42009');
  });
});
