import type { ClientBase } from 'pg';
import {
  type AccountId,
  accountId,
  type EpochId,
  type MessageId,
  messageId,
} from '../domain/ids.ts';
import type { Queryable } from './snapshot.ts';

/*
 * Parts of long messages that wait for each other (sql/0046_parts.sql).
 */

/** What the waiting parts of one long message have in common. */
export interface PartSetKey {
  readonly account: AccountId;
  /** 16 octets: keyed hash of sender, destination, reference and number of parts. */
  readonly key: Buffer;
}

/** Waiting parts, as they came. */
export interface PartSet extends PartSetKey {
  readonly ids: readonly MessageId[];
  readonly total: number;
  readonly untilMs: number;
}

/** Parts that were judged together. */
export interface JudgedParts extends PartSetKey {
  readonly ids: Iterable<MessageId>;
}

/** What is waiting under a key; undefined: nothing, or no longer. */
export async function findPartSet(
  client: ClientBase,
  { account, key }: PartSetKey,
): Promise<PartSet | undefined> {
  const { rows } = await client.query<PartSetColumns>(
    `${PART_SET} where account = $1 and key = $2`,
    [account, key],
  );
  return rows[0] && partSet(rows[0]);
}

/** Sets of this node that have waited long enough, oldest first. */
export async function duePartSets(
  client: ClientBase,
  epoch: EpochId,
  limit: number,
): Promise<PartSet[]> {
  const { rows } = await client.query<PartSetColumns>(
    `${PART_SET} where epoch = $1 and until <= clock_timestamp() order by until limit $2`,
    [epoch, limit],
  );
  return rows.map(partSet);
}

/**
 * Makes parts due that may go; those that have ended leave the table `scheduled` that way. One statement.
 * @param asStored they were read from the store to be judged; false: what was replaced meanwhile is left
 * @returns what is due now and this node's to send, in order; and the indices of sets that have more parts than were judged
 */
export async function releaseParts(
  client: ClientBase,
  epoch: EpochId,
  judged: readonly JudgedParts[],
  asStored: boolean,
): Promise<{ due: MessageId[]; left: number[] }> {
  const ids = judged.flatMap((set, i) => Array.from(set.ids, (id) => ({ id, nth: i + 1 })));
  const { rows } = await client.query<{ due: bigint[] | null; left_: number[] | null }>(
    'select due, left_ from release_parts($1, $2, $3, $4, $5, $6)',
    [
      epoch,
      judged.map(({ account }) => account),
      judged.map(({ key }) => key),
      ids.map(({ nth }) => nth),
      ids.map(({ id }) => id),
      asStored,
    ],
  );
  const [row] = rows;
  return {
    due: (row?.due ?? []).map((id) => messageId(BigInt(id))),
    left: (row?.left_ ?? []).map((nth) => nth - 1),
  };
}

/**
 * The parts of a refused message have ended: what quotas counted of them is given back, in the commit that takes the set
 * away.
 * @param charged but for the money that they cost, for it is not given back
 * @returns as releaseParts
 */
export async function endParts(
  client: ClientBase,
  epoch: EpochId,
  { account, key, ids }: JudgedParts,
  charged: boolean,
): Promise<{ due: MessageId[]; isLeft: boolean }> {
  const { rows } = await client.query<{ due: bigint[] | null; left_: number[] | null }>(
    `select due, left_ from ${charged ? 'end_charged_parts' : 'end_parts'}($1, $2, $3, $4)`,
    [epoch, account, key, [...ids]],
  );
  const [row] = rows;
  return {
    due: (row?.due ?? []).map((id) => messageId(BigInt(id))),
    isLeft: (row?.left_ ?? []).length > 0,
  };
}

/** Has a moderator decide about all parts of a message. @returns false: it has more parts than were judged */
export async function holdParts(
  client: ClientBase,
  { account, key, ids }: JudgedParts,
  held: { readonly rule: string; readonly reason: string | undefined; readonly violates: boolean },
): Promise<boolean> {
  const { rows } = await client.query<{ done: boolean }>(
    'select hold_parts($1, $2, $3, $4, $5, $6) as done',
    [account, key, [...ids], held.rule, held.reason ?? null, held.violates],
  );
  return rows[0]?.done ?? true;
}

/** How many long messages wait for parts, at all nodes. */
export async function countPartSets(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ n: number }>('select count(*)::int as n from part_set');
  return rows[0]?.n ?? 0;
}

/** An adopted node's waiting parts are ours to decide from here on. */
export async function adoptPartSets(client: ClientBase, dead: EpochId, by: EpochId): Promise<void> {
  await client.query('update part_set set epoch = $2 where epoch = $1', [dead, by]);
}

const PART_SET = 'select account, key, ids, total, until from part_set';

interface PartSetColumns {
  readonly account: number;
  readonly key: Buffer;
  readonly ids: readonly (bigint | string)[];
  readonly total: number;
  readonly until: Date;
}

function partSet({ account, key, ids, total, until }: PartSetColumns): PartSet {
  return {
    account: accountId(account),
    key,
    ids: ids.map((id) => messageId(BigInt(id))),
    total,
    untilMs: until.getTime(),
  };
}
