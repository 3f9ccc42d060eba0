import type { CatalogAccount, CatalogCarrier } from '../domain/catalog.ts';
import type { EndCause } from '../domain/message-state.ts';
import type { RefusalKey } from '../domain/refusal.ts';
import type { UnknownResolution } from '../store/unknown.ts';
import type { AccountEvent, CreditEvent } from '../store/webhook-events.ts';
import type { ProtocolError } from './protocol-errors.ts';

/** How a submit_sm was answered: the `result` label of `smppgate_submits_total`. */
export type SubmitResult = 'accepted' | 'repeated' | RefusalKey | 'malformed' | 'notAuthorised';

/**
 * How the wait of a long message's parts ended: all came and may go, the time was over and what there was may go, the whole
 * was refused, or a moderator decides about it. The `cause` label of `smppgate_part_sets_ended_total`.
 */
export type PartSetEnd = 'complete' | 'timedOut' | 'refused' | 'held';

/** Ledger kinds that the pipeline itself posts. */
export type MoneyKind =
  | 'charge'
  | 'refund'
  | 'reserve'
  | 'release'
  | 'correction'
  | 'expiry'
  | 'forfeit';

/** Why a receipt was not matched: the `reason` label of `smppgate_receipts_unmatched_total`. */
export type UnmatchedReason =
  | 'unknownId'
  | 'otherDestination'
  | 'ambiguous'
  | 'unreadable'
  | 'matchedLater';

/**
 * Why messages went to another carrier than they were queued for: the `reason` label of `smppgate_failovers_total`.
 * The link is down, the carrier was removed; its submit_sm_resp or receipt says `next`, its retries are used up; what
 * became of it stayed unknown; an operator asked.
 */
export type FailoverReason =
  | 'linkDown'
  | 'removed'
  | 'status'
  | 'retries'
  | 'receipt'
  | 'unknown'
  | 'requeue';

/** What became of what a carrier sent beside receipts: the `result` label of `smppgate_inbound_total`. */
export type InboundResult =
  | 'stored'
  | 'notification'
  | 'repeated'
  | 'unrouted'
  | 'later'
  | 'alert'
  | 'alertDropped';

/** What customers are sent: the `kind` label of `smppgate_deliveries_expired_total`. */
export type DeliveryKind = 'receipt' | 'notification' | 'message';

/** What happened to a bind: the `event` label of `smppgate_bind_events_total`. */
export type BindEvent =
  | 'bound'
  | 'unbound'
  | 'lost'
  | 'refusedPassword'
  | 'refusedAddress'
  | 'refusedCertificate'
  | 'refusedBanned'
  /** Failures banned an (address, system_id). */
  | 'banned'
  | 'refusedAccount'
  | 'refusedBusy'
  | 'tooManyBinds'
  /** The carrier answered our bind with an error. */
  | 'refusedByCarrier'
  /** A carrier asked us to bind; the second: not as it should. */
  | 'outbind'
  | 'outbindRefused';

/**
 * Everything the pipeline reports, in one place, so that neither metrics nor logs bury its logic.
 * Durations are seconds. Implementations must not throw and must not block: they are called once
 * or a few times a message.
 */
export interface GatewayObserver {
  /** A submit_sm was answered, `seconds` after its last octet was read. */
  submitAnswered(account: CatalogAccount | undefined, result: SubmitResult, seconds: number): void;
  /** A carrier answered one submit_sm. `status` is its command_status, `destination` the digits that it was to. */
  upstreamAnswered(
    carrier: CatalogCarrier,
    status: number,
    seconds: number,
    destination: string,
  ): void;
  /** Segments were written to a carrier. */
  segmentsSent(account: CatalogAccount, carrier: CatalogCarrier, segments: number): void;
  /** A message was written to a carrier for the first time, `seconds` after its accept or after the time it waited for. */
  messageSent(carrier: CatalogCarrier, seconds: number): void;
  /**
   * A carrier's receipt ended a segment that was open, `seconds` after its submit_sm_resp; undefined when it is not
   * known when that was. It is committed.
   */
  segmentReceipted(
    carrier: CatalogCarrier,
    destination: string,
    delivered: boolean,
    seconds: number | undefined,
  ): void;
  /**
   * A message has ended and that is committed. `carrier` is the one that had it, undefined when none had. `seconds`:
   * from its last submit_sm_resp to the carrier's receipt, undefined when no receipt ended it.
   */
  messageEnded(
    carrier: CatalogCarrier | undefined,
    stat: string,
    fault: string,
    cause: EndCause,
    seconds: number | undefined,
  ): void;
  /** A receipt fits no message; `destination` as it has it, '' when it has none. */
  receiptUnmatched(carrier: CatalogCarrier, reason: UnmatchedReason, destination: string): void;
  /** Submits whose outcome was unknown and no longer is. */
  unknownResolved(carrier: CatalogCarrier, resolution: UnknownResolution, count: number): void;
  /** Messages or segments went from one carrier to another. A carrier that is no more is '-'. */
  failover(from: string, to: string, reason: FailoverReason, count: number): void;
  bindEvent(side: 'customer' | 'carrier', peer: string, event: BindEvent): void;
  throttled(side: 'customer' | 'carrier', peer: string): void;
  policyDecision(rule: string, action: string): void;
  /** Long messages whose parts waited for each other were decided. */
  partSetsEnded(cause: PartSetEnd, count: number): void;
  /** A ledger entry was committed; `microCredits` is its absolute amount. */
  money(account: CatalogAccount, kind: MoneyKind, microCredits: bigint): void;
  /** An account was told of its credit, or would be if it had a webhook. */
  creditWarning(account: CatalogAccount, event: CreditEvent): void;
  /** An account was told of itself or its traffic, or would be if it had a webhook. */
  accountNotice(account: CatalogAccount, event: AccountEvent): void;
  /** A carrier sent a mobile-originated message, a notification or an alert. */
  inbound(carrier: CatalogCarrier, result: InboundResult): void;
  /** A customer left these for longer than they are kept. */
  deliveriesExpired(account: CatalogAccount, kind: DeliveryKind, count: number): void;
  malformedPdu(side: 'customer' | 'carrier'): void;
  /** A peer acted against the protocol in another way. Called at most once a PDU. */
  protocolError(side: 'customer' | 'carrier', error: ProtocolError): void;
  storeBatch(lane: string, size: number, seconds: number): void;
  /** Something an operator should be able to read in the log. Never a number, a text or a secret. */
  note(
    level: 'info' | 'warn' | 'error',
    event: string,
    fields: Readonly<Record<string, string | number | boolean>>,
  ): void;
}
