import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { credits } from '../../src/domain/money.ts';
import { type AcceptRow, writeAccept } from '../../src/store/accept.ts';
import { forfeitBalance } from '../../src/store/forfeits.ts';
import { closeSpentLots, expireDue, readLots } from '../../src/store/lots.ts';
import { createStorePool } from '../../src/store/pool.ts';
import { postByOperator, topUp } from '../../src/store/postings.ts';
import { refundPurchase } from '../../src/store/purchase-refunds.ts';
import { reconcile } from '../../src/store/reconcile.ts';
import { writeSettle } from '../../src/store/settle.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { end, mismatches, startNode, submit, type TestNode, UNDELIV } from './fixtures.ts';
import { openLotAccount } from './lot-fixtures.ts';
import { LotModel, type ModelMessage } from './lot-model.ts';

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

const amount = fc.integer({ min: 1, max: 400 }).map((n) => BigInt(n) * 1_000n);
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('topUp' as const), amount, days: fc.nat(200) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('batch' as const),
      messages: fc.array(
        fc.record({ segments: fc.integer({ min: 1, max: 4 }), later: fc.boolean() }),
        {
          minLength: 1,
          maxLength: 8,
        },
      ),
      dies: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('end' as const),
      which: fc.nat(),
      count: fc.nat(4),
      back: fc.nat(4),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('expire' as const), which: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('sweep' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('penalty' as const), amount }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('purchaseRefund' as const), which: fc.nat() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forfeit' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const UNIT = 30_000n;

/** One account of the store beside one of the model. */
class Pair {
  readonly model: LotModel;
  readonly #id: AcceptRow['account'];
  readonly #name: string;
  #top = 0;
  #posting = 0;
  #open: { row: AcceptRow; message: ModelMessage }[] = [];

  constructor(id: AcceptRow['account'], name: string, creditLine: bigint) {
    this.#id = id;
    this.#name = name;
    this.model = new LotModel(creditLine);
  }

  async take(step: Step): Promise<void> {
    switch (step.do) {
      case 'topUp':
        return this.#topUp(step.amount, step.days);
      case 'batch':
        return this.#batch(step.messages, step.dies);
      case 'end':
        return this.#end(step.which, step.count, step.back);
      case 'expire':
        return this.#expire(step.which);
      case 'sweep':
        this.model.sweep();
        await expireDue(pool, '-infinity');
        return closeSpentLots(pool);
      case 'penalty':
        this.model.penalty(step.amount);
        await postByOperator(pool, {
          ...this.#posted('penalty'),
          kind: 'penalty',
          amount: credits(-step.amount),
        });
        return;
      case 'purchaseRefund':
        return this.#purchaseRefund(step.which);
      case 'forfeit': {
        const posted = await forfeitBalance(pool, {
          ...this.#posted('forfeit'),
          cause: 'violation',
        });
        expect(posted).toMatchObject({ amount: -this.model.forfeit() });
      }
    }
  }

  /** Lots and the available balance as the model has them. */
  async compare(): Promise<void> {
    const stored = await readLots(pool, this.#name);
    const found = stored.map((lot) => [lot.reference, lot.credits - lot.reserved, lot.reserved]);
    const wanted = this.model.lots
      .filter((lot) => lot.left !== 0n || lot.reserved !== 0n)
      .map((lot) => [lot.reference, lot.left, lot.reserved]);
    expect(found.toSorted(byReference)).toEqual(wanted.toSorted(byReference));
  }

  async #topUp(amount: bigint, days: number): Promise<void> {
    const reference = `${this.#name} ${this.#top++}`;
    await node.client.query(
      "update resource set spec = spec || jsonb_build_object('creditValidDays', $2::int) where name = $1",
      [`terms of ${this.#name}`, days + 1],
    );
    await topUp(pool, { ...this.#posted('topUp'), reference, credits: credits(amount) });
    // Two of the same day expire in the order in which they came.
    this.model.topUp(reference, amount, days * 1_000 + this.#top);
  }

  async #batch(
    messages: readonly { segments: number; later: boolean }[],
    dies: boolean,
  ): Promise<void> {
    const rows = messages.map(({ segments, later }) =>
      submit(node, this.#id, { segments, unitPrice: credits(UNIT), chargeOnDelivery: later }),
    );
    if (dies) {
      // As a kill before the commit: nothing of it may be there.
      await node.client.query('begin');
      await writeAccept(node.client, node.epoch, node.nextBatch(), rows);
      await node.client.query('rollback');
      return;
    }
    const verdicts = await writeAccept(node.client, node.epoch, node.nextBatch(), rows);
    const wanted = rows.map((row) =>
      this.model.pay(UNIT * BigInt(row.segments), row.chargeOnDelivery),
    );
    expect(verdicts.map((verdict) => verdict === 0)).toEqual(
      wanted.map((message) => message !== undefined),
    );
    wanted.forEach((message, n) => {
      const row = rows[n];
      if (message !== undefined && row !== undefined) this.#open.push({ row, message });
    });
  }

  async #end(which: number, count: number, back: number): Promise<void> {
    const ended = this.#open.splice(which % (this.#open.length + 1), count + 1);
    if (ended.length === 0) return;
    const rows = ended.map(({ row, message }) => {
      const given = UNIT * BigInt(Math.min(back, row.segments));
      this.model.end(message, given);
      const money = message.onDelivery
        ? { charge: credits(message.price - given), release: credits(given) }
        : { refund: credits(given) };
      return end(row, { ...money, state: UNDELIV });
    });
    await writeSettle(node.client, node.epoch, node.nextBatch(), rows);
    // The same again changes nothing.
    await writeSettle(node.client, node.epoch, node.nextBatch(), rows);
  }

  async #expire(which: number): Promise<void> {
    const dated = this.model.lots.filter((lot) => lot !== this.model.own && !lot.expired);
    const lot = dated[which % (dated.length || 1)];
    if (lot === undefined) return;
    this.model.expire(lot.reference);
    // Long ago, and in the same order.
    await node.client.query(
      "update lot set expires_at = timestamptz '2000-01-01' + (expires_at - now()) / 1000 where reference = $1",
      [lot.reference],
    );
  }

  async #purchaseRefund(which: number): Promise<void> {
    if (this.#top === 0) return;
    const topUpReference = `${this.#name} ${which % this.#top}`;
    const posted = await refundPurchase(pool, { ...this.#posted('back'), topUpReference });
    const back = this.model.refundPurchase(topUpReference);
    if (back === 0n) expect(posted).toEqual({ refused: 'nothingLeft' });
    else expect(posted).toMatchObject({ amount: -back });
  }

  #posted(what: string) {
    const reference = `${this.#name} ${what} ${this.#posting++}`;
    return { account: this.#name, reference, actor: 'test', reason: 'property' };
  }
}

describe('lots', () => {
  it('are what a plain model says after every step of any sequence', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(0n, 0n, 90_000n),
        fc.array(step, { minLength: 5, maxLength: 40 }),
        async (creditLine, steps) => {
          const { id, name } = await openLotAccount(node.client, { refundIntoExpired: 'forfeit' });
          await node.client.query('update balance set credit_line = $2 where account = $1', [
            id,
            creditLine,
          ]);
          await node.client.query('select start_lots($1)', [id]);
          const pair = new Pair(id, name, creditLine);
          for (const one of steps) {
            await pair.take(one);
            await pair.compare();
          }
          await expireDue(pool, '-infinity');
          pair.model.sweep();
          await pair.compare();
        },
      ),
      { numRuns: 60, endOnFailure: true },
    );
    expect(await mismatches(node.client)).toEqual([]);
    expect(await reconcile(pool)).toMatchObject({ ok: true, mismatches: [] });
  });
});

function byReference(a: readonly unknown[], b: readonly unknown[]): number {
  return String(a[0]) < String(b[0]) ? -1 : 1;
}
