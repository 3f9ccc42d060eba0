import type { CatalogCarrier } from '../domain/catalog.ts';
import type { CarrierId, MessageId } from '../domain/ids.ts';
import type { SubmitSm } from '../smpp/pdu.ts';
import type { TakenLease } from '../store/lease.ts';
import type { SettleVerdict } from '../store/settle.ts';
import type { Came } from './asked-again.ts';
import type { LeaseBook } from './lease-book.ts';
import type { Message } from './message.ts';
import type { GatewayObserver } from './observer.ts';
import type { QueuedCounts } from './queued-counts.ts';
import type { Sending } from './sending.ts';

/** What the dispatcher uses of a carrier's link. */
export interface Link {
  send(pdu: SubmitSm, context: Sending): boolean;
  windowFree(): number;
  /** Whether it can send and receive now. */
  isUp(): boolean;
  /** Whether the carrier said that it knows optional parameters. */
  takesTlvs(): boolean;
  /** The most that may be unanswered over all its sessions. */
  readonly windowTotal: number;
}

export interface DispatchDeps {
  readonly carrier: CatalogCarrier;
  readonly link: Link;
  readonly now: () => number;
  readonly observer: GatewayObserver;
  readonly leases: LeaseBook;
  readonly queued: Pick<QueuedCounts, 'add' | 'remove'>;
  /** Commits the keys; answers with those that have ended or were replaced since: they must not be sent so. */
  takeLease(carrier: CarrierId, keys: readonly Sending[]): Promise<TakenLease>;
  /** Reads messages with their content. */
  load(ids: readonly MessageId[]): Promise<Message[]>;
  /** Replaced while it was under way, and its place is the table `scheduled`: it is brought again from there. */
  giveBackScheduled(id: MessageId): void;
  /** Stores an answer (sent lane). */
  book(sending: Sending): void;
  /** Whether the sent lane is so far behind that the carrier must wait. */
  behind(): boolean;
  /** The carrier has it: its receipt will name `upstreamId`. */
  accepted(sending: Sending): void;
  /** The carrier refused it for good; whoever takes it books it as well, once its end is committed. */
  refused(sending: Sending): void;
  /**
   * It refused it, and its `faults` say that the next carrier is to be tried; whoever takes it books it.
   * @param none what to do where no carrier is left; undefined: it was refused for good
   */
  elsewhere(sending: Sending, none: (() => void) | undefined): void;
  /** Whether a message that waited may go; see AskedAgain.mayGo. */
  mayGo(message: Message, told: (came: Came) => void): boolean;
  /** Its validity is over before it was sent; `told` hears what came of its end. */
  expired(message: Message, told: (verdict: SettleVerdict) => void): void;
  /** Written, and never answered: the outcome is unknown. */
  unknown(sendings: readonly Sending[]): void;
}
