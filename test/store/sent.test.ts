import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { carrierId } from '../../src/domain/ids.ts';
import { takeLease } from '../../src/store/lease.ts';
import { writeReturned } from '../../src/store/returned.ts';
import { writeSent } from '../../src/store/sent.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { sent, startNode, type TestNode } from './fixtures.ts';

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

describe('writeSent', () => {
  it('stores answers as given, once, also when one comes again among new ones', async () => {
    const first = sent(node.nextId(), { atMs: 1_790_000_000_123 });
    const refused = sent(node.nextId(), {
      segment: 255,
      attempt: 7,
      upstreamId: null,
      status: 0x58,
    });
    await writeSent(node.client, node.epoch, node.nextBatch(), [first], []);
    await writeSent(
      node.client,
      node.epoch,
      node.nextBatch(),
      [{ ...first, status: 1 }, refused],
      [],
    );
    const { rows } = await node.client.query('select * from dispatch order by id');
    expect(rows).toEqual([
      {
        id: first.id,
        segment: 1,
        attempt: 1,
        carrier: 1,
        upstream_id: first.upstreamId,
        status: 0,
        at: new Date(1_790_000_000_123),
      },
      {
        id: refused.id,
        segment: 255,
        attempt: 7,
        carrier: 1,
        upstream_id: null,
        status: 0x58,
        at: new Date(refused.atMs),
      },
    ]);
  });

  it('ends the leases it is told, of its own epoch only', async () => {
    const other = await startNode(database.url);
    const key = { id: node.nextId(), segment: 1, attempt: 1 };
    await takeLease(node.client, node.epoch, carrierId(1), [key], 1n);
    await takeLease(node.client, node.epoch, carrierId(1), [key], 2n);
    await takeLease(other.client, other.epoch, carrierId(1), [key], 3n);
    await writeSent(node.client, node.epoch, node.nextBatch(), [], [1n, 3n]);
    const { rows } = await node.client.query('select id from lease order by id');
    expect(rows).toEqual([{ id: 2n }, { id: 3n }]);
    await other.end();
  });
});

describe('writeReturned', () => {
  it('stores what was returned, once', async () => {
    const id = node.nextId();
    const next = node.nextId();
    await writeReturned(node.client, node.nextBatch(), [
      { id, status: 0, atMs: 1_790_000_000_000 },
    ]);
    await writeReturned(node.client, node.nextBatch(), [
      { id, status: 8, atMs: 1_790_000_000_001 },
      { id: next, status: 0, atMs: 1_790_000_000_001 },
    ]);
    const { rows } = await node.client.query('select id, status from returned order by id');
    expect(rows).toEqual([
      { id, status: 0 },
      { id: next, status: 0 },
    ]);
  });
});
