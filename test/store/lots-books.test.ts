import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { credits } from '../../src/domain/money.ts';
import { type AcceptRow, writeAccept } from '../../src/store/accept.ts';
import { closeSpentLots, expireDue } from '../../src/store/lots.ts';
import { createStorePool } from '../../src/store/pool.ts';
import { postByOperator, topUp } from '../../src/store/postings.ts';
import { refundPurchase } from '../../src/store/purchase-refunds.ts';
import { reconcile } from '../../src/store/reconcile.ts';
import { writeSettle } from '../../src/store/settle.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { anotherLane, end, startNode, submit, type TestNode, UNDELIV } from './fixtures.ts';
import { openLotAccount } from './lot-fixtures.ts';

/** `BOOKS_SECONDS=600 npx vitest run test/store/lots-books.test.ts` looks for ten minutes. */
const WORK_MS = Number(process.env.BOOKS_SECONDS ?? 6) * 1_000;
vi.setConfig({ testTimeout: WORK_MS + 120_000 });

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

/** Sides of balances and lots that differ from their entries, in one statement: of one moment. */
const SNAPSHOT = `
  with entry as materialized (select e.account, e.side, coalesce(e.lot, b.own_lot) as lot, sum(e.amount) as credits,
      sum(e.reserved_delta) as reserved
    from ledger_entry e join balance b on b.account = e.account and b.side = 0 group by 1, 2, 3),
  of_account as (select account, side, sum(credits) as credits, sum(reserved) as reserved from entry group by 1, 2)
  select 'balance' as what, b.account, b.side, b.credits, b.reserved, e.credits as of_entries
  from balance b left join of_account e on e.account = b.account and e.side = b.side
  where b.credits <> coalesce(e.credits, 0) or b.reserved <> coalesce(e.reserved, 0)
  union all
  select 'lot', s.lot, s.side, s.credits, s.reserved, e.credits
  from lot_side s left join entry e on e.lot = s.lot and e.side = s.side
  where s.credits <> coalesce(e.credits, 0) or s.reserved <> coalesce(e.reserved, 0)`;

describe('the books of accounts with and without lots', () => {
  it('are right in every snapshot of top-ups, charges, refunds, expiries, purchases and killed connections', async () => {
    const accounts = [
      await openLotAccount(node.client, { refundIntoExpired: 'forfeit' }),
      await openLotAccount(node.client, { refundIntoExpired: 'restore' }),
      await openLotAccount(node.client, { topUpExtendsBalance: true }),
    ];
    const until = Date.now() + WORK_MS;
    const open: AcceptRow[] = [];
    let n = 0;
    let accepted = 0;
    let killed = 0;
    let snapshots = 0;
    const failures: string[] = [];
    const one = () => accounts[n++ % accounts.length] as (typeof accounts)[number];
    // A slow machine works on until there is something to judge by.
    const isEnough = () => snapshots > 3 && accepted > 100 && killed > 0;
    const forever = async (work: () => Promise<unknown>) => {
      while (Date.now() < until || !isEnough()) await work();
    };
    const post = (what: string) => ({ reference: `${what} ${n++}`, actor: 'test', reason: what });
    const lane = (work: (on: TestNode) => Promise<unknown>) => async () => {
      let on = await anotherLane(database.url, node);
      await forever(() =>
        work(on).catch(async (error) => {
          failures.push(String(error));
          // Its connection was killed: what it had not committed is not there.
          killed++;
          await on.end().catch(() => {});
          on = await anotherLane(database.url, node);
        }),
      );
      await on.end();
    };
    const accept = lane(async (on) => {
      const rows = Array.from({ length: 20 }, (_, i) =>
        submit(on, one().id, {
          segments: 1 + (i % 3),
          unitPrice: credits(7_000n),
          chargeOnDelivery: i % 4 === 0,
        }),
      );
      const verdicts = await writeAccept(on.client, on.epoch, on.nextBatch(), rows);
      const passed = rows.filter((_, i) => verdicts[i] === 0);
      accepted += passed.length;
      open.push(...passed);
    });
    const settle = lane(async (on) => {
      const ended = open.splice(0, 15);
      const rows = ended.map((row, i) => {
        const price = 7_000n * BigInt(row.segments);
        const back = i % 2 === 0 ? 7_000n : price;
        return end(row, {
          state: UNDELIV,
          ...(row.chargeOnDelivery
            ? { charge: credits(price - back), release: credits(back) }
            : { refund: credits(back) }),
        });
      });
      // Without this the loop would never let go of the event loop.
      if (rows.length === 0) return new Promise((resolve) => setTimeout(resolve, 10));
      await writeSettle(on.client, on.epoch, on.nextBatch(), rows);
    });
    const buy = () =>
      forever(async () => {
        const { name } = one();
        const { reference, actor, reason } = post('buy');
        await topUp(pool, { account: name, reference, actor, credits: credits(150_000n) });
        if (n % 5 === 0)
          await refundPurchase(pool, {
            account: name,
            topUpReference: reference,
            reference: `back ${reference}`,
            actor,
            reason,
          });
        if (n % 7 === 0)
          await postByOperator(pool, {
            account: name,
            ...post('penalty'),
            kind: 'penalty',
            amount: credits(-20_000n),
          });
      });
    const expire = () =>
      forever(async () => {
        await pool.query(
          `update lot set expires_at = now() - interval '1 ms' where id in (select id from lot
             where not own and expires_at > now() and open order by random() limit 1)`,
        );
        await expireDue(pool, '-infinity');
        await closeSpentLots(pool);
      });
    const kill = () =>
      forever(async () => {
        await new Promise((resolve) => setTimeout(resolve, 150));
        await pool.query(
          `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()
             and application_name like 'test %' and application_name <> 'test pool' and pid <> $1
             and state = 'active' order by random() limit 1`,
          [nodePid],
        );
      });
    const { rows: own } = await node.client.query('select pg_backend_pid() as pid');
    const nodePid = own[0].pid;
    const look = () =>
      forever(async () => {
        const { rows } = await node.client.query(SNAPSHOT);
        expect(rows).toEqual([]);
        snapshots++;
        await new Promise((resolve) => setTimeout(resolve, 50));
      });
    await Promise.all([accept(), accept(), settle(), settle(), buy(), expire(), kill(), look()]);
    console.log(`books: ${snapshots} snapshots, ${accepted} accepted, ${killed} killed`);
    expect(snapshots).toBeGreaterThan(3);
    expect(accepted).toBeGreaterThan(100);
    expect(killed).toBeGreaterThan(0);
    expect(failures.filter((text) => !/terminat|not queryable/i.test(text))).toEqual([]);
    expect(await reconcile(pool)).toMatchObject({ ok: true, mismatches: [] });
  });
});
