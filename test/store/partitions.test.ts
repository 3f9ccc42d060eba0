import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { firstIdAt, type MessageId } from '../../src/domain/ids.ts';
import { type AcceptRow, writeAccept } from '../../src/store/accept.ts';
import { findDispatch } from '../../src/store/find-dispatch.ts';
import {
  cutPartition,
  dropPartitionsBefore,
  finishPartition,
  needsCut,
  pruneBatches,
  unfinishedPartitions,
} from '../../src/store/partitions.ts';
import { writeReturned } from '../../src/store/returned.ts';
import { writeSent } from '../../src/store/sent.ts';
import { writeSettle } from '../../src/store/settle.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import {
  anotherLane,
  end,
  openAccount,
  sent,
  startNode,
  submit,
  type TestNode,
} from './fixtures.ts';

let database: TestDatabase;
let node: TestNode;
let leader: TestNode;
const clock = { now: Date.now, sleep: (ms: number) => sleep(ms) };

beforeAll(async () => {
  database = await createDatabase();
  node = await startNode(database.url);
  leader = await anotherLane(database.url, node);
});
afterAll(async () => {
  await leader?.end();
  await node?.end();
  await database?.drop();
});

async function ranges(): Promise<{ number: number; from_id: bigint; to_id: bigint | null }[]> {
  const { rows } = await node.client.query(
    'select number, from_id, to_id from id_range order by number',
  );
  return rows;
}

/** A whole lifecycle of a batch, each step on its own connection. */
async function lifecycle(lanes: readonly TestNode[], rows: AcceptRow[]): Promise<void> {
  const [accept, answer, settle, give] = lanes as [TestNode, TestNode, TestNode, TestNode];
  await writeAccept(accept.client, node.epoch, node.nextBatch(), rows);
  await Promise.all([
    writeSent(
      answer.client,
      node.epoch,
      node.nextBatch(),
      rows.map((row) => sent(row.id)),
      [],
    ),
    writeSettle(
      settle.client,
      node.epoch,
      node.nextBatch(),
      rows.map((row) => end(row)),
    ),
    writeReturned(
      give.client,
      node.nextBatch(),
      rows.map((row) => ({ id: row.id, status: 0, atMs: Date.now() })),
    ),
  ]);
}

describe('needsCut', () => {
  it('is true over the size, and over the age unless it is empty', async () => {
    expect(await needsCut(node.client)).toBe(false);
    expect(await needsCut(node.client, { octets: 1, ageMs: 1e9 })).toBe(false);
    expect(await needsCut(node.client, { octets: 1e9, ageMs: 0 })).toBe(false);
    const account = await openAccount(node.client, 1_000_000n);
    await writeAccept(node.client, node.epoch, node.nextBatch(), [submit(node, account)]);
    expect(await needsCut(node.client, { octets: 1, ageMs: 1e9 })).toBe(true);
    expect(await needsCut(node.client, { octets: 1e9, ageMs: 0 })).toBe(true);
  });
});

describe('cutPartition', () => {
  it('cuts all five tables at one id under load, without an error in any lane', async () => {
    const account = await openAccount(node.client, 1_000_000_000_000n);
    const lanes: TestNode[] = [];
    for (let i = 0; i < 4; i++) lanes.push(await anotherLane(database.url, node));
    const all: MessageId[] = [];
    let running = true;
    const load = (async () => {
      while (running) {
        const rows = Array.from({ length: 100 }, () => submit(node, account));
        await lifecycle(lanes, rows);
        all.push(...rows.map((row) => row.id));
      }
    })();
    const cuts: number[] = [];
    for (let i = 0; i < 3; i++) {
      // One that does not get its locks in time is tried again, as the leader does.
      let number: number | undefined;
      while (number === undefined) number = await cutPartition(leader.client, clock);
      cuts.push(number);
    }
    running = false;
    await load;
    expect(cuts).toEqual([1, 2, 3]);
    const after = await ranges();
    expect(after.map((range) => range.number)).toEqual([1, 2, 3, 4]);
    for (let i = 1; i < after.length; i++) expect(after[i]?.from_id).toBe(after[i - 1]?.to_id);
    for (const table of ['message', 'content', 'dispatch', 'outcome', 'returned']) {
      const { rows } = await node.client.query(
        `select count(*)::int as n from ${table} where id = any ($1)`,
        [all],
      );
      expect({ table, n: rows[0].n }).toEqual({ table, n: all.length });
      const { rows: bounds } = await node.client.query(
        `select c.relname, pg_get_expr(c.relpartbound, c.oid) as bound from pg_inherits i join pg_class c on c.oid = i.inhrelid
         where i.inhparent = $1::regclass and pg_get_expr(c.relpartbound, c.oid) like '%MAXVALUE%'`,
        [table],
      );
      expect(bounds).toEqual([
        { relname: `${table}_4`, bound: `FOR VALUES FROM ('${after[3]?.from_id}') TO (MAXVALUE)` },
      ]);
      const { rows: checks } = await node.client.query(
        "select from pg_constraint where conname = 'id_range_cut'",
      );
      expect(checks).toHaveLength(0);
    }
    await Promise.all(lanes.map((lane) => lane.end()));
  });

  it('keeps storage settings and indexes in a new partition', async () => {
    const { rows } = await node.client.query(
      `select n, (select attstorage from pg_attribute where attrelid = ('content_' || n)::regclass and attname = 'blob') as storage,
        (select count(*)::int from pg_index where indrelid = ('dispatch_' || n)::regclass) as dispatch_indexes,
        (select count(*)::int from pg_index where indrelid = ('outcome_' || n)::regclass) as outcome_indexes
       from (values (1), (4)) t (n)`,
    );
    expect(rows.map(({ n, ...rest }) => rest)).toEqual(
      Array(2).fill({ storage: 'e', dispatch_indexes: 3, outcome_indexes: 2 }),
    );
  });

  it('gives up when it cannot have its locks, and leaves everything as it was', async () => {
    const account = await openAccount(node.client, 1_000_000n);
    await node.client.query('begin');
    await node.client.query('lock table message in row exclusive mode');
    let nowMs = Date.now();
    const hasty = {
      now: () => nowMs,
      sleep: async (ms: number) => {
        nowMs += ms * 100;
      },
    };
    expect(await cutPartition(leader.client, hasty)).toBeUndefined();
    await node.client.query('rollback');
    expect(await ranges()).toHaveLength(4);
    expect(
      await writeAccept(node.client, node.epoch, node.nextBatch(), [submit(node, account)]),
    ).toEqual([0]);
  });

  it('clears away what a leader left behind that died in its cut', async () => {
    const account = await openAccount(node.client, 1_000_000n);
    await leader.client.query('select begin_cut($1)', [firstIdAt(Date.now() + 20_000)]);
    expect(await cutPartition(leader.client, clock)).toBe(4);
    expect(
      await writeAccept(node.client, node.epoch, node.nextBatch(), [submit(node, account)]),
    ).toEqual([0]);
  });
});

describe('finishPartition', () => {
  it('prepares a closed partition for reading, once', async () => {
    await node.client.query(
      "update id_range set closed_at = closed_at - interval '1 min' where to_id is not null",
    );
    expect(await unfinishedPartitions(node.client)).toEqual([1, 2, 3, 4]);
    await finishPartition(leader.client, 1);
    await finishPartition(leader.client, 1);
    expect(await unfinishedPartitions(node.client)).toEqual([2, 3, 4]);
  });
});

describe('dropPartitionsBefore', () => {
  it('drops only partitions that are wholly older, from the oldest on', async () => {
    expect(await dropPartitionsBefore(leader.client, Date.now() - 60_000, clock)).toEqual([]);
    const before = await ranges();
    const third = before[2]?.to_id ?? 0n;
    await node.client.query(
      `insert into replacement (id, batch, difference, valid_until, account, policy_version, key, version, segments,
         registered_delivery, blob) select i, 1, 0, now(), 1, 1, 1, 1, 1, 1, '' from unnest($1::bigint[]) as t (i)`,
      [[third - 1n, third]],
    );
    // One millisecond past the third one's end.
    const dropped = await dropPartitionsBefore(
      leader.client,
      Number((third >> 22n) + 1_735_689_600_000n),
      clock,
    );
    expect(dropped).toEqual([1, 2, 3]);
    expect((await ranges()).map((range) => range.number)).toEqual([4, 5]);
    const { rows } = await node.client.query(
      'select count(*)::int as n from message where id < $1',
      [third],
    );
    expect(rows).toEqual([{ n: 0 }]);
    const { rows: versions } = await node.client.query('select id from replacement');
    expect(versions).toEqual([{ id: third }]);
    expect(
      await findDispatch(node.client, submitCarrier, [{ upstreamIds: ['none'] }], () => true, 0),
    ).toEqual([[]]);
  });
});

const submitCarrier = 1 as AcceptRow['carrier'];

describe('pruneBatches', () => {
  it('deletes rows of batches before a time only', async () => {
    const { rows } = await node.client.query('select count(*)::int as n from batch');
    expect(await pruneBatches(node.client, Date.now() - 3_600_000)).toBe(0);
    expect(await pruneBatches(node.client, Date.now() + 1000)).toBe(rows[0].n);
  });
});
