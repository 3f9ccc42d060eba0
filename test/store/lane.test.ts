import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AccountId, BatchId } from '../../src/domain/ids.ts';
import { type AcceptAnswer, type AcceptRow, writeAccept } from '../../src/store/accept.ts';
import type { DependencyError } from '../../src/store/errors.ts';
import { Lane, type LaneSpec } from '../../src/store/lane.ts';
import { createDatabase, ownPostgres, type TestDatabase } from '../support/postgres.ts';
import {
  balanceOf,
  connect,
  mismatches,
  openAccount,
  startNode,
  submit,
  type TestNode,
} from './fixtures.ts';

let database: TestDatabase;
let node: TestNode;

beforeAll(async () => {
  database = await createDatabase();
  node = await startNode(database.url);
});
afterAll(async () => {
  await node?.end();
  await database?.drop();
});

type Spec = LaneSpec<AcceptRow, AcceptAnswer>;

/** A lane of accepts that remembers what it said of each message. */
function acceptLane(change: Partial<Spec> = {}, url = database.url, on: TestNode = node) {
  const said = new Map<bigint, AcceptAnswer | DependencyError>();
  let waiting: { count: number; resolve: () => void } | undefined;
  const say = (row: AcceptRow, what: AcceptAnswer | DependencyError) => {
    expect(said.has(row.id)).toBe(false);
    said.set(row.id, what);
    if (waiting !== undefined && said.size >= waiting.count) waiting.resolve();
  };
  const spec: Spec = {
    name: 'accept',
    connect: () => connect(url),
    write: (client, batch, rows) => writeAccept(client, on.epoch, batch, rows),
    maxBatch: 500,
    lingerMs: 0,
    onCommitted: (rows, verdicts) => {
      for (const [i, row] of rows.entries()) say(row, verdicts[i] as AcceptAnswer);
    },
    onNotCommitted: (rows, error) => {
      for (const row of rows) say(row, error);
    },
    now: Date.now,
    newBatchId: () => on.nextBatch(),
    ...change,
  };
  const all = (count: number) =>
    new Promise<void>((resolve) => {
      if (said.size >= count) resolve();
      else waiting = { count, resolve };
    });
  return { lane: new Lane(spec), said, all };
}

async function stored(client: Client, account: AccountId): Promise<bigint[]> {
  const { rows } = await client.query('select id from message where account = $1 order by id', [
    account,
  ]);
  return rows.map((row) => row.id);
}

/** Ends a connection as a broken network does. */
function breakOff(client: Client): void {
  (
    client as unknown as { connection: { stream: { destroy(): void } } }
  ).connection.stream.destroy();
}

describe('Lane', () => {
  it('writes what came in one turn as one batch, and answers each item in order', async () => {
    const account = await openAccount(node.client, 150_000n);
    const sizes: number[] = [];
    const { lane, said, all } = acceptLane({ onBatch: (size) => sizes.push(size) });
    const rows = [1, 2, 3, 4].map(() => submit(node, account));
    for (const row of rows) lane.push(row);
    expect(lane.depth()).toBe(4);
    await all(4);
    expect([...said]).toEqual(rows.map((row, i) => [row.id, i < 3 ? 0 : 1]));
    expect(sizes).toEqual([4]);
    expect(lane.depth()).toBe(0);
    await lane.close();
  });

  it('never puts more than maxBatch in one transaction', async () => {
    const account = await openAccount(node.client, 50_000_000n);
    const sizes: number[] = [];
    const { lane } = acceptLane({ maxBatch: 10, onBatch: (size) => sizes.push(size) });
    for (let i = 0; i < 35; i++) lane.push(submit(node, account));
    await lane.drain();
    expect(sizes).toEqual([10, 10, 10, 5]);
    await lane.close();
  });

  it('starts no batch between hold and release', async () => {
    const account = await openAccount(node.client, 1_000_000n);
    const { lane, said } = acceptLane();
    lane.hold();
    lane.push(submit(node, account));
    await node.client.query('select pg_sleep(0.05)');
    expect(said.size).toBe(0);
    expect(lane.depth()).toBe(1);
    lane.release();
    await lane.drain();
    expect(said.size).toBe(1);
    await lane.close();
  });

  it('starts the next batch before it hands out the last one', async () => {
    const account = await openAccount(node.client, 1_000_000n);
    const events: string[] = [];
    const { lane } = acceptLane({
      maxBatch: 1,
      write: (client, batch, rows) => {
        events.push('write');
        return writeAccept(client, node.epoch, batch, rows);
      },
      onCommitted: () => events.push('told'),
    });
    lane.push(submit(node, account));
    lane.push(submit(node, account));
    await lane.drain();
    expect(events).toEqual(['write', 'write', 'told', 'told']);
    await lane.close();
  });

  it('waits lingerMs for company and not when a batch is full', async () => {
    const account = await openAccount(node.client, 10_000_000n);
    const sizes: number[] = [];
    const { lane, all } = acceptLane({
      maxBatch: 3,
      lingerMs: 500, // longer than a busy machine takes for the turns between
      onBatch: (size) => sizes.push(size),
    });
    lane.push(submit(node, account));
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    lane.push(submit(node, account));
    await all(2);
    for (let i = 0; i < 3; i++) lane.push(submit(node, account));
    await all(5);
    expect(sizes).toEqual([2, 3]);
    await lane.close();
  });

  it('takes an item that cannot be stored out of its batch and stores the others', async () => {
    const account = await openAccount(node.client, 10_000_000n);
    const { lane, said } = acceptLane();
    // PostgreSQL stores no NUL in a text.
    const bad = submit(node, account, { customerId: 'a\0b' });
    const rows = Array.from({ length: 20 }, (_, i) => (i === 13 ? bad : submit(node, account)));
    for (const row of rows) lane.push(row);
    await lane.drain();
    expect(said.get(bad.id)).toMatchObject({ kind: 'data' });
    expect(await stored(node.client, account)).toEqual(
      rows.filter((row) => row !== bad).map((row) => row.id),
    );
    await lane.close();
  });

  it('reports a committed batch whose answer was lost as committed, with its verdicts', async () => {
    const account = await openAccount(node.client, 50_000n);
    let lose = true;
    const { lane, said } = acceptLane({
      write: async (client, batch, rows) => {
        const verdicts = await writeAccept(client, node.epoch, batch, rows);
        if (lose) {
          lose = false;
          breakOff(client);
          throw new Error('Connection terminated unexpectedly');
        }
        return verdicts;
      },
    });
    const rows = [submit(node, account), submit(node, account)];
    for (const row of rows) lane.push(row);
    await lane.drain();
    expect([...said.values()]).toEqual([0, 1]);
    expect(await balanceOf(node.client, account)).toEqual({ credits: 0n, reserved: 0n });
    await lane.close();
  });

  it.each(['refuse', 'keep'] as const)(
    'treats a batch whose backend was ended before its commit as not committed (%s)',
    async (whileDown) => {
      const account = await openAccount(node.client, 100_000n);
      const { lane, said } = acceptLane({ whileDown, write: lockedWrite(1) });
      await node.client.query('select pg_advisory_lock(1)');
      lane.push(submit(node, account));
      const pid = await waiterOn(1);
      await node.client.query('select pg_terminate_backend($1)', [pid]);
      await node.client.query('select pg_advisory_unlock(1)');
      await lane.drain();
      const [answer] = said.values();
      if (whileDown === 'keep') expect(answer).toBe(0);
      else expect(answer).toMatchObject({ name: 'DependencyError' });
      expect(await stored(node.client, account)).toHaveLength(whileDown === 'keep' ? 1 : 0);
      await lane.close();
    },
  );

  it('waits for a commit that is still under way on the server, and tells nobody before it is known', async () => {
    const account = await openAccount(node.client, 100_000n);
    let client: Client | undefined;
    const { lane, said } = acceptLane({
      write: (on, batch, rows) => {
        client = on;
        return lockedWrite(2)(on, batch, rows);
      },
    });
    await node.client.query('select pg_advisory_lock(2)');
    lane.push(submit(node, account));
    await waiterOn(2);
    if (client !== undefined) breakOff(client);
    // The tombstone now waits for the transaction that waits for our lock.
    await expectRow(
      "select from pg_stat_activity where datname = current_database() and wait_event = 'transactionid'",
    );
    expect(said.size).toBe(0);
    await node.client.query('select pg_advisory_unlock(2)');
    await lane.drain();
    expect([...said.values()]).toEqual([0]);
    expect(await stored(node.client, account)).toHaveLength(1);
    await lane.close();
  });

  it('stops and hands everything back when its epoch is adopted', async () => {
    const account = await openAccount(node.client, 1_000_000n);
    const lost = await startNode(database.url);
    await node.client.query('update node_epoch set adopted_by = $1 where epoch = $2', [
      node.epoch,
      lost.epoch,
    ]);
    const { lane, said, all } = acceptLane({ maxBatch: 2, whileDown: 'keep' }, database.url, lost);
    for (let i = 0; i < 5; i++) lane.push(submit(node, account));
    await all(5);
    lane.push(submit(node, account));
    await all(6);
    expect([...said.values()].map((one) => (one as DependencyError).kind)).toEqual([
      ...Array(5).fill('epochLost'),
      'closed',
    ]);
    await lane.close();
    await lost.end();
  });

  it('hands back at once while there is no database, in a lane that refuses', async () => {
    const account = await openAccount(node.client, 1_000_000n);
    const { lane, said, all } = acceptLane({
      whileDown: 'refuse',
      connect: () => Promise.reject(new Error('connect ECONNREFUSED')),
    });
    lane.push(submit(node, account));
    await all(1);
    lane.push(submit(node, account));
    await all(2);
    expect([...said.values()]).toMatchObject([{ kind: 'connection' }, { kind: 'connection' }]);
    await lane.close();
  });

  it('says exactly what is stored while backends are ended at random under load', async () => {
    const account = await openAccount(node.client, 1_000_000_000n);
    const { lane, said } = acceptLane({ whileDown: 'keep', maxBatch: 20 });
    const rows: AcceptRow[] = [];
    for (let round = 0; round < 25; round++) {
      for (let i = 0; i < 40; i++) {
        const row = submit(node, account);
        rows.push(row);
        lane.push(row);
      }
      await node.client.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and query like '%accept_messages%' and state = 'active'
           and pid <> pg_backend_pid()`,
      );
    }
    await lane.drain();
    expect([...said.values()].every((verdict) => verdict === 0)).toBe(true);
    expect(await stored(node.client, account)).toEqual(rows.map((row) => row.id));
    expect(await mismatches(node.client)).toEqual([]);
    await lane.close();
  });

  it('says exactly what is stored over a kill -9 of the server under load', async () => {
    const server = await ownPostgres();
    const own = await startNode(server.url);
    const account = await openAccount(own.client, 1_000_000_000n);
    await own.client.query('select');
    let told = 0;
    let enough = () => {};
    const { lane, said } = acceptLane(
      {
        whileDown: 'keep',
        maxBatch: 10,
        onBatch: (size) => {
          told += size;
          if (told >= 300) enough();
        },
      },
      server.url,
      own,
    );
    const busy = new Promise<void>((resolve) => {
      enough = resolve;
    });
    const rows = Array.from({ length: 1000 }, () => submit(own, account));
    for (const row of rows) lane.push(row);
    await busy;
    await server.kill();
    await server.start();
    await lane.drain();
    const after = await connect(server.url);
    expect(said.size).toBe(1000);
    expect([...said.values()].every((verdict) => verdict === 0)).toBe(true);
    expect(await stored(after, account)).toEqual(rows.map((row) => row.id));
    expect(await balanceOf(after, account)).toEqual({
      credits: 1_000_000_000n - 1000n * 50_000n,
      reserved: 0n,
    });
    expect(await mismatches(after)).toEqual([]);
    await lane.close();
    await after.end();
    await server.dispose();
  });
});

/** A write that, the first time, does its work and then waits for an advisory lock inside its transaction. */
function lockedWrite(lock: number): Spec['write'] {
  let first = true;
  return async (client: Client, batch: BatchId, rows: AcceptRow[]) => {
    if (!first) return writeAccept(client, node.epoch, batch, rows);
    first = false;
    await client.query('begin');
    const verdicts = await writeAccept(client, node.epoch, batch, rows);
    // One message, so that the server commits by itself once the lock is free, whatever became of us.
    await client.query(`select pg_advisory_xact_lock(${lock}); commit`);
    return verdicts;
  };
}

/** The backend that waits for an advisory lock. */
async function waiterOn(lock: number): Promise<number> {
  const row = await expectRow(
    `select pid from pg_locks where locktype = 'advisory' and not granted and objid = ${lock}
       and database = (select oid from pg_database where datname = current_database())`,
  );
  return (row as { pid: number }).pid;
}

async function expectRow(sql: string): Promise<unknown> {
  for (;;) {
    const { rows } = await node.client.query(sql);
    if (rows.length > 0) return rows[0];
  }
}
