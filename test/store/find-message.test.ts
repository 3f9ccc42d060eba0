import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AccountId, MessageId } from '../../src/domain/ids.ts';
import { type AcceptRow, writeAccept } from '../../src/store/accept.ts';
import { findNamed, findQueued } from '../../src/store/find-message.ts';
import { cutPartition, finishPartition } from '../../src/store/partitions.ts';
import { writeSent } from '../../src/store/sent.ts';
import { writeSettle } from '../../src/store/settle.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { end, openAccount, sent, startNode, submit, type TestNode } from './fixtures.ts';

let database: TestDatabase;
let node: TestNode;
let alice: AccountId;
let bob: AccountId;
const HASH = Buffer.alloc(16, 0xaa);

beforeAll(async () => {
  database = await createDatabase();
  node = await startNode(database.url);
  alice = await openAccount(node.client, 1_000_000_000_000n);
  bob = await openAccount(node.client, 1_000_000_000_000n);
});
afterAll(async () => {
  await node?.end();
  await database?.drop();
});

async function accept(account: AccountId, change: Partial<AcceptRow> = {}): Promise<MessageId> {
  const row = submit(node, account, change);
  await writeAccept(node.client, node.epoch, node.nextBatch(), [row]);
  return row.id;
}

/** Messages of others, so that a walk over all would be seen. */
async function fill(count: number): Promise<void> {
  for (let n = 0; n < count; n += 500) {
    const rows = Array.from({ length: 500 }, (_, i) => {
      const destinationHash = Buffer.alloc(16);
      destinationHash.writeUInt32BE(n + i + 1);
      return submit(node, bob, { destinationHash, customerId: `x${n + i}` });
    });
    await writeAccept(node.client, node.epoch, node.nextBatch(), rows);
  }
}

/** Closes the current partition at the clock: what comes now goes into the next one. */
async function cut(): Promise<number> {
  const number = await cutPartition(node.client, {
    now: () => performance.now(),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  });
  if (number === undefined) throw new Error('not cut');
  return number;
}

const named = async (account: AccountId, name: string): Promise<MessageId[]> =>
  (await findNamed(node.client, [{ account, name, destinationHash: undefined }], 254))[0] ?? [];
const queued = async (account: AccountId, before?: MessageId, most = 100): Promise<MessageId[]> =>
  (await findQueued(node.client, [{ account, destinationHash: HASH, before }], most))[0] ?? [];

/** Pages that a statement touched, by EXPLAIN, once its plans are made. */
async function pages(client: Client, sql: string): Promise<number> {
  await client.query(sql);
  const { rows } = await client.query<Record<'QUERY PLAN', string>>(
    `explain (analyze, buffers, timing off, summary off) ${sql}`,
  );
  const hit = /shared hit=(\d+)/.exec(rows.map((row) => row['QUERY PLAN']).join('\n'));
  return Number(hit?.[1] ?? 0);
}

describe('findNamed', () => {
  it('finds a message by its id in decimal, where it has no other, and only for its account', async () => {
    const id = await accept(alice);
    const alias = await accept(alice, { customerId: '0000cafe' });
    expect(await named(alice, id.toString())).toEqual([id]);
    expect(await named(bob, id.toString())).toEqual([]);
    expect(await named(alice, alias.toString())).toEqual([]);
    expect(await named(alice, '0000cafe')).toEqual([alias]);
    expect(await named(bob, '0000cafe')).toEqual([]);
  });

  it('finds all that share an id, the one it is the id of among them', async () => {
    const first = await accept(alice);
    const name = first.toString();
    const others = [
      await accept(alice, { customerId: name }),
      await accept(alice, { customerId: name }),
    ];
    expect(await named(alice, name)).toEqual([...others.toReversed(), first]);
    const destinationHash = Buffer.alloc(16, 0xbb);
    const to = await accept(alice, { customerId: name, destinationHash });
    const query = { account: alice, name, destinationHash };
    expect(await findNamed(node.client, [query], 2)).toEqual([[to]]);
    expect(
      (await findNamed(node.client, [{ ...query, destinationHash: undefined }], 2))[0],
    ).toHaveLength(2);
  });

  it('takes what is no id for a name that nobody has', async () => {
    for (const name of ['', '0', '-1', '1e9', '9'.repeat(64), '9223372036854775807', "'", '\\'])
      expect(await named(alice, name)).toEqual([]);
  });

  it('answers many at once, each its own', async () => {
    const ids = [await accept(alice), await accept(bob), await accept(alice)];
    const queries = [alice, bob, bob].map((account, i) => ({
      account,
      name: String(ids[i]),
      destinationHash: undefined,
    }));
    expect(await findNamed(node.client, queries, 10)).toEqual([[ids[0]], [ids[1]], []]);
  });
});

describe('findQueued', () => {
  it('finds what an account has queued to a number, newest first, without what was sent or has ended', async () => {
    const to = { destinationHash: HASH };
    const ids = [await accept(alice, to), await accept(alice, to), await accept(alice, to)];
    const [gone, ended, throttled] = [
      await accept(alice, to),
      await accept(alice, to),
      await accept(alice, to),
    ];
    await accept(bob, to);
    await accept(alice);
    await writeSent(
      node.client,
      node.epoch,
      node.nextBatch(),
      [sent(gone), sent(throttled, { status: 0x58, upstreamId: null })],
      [],
    );
    await writeSettle(node.client, node.epoch, node.nextBatch(), [
      end({ id: ended, account: alice }),
    ]);
    const expected = [throttled, ...ids.toReversed()];
    expect(await queued(alice)).toEqual(expected);
    expect(await queued(alice, undefined, 2)).toEqual(expected.slice(0, 2));
    expect(await queued(alice, expected[1])).toEqual(expected.slice(2));
  });

  it('looks at no id that every node has done with', async () => {
    const [newest] = await queued(alice);
    if (newest === undefined) throw new Error('some are queued');
    await node.client.query('update node_epoch set queue_floor = $1', [newest]);
    expect(await queued(alice)).toEqual([newest]);
    await node.client.query('update node_epoch set queue_floor = 0');
  });
});

describe('with several partitions of some thousand rows', () => {
  let old: MessageId;
  let alias: MessageId;
  beforeAll(async () => {
    await node.client.query('delete from dispatch');
    old = await accept(alice, { destinationHash: HASH });
    alias = await accept(alice, { customerId: 'beefbeef', destinationHash: HASH });
    await fill(6_000);
    // The cut lies 30 s ahead; nothing of this test comes so late, so the partition holds all there is.
    const number = await cut();
    await finishPartition(node.client, number);
    await node.client.query('update node_epoch set queue_floor = 0');
  });

  it('findNamed touches a few pages of indexes in each partition, whatever is in it', async () => {
    expect(await named(alice, old.toString())).toEqual([old]);
    expect(await named(alice, 'beefbeef')).toEqual([alias]);
    const call = (name: string, id: string) =>
      `select * from find_named(array[${alice}], array['${name}'], array[${id}]::bigint[], array[null]::bytea[], 254)`;
    expect(await pages(node.client, call(old.toString(), old.toString()))).toBeLessThan(60);
    expect(await pages(node.client, call('beefbeef', 'null'))).toBeLessThan(60);
    expect(await pages(node.client, call('nobody00', 'null'))).toBeLessThan(60);
  });

  it('findQueued uses the index of a closed partition', async () => {
    expect(await queued(alice)).toContain(old);
    const call = `select * from find_queued(array[${alice}], array['\\x${HASH.toString('hex')}'::bytea],
      array[9223372036854775807], 100)`;
    expect(await pages(node.client, call)).toBeLessThan(120);
  });
});
