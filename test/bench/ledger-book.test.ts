import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readLedgerBook } from '../../src/bench/ledger-book.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';

let database: TestDatabase;
let client: Client;

beforeAll(async () => {
  database = await createDatabase();
  client = new Client({ connectionString: database.url });
  await client.connect();
});

afterAll(async () => {
  await client.end();
  await database.drop();
});

describe('readLedgerBook', () => {
  it('reads messages, answers, unknown outcomes, entries and balances', async () => {
    const scalar = async (text: string, values: unknown[] = []) =>
      Object.values((await client.query(text, values)).rows[0])[0];
    const account = await scalar(
      `insert into account (name, spec) values ('acme', '{}') returning id`,
    );
    await client.query(`select post_entry($1, 'top_up', 1000000, p_reference => 'opening')`, [
      account,
    ]);
    const epoch = await scalar(`select epoch from take_epoch('test', $1, interval '1 hour')`, [
      Date.now() + 3_600_000,
    ]);
    const first = BigInt(String(await scalar('select first_id_at(unix_ms(now()))')));
    const ids = [first, first + 1n];
    await client.query(
      `select accept_messages($1, 1, $2::int8[], array[$3::int, $3], array[1, 1], array[null, 'ab12'], array[1, 1],
        array[1, 1]::int2[], array[1, 1]::int2[], array[50000, 50000], array[1, 1], array[1, 1], array[1, 1],
        array[0, 1]::int2[], array[1, 1]::int2[], array[now(), now()], array['\\x01', '\\x02']::bytea[],
        array[1, 1], array['\\x01', '\\x02']::bytea[], array[0, 0])`,
      [epoch, ids, account],
    );
    await client.query(
      `select write_sent($1, 2, $2::int8[], array[1]::int2[], array[1]::int2[], array[1], array['u1'], array[0],
        array[now()], array[]::int8[])`,
      [epoch, ids.slice(0, 1)],
    );
    await client.query(
      `insert into unknown_outcome (id, segment, attempt, carrier, epoch, since, resolved_at, resolution)
       values ($1, 1, 1, 1, $2, to_timestamp(100), to_timestamp(101.5), 'resent')`,
      [ids[1], epoch],
    );
    await client.query(
      `select settle_messages($1, 3, $2::int8[], array[$3::int], array[1], array[5]::int2[], array[1]::int2[],
        array[1], array[50000::int8], array[0::int8], array[0::int8], array[now()], array['receipt'])`,
      [epoch, ids.slice(0, 1), account],
    );

    const book = await readLedgerBook(client);
    const byId = new Map(book.messages.map((message) => [message.id, message]));
    expect(byId.get(String(ids[0]))).toEqual({
      id: String(ids[0]),
      customerId: String(ids[0]),
      account: 'acme',
      unitPrice: 50_000n,
      segments: 1,
      chargeOnDelivery: false,
      outcome: {
        state: 'UNDELIV',
        fault: 'platform',
        cause: 'receipt',
        refund: 50_000n,
        charge: 0n,
        release: 0n,
      },
    });
    expect(byId.get(String(ids[1]))).toMatchObject({ customerId: 'ab12', chargeOnDelivery: true });
    expect(byId.get(String(ids[1]))?.outcome).toBeUndefined();
    expect(book.dispatches.get(String(ids[0]))).toEqual([
      { upstreamId: 'u1', status: 0, attempt: 1 },
    ]);
    expect(book.unknown.get(String(ids[1]))).toEqual([
      { attempt: 1, since: 100_000, resolvedAt: 101_500, resolution: 'resent' },
    ]);
    expect(book.entries.map(({ kind, amount }) => [kind, amount]).sort()).toEqual([
      ['charge', -50_000n],
      ['refund', 50_000n],
      ['reserve', 0n],
      ['top_up', 1_000_000n],
    ]);
    expect(book.balances.find(({ side }) => side === 0)).toMatchObject({
      credits: 950_000n,
      reserved: 50_000n,
    });
  });
});
