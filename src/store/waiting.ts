import type { Client, ClientBase, Pool } from 'pg';
import {
  type AccountId,
  accountId,
  type BatchId,
  type EpochId,
  type MessageId,
  messageId,
} from '../domain/ids.ts';
import { Int2Column, Int4Column, Int8Column, TimestampColumn } from './arrays.ts';
import { callLane, perClient } from './lane-call.ts';

/** What names one delivery on the list. */
export interface WaitingKey {
  readonly account: AccountId;
  /** Unix microseconds when it was first to be returned: deliveries to one recipient keep this order. */
  readonly order: number;
  readonly id: MessageId;
  /** 0 a final receipt, 1 mobile-originated, 16 + message_state a notification. */
  readonly kind: number;
}

/** A delivery that its customer could not take yet. */
export interface DeferRow extends WaitingKey {
  /** See recipientKey. */
  readonly recipient: bigint;
  readonly tries: number;
  /** Unix ms before which it is not taken again. */
  readonly dueAtMs: number;
}

/** A delivery that this node has claimed. */
export interface TakenRow extends WaitingKey {
  readonly recipient: bigint;
  readonly tries: number;
}

const deferStatement = {
  name: 'defer',
  text: `select defer_deliveries($1, $2, $3::int4[], $4::int8[], $5::int8[], $6::int2[], $7::int8[], $8::int2[],
    $9::timestamptz[])`,
};

const deferColumns = perClient(() => ({
  accounts: new Int4Column(),
  orders: new Int8Column(),
  ids: new Int8Column(),
  kinds: new Int2Column(),
  recipients: new Int8Column(),
  tries: new Int2Column(),
  dueAts: new TimestampColumn(),
}));

/** Puts deliveries on the list, or back on it, in one transaction. Idempotent. */
export async function writeDeferred(
  client: Client,
  epoch: EpochId,
  batch: BatchId,
  rows: readonly DeferRow[],
): Promise<void> {
  const columns = deferColumns(client);
  for (const column of Object.values(columns)) column.begin(rows.length);
  for (const row of rows) {
    columns.accounts.push(row.account);
    columns.orders.push(BigInt(row.order));
    columns.ids.push(row.id);
    columns.kinds.push(row.kind);
    columns.recipients.push(row.recipient);
    columns.tries.push(Math.min(row.tries, TRIES_MAX));
    columns.dueAts.push(row.dueAtMs);
  }
  await callLane(client, deferStatement, [
    epoch,
    batch,
    ...Object.values(columns).map((column) => column.end()),
  ]);
}

/** What the column takes; the wait between tries has stopped growing long before. */
const TRIES_MAX = 32_767;

/** The bigint under which a recipient stands on the list: the first 8 octets of his number's keyed hash. */
export function recipientKey(hash: Buffer): bigint {
  return hash.readBigInt64BE(0);
}

/** Claims up to `limit` deliveries of an account that are not older than `fromMs`, oldest first. */
export async function takeWaiting(
  pool: Pool,
  epoch: EpochId,
  account: AccountId,
  limit: number,
  fromMs: number,
): Promise<TakenRow[]> {
  const { rows } = await pool.query<{
    ord: bigint;
    id: bigint;
    kind: number;
    recipient: bigint;
    tries: number;
  }>('select * from take_deliveries($1, $2, $3, $4)', [
    epoch,
    account,
    Math.floor(fromMs) * 1_000,
    limit,
  ]);
  return rows.map(({ ord, id, kind, recipient, tries }) => {
    return { account, order: Number(ord), id: messageId(id), kind, recipient, tries };
  });
}

/** Of each recipient: 0 nothing older than `order` waits for him, 2 only what this epoch has claimed, else 1. */
export async function recipientsWaiting(
  pool: Pool,
  epoch: EpochId,
  account: AccountId,
  asked: readonly { readonly recipient: bigint; readonly order: number }[],
): Promise<readonly number[]> {
  const { rows } = await pool.query<{ verdicts: Buffer }>(
    'select recipients_waiting($1, $2, $3, $4) as verdicts',
    [epoch, account, asked.map((one) => one.recipient), asked.map((one) => one.order)],
  );
  return [...(rows[0]?.verdicts ?? [])];
}

/** Strikes deliveries off the list: they are returned, and that is committed (or is with this, of other kinds than 0). */
export async function strikeOff(
  client: Client,
  rows: readonly (WaitingKey & { readonly status: number; readonly atMs: number })[],
): Promise<void> {
  await client.query('select strike_off($1, $2, $3, $4, $5, $6)', [
    rows.map((row) => row.account),
    rows.map((row) => row.order),
    rows.map((row) => row.id),
    rows.map((row) => row.kind),
    rows.map((row) => row.status | 0),
    rows.map((row) => new Date(row.atMs)),
  ]);
}

/** An account with something on the list that this epoch has not claimed; `due`: it may take some of it now. */
export interface AccountWaiting {
  readonly account: AccountId;
  readonly due: boolean;
}

/** Those of the accounts that have anything on the list that is not this epoch's. */
export async function accountsWaiting(
  pool: Pool,
  epoch: EpochId,
  accounts: readonly AccountId[],
): Promise<AccountWaiting[]> {
  const { rows } = await pool.query<{ account: number; due: boolean }>(
    'select * from accounts_waiting($1, $2)',
    [epoch, accounts],
  );
  return rows.map((row) => ({ account: accountId(row.account), due: row.due }));
}

/** How many deliveries wait, by account name. Reads the whole list: ask seldom. */
export async function countWaiting(pool: Pool): Promise<ReadonlyMap<string, number>> {
  const { rows } = await pool.query<{ name: string; waiting: bigint }>(
    'select a.name, count(*) as waiting from outbox_waiting w join account a on a.id = w.account group by a.name',
  );
  return new Map(rows.map((row) => [row.name, Number(row.waiting)]));
}

/** Takes deliveries off the list that are older than `beforeMs`. Returns how many of each kind. */
export async function expireWaiting(
  client: ClientBase,
  account: AccountId,
  beforeMs: number,
  limit: number,
): Promise<{ kind: number; expired: number }[]> {
  const { rows } = await client.query<{ kind: number; expired: bigint }>(
    'select * from expire_deliveries($1, $2, $3)',
    [account, Math.floor(beforeMs) * 1_000, limit],
  );
  return rows.map(({ kind, expired }) => ({ kind, expired: Number(expired) }));
}

/** A dead node's claims are free again. */
export async function releaseWaiting(pool: Pool, dead: EpochId): Promise<void> {
  await pool.query('select release_waiting($1)', [dead]);
}
