import type { Catalog } from '../domain/catalog.ts';
import type { AccountId, BindId, MessageId } from '../domain/ids.ts';
import { backoffMs } from '../session/backoff.ts';
import { TokenBucket } from '../session/rate.ts';
import type { Session } from '../session/session.ts';
import type { PduOf, ResponsePdu } from '../smpp/pdu.ts';
import type { Lane } from '../store/lane.ts';
import type { AccountWaiting } from '../store/waiting.ts';
import { AccountBox, chainOf } from './account-box.ts';
import { DeferralMarks } from './deferral-marks.ts';
import {
  type Deferral,
  type Delivery,
  deliverSm,
  type Origin,
  receiptOf,
  wantsItAgain,
} from './delivery.ts';
import type { Message } from './message.ts';
import { NotifiedFirst } from './notified-first.ts';
import type { GatewayObserver } from './observer.ts';
import type { ReplayBrake } from './replay-brake.ts';
import { isSuccess, type Settlement, stateName } from './settlement.ts';

/** Deliveries of one account in memory that wait for a free window; the rest waits in the store. */
const ACCOUNT_MEMORY_MAX = 2_000;
/** Over all accounts: about 300 octets each, 15 MB. */
const MEMORY_MAX = 50_000;
/** Deliveries taken from the store, or asked about, at once for one account. */
const PAGE = 500;
/** Taken again when fewer than these are in memory: one page is always under way to a fast reader. */
const PAGE_BELOW = 250;
/** The replay's bucket holds this part of a second: smooth, and enough for a tick of 100 ms. */
const REPLAY_BURST_SECONDS = 0.2;
/** Wait after a delivery's n-th temporary error: doubled each time, a random half of it taken off. */
const RETRY = { firstMs: 2_000, maxMs: 300_000 };
/** So many temporary errors in a row are about the customer, not about a delivery: he is left alone for a while. */
const FAILURES_PAUSE = 20;
const PAUSE = { firstMs: 1_000, maxMs: 30_000 };

export interface OutboxDeps {
  catalog(): Catalog;
  readonly now: () => number;
  readonly random: () => number;
  readonly observer: GatewayObserver;
  readonly brake: Pick<ReplayBrake, 'share'>;
  readonly returned: Pick<Lane<Delivery, never>, 'push'>;
  /** Puts deliveries on the waiting list in the store. */
  readonly deferred: Pick<Lane<Deferral, never>, 'push'>;
  /** Claims waiting deliveries of an account for this node, oldest first. */
  takeWaiting(account: AccountId, most: number): Promise<{ taken: number; deliveries: Delivery[] }>;
  /** Of each delivery: 0 nothing older waits for its recipient, 2 only what is in this node's memory, else 1. */
  recipientsWaiting(account: AccountId, asked: readonly Delivery[]): Promise<readonly number[]>;
}

/**
 * Returns receipts, notifications and mobile-originated messages to customers, each at least once:
 *
 * ```
 *   settled ──> queue (memory) ── free window ──> deliver_sm ── resp 0 ──> returned (stored)
 *                 │ no receiver, or full                │ session lost: queue again
 *                 v                                     v resp "later"
 *               waiting list (store) <──────────────────┘
 *                 └── a receiver binds, or there is room: at the replay's pace ──> queue
 * ```
 * It is repeated only when his deliver_sm_resp was not stored. To one recipient they go in the order in which they
 * came to be, one at a time (AccountBox). While the store holds some of an account, its live deliveries first ask
 * whether one of these is older and for the same recipient; such a one goes behind it, in the store.
 *
 * Who asks the store about the waiting list waits until the deferrals before are committed (DeferralMarks).
 */
export class Outbox {
  readonly #deps: OutboxDeps;
  readonly #boxes = new Map<AccountId, AccountBox>();
  /** In memory and neither returned nor on the waiting list, oldest first. */
  readonly #held = new Set<Delivery>();
  /** Handed to receiptOf, which reads it at once: none is made for each receipt. */
  readonly #fresh: { -readonly [K in keyof Origin]: Origin[K] };
  readonly #notifiedFirst = new NotifiedFirst();
  readonly #deferrals = new DeferralMarks();
  #order = 0;
  #size = 0;

  constructor(deps: OutboxDeps) {
    this.#deps = deps;
    this.#fresh = { order: 0, waited: false, sinceDbMs: 0, tries: 0 };
  }

  /** A message is final: its receipt, if the customer asked for one. */
  offerSettled(settlement: Settlement, dbNowMs: number): void {
    this.#fresh.order = this.nextOrder();
    this.#fresh.sinceDbMs = dbNowMs;
    const receipt = receiptOf(settlement.message, settlement, settlement.delivered, this.#fresh);
    if (receipt === undefined) return;
    this.#held.add(receipt);
    if (!this.#notifiedFirst.holds(receipt)) this.offer(receipt);
  }

  /** A notification of a message is on its way to the store: the final receipt is to come after it. */
  expectNotification(id: MessageId): void {
    this.#notifiedFirst.expect(id);
  }

  /** The notification is stored, or never will be. */
  notificationStored(id: MessageId): void {
    const receipt = this.#notifiedFirst.stored(id);
    if (receipt !== undefined) this.offer(receipt);
  }

  /** A receipt taken from the waiting list; undefined when its message has none. */
  waitingReceipt(message: Message, origin: Origin): Delivery | undefined {
    const { ended, parts, segments } = message;
    if (ended === undefined) return undefined;
    const whole = isSuccess(stateName(ended.state)) ? segments : 0;
    const delivered =
      parts?.filter((part) => part !== undefined && isSuccess(stateName(part.state))).length ??
      whole;
    return receiptOf(message, ended, delivered, origin);
  }

  /** The place of what comes to be now: unix microseconds, never the same twice. */
  nextOrder(): number {
    this.#order = Math.max(this.#order + 1, this.#deps.now() * 1_000);
    return this.#order;
  }

  /** Whether a session here takes deliveries of an account. */
  hasReceiver(account: AccountId): boolean {
    return this.#boxes.has(account);
  }

  /** Puts a delivery that is not in this node's memory on the waiting list (recovery, unreadable). */
  deferUnseen(deferral: Deferral): void {
    this.#deferrals.next();
    this.#deps.deferred.push(deferral);
  }

  /** A delivery that came to be now: sent, queued, or put on the waiting list. */
  offer(delivery: Delivery): void {
    const box = this.#boxes.get(delivery.account);
    if (box === undefined) return this.#defer(undefined, delivery);
    this.#count(box, 1);
    if (box.size > ACCOUNT_MEMORY_MAX || this.#size > MEMORY_MAX) {
      box.due = true;
      return this.#defer(box, delivery);
    }
    if (box.backlog) {
      box.ask(delivery);
      this.#check(box);
    } else {
      box.live.push(delivery);
      this.#send(box);
    }
  }

  /** Passes an alert_notification on to one receiver of the account; false: none is bound here. It has no answer. */
  alert(account: AccountId, pdu: PduOf<'alert_notification'>): boolean {
    const box = this.#boxes.get(account);
    const session = box?.sessions.next(undefined);
    return session?.request(pdu, undefined) ?? false;
  }

  /** A session of a bind of the account, that can receive, was bound. */
  addSession(account: AccountId, session: Session, bind: BindId): void {
    let box = this.#boxes.get(account);
    if (box === undefined) {
      const pace = new TokenBucket(1, this.#deps.now());
      const made = new AccountBox(account, pace, this.#deferrals.last, (one) =>
        this.#defer(made, one),
      );
      box = made;
      this.#boxes.set(account, box);
    }
    box.sessions.add(session, bind);
    this.#send(box);
  }

  /** A session ended; `unanswered` are the deliveries it had been sent. */
  removeSession(account: AccountId, session: Session, unanswered: readonly Delivery[]): void {
    const box = this.#boxes.get(account);
    if (box === undefined) return;
    box.sessions.remove(session);
    for (const delivery of unanswered) box.again(delivery);
    if (box.sessions.length > 0) return this.#send(box);
    this.#boxes.delete(account);
    this.#size -= box.size;
    for (const delivery of box.empty()) this.#defer(undefined, delivery);
  }

  /** A session's window is open again. */
  onWindowOpen(account: AccountId): void {
    const box = this.#boxes.get(account);
    if (box !== undefined) this.#send(box);
  }

  /** The customer's deliver_sm_resp. */
  onAnswer(delivery: Delivery, pdu: ResponsePdu): void {
    delivery.status = pdu.command_status;
    delivery.atMs = this.#deps.now();
    const box = this.#boxes.get(delivery.account);
    if (wantsItAgain(pdu.command_status)) this.#putOff(box, delivery);
    else {
      this.#deps.returned.push(delivery);
      if (box === undefined) return;
      box.failures = 0;
      box.pauses = 0;
      this.#count(box, -1);
      box.done(delivery);
    }
    if (box !== undefined) this.#send(box);
  }

  /** The returned lane committed. */
  onReturned(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) this.#held.delete(delivery);
  }

  /** The deferred lane committed: the store has them. */
  onDeferred(deferrals: readonly Deferral[]): void {
    this.#deferrals.onStored(deferrals.length);
    for (const deferral of deferrals) {
      const delivery = deferral as Delivery;
      this.#held.delete(delivery);
      const box = this.#boxes.get(delivery.account);
      if (box === undefined) continue;
      box.stored(delivery);
      if (delivery.retryAfterMs > 0) continue;
      box.due = true;
      this.#send(box);
    }
  }

  /** Ten times a second: pauses that are over, and the pace of the replay. */
  tick(): void {
    for (const box of this.#boxes.values()) {
      this.#check(box);
      this.#send(box);
    }
  }

  /** The accounts that the store is asked about once a second: with a receiver here, and with their last deferral. */
  boundAccounts(): Map<AccountId, number> {
    const marks = new Map<AccountId, number>();
    // One whose deferrals are not committed yet could look as if it had none.
    for (const box of this.#boxes.values())
      marks.set(box.account, this.#deferrals.isStored(box.mark) ? box.mark : -1);
    return marks;
  }

  /** What the store says of the accounts that it was asked about. */
  wake(asked: ReadonlyMap<AccountId, number>, waiting: readonly AccountWaiting[]): void {
    const found = new Map(waiting.map((one) => [one.account, one]));
    for (const [account, mark] of asked) {
      const box = this.#boxes.get(account);
      if (box === undefined) continue;
      const one = found.get(account);
      if (one === undefined) box.backlog = box.mark !== mark || box.taking || box.replay.length > 0;
      else {
        box.backlog = true;
        box.due ||= one.due;
      }
      this.#send(box);
    }
  }

  /** See EpochProgress.checkpointMs: of the oldest receipt that is neither returned nor on the waiting list. */
  oldestDbMs(): number | undefined {
    const first = this.#held.values().next();
    return first.done ? undefined : first.value.sinceDbMs;
  }

  /** Deliveries held in memory for bound customers. */
  get size(): number {
    return this.#size;
  }

  #count(box: AccountBox, by: 1 | -1): void {
    box.size += by;
    this.#size += by;
  }

  #defer(box: AccountBox | undefined, delivery: Delivery): void {
    delivery.deferring = true;
    const mark = this.#deferrals.next();
    this.#deps.deferred.push(delivery);
    if (box === undefined) return;
    this.#count(box, -1);
    box.backlog = true;
    box.mark = mark;
  }

  /** "Later": it and what waits behind it go to the store; after many in a row he is left alone for a while. */
  #putOff(box: AccountBox | undefined, delivery: Delivery): void {
    const { now, random } = this.#deps;
    delivery.tries++;
    const retryAfterMs = backoffMs(delivery.tries, RETRY, random());
    const chain = chainOf(delivery);
    for (const one of chain) {
      one.retryAfterMs = retryAfterMs;
      this.#defer(box, one);
    }
    if (box === undefined) return;
    box.putOff(chain);
    if (++box.failures < FAILURES_PAUSE || now() < box.pausedUntilMs) return;
    box.pausedUntilMs = now() + backoffMs(++box.pauses, PAUSE, random());
  }

  #send(box: AccountBox): void {
    const account = this.#deps.catalog().accounts.get(box.account);
    if (account === undefined || (box.pauses > 0 && this.#deps.now() < box.pausedUntilMs)) return;
    for (;;) {
      const delivery = box.peek();
      if (delivery === undefined) break;
      const session = box.sessions.next(delivery.bind);
      if (session === undefined) break;
      const pdu = deliverSm(delivery, account, session.interfaceVersion);
      if (pdu !== undefined && !session.request(pdu, delivery)) break;
      box.sent(delivery);
      // Too long for an old version: it waits for a session of a later one.
      if (pdu === undefined) this.#putOff(box, delivery);
    }
    if (box.due && !box.taking && box.replay.length < PAGE_BELOW)
      this.#take(box, account.receipts.replayPerSecond);
  }

  #take(box: AccountBox, perSecond: number): void {
    const nowMs = this.#deps.now();
    const pace = Math.max(1, perSecond * this.#deps.brake.share(nowMs));
    box.pace.reshape(pace, nowMs, pace * REPLAY_BURST_SECONDS);
    const most = Math.min(PAGE, box.pace.available(nowMs));
    if (most < 1) return;
    box.taking = true;
    box.pace.take(most, nowMs);
    this.#deps.takeWaiting(box.account, most).then(
      ({ taken, deliveries }) => {
        box.taking = false;
        box.due = taken > 0;
        box.pace.giveBack(most - taken);
        const here = this.#boxes.get(box.account) === box;
        for (const delivery of deliveries) {
          if (!here) this.#defer(undefined, delivery);
          else this.#replay(box, delivery);
        }
        if (here) this.#send(box);
      },
      () => {
        box.taking = false; // the next tick asks again
      },
    );
  }

  #replay(box: AccountBox, delivery: Delivery): void {
    this.#count(box, 1);
    const [oldest] = box.unchecked;
    // It went to the store for want of memory: it may not overtake what is still to be asked about.
    if (oldest !== undefined && oldest.order < delivery.order) box.ask(delivery);
    else box.replay.push(delivery);
  }

  /** Asks the store about live deliveries of an account that may have older ones there, a page at a time. */
  #check(box: AccountBox): void {
    if (box.checking || box.unchecked.length === 0) return;
    box.checking = true;
    const page = box.unchecked.slice(0, PAGE);
    void this.#deferrals
      .whenStored(box.mark)
      .then(() => this.#deps.recipientsWaiting(box.account, page))
      .catch(() => undefined) // the next tick asks again
      .then((waiting) => {
        box.checking = false;
        // The last session may have gone meanwhile, and all that was here with it.
        if (waiting === undefined || this.#boxes.get(box.account) !== box) return;
        box.unchecked.splice(0, page.length);
        for (const [i, delivery] of page.entries()) {
          // What the node has claimed goes before it, wherever that is; while more is being claimed nobody knows.
          const claimed = waiting[i] === 2;
          if (claimed && box.replay.has(delivery.recipient)) box.replay.push(delivery);
          else if (waiting[i] === 1 || (claimed && box.taking)) this.#defer(box, delivery);
          else box.live.push(delivery);
        }
        box.answered(page.length);
        this.#check(box);
        this.#send(box);
      });
  }
}
