import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AccountId, carrierId } from '../../src/domain/ids.ts';
import { type AcceptRow, writeAccept } from '../../src/store/accept.ts';
import { type DispatchCandidate, findDispatch } from '../../src/store/find-dispatch.ts';
import {
  park,
  resolveParked,
  takeParkedDue,
  takeParkedFor,
  writeNotes,
} from '../../src/store/parked.ts';
import { cutPartition } from '../../src/store/partitions.ts';
import { loadSegmentReceipts, writeSegmentReceipts } from '../../src/store/segment-receipts.ts';
import { writeSent } from '../../src/store/sent.ts';
import { writeSettle } from '../../src/store/settle.ts';
import { loadMessages } from '../../src/store/stored-message.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import {
  DELIVRD,
  end,
  openAccount,
  sent,
  startNode,
  submit,
  type TestNode,
  UNDELIV,
} from './fixtures.ts';

let database: TestDatabase;
let node: TestNode;
let account: AccountId;
const carrier = carrierId(1);

beforeAll(async () => {
  database = await createDatabase();
  node = await startNode(database.url);
  account = await openAccount(node.client, 1_000_000_000n);
});
afterAll(async () => {
  await node?.end();
  await database?.drop();
});

async function dispatched(
  upstreamId: string | null,
  change: Partial<AcceptRow> = {},
  status = 0,
): Promise<AcceptRow> {
  const row = submit(node, account, change);
  await writeAccept(node.client, node.epoch, node.nextBatch(), [row]);
  await writeSent(
    node.client,
    node.epoch,
    node.nextBatch(),
    [sent(row.id, { upstreamId, status })],
    [],
  );
  return row;
}

async function find(
  ids: string[],
  isEnough: (candidate: DispatchCandidate) => boolean,
  oldestMs = 0,
) {
  const [found = []] = await findDispatch(
    node.client,
    carrier,
    [{ upstreamIds: ids }],
    (_, one) => isEnough(one),
    oldestMs,
  );
  return found;
}

async function newest(ids: string[], oldestMs = 0) {
  return (await find(ids, () => true, oldestMs))[0];
}

describe('findDispatch', () => {
  it('finds a dispatch by any of the spellings of its id, with the message and its content', async () => {
    const row = await dispatched('1a2b', { registeredDelivery: 3, customerId: 'c1' });
    expect(await newest(['6699', '1a2b'])).toMatchObject({
      upstreamId: '1a2b',
      segment: 1,
      attempt: 1,
      message: {
        id: row.id,
        account,
        customerId: 'c1',
        registeredDelivery: 3,
        unitPrice: row.unitPrice,
        validUntilMs: row.validUntilMs,
        content: Buffer.from('sealed'),
        end: undefined,
      },
    });
  });

  it('finds nothing of another carrier, of a refused submit, or under another id', async () => {
    await dispatched('ff01', {}, 0x58);
    expect(await newest(['ff01'])).toBeUndefined();
    expect(await newest(['1a2c'])).toBeUndefined();
    expect(
      await findDispatch(node.client, carrierId(2), [{ upstreamIds: ['1a2b'] }], () => true, 0),
    ).toEqual([[]]);
  });

  it('gives all that carry the same id, newest first, each with its end', async () => {
    const older = await dispatched('77');
    const newer = await dispatched('77');
    await writeSettle(node.client, node.epoch, node.nextBatch(), [
      end(newer, { state: UNDELIV, err: 11, cause: 'receipt' }),
    ]);
    const found = await find(['77'], () => false);
    expect(found.map((one) => one.message.id)).toEqual([newer.id, older.id]);
    expect(found.map((one) => one.message.end)).toEqual([
      expect.objectContaining({ state: UNDELIV, err: 11, cause: 'receipt' }),
      undefined,
    ]);
  });

  it('gives at most 64 of an id that a carrier uses for everything', async () => {
    const rows = Array.from({ length: 70 }, () => submit(node, account, {}));
    await writeAccept(node.client, node.epoch, node.nextBatch(), rows);
    const answers = rows.map((row, i) => sent(row.id, { upstreamId: 'one', atMs: 1_000 + i }));
    await writeSent(node.client, node.epoch, node.nextBatch(), answers, []);
    const found = await find(['one'], () => false);
    expect(found.map((one) => one.message.id)).toEqual(
      rows
        .slice(6)
        .map((row) => row.id)
        .reverse(),
    );
  });

  it('looks into older partitions, newest first, and not into those that are too old', async () => {
    const old = await dispatched('99');
    const finished = await dispatched('98');
    const number = await cutPartition(node.client, { now: Date.now, sleep: (ms) => sleep(ms) });
    expect(number).toBe(1);
    // Ids reach the new partition half a minute after the cut only: write one there by hand.
    const { rows } = await node.client.query('select from_id from id_range where to_id is null');
    const future = (rows[0].from_id + 5n) as AcceptRow['id'];
    await node.client.query(
      `insert into message select ($1::int8), batch, unit_price, valid_until, account, bind, epoch, carrier, tariff_version,
        policy_version, terms_version, lane, segments, charge_on, registered_delivery, destination_hash, customer_id
       from message where id = $2`,
      [future, old.id],
    );
    await writeSent(
      node.client,
      node.epoch,
      node.nextBatch(),
      [sent(future, { upstreamId: '98' })],
      [],
    );
    await writeSettle(node.client, node.epoch, node.nextBatch(), [end(finished)]);
    expect((await newest(['99']))?.message.id).toBe(old.id);
    // The newer one is enough, or is not.
    expect((await find(['98'], () => true)).map((one) => one.message.id)).toEqual([future]);
    expect((await find(['98'], (one) => one.message.id !== future))[1]?.message.id).toBe(
      finished.id,
    );
    expect((await newest(['98']))?.message.content).toHaveLength(0);
    expect(await newest(['99'], Date.now() + 3_600_000)).toBeUndefined();
  });
});

describe('loadMessages', () => {
  it('reads messages by id, with content and end, and leaves out unknown ids', async () => {
    const rows = [await dispatched('501'), await dispatched('502')];
    const [first, second] = rows as [AcceptRow, AcceptRow];
    await writeSettle(node.client, node.epoch, node.nextBatch(), [
      end(second, { doneAtMs: 1_700_000_000_123 }),
    ]);
    const loaded = await loadMessages(node.client, [first.id, second.id, node.nextId()]);
    expect(loaded.map((one) => one.id).sort()).toEqual([first.id, second.id]);
    expect(loaded.find((one) => one.id === second.id)?.end).toEqual({
      state: DELIVRD,
      fault: 0,
      err: 0,
      doneAtMs: 1_700_000_000_123,
      cause: 'receipt',
    });
    expect(await loadMessages(node.client, [])).toEqual([]);
  });
});

describe('park', () => {
  const receipt = (ids: string[], receivedAtMs = Date.now()) => ({
    carrier,
    keys: ids.map((key) => ({ carrier, key })),
    destinationHash: null,
    receivedAtMs,
    fields: Buffer.from([1, 0, 2]),
    reason: 'unknownId',
  });

  it('keeps receipts that are found by each of their ids, until they are resolved', async () => {
    const ids = await park(node.client, [receipt(['a1', 'a2']), receipt(['b1'])]);
    expect(ids).toHaveLength(2);
    const find = async (id: string) =>
      (await takeParkedFor(node.client, carrier, ['zz', id])).map((one) => one.parked);
    expect(await find('a1')).toEqual([ids[0]]);
    expect(await find('a2')).toEqual([ids[0]]);
    expect(await find('b1')).toEqual([ids[1]]);
    expect(await takeParkedFor(node.client, carrierId(2), ['a1'])).toEqual([]);
    const row = await dispatched('a1');
    await resolveParked(node.client, [{ parked: ids[0] as bigint, message: row.id }]);
    expect(await find('a1')).toEqual([]);
    const { rows } = await node.client.query('select matched from parked_receipt where id = $1', [
      ids[0],
    ]);
    expect(rows).toEqual([{ matched: row.id }]);
  });

  it('loses no wake-up: of parking and storing a dispatch at the same time one sees the other', async () => {
    const other = await startNode(database.url);
    for (let i = 0; i < 30; i++) {
      const id = `race${i}`;
      const [seenByReceipt, seenByDispatch] = await Promise.all([
        (async () => {
          await park(other.client, [receipt([id])]);
          const [found] = await findDispatch(
            other.client,
            carrier,
            [{ upstreamIds: [id] }],
            () => true,
            0,
          );
          return found?.length === 1;
        })(),
        (async () => {
          await dispatched(id);
          return (await takeParkedFor(node.client, carrier, [id])).length > 0;
        })(),
      ]);
      expect(seenByReceipt || seenByDispatch).toBe(true);
    }
    await other.end();
  });

  /** Parks in a transaction that is not committed yet. */
  async function parking(client: Client, id: string): Promise<void> {
    await client.query('begin');
    await park(client, [receipt([id])]);
  }
  const seen = async (client: Client, id: string): Promise<boolean> => {
    const [found] = await findDispatch(client, carrier, [{ upstreamIds: [id] }], () => true, 0);
    return found?.length === 1;
  };
  const parked = async (id: string): Promise<boolean> =>
    (await takeParkedFor(node.client, carrier, [id])).length === 1;

  it('finds the dispatch after its commit, when that was stored while it was under way', async () => {
    const other = await startNode(database.url);
    await parking(other.client, 'paused1');
    await dispatched('paused1');
    // The one that stored it looks now, and sees nothing yet: the other will.
    expect(await parked('paused1')).toBe(false);
    await other.client.query('commit');
    expect(await seen(other.client, 'paused1')).toBe(true);
    await other.end();
  });

  it('is found by the dispatch after its commit, when that was under way', async () => {
    const other = await startNode(database.url);
    await other.client.query('begin');
    const row = submit(other, account, {});
    await writeAccept(other.client, other.epoch, other.nextBatch(), [row]);
    const answer = sent(row.id, { upstreamId: 'paused2' });
    await writeSent(other.client, other.epoch, other.nextBatch(), [answer], []);
    await park(node.client, [receipt(['paused2'])]);
    expect(await seen(node.client, 'paused2')).toBe(false);
    await other.client.query('commit');
    expect(await parked('paused2')).toBe(true);
    await other.end();
  });

  it('is swept after a second, then later and later, and at last only kept', async () => {
    await node.client.query('delete from parked_receipt');
    const now = Date.now();
    const [parked] = await park(node.client, [receipt(['s1'], now)]);
    const due = async (at: number) =>
      (await takeParkedDue(node.client, at, 100)).map((one) => one.parked);
    expect(await due(now)).toEqual([]);
    expect(await due(now + 1_000)).toEqual([parked]);
    expect(await due(now + 1_500)).toEqual([]);
    expect(await due(now + 2_000)).toEqual([parked]);
    expect(await due(now + 3_000)).toEqual([]);
    expect(await due(now + 4_000)).toEqual([parked]);
    expect(await due(now + 25 * 3_600_000)).toEqual([parked]);
    expect(await due(now + 50 * 3_600_000)).toEqual([]);
    const { rows } = await node.client.query('select count(*)::int as n from parked_receipt');
    expect(rows).toEqual([{ n: 1 }]);
  });
});

describe('writeSegmentReceipts', () => {
  it('keeps the first final state of each segment', async () => {
    const row = await dispatched('601', { segments: 2 });
    const segment = (n: number, state: number) => ({
      id: row.id,
      segment: n,
      attempt: 1,
      state,
      fault: 0,
      err: 0,
      doneAtMs: 1_700_000_000_000,
    });
    const write = (rows: ReturnType<typeof segment>[]) =>
      writeSegmentReceipts(node.client, node.epoch, node.nextBatch(), rows);
    expect(await write([segment(1, DELIVRD), segment(1, UNDELIV)])).toEqual([1, 0]);
    expect(await write([segment(1, UNDELIV), segment(2, UNDELIV)])).toEqual([0, 1]);
    expect((await loadSegmentReceipts(node.client, [row.id])).map((one) => one.state)).toEqual([
      DELIVRD,
      UNDELIV,
    ]);
  });
});

describe('writeNotes', () => {
  it('notes a receipt that changed nothing', async () => {
    const row = await dispatched('701');
    const note = {
      message: row.id,
      carrier: null,
      kind: 'repeated',
      state: DELIVRD,
      err: null,
      detail: 'a "b"',
    } as const;
    await writeNotes(node.client, node.epoch, node.nextBatch(), [note]);
    const { rows } = await node.client.query(
      'select kind, carrier, state, err, detail from receipt_note where message = $1',
      [row.id],
    );
    expect(rows).toEqual([
      { kind: 'repeated', carrier: null, state: DELIVRD, err: null, detail: 'a "b"' },
    ]);
  });
});
