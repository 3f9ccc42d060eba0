import {
  type AccountId,
  accountId,
  type MessageId,
  messageId,
  messageIdMs,
} from '../domain/ids.ts';
import {
  type EndCause,
  type FaultClass,
  faultClassName,
  type MessageState,
  messageStateName,
} from '../domain/message-state.ts';
import { credits } from '../domain/money.ts';
import type { ClaimedEnd, ClaimFacts } from '../domain/refund-claim.ts';
import type { Queryable } from './snapshot.ts';

/** What a claim is judged by, with its account. */
export interface StoredClaim extends ClaimFacts {
  readonly account: AccountId;
}

/** The facts of messages by id; ids that there are not are absent. Some 50 us a message. */
export async function readClaims(
  db: Queryable,
  ids: readonly MessageId[],
): Promise<ReadonlyMap<MessageId, StoredClaim>> {
  if (ids.length === 0) return new Map();
  const { rows } = await db.query<FactsRow>('select * from claim_facts($1)', [ids]);
  return new Map(rows.map((row) => [messageId(BigInt(row.id)), claimOf(row)]));
}

interface FactsRow {
  readonly id: string;
  readonly account: number;
  readonly segments: number;
  readonly unit_price: string;
  readonly charge_on: number;
  readonly carrier: number;
  readonly state: number | null;
  readonly fault: number | null;
  readonly cause: string | null;
  readonly settled_at: Date | null;
  readonly given_back: string;
  readonly was_refunded: boolean;
  readonly purchased_at: Date | null;
  readonly tries: readonly (readonly [number, number])[] | null;
  readonly segment_ends: readonly (readonly [number, number, number])[] | null;
}

function claimOf(row: FactsRow): StoredClaim {
  const id = messageId(BigInt(row.id));
  return {
    id,
    account: accountId(row.account),
    acceptedAtMs: messageIdMs(id),
    purchasedAtMs: row.purchased_at?.getTime(),
    unitPrice: credits(BigInt(row.unit_price)),
    segments: row.segments,
    chargeOnDelivery: row.charge_on === 1,
    carrier: row.carrier,
    tries: (row.tries ?? []).map(([carrier, atMs]) => ({ carrier, atMs })),
    end: endOf(row),
    givenBack: credits(BigInt(row.given_back)),
    wasRefunded: row.was_refunded,
  };
}

function endOf(row: FactsRow): ClaimedEnd | undefined {
  const { state, fault, cause, settled_at: at } = row;
  if (state === null || fault === null || cause === null || at === null) return undefined;
  return {
    state: stateName(state),
    fault: faultClassName(fault),
    cause: cause as EndCause,
    atMs: at.getTime(),
    segments: new Map(
      (row.segment_ends ?? []).map(([segment, segmentState, segmentFault]) => [
        segment,
        { state: stateName(segmentState), fault: faultClassName(segmentFault) as FaultClass },
      ]),
    ),
  };
}

function stateName(code: number): MessageState {
  const name = messageStateName(code);
  if (name === undefined) throw new RangeError(`no state has the number ${code}`);
  return name;
}
