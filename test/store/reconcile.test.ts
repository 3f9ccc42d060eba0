import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Credits, credits, parseCredits } from '../../src/domain/money.ts';
import { chainEntries } from '../../src/store/ledger-chain.ts';
import { withClient } from '../../src/store/pool.ts';
import { postByOperator, topUp } from '../../src/store/postings.ts';
import { type Mismatch, reconcile } from '../../src/store/reconcile.ts';
import { LedgerTraffic } from './ledger-traffic.ts';

let traffic: LedgerTraffic;
beforeAll(async () => {
  traffic = await LedgerTraffic.start();
  const first = await traffic.accept(
    { account: 'acme' },
    { account: 'acme', segments: 3 },
    { account: 'pays-later', segments: 2 },
    { account: 'pays-later' },
  );
  const second = await traffic.accept({ account: 'acme' }, { account: 'acme' });
  await traffic.sent(first);
  await traffic.settle([...first.slice(0, 1), ...first.slice(2, 3)], 'DELIVRD');
  await traffic.settle([...first.slice(1, 2), ...first.slice(3)], 'UNDELIV');
  await traffic.settle(second.slice(0, 1), 'EXPIRED');
  await topUp(traffic.pool, {
    account: 'acme',
    credits: parseCredits('5') as Credits,
    reference: 'invoice 1',
    actor: 'test',
  });
});
afterAll(() => traffic.stop());

describe('reconcile', () => {
  it('is content with what the lanes wrote', async () => {
    expect(await reconcile(traffic.pool)).toEqual({ ok: true, accounts: 2, mismatches: [] });
  });

  // One micro-credit or one row too many or too few; the checks that must see it, the first of them named first.
  const faults: readonly (readonly [
    what: string,
    sql: string,
    undo: string,
    first: Partial<Mismatch>,
  ])[] = [
    [
      'a balance of credits',
      'update balance set credits = credits + 1 where account = 1 and side = 0',
      'update balance set credits = credits - 1 where account = 1 and side = 0',
      {
        check: 'balanceIsSumOfEntries',
        account: 'acme',
        where: 'side 0',
        expected: '14.7',
        found: '14.700001',
      },
    ],
    [
      'a balance of reserved credits',
      'update balance set reserved = reserved - 1 where account = 2 and side = 1',
      'update balance set reserved = reserved + 1 where account = 2 and side = 1',
      {
        check: 'reservedIsSumOfEntries',
        account: 'pays-later',
        where: 'side 1',
        expected: '-0.15',
        found: '-0.150001',
      },
    ],
    [
      'the amount of an entry and its balance with it',
      `update ledger_entry set amount = amount + 1 where kind = 'refund' and id = (select min(id) from ledger_entry where kind = 'refund');
       update balance set credits = credits + 1 where account = 1 and side = 1`,
      `update ledger_entry set amount = amount - 1 where kind = 'refund' and id = (select min(id) from ledger_entry where kind = 'refund');
       update balance set credits = credits - 1 where account = 1 and side = 1`,
      { check: 'entryFollowsEntry', account: 'acme', what: 'credits after' },
    ],
    [
      'what an entry says it left',
      "update ledger_entry set reserved_after = reserved_after + 1 where kind = 'reserve'",
      "update ledger_entry set reserved_after = reserved_after - 1 where kind = 'reserve'",
      {
        check: 'entryFollowsEntry',
        account: 'pays-later',
        what: 'reserved after',
        expected: '0.15',
        found: '0.150001',
      },
    ],
    [
      'the version of a balance',
      'update balance set version = version + 1 where account = 1 and side = 0',
      'update balance set version = version - 1 where account = 1 and side = 0',
      { check: 'versionsAreContinuous', account: 'acme', where: 'side 0', what: 'version' },
    ],
    [
      'the credits of a top-up',
      "update top_up set credits = credits + 1 where reference = 'invoice 1'",
      "update top_up set credits = credits - 1 where reference = 'invoice 1'",
      {
        check: 'topUpHasEntry',
        account: 'acme',
        where: 'top-up invoice 1',
        expected: '5.000001',
        found: '5',
      },
    ],
    [
      'the unit price of a message',
      'update message set unit_price = unit_price + 1 where id = (select min(id) from message)',
      'update message set unit_price = unit_price - 1 where id = (select min(id) from message)',
      {
        check: 'acceptBatchMatchesMessages',
        account: 'acme',
        where: 'batch 1 (charge)',
        what: 'price of its messages',
        expected: '0.200001',
        found: '0.2',
      },
    ],
    [
      'the segments of a message, at a price that makes up for it',
      'update message set segments = 6, unit_price = 25000 where segments = 3',
      'update message set segments = 3, unit_price = 50000 where segments = 6',
      {
        check: 'acceptBatchMatchesMessages',
        what: 'number of segments',
        expected: '7',
        found: '4',
      },
    ],
    [
      'the refund of an outcome',
      'update outcome set refund = refund - 1 where refund > 50000',
      'update outcome set refund = refund + 1 where refund > 50000',
      {
        check: 'outcomeBatchMatchesEntries',
        account: 'acme',
        what: 'sum of its outcomes',
        expected: '0.149999',
        found: '0.15',
      },
    ],
  ];

  it.each(faults)('finds one unit wrong in %s', async (_, sql, undo, first) => {
    await traffic.tamper(sql);
    const found = await reconcile(traffic.pool);
    await traffic.tamper(undo);
    expect(found.ok).toBe(false);
    expect(found.mismatches[0]).toMatchObject(first);
    expect(await reconcile(traffic.pool)).toMatchObject({ ok: true });
  });

  it('finds a refund above the charge even where the ledger says the same', async () => {
    const both = (sign: string) => `
      update outcome set refund = refund ${sign} 1 where refund between 50000 and 50001;
      update ledger_entry set amount = amount ${sign} 1, credits_after = credits_after ${sign} 1
        where kind = 'refund' and version = (select max(version) from ledger_entry where kind = 'refund');
      update balance set credits = credits ${sign} 1 where account = 1 and side = 1`;
    await traffic.tamper(both('+'));
    const found = await reconcile(traffic.pool);
    await traffic.tamper(both('-'));
    expect(found.mismatches).toMatchObject([
      { check: 'refundWithinCharge', account: 'acme', expected: '0.05', found: '0.050001' },
    ]);
  });

  it('finds a reserve that is neither charged nor released whole', async () => {
    const both = (sign: string) => `
      update outcome set release = release ${sign} 1 where release > 0;
      update ledger_entry set reserved_delta = reserved_delta ${sign === '+' ? '-' : '+'} 1,
        reserved_after = reserved_after ${sign === '+' ? '-' : '+'} 1 where kind = 'release';
      update balance set reserved = reserved ${sign === '+' ? '-' : '+'} 1 where account = 2 and side = 1`;
    await traffic.tamper(both('-'));
    const found = await reconcile(traffic.pool);
    await traffic.tamper(both('+'));
    expect(found.mismatches).toMatchObject([
      {
        check: 'reserveIsChargedOrReleased',
        account: 'pays-later',
        expected: '0.05',
        found: '0.049999',
      },
    ]);
  });

  it('finds a message without an entry and an entry without its messages', async () => {
    await traffic.tamper('update message set batch = 99 where id = (select max(id) from message)');
    const found = await reconcile(traffic.pool);
    const wheres = found.mismatches.map((mismatch) => mismatch.where);
    expect(wheres).toContain('batch 99 (charge)');
    expect(wheres.some((where) => where.startsWith('batch 2 '))).toBe(true);
    await traffic.tamper('update message set batch = 2 where batch = 99');
  });

  describe('of replaced messages', () => {
    beforeAll(async () => {
      const messages = await traffic.accept({ account: 'acme' }, { account: 'pays-later' });
      const [now, later] = messages;
      if (now === undefined || later === undefined) throw new Error('two');
      for (const message of [now, later]) {
        await traffic.replace(message, 1, 3);
        await traffic.replace(message, 2, 2);
      }
      await traffic.settle([{ ...now, sample: { ...now.sample, segments: 2 } }], 'EXPIRED');
      await traffic.settle([{ ...later, sample: { ...later.sample, segments: 2 } }], 'DELIVRD');
    });

    it('is content with what each version paid and gave back', async () => {
      expect(await reconcile(traffic.pool)).toEqual({ ok: true, accounts: 2, mismatches: [] });
    });

    const planted: readonly (readonly [what: string, set: string, undo: string, check: string])[] =
      [
        [
          'the difference of a version',
          'update replacement set difference = difference + 1 where version = 2 and account = 1',
          'update replacement set difference = difference - 1 where version = 2 and account = 1',
          'replaceBatchMatchesVersions',
        ],
        [
          'the segments of a version',
          'update replacement set segments = segments + 1 where version = 1 and account = 2',
          'update replacement set segments = segments - 1 where version = 1 and account = 2',
          'versionPaysDifference',
        ],
        [
          'an entry and all that follows from it',
          `update ledger_entry set amount = amount - 1 where id = (select min(entry) from replacement);
           update ledger_entry set credits_after = credits_after - 1 where account = 1 and side = 0
             and version >= (select version from ledger_entry where id = (select min(entry) from replacement));
           update balance set credits = credits - 1 where account = 1 and side = 0`,
          `update ledger_entry set amount = amount + 1 where id = (select min(entry) from replacement);
           update ledger_entry set credits_after = credits_after + 1 where account = 1 and side = 0
             and version >= (select version from ledger_entry where id = (select min(entry) from replacement));
           update balance set credits = credits + 1 where account = 1 and side = 0`,
          'replaceBatchMatchesVersions',
        ],
        [
          'a version that says it paid by no entry',
          'update replacement set entry = null, batch = batch + 1000 where version = 1 and account = 1',
          `update replacement set batch = batch - 1000, entry = (select id from ledger_entry l where l.account = 1
             and l.batch = replacement.batch - 1000) where version = 1 and account = 1`,
          'replaceBatchMatchesVersions',
        ],
        [
          'a refund above the price of the last version',
          `update outcome set refund = refund + 1 where account = 1 and id = (select max(id) from replacement
             where account = 1)`,
          `update outcome set refund = refund - 1 where account = 1 and id = (select max(id) from replacement
             where account = 1)`,
          'refundWithinCharge',
        ],
      ];

    it.each(planted)('finds one unit wrong in %s', async (_, sql, undo, check) => {
      await traffic.tamper(sql);
      const found = await reconcile(traffic.pool);
      await traffic.tamper(undo);
      expect(found.mismatches.map((mismatch) => mismatch.check)).toContain(check);
      expect(await reconcile(traffic.pool)).toMatchObject({ ok: true });
    });
  });

  it('misses a posting that was taken off the end, balance and chain with it', async () => {
    const wrong = { account: 'acme', reference: 'case 7', actor: 'test' };
    const penalty = { ...wrong, kind: 'penalty', reason: 'spam' } as const;
    await postByOperator(traffic.pool, { ...penalty, amount: credits(-3_000_000n) });
    await withClient(traffic.pool, (client) => chainEntries(client, 1_000));
    await traffic.tamper(`
      delete from ledger_chain where entry = (select id from ledger_entry where reference = 'case 7');
      delete from ledger_entry where reference = 'case 7';
      update balance set credits = credits + 3000000, version = version - 1 where account = 1 and side = 0`);
    expect((await reconcile(traffic.pool)).mismatches).toEqual([
      {
        check: 'postingHasEntry',
        account: 'acme',
        where: 'account.penalty case 7',
        what: 'amount',
        expected: '-3',
        found: 'none',
      },
    ]);
  });
});

describe('what was paid back and what a penalty rests on', () => {
  it.each(['purchase_refund', 'message_refund', 'penalty_evidence'])(
    'is never changed in %s',
    async (table) => {
      for (const sql of [
        `delete from ${table}`,
        `update ${table} set at = now()`,
        `truncate ${table}`,
      ])
        await expect(traffic.pool.query(sql)).rejects.toMatchObject({ code: 'SG003' });
    },
  );
});
