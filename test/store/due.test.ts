import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AccountId, firstIdAt, type MessageId } from '../../src/domain/ids.ts';
import { finishDue, takeDue, walkDue } from '../../src/store/due.ts';
import { writeSent } from '../../src/store/sent.ts';
import { writeSettle } from '../../src/store/settle.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { connect, end, openAccount, sent, startNode, type TestNode } from './fixtures.ts';

let database: TestDatabase;
let node: TestNode;
let account: AccountId;
let sequence = 0n;

beforeAll(async () => {
  database = await createDatabase();
  node = await startNode(database.url);
  account = await openAccount(node.client, 1_000_000_000n);
});
afterAll(async () => {
  await node?.end();
  await database?.drop();
});

/** A message of a past time, which accept would not take any more. */
async function past(agoMs: number, validityMs: number): Promise<{ id: MessageId; dueMs: number }> {
  const atMs = Date.now() - agoMs;
  const id = (firstIdAt(atMs) + sequence++) as MessageId;
  await node.client.query(
    `insert into message values ($1, 1, 50000, to_timestamp($2 / 1000.0::float8), $3, 1, $4, 1, 1, 1, 1, 1, 1, 0, 1, '\\x00', null)`,
    [id, atMs + validityMs, account, node.epoch],
  );
  return { id, dueMs: atMs + validityMs };
}

async function walkAll(): Promise<void> {
  while (await walkDue(node.client, Date.now()));
}

async function noted(): Promise<bigint[]> {
  const { rows } = await node.client.query('select id from due order by id');
  return rows.map((row) => row.id);
}

describe('walkDue', () => {
  it('notes unfinished messages once, those of long validity not before an hour', async () => {
    const young = await past(15_000, 60_000);
    const short = await past(90_000, 120_000);
    const long = await past(90_000, 48 * 3_600_000);
    const longOld = await past(2 * 3_600_000, 48 * 3_600_000);
    const ended = await past(2 * 3_600_000, 48 * 3_600_000);
    await writeSettle(node.client, node.epoch, node.nextBatch(), [end({ id: ended.id, account })]);
    await walkAll();
    expect(await noted()).toEqual([longOld.id, short.id].sort());
    await node.client.query('delete from due');
    await walkAll();
    expect(await noted()).toEqual([]);
    expect([young.id, long.id].every((id) => id > 0n)).toBe(true);
  });

  it('goes on where it stopped, over more messages than a step', async () => {
    await node.client.query(
      `insert into message select ($1::int8 + g), 1, 1, now() + interval '1 h', $2, 1, $3, 1, 1, 1, 1, 1, 1, 0, 1, '\\x00', null
       from generate_series(1, 45000) g`,
      [firstIdAt(Date.now() - 80_000), account, node.epoch],
    );
    await walkAll();
    expect(await noted()).toHaveLength(45_000);
    await node.client.query('delete from due');
  });

  it('waits for a transaction that could still bring an old message', async () => {
    const one = await past(70_000, 100_000);
    const slow = await connect(database.url);
    await slow.query('begin');
    await slow.query("insert into job (name, value) values ('slow', 1)");
    const walk = () =>
      node.client.query("select visited from walk_due('due-soon', $1, 100, 'infinity', '0 s')", [
        firstIdAt(Date.now() - 60_000),
      ]);
    expect((await walk()).rows).toEqual([{ visited: false }]);
    await slow.query('rollback');
    await slow.end();
    expect((await walk()).rows).toEqual([{ visited: true }]);
    expect(await noted()).toEqual([one.id]);
    await node.client.query('delete from due');
  });
});

describe('takeDue', () => {
  it('returns what is due with what is known of it, until it is finished or moved', async () => {
    const unsent = await past(200_000, 100_000);
    const accepted = await past(190_000, 100_000);
    const later = await past(180_000, 3_600_000);
    await walkAll();
    await writeSent(node.client, node.epoch, node.nextBatch(), [sent(accepted.id)], []);
    // The walk had passed these ages: write them down by hand.
    await node.client.query('delete from due');
    for (const one of [unsent, accepted, later])
      await node.client.query('insert into due values (to_timestamp($1 / 1000.0::float8), $2)', [
        one.dueMs,
        one.id,
      ]);
    const now = Date.now();
    const due = await takeDue(node.client, now, 10);
    expect(due.map((one) => [one.id, one.acceptedBy, one.unknown, one.atMs])).toEqual([
      [unsent.id, undefined, false, unsent.dueMs],
      [accepted.id, 1, false, accepted.dueMs],
    ]);
    expect(due[0]).toMatchObject({
      account,
      unitPrice: 50_000n,
      chargeOnDelivery: false,
      validUntilMs: unsent.dueMs,
    });
    expect(await takeDue(node.client, now, 10)).toHaveLength(2);
    await finishDue(node.client, [
      { atMs: unsent.dueMs, id: unsent.id },
      { atMs: accepted.dueMs, id: accepted.id, nextAtMs: accepted.dueMs + 86_400_000 },
    ]);
    expect(await takeDue(node.client, now, 10)).toEqual([]);
    expect((await takeDue(node.client, now + 2 * 86_400_000, 10)).map((one) => one.id)).toEqual([
      later.id,
      accepted.id,
    ]);
  });

  it('strikes off messages that have their outcome meanwhile', async () => {
    const one = await past(200_000, 100_000);
    await node.client.query('delete from due');
    await node.client.query('insert into due values (to_timestamp($1 / 1000.0::float8), $2)', [
      one.dueMs,
      one.id,
    ]);
    await writeSettle(node.client, node.epoch, node.nextBatch(), [end({ id: one.id, account })]);
    expect(await takeDue(node.client, Date.now(), 10)).toEqual([]);
    expect(await noted()).toEqual([]);
  });
});
