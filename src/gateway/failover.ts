import type { CarrierId, MessageId } from '../domain/ids.ts';
import { type Attempt, standOf, triedCarriers } from '../store/attempts.ts';
import type { GiveUpRow, GiveUpVerdict } from '../store/give-up.ts';
import { floorWith } from './jobs.ts';
import type { Message, PartEnd } from './message.ts';
import type { FailoverReason, GatewayObserver } from './observer.ts';
import type { Destination } from './reroute.ts';
import type { Job, Sending } from './sending.ts';

/** Carriers that one message (or segment) is tried at, at most: beyond any route that makes sense. */
export const CARRIERS_MAX = 8;
/** Decided in one round: a look into the store, and a read of those whose content is gone from memory. */
const BATCH = 500;
/** A segment that was refused waits so long for the answers to the others: if all are, the message goes as a whole. */
const SIBLINGS_MS = 2_000;
/**
 * After a start no carrier is bound yet: until then what a dead node left is looked at again each second, in place of
 * being ended because no carrier is up.
 */
const START_MS = 5_000;
const EARLY_MS = 1_000;
/** Pause after the store failed. */
const RETRY_MS = 500;

/** An attempt after which the next carrier is to be tried. */
export interface FailedSend {
  readonly message: Message;
  readonly segment: number;
  readonly attempt: number;
  readonly carrier: CarrierId;
  /** How the segment ends where no carrier is left. */
  readonly end: PartEnd;
  readonly cause: 'receipt' | 'carrierRefused';
  readonly reason: FailoverReason;
  /** What to do in place of that end. */
  readonly none: (() => void) | undefined;
}

/** An accepted attempt on its way to be given up: the row of the give-up lane. */
export interface GiveUp extends GiveUpRow {
  readonly sending: Sending;
  readonly answer: () => void;
  /** Unix ms of the carrier's answer (0: not known) and of the receipt: what its quality is judged by. */
  readonly sentAtMs: number;
  readonly receivedAtMs: number;
}

export interface FailoverDeps {
  readonly now: () => number;
  readonly observer: GatewayObserver;
  /** Stores an answer (sent lane); `onBooked` follows. */
  book(sending: Sending): void;
  /** Stores that an attempt was given up; `onGivenUp` follows. */
  readonly lane: { push(item: GiveUp): void };
  attempts(ids: readonly MessageId[]): Promise<ReadonlyMap<MessageId, readonly Attempt[]>>;
  load(ids: readonly MessageId[]): Promise<Message[]>;
  readonly next: Destination;
  isUsable(carrier: CarrierId): boolean;
  /** Name and style of long messages; undefined: it is no more. */
  carrier(id: CarrierId): { readonly name: string; readonly longMessages: string } | undefined;
  enqueueJobs(carrier: CarrierId, jobs: readonly Job[]): void;
  /** Its place is the table `scheduled`: true, it is under way from here on; false: it is brought from there later. */
  beginScheduled(id: MessageId): boolean;
  /** Ends the segment: no carrier is left. */
  end(failed: FailedSend): void;
  /** The receipt of a segment that has ended, or whose message has: as any other. */
  settle(item: GiveUp): void;
  /** It was given up: the receipt counts for its carrier's quality. */
  receipted(item: GiveUp): void;
  /** A receipt of an attempt that was given up before: noted, and nothing changes. */
  repeated(item: GiveUp): void;
}

/**
 * The next carrier for what one refused, or accepted and then failed (`faults: next` of its resource):
 *
 * ```
 *   refused: answer stored ──────────┐                             ┌─> a job of the next usable carrier, untried so far
 *   receipt: given up (committed), ──┼─> who had it? (the store) ──┤
 *            carrier answered        │                             └─> none: it ends by that status or receipt
 *   adopted by another node ─────────┘
 * ```
 * Who was tried is read from the store each time, so that it holds after a crash: a carrier that answered, or that may
 * have it, is never tried again for this message. The customer's id, price and charge are the message's own and do not
 * move. A segment whose sisters are with a carrier goes alone, and only to one that sends long messages the same way.
 */
export class Failover {
  readonly #deps: FailoverDeps;
  /** Refused; their answers are on the way to the store. Their leases hold the floor. */
  readonly #booking = new Map<Sending, FailedSend>();
  /** Messages of which an attempt is on its way to be given up, and how many are. */
  readonly #givingUp = new Map<MessageId, number>();
  #toDecide: FailedSend[] = [];
  #deciding: readonly FailedSend[] = [];
  /** Segments that wait for the answers to their sisters. */
  readonly #sisters = new Map<MessageId, { readonly sinceMs: number; failed: FailedSend[] }>();
  /** No carrier is up for these, but some may be soon: we have just started. */
  #early: FailedSend[] = [];
  #earlyAgainMs = 0;
  readonly #startedMs: number;
  readonly #counts = new Map<string, { fields: MovedFields; count: number }>();
  #running = false;

  constructor(deps: FailoverDeps) {
    this.#deps = deps;
    this.#startedMs = deps.now();
  }

  /** The carrier refused it; `none` is done where no other is left (undefined: it ends). */
  onRefused(sending: Sending, end: PartEnd, none: (() => void) | undefined): void {
    const { message, segment, attempt, carrier } = sending;
    const reason = none === undefined ? 'status' : 'retries';
    const key = { message, segment, attempt, carrier };
    this.#booking.set(sending, { ...key, end, cause: 'carrierRefused', reason, none });
    this.#deps.book(sending);
  }

  /** Its answer is stored. Called for every answer but ESME_ROK. */
  onBooked(sending: Sending): void {
    const failed = this.#booking.get(sending);
    if (failed === undefined) return;
    this.#booking.delete(sending);
    this.decide(failed);
  }

  /** Its receipt names an end after which the next carrier is to be tried. */
  onReceipt(sending: Sending, end: PartEnd, answer: () => void, receivedAtMs: number): void {
    const { id, segment, attempt, carrier, atMs: sentAtMs } = sending;
    this.#givingUp.set(id, (this.#givingUp.get(id) ?? 0) + 1);
    const key = { id, segment, attempt, carrier };
    this.#deps.lane.push({ ...end, ...key, sending, answer, sentAtMs, receivedAtMs });
  }

  /** Whether a message got its place in the table `scheduled` a moment ago: it is brought on its way from here. */
  isGivingUp(id: MessageId): boolean {
    return this.#givingUp.has(id);
  }

  /** The give-up lane committed: the carrier is answered, and the next is looked for. */
  onGivenUp(items: readonly GiveUp[], verdicts: readonly GiveUpVerdict[]): void {
    for (const [i, item] of items.entries()) {
      const left = (this.#givingUp.get(item.id) ?? 1) - 1;
      if (left > 0) this.#givingUp.set(item.id, left);
      else this.#givingUp.delete(item.id);
      if (verdicts[i] === 0) this.#deps.repeated(item);
      else if (verdicts[i] === 2) this.#deps.settle(item);
      else this.#takeUp(item);
    }
  }

  /** What a node that died left so, too. */
  decide(failed: FailedSend): void {
    this.#toDecide.push(failed);
    void this.#run();
  }

  /** About ten times a second. */
  tick(nowMs: number): void {
    for (const [id, { sinceMs, failed }] of this.#sisters) {
      if (nowMs - sinceMs < SIBLINGS_MS) continue;
      this.#sisters.delete(id);
      this.#toDecide.push(...failed);
    }
    if (this.#early.length > 0 && nowMs >= this.#earlyAgainMs) {
      this.#earlyAgainMs = nowMs + EARLY_MS;
      this.#toDecide.push(...this.#early);
      this.#early = [];
    }
    void this.#run();
  }

  /** Once a second: one line for each pair of carriers. */
  report(): void {
    for (const { fields, count } of this.#counts.values())
      this.#deps.observer.note('warn', 'failedOver', { ...fields, count });
    this.#counts.clear();
  }

  /** An id not above any that is to be decided on, but those that have their place in the table `scheduled`. */
  floor(): MessageId | undefined {
    let floor: MessageId | undefined;
    for (const { message } of this.#toDecide) floor = floorWith(floor, message);
    for (const { message } of this.#early) floor = floorWith(floor, message);
    for (const { message } of this.#deciding) floor = floorWith(floor, message);
    for (const { failed } of this.#sisters.values())
      for (const { message } of failed) floor = floorWith(floor, message);
    return floor;
  }

  #takeUp(item: GiveUp): void {
    const { sending, answer, ...row } = item;
    answer();
    this.#deps.receipted(item);
    const { message } = sending;
    if (!this.#deps.beginScheduled(row.id)) return;
    // Marks it as having its place in the table.
    if (message.releaseAtMs === 0) message.releaseAtMs = this.#deps.now();
    const { segment, attempt, carrier, state, fault, err, doneAtMs } = row;
    const end = { state, fault, err, doneAtMs };
    const why = { cause: 'receipt', reason: 'receipt', none: undefined } as const;
    this.decide({ message, segment, attempt, carrier, end, ...why });
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    while (this.#toDecide.length > 0) {
      this.#deciding = this.#toDecide.splice(0, BATCH);
      try {
        await this.#decide(this.#deciding);
      } catch (error) {
        this.#deps.observer.note('warn', 'failoverWaits', { reason: String(error) });
        this.#toDecide.unshift(...this.#deciding);
        this.#deciding = [];
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
      this.#deciding = [];
    }
    this.#running = false;
  }

  async #decide(batch: readonly FailedSend[]): Promise<void> {
    const groups = Map.groupBy(batch, ({ message }) => message.id);
    const attempts = await this.#deps.attempts([...groups.keys()]);
    // Of a message of one segment the text was let go of when the carrier had accepted it.
    const gone = batch.filter(({ message }) => message.submit === undefined);
    const loaded = await this.#loaded(gone.map(({ message }) => message));
    // Nothing is awaited from here on, so that each is decided on once.
    for (const [id, failed] of groups) {
      const before = this.#sisters.get(id);
      this.#sisters.delete(id);
      const all = [...(before?.failed ?? []), ...failed];
      const sinceMs = before?.sinceMs ?? this.#deps.now();
      this.#decideOne(all, loaded.get(id), attempts.get(id) ?? [], sinceMs);
    }
  }

  async #loaded(messages: readonly Message[]): Promise<ReadonlyMap<MessageId, Message>> {
    const ids = [...new Set(messages.map(({ id }) => id))];
    const loaded = ids.length === 0 ? [] : await this.#deps.load(ids);
    return new Map(loaded.map((message) => [message.id, message]));
  }

  /** @param failed segments of one message */
  #decideOne(
    failed: readonly FailedSend[],
    loaded: Message | undefined,
    attempts: readonly Attempt[],
    sinceMs: number,
  ): void {
    const [first] = failed;
    if (first === undefined) return;
    const message = loaded ?? first.message;
    if (message.ended !== undefined) return;
    if (loaded !== undefined) {
      fitParts(loaded, this.#deps.carrier(first.carrier)?.longMessages);
      loaded.releaseAtMs = first.message.releaseAtMs;
    }
    const sent = failed.map((one) => ({ ...one, message }));
    const segments = new Set(sent.map(({ segment }) => segment));
    const isWhole = message.parts === undefined || segments.size === message.parts.length;
    const { held } = standOf(attempts);
    if (isWhole) return this.#move(sent, attempts, true);
    if (held.size === 0 && this.#deps.now() - sinceMs < SIBLINGS_MS)
      this.#sisters.set(message.id, { sinceMs, failed: [...failed] });
    else for (const one of sent) this.#move([one], attempts, false);
  }

  /** @param failed all segments of one message, or one of them */
  #move(failed: readonly FailedSend[], attempts: readonly Attempt[], isWhole: boolean): void {
    const [first] = failed;
    if (first === undefined) return;
    const { message, carrier: from } = first;
    const tried = triedCarriers(attempts, isWhole ? undefined : first.segment);
    for (const { carrier } of failed) tried.add(carrier);
    // One whose validity is over meanwhile ends as the status or receipt says, not as one that was never sent.
    const mayGo = message.submit !== undefined && message.validUntilMs > this.#deps.now();
    const to = mayGo ? this.#choose(first, tried, isWhole) : undefined;
    if (to === undefined) return this.#noneLeft(failed);
    const last = [...attempts, ...failed].reduce((n, { attempt }) => Math.max(n, attempt), 0);
    message.carrier = to;
    if (isWhole) message.parts = undefined;
    const segment = isWhole ? 0 : first.segment;
    this.#deps.enqueueJobs(to, [{ message, segment, attempt: last + 1, firstHere: last + 1 }]);
    this.#count(from, to, first.reason);
  }

  #noneLeft(failed: readonly FailedSend[]): void {
    const isEarly = this.#deps.now() - this.#startedMs < START_MS;
    for (const one of failed) {
      if (one.none !== undefined) one.none();
      else if (isEarly) this.#early.push(one);
      else this.#deps.end(one);
    }
  }

  #choose(
    { message, carrier: from }: FailedSend,
    tried: ReadonlySet<CarrierId>,
    isWhole: boolean,
  ): CarrierId | undefined {
    if (tried.size >= CARRIERS_MAX) return undefined;
    const style = this.#deps.carrier(from)?.longMessages;
    const fits = (id: CarrierId) => isWhole || this.#deps.carrier(id)?.longMessages === style;
    // Where a sister went already.
    const beside = message.carrier;
    if (!isWhole && !tried.has(beside) && this.#deps.isUsable(beside) && fits(beside))
      return beside;
    const without = new Set(tried);
    for (let choices = 0; choices < CARRIERS_MAX; choices++) {
      const to = this.#deps.next(message, without);
      if (to === undefined || fits(to)) return to;
      without.add(to);
    }
    return undefined;
  }

  #count(from: CarrierId, to: CarrierId, reason: FailoverReason): void {
    const nameOf = (id: CarrierId) => this.#deps.carrier(id)?.name ?? '-';
    const fields: MovedFields = { from: nameOf(from), to: nameOf(to), reason };
    this.#deps.observer.failover(fields.from, fields.to, reason, 1);
    const key = `${from} ${to} ${reason}`;
    const counted = this.#counts.get(key);
    if (counted === undefined) this.#counts.set(key, { fields, count: 1 });
    else counted.count++;
  }
}

interface MovedFields {
  readonly from: string;
  readonly to: string;
  readonly reason: FailoverReason;
  readonly [field: string]: string;
}

/**
 * A message that was read from the store has its parts as its first carrier would have sent them: makes them those of
 * the carrier that did.
 */
export function fitParts(message: Message, style: string | undefined): void {
  if (style === undefined || message.segments === 1) return;
  if (style === 'payload') message.parts = undefined;
  else message.parts ??= new Array(message.segments).fill(undefined);
}
