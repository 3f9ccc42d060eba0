import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileCatalog } from '../../../src/domain/compile-catalog.ts';
import { Counter } from '../../../src/ops/books/counter.ts';
import { foldUsage } from '../../../src/ops/books/report.ts';
import { Traits } from '../../../src/ops/books/traits.ts';
import { ContentKeys } from '../../../src/store/content-keys.ts';
import { withClient } from '../../../src/store/pool.ts';
import { loadResources } from '../../../src/store/resource-rows.ts';
import { Sealing } from '../../../src/store/sealing.ts';
import { readUsage } from '../../../src/store/usage-read.ts';
import { LedgerTraffic } from '../../store/ledger-traffic.ts';

let traffic: LedgerTraffic;
let counter: Counter;
beforeAll(async () => {
  traffic = await LedgerTraffic.start();
  const { pool } = traffic;
  const compiled = compileCatalog(await loadResources(pool));
  const catalog = () => compiled;
  const sealing = new Sealing([Buffer.alloc(32, 7)], randomBytes);
  const keys = new ContentKeys({ pool, sealing, random: randomBytes });
  counter = new Counter(new Traits({ catalog, keys, networkOf: () => undefined }), catalog);
});
afterAll(() => traffic.stop());

const DAY_MS = 86_400_000;
const days = {
  from: new Date(Date.now() - DAY_MS).toISOString().slice(0, 10),
  to: new Date(Date.now() + 2 * DAY_MS).toISOString().slice(0, 10),
};
async function report() {
  const read = await readUsage(traffic.pool, { ...days, accountId: undefined });
  if (read === undefined) throw new Error('too large');
  return foldUsage(read, ['account']);
}
/** @param ahead how far nothing can come any more, by the test's word */
const horizon = (ahead: string) =>
  traffic.pool.query(
    `create or replace function books_horizon() returns timestamptz language sql volatile as
       $$ select clock_timestamp() + interval '${ahead}' $$`,
  );
const count = () =>
  withClient(traffic.pool, async (client) => {
    while (await counter.countMessages(client));
    while (await counter.countEnds(client));
  });

describe('Counter', () => {
  it('agrees with the ledger at each step: nothing, a part, all of it counted', async () => {
    const accepted = await traffic.accept(
      { account: 'acme' },
      { account: 'acme', segments: 3 },
      { account: 'pays-later', segments: 2 },
      { account: 'pays-later' },
    );
    const [, long, later] = accepted;
    if (long === undefined || later === undefined) throw new Error('all were accepted');
    await traffic.replace(long, 1, 1);
    await traffic.replace(later, 1, 4);
    expect(await report()).toMatchObject({ rows: [], differences: [] });

    // The messages, not what came of them.
    await horizon('1 hour');
    await withClient(traffic.pool, (client) => counter.countMessages(client));
    const partly = await report();
    expect(partly.differences).toEqual([]);
    expect(partly.pending).toMatchObject({
      messages: 0,
      segments: 0,
      charged: '-0.1',
      reserved: '0.1',
    });

    await count();
    // That nothing more can come for an hour was the test's word only.
    await traffic.pool.query(
      "update job set value = (extract(epoch from now()) * 1000000)::bigint where name = 'books-ends'",
    );
    await traffic.settle(accepted.slice(0, 1), 'DELIVRD');
    await traffic.settle(accepted.slice(3), 'UNDELIV');
    expect((await report()).differences).toEqual([]);
    const counted = await report();
    expect(counted.rows).toMatchObject([
      // 1 and 3 segments at 0.05, of which two were given back by the replacement.
      { account: 'acme', messages: 2, segments: 2, charged: '0.1', refunded: '0' },
      { account: 'pays-later', messages: 2, segments: 5, charged: '0', reserved: '0.25' },
    ]);
    expect(counted.pending).toMatchObject({ released: '0.05' });
  });

  it('counts content that is gone under what is known without it', async () => {
    const { rows } = await traffic.pool.query(
      'select distinct class, sender, prefix, network from traffic_group',
    );
    expect(rows).toEqual([{ class: 'transactional', sender: '-', prefix: '-', network: '' }]);
  });

  it('does not count what a transaction under way may still add to', async () => {
    await traffic.pool.query(
      `update job set value = (select max(id) from message) where name = 'books-messages'`,
    );
    const migration = await import('node:fs').then(({ readFileSync }) =>
      readFileSync(new URL('../../../sql/0041_books.sql', import.meta.url), 'utf8'),
    );
    const [made = ''] = /create function books_horizon[\s\S]*?\$\$;/.exec(migration) ?? [];
    await traffic.pool.query(made.replace('create function', 'create or replace function'));
    const open = await traffic.pool.connect();
    await open.query('begin');
    await open.query('create temp table holds_an_xid (n int)');
    const { rows: before } = await open.query<{ at: Date }>('select now() as at');
    const { rows } = await traffic.pool.query<{ at: Date }>('select books_horizon() as at');
    expect(rows[0]?.at.getTime()).toBeLessThanOrEqual(before[0]?.at.getTime() ?? 0);
    await open.query('rollback');
    open.release();
    const fresh = await traffic.accept({ account: 'acme' });
    await count();
    const counted = await traffic.pool.query('select from message_group where id = $1', [
      String(fresh[0]?.id),
    ]);
    expect(counted.rows).toEqual([]);
    expect((await report()).differences).toEqual([]);
  });
});
