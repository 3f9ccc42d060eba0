import type { Client, ClientBase } from 'pg';
import type { CarrierId, EpochId, MessageId } from '../domain/ids.ts';
import { Int4Column, Int8Column } from './arrays.ts';
import { perClient } from './lane-call.ts';

/** One submit_sm: which message, which segment (from 1), and the how-manieth attempt (from 1). */
export interface SendKey {
  readonly id: MessageId;
  /** 1 to 255. */
  readonly segment: number;
  /** At most 32767. */
  readonly attempt: number;
}

/** The leased keys stand in one row, in PostgreSQL's page of 8 KiB: 12 octets each. */
export const LEASE_KEYS_MAX = 600;

/**
 * Leases keys before the first octet of their submit_sm goes out, at most {@link LEASE_KEYS_MAX}. Messages that have
 * their outcome already (cancelled, expired, settled by an orphan receipt) are left out and returned as `refused`: they
 * must not be sent. Those replaced since the caller's copy are left out and returned as `replaced`: to be read again.
 *
 * The lease ends when it is among the `doneLeases` of writeSent or in dropLeases: the caller does so when each key
 * has its answer stored, stands in unknown_outcome, or was certainly not sent.
 * @param lease chosen by the caller, never twice. A call that failed with the commit in doubt is made again with the same.
 * @param versions of the caller's copies, in the order of `keys`; null: all are as they were accepted
 * @throws DatabaseError of pg; SG001: the epoch is adopted.
 */
export async function takeLease(
  client: Client,
  epoch: EpochId,
  carrier: CarrierId,
  keys: readonly SendKey[],
  lease: bigint,
  versions: readonly number[] | null = null,
): Promise<TakenLease> {
  const { ids, parts } = columnsOf(client);
  ids.begin(keys.length);
  parts.begin(keys.length);
  for (const key of keys) {
    ids.push(key.id);
    parts.push(partOf(key));
  }
  const values = [epoch, lease, carrier, ids.end(), parts.end(), versions];
  const { rows } = await client.query<TakeColumns>({ ...takeStatement, values });
  return { lease, refused: rows[0]?.refused ?? NONE, replaced: rows[0]?.replaced ?? NONE };
}

/** A lease, and which of its messages it was not given. */
export interface TakenLease {
  readonly lease: bigint;
  /** Have their end. */
  readonly refused: readonly MessageId[];
  /** Were replaced since the caller's copy. */
  readonly replaced: readonly MessageId[];
}

interface TakeColumns {
  readonly refused: MessageId[] | null;
  readonly replaced: MessageId[] | null;
}

const NONE: readonly MessageId[] = [];

const takeStatement = {
  name: 'take-lease',
  text: 'select refused, replaced from take_lease($1, $2, $3, $4::int8[], $5::int4[], $6)',
};

/** Ends leases whose keys are all accounted for, apart from writeSent. */
export async function dropLeases(
  client: ClientBase,
  epoch: EpochId,
  leases: readonly bigint[],
): Promise<void> {
  await client.query('select drop_leases($1, $2)', [epoch, leases]);
}

/** Segment and attempt in one int4. */
export function partOf(key: SendKey): number {
  return key.attempt * 256 + key.segment;
}

const columnsOf = perClient(() => ({ ids: new Int8Column(), parts: new Int4Column() }));
