import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withClient } from '../../../src/store/pool.ts';
import { RESOURCES } from '../../store/ledger-traffic.ts';
import { eventually } from '../../support/gateway.ts';
import { type OpsBench, startOps } from '../ops-bench.ts';

let ops: OpsBench;
let account: string;
beforeAll(async () => {
  ops = await startOps();
  await ops.request('PUT', '/v1/resources', RESOURCES, { 'content-type': 'application/yaml' });
  const { json } = await ops.request('GET', '/v1/accounts');
  account = json.accounts[0].name;
});
afterAll(() => ops.stop());

/** Several statements' worth, in one commit. */
const MANY = 20_000;

/** A list of numbers, each test's of its own, and what the database has of it. */
function listOf(path: 'opt-outs' | 'consents', prefix: string) {
  const [table, list] = path === 'consents' ? ['consent', 'consents'] : ['opt_out', 'optOuts'];
  const numbers = Array.from({ length: MANY }, (_, i) => `${prefix}${1_000_000 + i}`);
  const send = (method: 'PUT' | 'DELETE', some: readonly string[]) =>
    ops.request(method, `/v1/${path}?account=${account}`, some.join('\n'), {
      'content-type': 'text/csv',
    });
  const put = (some: readonly string[]) => send('PUT', some);
  return {
    numbers,
    put,
    table,
    total: async () => {
      const { rows } = await ops.pool.query('select total from recipient_total where list = $1', [
        list,
      ]);
      return Number(rows[0].total);
    },
    /** Puts one number there whose hash comes behind those of nearly all others. */
    putLast: async () => {
      const some = numbers.slice(0, 20);
      expect((await put(some)).json.changed).toBe(some.length);
      const { json } = await ops.request('GET', `/v1/${path}?account=${account}`);
      const there: string[] = json[list ?? ''].map((one: { number: string }) => one.number);
      const last = there.filter((number) => some.includes(number)).at(-1);
      const others = some.filter((number) => number !== last);
      expect((await send('DELETE', others)).json.changed).toBe(others.length);
      // As if they had never been there.
      const gone = path === 'consents' ? 'given' : 'opted_out';
      await ops.pool.query(`delete from ${table} where not ${gone}`);
      return last ?? '';
    },
  };
}

describe.each(['opt-outs', 'consents'] as const)('a long list of %s', (path) => {
  it('is added whole where one that comes late is there already', async () => {
    const list = listOf(path, '96651');
    const last = await list.putLast();
    const before = await list.total();
    const added = await list.put(list.numbers);
    expect(added).toMatchObject({ status: 200, json: { changed: MANY - 1 } });
    expect((await list.total()) - before).toBe(MANY - 1);
    const found = await ops.request('GET', `/v1/${path}?account=${account}&number=${last}`);
    expect(found.json).toMatchObject({ [path === 'consents' ? path : 'optOuts']: [{}] });
    const again = await list.put(list.numbers);
    expect(again).toMatchObject({ status: 200, json: { changed: 0 } });
    expect((await list.total()) - before).toBe(MANY - 1);
  });

  it('is not there at all where the connection is lost on the way, and whole when sent again', async () => {
    const list = listOf(path, '96652');
    const before = await list.total();
    await withClient(ops.pool, async (client) => {
      await client.query('begin');
      await client.query(`lock table ${list.table} in share mode`);
      const answer = list.put(list.numbers);
      await eventually(async () => expect(await endCopies(`copy ${list.table} %`)).toBe(1));
      expect((await answer).status).toBeGreaterThanOrEqual(500);
      await client.query('rollback');
    });
    expect(await list.total()).toBe(before);
    const again = await list.put(list.numbers);
    expect(again).toMatchObject({ status: 200, json: { changed: MANY } });
    expect((await list.total()) - before).toBe(MANY);
  });
});

/** Ends connections in which such a statement waits for a lock. */
async function endCopies(like: string): Promise<number> {
  const { rows } = await ops.pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and wait_event_type = 'Lock' and query like $1`,
    [like],
  );
  return rows.length;
}
