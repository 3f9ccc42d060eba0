import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accountId, type EpochId, type MessageId } from '../../src/domain/ids.ts';
import { createStorePool, withClient } from '../../src/store/pool.ts';
import {
  addRecipients,
  pruneRecipients,
  recipientsOf,
  recipientsSince,
  trimRecipients,
} from '../../src/store/recent-recipients.ts';
import { pruneSaidTexts, sayTexts, whoSaid } from '../../src/store/said-texts.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';

let database: TestDatabase;
let pool: Pool;
const [HERE, THERE] = [1 as EpochId, 2 as EpochId];
const [ONE, TWO] = [accountId(1), accountId(2)];

beforeAll(async () => {
  database = await createDatabase();
  pool = createStorePool({ url: database.url, applicationName: 'test' });
});

afterAll(async () => {
  await pool?.end();
  await database?.drop();
});

function row(account: typeof ONE, amount: number, mark: string, rule = 'serial') {
  return { account, rule, amount, numbers: Buffer.from(mark) };
}

function marks(rows: readonly { readonly numbers: Buffer }[]): string[] {
  return rows.map(({ numbers }) => numbers.toString());
}

describe('trimRecipients', () => {
  it('leaves the rows of the last two thousand numbers, of the accounts that it is told of', async () => {
    const many = ['a', 'b', 'c', 'd'].map((mark) => row(ONE, 900, mark));
    await addRecipients(pool, HERE, [...many, ...many.map((one) => ({ ...one, account: TWO }))]);
    await trimRecipients(pool, [row(ONE, 0, '')]);
    expect(marks(await recipientsOf(pool, [row(ONE, 0, '')]))).toEqual(['b', 'c', 'd']);
    expect(marks(await recipientsOf(pool, [row(TWO, 0, '')]))).toEqual(['a', 'b', 'c', 'd']);
    expect(await recipientsOf(pool, [row(ONE, 0, '', 'other')])).toEqual([]);
  });
});

describe('recipientsSince', () => {
  it('is what other nodes stored in the last seconds', async () => {
    await addRecipients(pool, THERE, [row(ONE, 1, 'there')]);
    expect(marks(await recipientsSince(pool, HERE, 10))).toEqual(['there']);
    await pool.query(`update recent_recipients set at = at - interval '11 s' where epoch = $1`, [
      THERE,
    ]);
    expect(await recipientsSince(pool, HERE, 10)).toEqual([]);
  });
});

describe('pruneRecipients', () => {
  it('forgets what is older than a day', async () => {
    await pool.query(`update recent_recipients set at = now() - interval '25 h' where account = 2`);
    expect(await withClient(pool, (client) => pruneRecipients(client, 100))).toBe(4);
    expect(await recipientsOf(pool, [row(TWO, 0, '')])).toEqual([]);
  });
});

describe('sayTexts', () => {
  const [key, former] = [Buffer.alloc(16, 7), Buffer.alloc(16, 8)];
  const said = (account: typeof ONE, id: bigint, keys = [key]) => {
    const [first = key, ...otherKeys] = keys;
    return { account, key: first, otherKeys, id: id as MessageId, withinSeconds: 60 };
  };

  it('tells who said it first, and lets it be said again when that is over', async () => {
    expect(await sayTexts(pool, [said(ONE, 5n), said(TWO, 6n), said(ONE, 7n)])).toEqual([
      5n,
      6n,
      5n,
    ]);
    expect(await sayTexts(pool, [said(ONE, 5n), said(ONE, 8n)])).toEqual([5n, 5n]);
    const unknown = said(ONE, 5n, [Buffer.alloc(16)]);
    expect(await whoSaid(pool, ONE, [said(ONE, 5n), unknown])).toEqual([5n, undefined]);
    await pool.query('update said_text set until = now() where account = 1');
    expect(await whoSaid(pool, ONE, [said(ONE, 5n)])).toEqual([undefined]);
    expect(await sayTexts(pool, [said(ONE, 10n)])).toEqual([10n]);
    await pool.query('update said_text set until = now()');
    expect(await withClient(pool, (client) => pruneSaidTexts(client, 100))).toBe(2);
  });

  it('looks under other keys for what was said, and says nothing under them', async () => {
    expect(await sayTexts(pool, [said(ONE, 5n, [former])])).toEqual([5n]);
    expect(await sayTexts(pool, [said(ONE, 6n, [key, former])])).toEqual([5n]);
    expect(await whoSaid(pool, ONE, [said(ONE, 7n, [Buffer.alloc(16), former])])).toEqual([5n]);
    expect(await sayTexts(pool, [said(TWO, 6n, [key, former])])).toEqual([6n]);
    expect(await whoSaid(pool, TWO, [said(TWO, 7n, [former])])).toEqual([undefined]);
    await pool.query('update said_text set until = now() where key = $1', [former]);
    expect(await whoSaid(pool, ONE, [said(ONE, 7n, [former])])).toEqual([undefined]);
  });
});
