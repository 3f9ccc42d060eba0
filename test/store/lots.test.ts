import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AccountId } from '../../src/domain/ids.ts';
import { credits } from '../../src/domain/money.ts';
import { type AcceptRow, writeAccept } from '../../src/store/accept.ts';
import { postCorrection } from '../../src/store/corrections.ts';
import { forfeitBalance } from '../../src/store/forfeits.ts';
import { readBalance, readStatement } from '../../src/store/ledger-read.ts';
import { expireDue, readExpiring, readLots } from '../../src/store/lots.ts';
import { createStorePool, inTransaction } from '../../src/store/pool.ts';
import { postByOperator, topUp } from '../../src/store/postings.ts';
import { refundPurchase } from '../../src/store/purchase-refunds.ts';
import { reconcile } from '../../src/store/reconcile.ts';
import { type ReplaceRow, writeReplace } from '../../src/store/replace.ts';
import { type SettleRow, writeSettle } from '../../src/store/settle.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import {
  balanceOf,
  end,
  mismatches,
  startNode,
  submit,
  type TestNode,
  UNDELIV,
} from './fixtures.ts';
import { type LotTerms, openLotAccount } from './lot-fixtures.ts';

let database: TestDatabase;
let node: TestNode;
let pool: ReturnType<typeof createStorePool>;

beforeAll(async () => {
  database = await createDatabase();
  node = await startNode(database.url);
  pool = createStorePool({ url: database.url, applicationName: 'test pool' });
});
afterAll(async () => {
  await pool?.end();
  await node?.end();
  await database?.drop();
});

const accept = (rows: AcceptRow[], on: TestNode = node) =>
  writeAccept(on.client, on.epoch, on.nextBatch(), rows);
const settle = (rows: SettleRow[], on: TestNode = node) =>
  writeSettle(on.client, on.epoch, on.nextBatch(), rows);
const opened = (terms: LotTerms = {}) => openLotAccount(node.client, terms);
const micro = (n: number) => credits(BigInt(n));
let references = 0;

async function buy(account: string, n: number, reference = `top-up ${references++}`) {
  const posted = await topUp(pool, { account, credits: micro(n), reference, actor: 'test' });
  if ('refused' in posted) throw new Error(posted.refused);
  return reference;
}

/** Sets when a lot expires, in seconds from now: negative, it has expired. */
async function expireIn(reference: string, seconds: number): Promise<void> {
  await node.client.query(
    "update lot set expires_at = now() + $2 * interval '1 second' where reference = $1",
    [reference, seconds],
  );
}

async function lotsOf(account: string): Promise<Record<string, number>> {
  const lots = await readLots(pool, account);
  return Object.fromEntries(
    lots.map((lot) => [lot.reference, Number(lot.credits) - Number(lot.reserved)]),
  );
}

async function entriesOf(id: AccountId): Promise<unknown[]> {
  const { rows } = await node.client.query(
    `select e.kind, e.amount::int, e.reserved_delta::int as reserved, l.reference as lot, e.cause, e.messages
     from ledger_entry e left join lot l on l.id = e.lot where e.account = $1 order by e.id`,
    [id],
  );
  return rows.map((row) =>
    Object.fromEntries(Object.entries(row).filter(([, v]) => v !== null && v !== 0)),
  );
}

async function booksAreRight(): Promise<void> {
  expect(await mismatches(node.client)).toEqual([]);
  expect(await reconcile(pool)).toMatchObject({ ok: true, mismatches: [] });
}

describe('an account with lots', () => {
  it('spends the lot that expires first first, an entry for each lot, and remembers it for the refund', async () => {
    const { id, name } = await opened();
    const late = await buy(name, 100_000);
    const soon = await buy(name, 120_000);
    await expireIn(late, 2_000);
    await expireIn(soon, 1_000);
    const rows = [submit(node, id), submit(node, id), submit(node, id)]; // 50, 50, 20 + 30
    expect(await accept(rows)).toEqual([0, 0, 0]);
    expect(await lotsOf(name)).toEqual({ [late]: 70_000 });
    expect((await entriesOf(id)).slice(2)).toEqual([
      { kind: 'charge', amount: -120_000, lot: soon, messages: 3 },
      { kind: 'charge', amount: -30_000, lot: late },
    ]);
    // The message of two lots gets 40 back: what it took last first.
    const price = { refund: micro(40_000), state: UNDELIV };
    await settle([end(rows[2] as AcceptRow, price)]);
    expect(await lotsOf(name)).toEqual({ [late]: 100_000, [soon]: 10_000 });
    await settle([end(rows[0] as AcceptRow, { refund: micro(50_000), state: UNDELIV })]);
    expect(await lotsOf(name)).toEqual({ [late]: 100_000, [soon]: 60_000 });
    await booksAreRight();
  });

  it('reserves from lots, charges their beginning and releases their end', async () => {
    const { id, name } = await opened();
    const first = await buy(name, 60_000);
    const second = await buy(name, 100_000);
    await expireIn(first, 1_000);
    await expireIn(second, 2_000);
    const row = submit(node, id, { chargeOnDelivery: true, segments: 2 });
    expect(await accept([row])).toEqual([0]);
    expect(await lotsOf(name)).toEqual({ [first]: 0, [second]: 60_000 });
    await settle([end(row, { charge: micro(50_000), release: micro(50_000), state: UNDELIV })]);
    expect(await lotsOf(name)).toEqual({ [first]: 10_000, [second]: 100_000 });
    expect((await entriesOf(id)).slice(4)).toEqual([
      {
        kind: 'charge',
        amount: -50_000,
        reserved: -50_000,
        lot: first,
        cause: 'receipt',
        messages: 1,
      },
      { kind: 'release', reserved: -10_000, lot: first, cause: 'receipt', messages: 1 },
      { kind: 'release', reserved: -40_000, lot: second, cause: 'receipt' },
    ]);
    await booksAreRight();
  });

  it('passes exactly the affordable messages, in order, over several lots', async () => {
    const { id, name } = await opened();
    await buy(name, 60_000);
    await buy(name, 60_000);
    const rows = [
      submit(node, id),
      submit(node, id, { segments: 2 }), // 70 left: refused
      submit(node, id), // over both lots
      submit(node, id), // 20 left: refused
      submit(node, id, { unitPrice: credits(20_000n) }),
      submit(node, id, { unitPrice: credits(0n) }),
      submit(node, id, { unitPrice: credits(1n) }),
    ];
    expect(await accept(rows)).toEqual([0, 1, 0, 1, 0, 0, 1]);
    expect(await balanceOf(node.client, id)).toEqual({ credits: 0n, reserved: 0n });
    await booksAreRight();
  });

  it('accepts exactly K of 10 K over several nodes and lots, and ends at balance 0', async () => {
    const K = 300;
    const { id, name } = await opened();
    for (let n = 0; n < 7; n++) await buy(name, n < 6 ? 2_130_000 : 15_000_000 - 6 * 2_130_000);
    const others = await Promise.all([1, 2, 3].map(() => startNode(database.url)));
    const nodes = [node, ...others];
    try {
      const verdicts = await Promise.all(
        nodes.map(async (on) => {
          const all: number[] = [];
          for (let batch = 0; batch < 50; batch++)
            all.push(
              ...(await accept(
                Array.from({ length: 15 }, () => submit(on, id)),
                on,
              )),
            );
          return all;
        }),
      );
      expect(verdicts.flat()).toHaveLength(10 * K);
      expect(verdicts.flat().filter((verdict) => verdict === 0)).toHaveLength(K);
      expect(await balanceOf(node.client, id)).toEqual({ credits: 0n, reserved: 0n });
      expect(await lotsOf(name)).toEqual({});
    } finally {
      await Promise.all(others.map((on) => on.end()));
    }
    await booksAreRight();
  });

  it('goes below zero only down to the credit line, which the next top-up pays', async () => {
    const { id, name } = await opened();
    await buy(name, 50_000);
    await node.client.query('update balance set credit_line = 100000 where account = $1', [id]);
    expect(await accept([1, 2, 3, 4].map(() => submit(node, id)))).toEqual([0, 0, 0, 1]);
    expect(await lotsOf(name)).toEqual({ balance: -100_000 });
    const next = await buy(name, 130_000);
    expect(await lotsOf(name)).toEqual({ [next]: 30_000 });
    await booksAreRight();
  });

  it('keeps what it had before its first lot, with its expiry, and what comes back to it', async () => {
    const { id, name } = await opened({ topUpExtendsBalance: true });
    await buy(name, 100_000);
    const before = submit(node, id);
    await accept([before]);
    await setTerms(name, { topUpExtendsBalance: false, creditValidDays: 10 });
    const lot = await buy(name, 100_000);
    expect(await lotsOf(name)).toEqual({ [lot]: 100_000, balance: 50_000 });
    await settle([end(before, { refund: micro(50_000), state: UNDELIV })]);
    expect(await lotsOf(name)).toEqual({ [lot]: 100_000, balance: 100_000 });
    await accept([submit(node, id)]);
    expect(await lotsOf(name)).toEqual({ [lot]: 50_000, balance: 100_000 });
    await booksAreRight();
  });

  it('moves the price of a replaced message to and from its lots', async () => {
    const { id, name } = await opened();
    const first = await buy(name, 60_000);
    const second = await buy(name, 200_000);
    await expireIn(first, 1_000);
    await expireIn(second, 2_000);
    const row = submit(node, id);
    await accept([row]);
    expect(await replace(row, 1, 3)).toEqual([0]); // 10 of the first, 90 of the second
    expect(await lotsOf(name)).toEqual({ [second]: 110_000 });
    expect(await replace(row, 2, 2)).toEqual([0]);
    expect(await lotsOf(name)).toEqual({ [second]: 160_000 });
    expect(await replace(row, 3, 10)).toEqual([1]);
    await settle([end(row, { refund: micro(100_000), state: UNDELIV })]);
    expect(await lotsOf(name)).toEqual({ [first]: 60_000, [second]: 200_000 });
    await booksAreRight();
  });
});

describe('expireDue', () => {
  it('takes what a lot has when its time is over, once, and leaves what is reserved until it ends', async () => {
    const { id, name } = await opened({ refundIntoExpired: 'forfeit' });
    const lot = await buy(name, 200_000);
    const held = submit(node, id, { chargeOnDelivery: true });
    const paid = submit(node, id);
    await accept([held, paid]);
    await expireIn(lot, -1);
    await expireDue(pool, '-infinity');
    expect(await lotsOf(name)).toEqual({ [lot]: 0 });
    await expireDue(pool, '-infinity');
    expect(await accept([submit(node, id)])).toEqual([2]);
    await settle([
      end(held, { release: micro(50_000), state: UNDELIV }),
      end(paid, { refund: micro(50_000), state: UNDELIV }),
    ]);
    expect(await lotsOf(name)).toEqual({ [lot]: 100_000 });
    await expireDue(pool, '-infinity');
    await expireDue(pool, '-infinity');
    expect((await entriesOf(id)).slice(-4)).toEqual([
      { kind: 'expiry', amount: -100_000, lot, cause: 'creditExpired' },
      { kind: 'refund', amount: 50_000, lot, cause: 'receipt', messages: 1 },
      { kind: 'release', reserved: -50_000, lot, cause: 'receipt', messages: 1 },
      { kind: 'forfeit', amount: -100_000, lot, cause: 'refundIntoExpired' },
    ]);
    expect(await lotsOf(name)).toEqual({});
    await booksAreRight();
  });

  it.each([
    ['restore', 30],
    [{ extendDays: 5 }, 5],
  ] as const)('gives what comes back to an expired lot a new date under %j', async (rule, days) => {
    const { id, name } = await opened({ refundIntoExpired: rule, creditValidDays: 30 });
    const lot = await buy(name, 100_000);
    const paid = submit(node, id);
    await accept([paid]);
    await expireIn(lot, -1);
    await expireDue(pool, '-infinity');
    await settle([end(paid, { refund: micro(50_000), state: UNDELIV })]);
    expect(await accept([submit(node, id)])).toEqual([0]); // lazily, before any sweep
    const [again] = await readLots(pool, name);
    expect(again).toBeUndefined();
    expect(daysTo((await readBalance(pool, name))?.expiresAt)).toBeCloseTo(days, 1);
    expect((await entriesOf(id)).slice(-4).map((e) => (e as { kind: string }).kind)).toEqual([
      'expiry',
      'refund',
      'adjustment',
      'charge',
    ]);
    await booksAreRight();
  });

  it('does the same for one balance', async () => {
    const { id, name } = await opened({ topUpExtendsBalance: true, refundIntoExpired: 'forfeit' });
    await buy(name, 100_000);
    const paid = submit(node, id);
    await accept([paid]);
    await node.client.query(
      "update balance set expires_at = now() - interval '1 s' where account = $1 and side = 0",
      [id],
    );
    expect(await accept([submit(node, id)])).toEqual([2]); // takes it from the books as well
    await settle([end(paid, { refund: micro(50_000), state: UNDELIV })]);
    const { expired } = await expireDue(pool, new Date());
    expect(expired.filter((one) => one.account === name)).toMatchObject([
      { kind: 'forfeit', amount: 50_000n },
    ]);
    expect((await entriesOf(id)).slice(-3)).toEqual([
      { kind: 'expiry', amount: -50_000, cause: 'creditExpired' },
      { kind: 'refund', amount: 50_000, cause: 'receipt', messages: 1 },
      { kind: 'forfeit', amount: -50_000, cause: 'refundIntoExpired' },
    ]);
    await booksAreRight();
  });

  it('lets a postpaid account go on without the credit that expired', async () => {
    const { id, name } = await opened({ topUpExtendsBalance: true });
    await buy(name, 100_000);
    await node.client.query(
      `update balance set expires_at = now() - interval '1 s', credit_line = 50000 where account = $1 and side = 0`,
      [id],
    );
    expect(await accept([submit(node, id), submit(node, id)])).toEqual([0, 1]);
    expect((await readBalance(pool, name))?.credits).toBe(-50_000n);
  });
});

describe('postings by lots', () => {
  it('take a penalty from the lots in order and the rest as debt, in one posting', async () => {
    const { id, name } = await opened();
    const first = await buy(name, 30_000);
    const second = await buy(name, 30_000);
    await expireIn(first, 1_000);
    const penalty = {
      account: name,
      reference: 'case 1',
      actor: 'test',
      kind: 'penalty',
      amount: micro(-100_000),
      reason: 'spam',
    } as const;
    const posted = await postByOperator(pool, penalty);
    expect(posted).toMatchObject({ amount: -100_000n, existing: false });
    expect(await postByOperator(pool, penalty)).toEqual({ ...posted, existing: true });
    expect(await lotsOf(name)).toEqual({ balance: -40_000 });
    expect((await entriesOf(id)).slice(2)).toMatchObject([
      { amount: -30_000, lot: first },
      { amount: -30_000, lot: second },
      { amount: -40_000, lot: 'balance' },
    ]);
    await booksAreRight();
  });

  it('take all that is available as a forfeit, and leave what is reserved', async () => {
    const { id, name } = await opened();
    await buy(name, 100_000);
    await buy(name, 100_000);
    await accept([submit(node, id, { chargeOnDelivery: true })]);
    const wanted = {
      account: name,
      reference: 'end',
      actor: 'test',
      reason: 'ended',
      cause: 'termination',
    };
    expect(await forfeitBalance(pool, wanted)).toMatchObject({ amount: -150_000n });
    expect(await forfeitBalance(pool, wanted)).toMatchObject({ amount: -150_000n, existing: true });
    expect(await balanceOf(node.client, id)).toEqual({ credits: 50_000n, reserved: 50_000n });
    await booksAreRight();
  });
});

describe('postCorrection', () => {
  it('gives back to the lots of the message, and takes from them in order', async () => {
    const { id, name } = await opened();
    const first = await buy(name, 60_000);
    const second = await buy(name, 100_000);
    await expireIn(first, 1_000);
    await expireIn(second, 2_000);
    const failed = submit(node, id, { segments: 2 }); // 60 + 40
    const delivered = submit(node, id);
    await accept([failed, delivered]);
    await settle([
      end(failed, { cause: 'noReceipt', state: UNDELIV }),
      end(delivered, { cause: 'noReceipt', state: UNDELIV, refund: micro(50_000) }),
    ]);
    const correct = (row: AcceptRow, amount: number) =>
      inTransaction(pool, (client) =>
        postCorrection(client, node.epoch, {
          message: row.id,
          account: id,
          carrier: null,
          state: UNDELIV,
          fault: 1,
          err: 0,
          doneAtMs: Date.now(),
          amount: micro(amount),
          reason: 'late receipt',
        }),
      );
    expect(await correct(failed, 50_000)).toBe(true);
    expect(await correct(failed, 50_000)).toBe(false);
    expect(await lotsOf(name)).toEqual({ [first]: 10_000, [second]: 100_000 });
    expect(await correct(delivered, -50_000)).toBe(true);
    expect(await lotsOf(name)).toEqual({ [second]: 60_000 });
    await booksAreRight();
  });
});

describe('refundPurchase', () => {
  const wanted = (account: string, topUpReference: string, reference = 'back') => ({
    account,
    topUpReference,
    reference,
    actor: 'test',
    reason: 'withdrawn',
  });

  it('pays back what a lot has left, once, and is then told that nothing is', async () => {
    const { id, name } = await opened();
    const first = await buy(name, 100_000);
    const second = await buy(name, 100_000);
    await expireIn(first, 1_000);
    await accept([submit(node, id)]);
    expect(await refundPurchase(pool, wanted(name, first))).toMatchObject({ amount: -50_000n });
    expect(await refundPurchase(pool, wanted(name, first))).toMatchObject({ existing: true });
    expect(await refundPurchase(pool, wanted(name, second))).toEqual({ refused: 'otherPosting' });
    expect(await refundPurchase(pool, wanted(name, first, 'more'))).toEqual({
      refused: 'nothingLeft',
    });
    expect(await lotsOf(name)).toEqual({ [second]: 100_000 });
    expect(await refundPurchase(pool, wanted(name, 'no such'))).toMatchObject({
      refused: 'otherPosting',
    });
    expect(await refundPurchase(pool, wanted(name, 'no such', 'new'))).toEqual({
      refused: 'noSuchTopUp',
    });
    await booksAreRight();
  });

  it('keeps what the account owes, though the lot that would pay it was free only later', async () => {
    const { id, name } = await opened();
    const lot = await buy(name, 100_000);
    await node.client.query('update balance set credit_line = 100000 where account = $1', [id]);
    const held = [1, 2].map(() => submit(node, id, { chargeOnDelivery: true }));
    await accept([...held, submit(node, id)]); // the third is owed: the lot is reserved
    expect(await lotsOf(name)).toEqual({ [lot]: 0, balance: -50_000 });
    await settle(held.map((one) => end(one, { release: micro(50_000), state: UNDELIV })));
    expect(await refundPurchase(pool, wanted(name, lot))).toMatchObject({ amount: -50_000n });
    expect(await lotsOf(name)).toEqual({});
    expect(await balanceOf(node.client, id)).toEqual({ credits: 0n, reserved: 0n });
    await booksAreRight();
  });

  it('pays back what is not reserved, and the rest once it is free', async () => {
    const { id, name } = await opened();
    const lot = await buy(name, 120_000);
    const held = submit(node, id, { chargeOnDelivery: true });
    await accept([held]);
    expect(await refundPurchase(pool, wanted(name, lot))).toMatchObject({ amount: -70_000n });
    expect(await lotsOf(name)).toEqual({ [lot]: 0 });
    await settle([end(held, { release: micro(50_000), state: UNDELIV })]);
    expect(await refundPurchase(pool, wanted(name, lot, 'rest'))).toMatchObject({
      amount: -50_000n,
    });
    expect(await lotsOf(name)).toEqual({});
    await booksAreRight();
  });

  it('pays back nothing of a lot that expired, whatever else there is', async () => {
    const { id, name } = await opened({ topUpExtendsBalance: true });
    const before = await buy(name, 80_000);
    await setTerms(name, { topUpExtendsBalance: false });
    const lot = await buy(name, 100_000);
    await expireIn(lot, -1);
    expect(await refundPurchase(pool, wanted(name, lot))).toEqual({ refused: 'nothingLeft' });
    await accept([submit(node, id)]);
    // What it had before lots is its own lot.
    const own = await refundPurchase(pool, wanted(name, before, 'own'));
    expect(own).toMatchObject({ amount: -30_000n });
    expect(await lotsOf(name)).toEqual({});
    await booksAreRight();
  });

  it('counts one balance as spent in the order in which it came, and takes the expiry back', async () => {
    const { id, name } = await opened({ topUpExtendsBalance: true, creditValidDays: 10 });
    const first = await buy(name, 100_000);
    await accept([submit(node, id)]);
    await node.client.query(
      "update balance set expires_at = now() + interval '1 day' where account = $1 and side = 0",
      [id],
    );
    await node.client.query(
      "update top_up set expires_at = now() + interval '1 day' where account = $1",
      [id],
    );
    const second = await buy(name, 100_000);
    expect(daysTo((await readBalance(pool, name))?.expiresAt)).toBeCloseTo(10, 1);
    expect(await refundPurchase(pool, wanted(name, second))).toMatchObject({ amount: -100_000n });
    expect(daysTo((await readBalance(pool, name))?.expiresAt)).toBeCloseTo(1, 1);
    expect(await refundPurchase(pool, wanted(name, first, 'too'))).toMatchObject({
      amount: -50_000n,
    });
    expect(await balanceOf(node.client, id)).toEqual({ credits: 0n, reserved: 0n });
    await booksAreRight();
  });

  it('refuses it later than the terms allow', async () => {
    const { name } = await opened({ purchaseRefundWithinHours: 48 });
    const first = await buy(name, 100_000);
    const at = (hours: string) =>
      node.client.query('update top_up set at = now() - $2::interval where reference = $1', [
        first,
        hours,
      ]);
    await at('48 hours 1 second');
    expect(await refundPurchase(pool, wanted(name, first))).toMatchObject({
      refused: 'tooLate',
      withinHours: 48,
    });
    await at('47 hours 59 minutes');
    expect(await refundPurchase(pool, wanted(name, first))).toMatchObject({ amount: -100_000n });
  });
});

describe('reconcile', () => {
  it.each([
    [
      'a lot',
      'update lot_side set credits = credits + 1 where lot = $1 and side = 0',
      'update lot_side set credits = credits - 1 where lot = $1 and side = 0',
      { check: 'lotIsSumOfEntries', expected: '0.05', found: '0.050001' },
    ],
    [
      'the lot of a message',
      'update message set lot = (select b.own_lot from balance b where b.account = message.account and side = 0) where lot = $1',
      'update message set lot = $1 where lot = (select own_lot from balance b join lot l on l.account = b.account where l.id = $1 and side = 0)',
      { check: 'lotMatchesMessages' },
    ],
  ])('finds one unit in the wrong place: %s', async (_, sql, undo, mismatch) => {
    const { id, name } = await opened();
    await buy(name, 100_000);
    await accept([submit(node, id)]);
    const [lot] = await readLots(pool, name);
    await node.client.query(sql, [lot?.id]);
    const found = await reconcile(pool);
    await node.client.query(undo, [lot?.id]);
    expect(found.mismatches[0]).toMatchObject({ ...mismatch, account: name });
    await booksAreRight();
  });
});

describe('readStatement and readExpiring', () => {
  it('name the lots', async () => {
    const { id, name } = await opened({ creditValidDays: 3 });
    const lot = await buy(name, 100_000);
    const page = await readStatement(pool, {
      accountId: id,
      from: new Date(0),
      to: undefined,
      limit: 10,
      after: undefined,
    });
    expect(page.entries[0]?.lot?.reference).toBe(lot);
    const soon = await readExpiring(pool, new Date(Date.now() + 4 * 86_400_000), 1_000);
    expect(soon.find((one) => one.account === name)).toMatchObject({
      left: 100_000n,
      lot: { reference: lot },
    });
    const sooner = await readExpiring(pool, new Date(Date.now() + 2 * 86_400_000), 1_000);
    expect(sooner.find((one) => one.account === name)).toBeUndefined();
  });
});

async function setTerms(name: string, terms: LotTerms): Promise<void> {
  await node.client.query('update resource set spec = spec || $2 where name = $1', [
    `terms of ${name}`,
    terms,
  ]);
}

async function replace(row: AcceptRow, version: number, segments: number): Promise<number[]> {
  const next: ReplaceRow = {
    id: row.id,
    version,
    account: row.account,
    segments,
    policyVersion: 2,
    registeredDelivery: 1,
    validUntilMs: row.validUntilMs,
    contentKey: 1,
    content: Buffer.from('sealed'),
    releaseAtMs: undefined,
    held: undefined,
  };
  return writeReplace(node.client, node.epoch, node.nextBatch(), [next]);
}

function daysTo(at: Date | undefined): number {
  return ((at?.getTime() ?? 0) - Date.now()) / 86_400_000;
}
