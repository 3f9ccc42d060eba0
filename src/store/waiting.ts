import type { Client, Pool } from 'pg';
import {
  type AccountId,
  accountId,
  type BatchId,
  type EpochId,
  type MessageId,
  messageId,
} from '../domain/ids.ts';
import { Int4Column, Int8Column, TimestampColumn } from './arrays.ts';
import { callLane } from './lane-call.ts';

/** A receipt that its customer could not take yet. */
export interface DeferRow {
  readonly id: MessageId;
  readonly account: AccountId;
  /** Unix ms before which it is not taken again. */
  readonly dueAtMs: number;
}

const statement = {
  name: 'defer',
  text: 'select defer_receipts($1, $2, $3::int8[], $4::int4[], $5::timestamptz[])',
};

/** Puts receipts on the waiting list, in one transaction. Idempotent. */
export async function writeDeferred(
  client: Client,
  epoch: EpochId,
  batch: BatchId,
  rows: readonly DeferRow[],
): Promise<void> {
  const ids = new Int8Column();
  const accounts = new Int4Column();
  const dueAts = new TimestampColumn();
  for (const column of [ids, accounts, dueAts]) column.begin(rows.length);
  for (const row of rows) {
    ids.push(row.id);
    accounts.push(row.account);
    dueAts.push(row.dueAtMs);
  }
  await callLane(client, statement, [epoch, batch, ids.end(), accounts.end(), dueAts.end()]);
}

/** Claims up to `limit` waiting receipts of an account for this node; returns their messages, oldest first. */
export async function takeWaiting(
  pool: Pool,
  epoch: EpochId,
  account: AccountId,
  limit: number,
): Promise<MessageId[]> {
  const { rows } = await pool.query<{ ids: bigint[] }>('select take_waiting($1, $2, $3) as ids', [
    epoch,
    account,
    limit,
  ]);
  return (rows[0]?.ids ?? []).map(messageId);
}

/** Strikes receipts off the list: they are returned, and that is committed. */
export async function strikeOff(
  client: Client,
  receipts: readonly Pick<DeferRow, 'id' | 'account'>[],
): Promise<void> {
  await client.query(
    'delete from receipt_waiting w using unnest($1::int8[], $2::int4[]) as t (id, account) where w.account = t.account and w.id = t.id',
    [receipts.map((receipt) => receipt.id), receipts.map((receipt) => receipt.account)],
  );
}

/** Those of the accounts that have receipts waiting which a node may take now. */
export async function accountsWaiting(
  pool: Pool,
  accounts: readonly AccountId[],
): Promise<AccountId[]> {
  const { rows } = await pool.query<{ accounts: number[] }>(
    'select accounts_waiting($1) as accounts',
    [accounts],
  );
  return (rows[0]?.accounts ?? []).map(accountId);
}

/** How many receipts wait, by account name. Reads the whole list: ask seldom. */
export async function countWaiting(pool: Pool): Promise<ReadonlyMap<string, number>> {
  const { rows } = await pool.query<{ name: string; waiting: bigint }>(
    'select a.name, count(*) as waiting from receipt_waiting w join account a on a.id = w.account group by a.name',
  );
  return new Map(rows.map((row) => [row.name, Number(row.waiting)]));
}

/** A dead node's claims are free again. */
export async function releaseWaiting(pool: Pool, dead: EpochId): Promise<void> {
  await pool.query('select release_waiting($1)', [dead]);
}
