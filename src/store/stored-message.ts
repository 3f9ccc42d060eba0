import type { ClientBase } from 'pg';
import {
  type AccountId,
  accountId,
  type BindId,
  bindId,
  type CarrierId,
  carrierId,
  type MessageId,
  messageId,
} from '../domain/ids.ts';
import { type Credits, credits } from '../domain/money.ts';

/** A message as stored, in the version in force, with its sealed content and its end. */
export interface StoredMessage {
  readonly id: MessageId;
  readonly account: AccountId;
  readonly bind: BindId;
  /** The message_id that the customer sees; null: the id in decimal. */
  readonly customerId: string | null;
  readonly carrier: CarrierId;
  readonly lane: number;
  readonly segments: number;
  readonly unitPrice: Credits;
  readonly tariffVersion: number;
  readonly policyVersion: number;
  readonly termsVersion: number;
  readonly chargeOnDelivery: boolean;
  readonly registeredDelivery: number;
  readonly validUntilMs: number;
  readonly destinationHash: Buffer;
  /** 0 and empty when the content is gone (erased with its partition, or not readable). */
  readonly contentKey: number;
  readonly content: Buffer;
  /** 0: as accepted; else how often it was replaced. */
  readonly version: number;
  /** When it was replaced by one with a time of its own: unix ms before which it is not sent. */
  readonly releaseAtMs: number | undefined;
  readonly end: StoredEnd | undefined;
}

/** A message's final state. */
export interface StoredEnd {
  readonly state: number;
  readonly fault: number;
  readonly err: number;
  readonly doneAtMs: number;
  /** Why it came: receipt, neverSent, cancelled, refusedLater, carrierRefused, noReceipt. */
  readonly cause: string;
}

/** Messages by id, for the queue's paging and the outbox. Unknown ids are missing; the order is not the ids'. */
export async function loadMessages(
  client: ClientBase,
  ids: readonly MessageId[],
): Promise<StoredMessage[]> {
  if (ids.length === 0) return [];
  const { rows } = await client.query<MessageColumns>({
    name: 'load-messages',
    text: 'select * from load_messages($1)',
    values: [ids],
  });
  return rows.map(storedMessage);
}

/** The columns that load_messages and find_dispatch share. */
export interface MessageColumns {
  readonly id: bigint;
  readonly account: number;
  readonly bind: number;
  readonly customer_id: string | null;
  readonly carrier: number;
  readonly lane: number;
  readonly segments: number;
  readonly unit_price: bigint;
  readonly tariff_version: number;
  readonly policy_version: number;
  readonly terms_version: number;
  readonly charge_on: number;
  readonly registered_delivery: number;
  readonly valid_until: Date;
  readonly destination_hash: Buffer;
  readonly key: number | null;
  readonly blob: Buffer | null;
  readonly state: number | null;
  readonly fault: number | null;
  readonly err: number | null;
  readonly done_at: Date | null;
  readonly version: number;
  readonly release_at: Date | null;
  readonly cause: string | null;
}

/** A row of load_messages or find_dispatch as a message. */
export function storedMessage(row: MessageColumns): StoredMessage {
  return {
    id: messageId(row.id),
    account: accountId(row.account),
    bind: bindId(row.bind),
    customerId: row.customer_id,
    carrier: carrierId(row.carrier),
    lane: row.lane,
    segments: row.segments,
    unitPrice: credits(row.unit_price),
    tariffVersion: row.tariff_version,
    policyVersion: row.policy_version,
    termsVersion: row.terms_version,
    chargeOnDelivery: row.charge_on === 1,
    registeredDelivery: row.registered_delivery,
    validUntilMs: row.valid_until.getTime(),
    destinationHash: row.destination_hash,
    contentKey: row.key ?? 0,
    content: row.blob ?? NO_CONTENT,
    version: row.version,
    releaseAtMs: row.release_at?.getTime(),
    end:
      row.state === null
        ? undefined
        : {
            state: row.state,
            fault: row.fault ?? 0,
            err: row.err ?? 0,
            doneAtMs: row.done_at?.getTime() ?? 0,
            cause: row.cause ?? '',
          },
  };
}

const NO_CONTENT = Buffer.alloc(0);
