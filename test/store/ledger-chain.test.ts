import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Credits, parseCredits } from '../../src/domain/money.ts';
import {
  CHAIN_START,
  chainDifferences,
  chainEntries,
  chainLag,
  chainPlaceAfter,
} from '../../src/store/ledger-chain.ts';
import { withClient } from '../../src/store/pool.ts';
import { topUp } from '../../src/store/postings.ts';
import { reconcile, reconcileSince } from '../../src/store/reconcile.ts';
import { LedgerTraffic } from './ledger-traffic.ts';

/** Enough for everything here. */
const ALL = 1_000;

let traffic: LedgerTraffic;
beforeAll(async () => {
  traffic = await LedgerTraffic.start();
  for (let n = 0; n < 5; n++) {
    const accepted = await traffic.accept({ account: 'acme' }, { account: 'pays-later' });
    await traffic.settle(accepted, n % 2 === 0 ? 'UNDELIV' : 'DELIVRD');
  }
});
afterAll(() => traffic.stop());

const chain = (limit = ALL) => withClient(traffic.pool, (client) => chainEntries(client, limit));
const chainChecks = async () =>
  (await reconcile(traffic.pool)).mismatches.filter(({ check }) => check === 'entryIsAsChained');

describe('chainEntries', () => {
  it('chains all entries in steps, and shows what is left', async () => {
    const { rows } = await traffic.pool.query<{ n: bigint }>(
      'select count(*) as n from ledger_entry',
    );
    const entries = Number(rows[0]?.n);
    expect(entries).toBeGreaterThan(15);
    expect(await chainLag(traffic.pool)).toBe(BigInt(entries));
    expect(await chain(4)).toBe(4);
    expect(await chainLag(traffic.pool)).toBe(BigInt(entries - 4));
    expect(await chain()).toBe(entries - 4);
    expect(await chain()).toBe(0);
    expect(await chainLag(traffic.pool)).toBe(0n);
    expect(await reconcile(traffic.pool)).toMatchObject({ ok: true });
  });

  it('makes hashes that anyone can make again', async () => {
    const { rows } = await traffic.pool.query<{ text: string; hash: Buffer }>(
      `select jsonb_strip_nulls(to_jsonb(e))::text as text, c.hash from ledger_entry e
         join ledger_chain c using (account, side, version) where account = 1 and side = 0 order by version`,
    );
    expect(rows.length).toBeGreaterThan(3);
    let previous: Buffer = Buffer.alloc(0);
    for (const { text, hash } of rows) {
      previous = createHash('sha256').update(previous).update(text, 'utf8').digest();
      expect(hash).toEqual(previous);
    }
  });

  it('goes on where it was when more is posted', async () => {
    await topUp(traffic.pool, {
      account: 'acme',
      credits: parseCredits('5') as Credits,
      reference: 'after the chain',
      actor: 'test',
    });
    expect(await chainLag(traffic.pool)).toBe(1n);
    expect(await chain()).toBe(1);
    expect(await chainChecks()).toEqual([]);
  });
});

describe('reconcile, over the chain', () => {
  const OLD = '(select id from ledger_entry where account = 1 and side = 0 and version = 3)';

  it('names an old entry whose amount was changed, and it alone', async () => {
    const { rows } = await traffic.pool.query<{ id: bigint }>(`select ${OLD} as id`);
    // With what it left and the balance, so that sums and neighbours show nothing but the chain does.
    await traffic.tamper(`update ledger_entry set reason = 'nothing to see' where id = ${OLD}`);
    expect(await chainChecks()).toMatchObject([
      {
        account: 'acme',
        where: `entry ${rows[0]?.id} (charge, side 0, version 3)`,
        what: 'hash',
      },
    ]);
    await traffic.tamper(`update ledger_entry set reason = null where id = ${OLD}`);
    await traffic.tamper(`update ledger_entry set amount = amount - 1 where id = ${OLD}`);
    expect(await chainChecks()).toMatchObject([{ account: 'acme', what: 'hash' }]);
    await traffic.tamper(`update ledger_entry set amount = amount + 1 where id = ${OLD}`);
    expect(await chainChecks()).toEqual([]);
  });

  it('names a deleted entry', async () => {
    await traffic.tamper(`create table kept as select * from ledger_entry where id = ${OLD};
      delete from ledger_entry where id = ${OLD}`);
    expect(await chainChecks()).toMatchObject([
      { account: 'acme', what: 'number of entries', expected: '1', found: '0' },
    ]);
    await traffic.tamper(
      'insert into ledger_entry overriding system value select * from kept; drop table kept',
    );
    expect(await chainChecks()).toEqual([]);
  });

  it('names an entry that was put among chained ones', async () => {
    await traffic.tamper(
      `insert into ledger_entry (account, side, version, kind, amount, credits_after, reserved_after)
         values (2, 0, 0, 'adjustment', 0, 0, 0)`,
    );
    expect(await chainChecks()).toMatchObject([
      { account: 'pays-later', what: 'number of links', expected: '1', found: '0' },
    ]);
    await traffic.tamper('delete from ledger_entry where account = 2 and version = 0');
  });

  it('names the links that were changed with their entry', async () => {
    await traffic.tamper(
      "update ledger_chain set hash = '\\x00' where account = 2 and version = 2",
    );
    const found = await chainChecks();
    // The link itself and the one that was made from its hash.
    expect(found[0]).toMatchObject({ account: 'pays-later', what: 'hash', expected: '00' });
    await traffic.tamper(
      `update ledger_chain c set hash = entry_hash((select hash from ledger_chain p
         where p.account = c.account and p.side = c.side and p.version = 1), e)
       from ledger_entry e where e.id = c.entry and c.account = 2 and c.version = 2`,
    );
    expect(await chainChecks()).toEqual([]);
  });

  it('finds the same in slices', async () => {
    await traffic.tamper(`update ledger_entry set actor = 'mallory' where id = ${OLD}`);
    const found = await withClient(traffic.pool, async (client) => {
      const places: string[] = [];
      let from: typeof CHAIN_START | undefined = CHAIN_START;
      for (let n = 0; from !== undefined && n < 100; n++) {
        const upTo: typeof CHAIN_START | undefined = await chainPlaceAfter(client, from, 3);
        places.push(...(await chainDifferences(client, from, upTo, 10)).map(({ place }) => place));
        from = upTo;
      }
      return places;
    });
    expect(found).toHaveLength(1);
    expect(found[0]).toContain('version 3)');
    await traffic.tamper(`update ledger_entry set actor = null where id = ${OLD}`);
  });
});

describe('reconcileSince', () => {
  it('finds what does not agree from a time on, and not what was before', async () => {
    const before = new Date(Date.now() - 3_600_000);
    expect(await reconcileSince(traffic.pool, before)).toEqual([]);
    await traffic.tamper(
      'update message set unit_price = unit_price + 1 where id = (select max(id) from message)',
    );
    expect(await reconcileSince(traffic.pool, before)).toMatchObject([
      { check: 'acceptBatchMatchesMessages' },
    ]);
    expect(await reconcileSince(traffic.pool, new Date(Date.now() + 1_000))).toEqual([]);
    await traffic.tamper(
      'update message set unit_price = unit_price - 1 where id = (select max(id) from message)',
    );
  });

  it('holds each balance against its newest entry', async () => {
    await traffic.tamper('update balance set credits = credits + 1 where account = 1 and side = 1');
    expect(await reconcileSince(traffic.pool, new Date())).toMatchObject([
      { check: 'balanceIsSumOfEntries', account: 'acme', where: 'side 1' },
    ]);
    await traffic.tamper('update balance set credits = credits - 1 where account = 1 and side = 1');
  });
});
