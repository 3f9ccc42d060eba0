import type { Catalog, CatalogCarrier } from '../domain/catalog.ts';
import type { CarrierId, MessageId } from '../domain/ids.ts';
import type { Attempt } from '../store/attempts.ts';
import type { UnknownOutcome, UnknownResolution } from '../store/unknown.ts';
import type { Arrival } from './arrival.ts';
import type { ClockOffsets } from './clock-offsets.ts';
import { fitParts } from './failover.ts';
import { type LeaseBook, NO_LEASE } from './lease-book.ts';
import type { Message } from './message.ts';
import type { GatewayObserver } from './observer.ts';
import { orphanFits, tail } from './orphan-fit.ts';
import { smaller } from './queue.ts';
import { familyOf } from './receipt-search.ts';
import type { Job, Sending } from './sending.ts';

/** Unknown outcomes of one carrier looked at together; beyond these none is matched to an orphan, all are resent. */
const OPEN_MAX = 5_000;
/** Resent by one statement: one batch of the carrier's lane. */
const RESEND_PAGE = 500;
/** An unknown outcome with its message. */
export interface Lost {
  readonly unknown: UnknownOutcome;
  readonly message: Message;
}

/** A receipt that fits no dispatch, as the store keeps it. */
export interface Orphan {
  readonly parked: bigint;
  readonly arrival: Arrival;
}

/** What of the store is needed; each is one statement of store/. */
export interface UnknownStore {
  record(carrier: CarrierId, sendings: readonly Sending[]): Promise<void>;
  startWait(carrier: CarrierId, deadlineMs: number): Promise<number>;
  endWait(carrier: CarrierId): Promise<number>;
  oldestOpen(): Promise<MessageId | undefined>;
  due(nowMs: number, limit: number): Promise<UnknownOutcome[]>;
  open(carriers: readonly CarrierId[], limit: number): Promise<UnknownOutcome[]>;
  /** Those at carriers that are not among these, or that are unknown since before a time (unix ms). */
  forsaken(known: ReadonlyMap<CarrierId, number>, limit: number): Promise<UnknownOutcome[]>;
  resolve(
    keys: readonly UnknownOutcome[],
    resolution: UnknownResolution,
  ): Promise<readonly { id: MessageId; segment: number; attempt: number }[]>;
  load(ids: readonly MessageId[]): Promise<Message[]>;
  attempts(ids: readonly MessageId[]): Promise<ReadonlyMap<MessageId, readonly Attempt[]>>;
  orphans(carrier: CatalogCarrier, sinceMs: number): Promise<Orphan[]>;
  /** False: the orphan was weighed already. Else nobody but the caller weighs it. */
  claim(orphan: Orphan): boolean;
  markMatched(parked: bigint, message: MessageId): Promise<void>;
}

export interface UnknownDeps {
  catalog(): Catalog;
  readonly now: () => number;
  readonly observer: GatewayObserver;
  readonly leases: LeaseBook;
  readonly store: UnknownStore;
  readonly clocks: ClockOffsets;
  carrierUp(carrier: CarrierId): boolean;
  /** Sends it again, by the route as it now stands: where it was, or elsewhere. */
  resend(job: Job, from: CarrierId, attempts: readonly Attempt[]): void;
  /** Whether another carrier of its route, none that answered one of its attempts, could take it now. */
  mayGoElsewhere(lost: Lost, attempts: readonly Attempt[]): boolean;
  /** Ends the message: the carrier's resource says `expire`. */
  expire(message: Message, committed: () => void): void;
  /** An orphan receipt is this submit_sm's: book its id and weigh it as if it had been matched. */
  settleByOrphan(sending: Sending, arrival: Arrival): void;
}

/**
 * Submits whose outcome is unknown: written, and their session ended before the answer, or leased by a node that
 * died.
 *
 * ```
 *   link lost / node died ──> listed ── carrier bound again: waitSeconds ──> due
 *                                                                             │ one orphan receipt fits it alone,
 *                                                                             │ and it alone fits that receipt
 *                                           settled by that receipt <─────────┤
 *                                  resent or expired (carrier's resource) <───┘ else
 *   carrier removed, or not bound again for giveUpAfterSeconds ─────^
 * ```
 */
export class UnknownOutcomes {
  readonly #deps: UnknownDeps;
  /** Lost with a link and not listed in the store yet. */
  readonly #toRecord: Sending[] = [];
  /** An id not above that of any listed one, as the store said at the last tick. */
  #openFloor: MessageId | undefined;
  /** Being settled by an orphan or given up: resolved when that is committed. */
  readonly #ending = new Set<string>();
  #recording = false;
  #working = false;

  constructor(deps: UnknownDeps) {
    this.#deps = deps;
  }

  /** Written and never answered: listed as unknown before anything else happens to them. */
  onLost(sendings: readonly Sending[]): void {
    this.#toRecord.push(...sendings);
    void this.#record();
  }

  /** The carrier is bound: the wait of what is listed begins. */
  async onUp(carrier: CatalogCarrier): Promise<void> {
    await this.#deps.store
      .startWait(carrier.id, this.#deps.now() + carrier.onUnknownOutcome.waitMs)
      .catch(() => 0);
  }

  /** The carrier is gone: no receipt can come, so that the wait begins anew when it is bound again. */
  async onDown(carrier: CatalogCarrier): Promise<void> {
    await this.#deps.store.endWait(carrier.id).catch(() => 0);
  }

  /** Reads the floor of what is listed: before any of it is resolved, and when a node's leases became unknown. */
  async refreshFloor(): Promise<void> {
    this.#openFloor = await this.#deps.store.oldestOpen();
  }

  /** Once a second: lists what could not be listed, starts waits, resolves what is due. */
  async tick(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    try {
      await this.#record();
      await this.refreshFloor();
      for (const carrier of this.#deps.catalog().carriers.values()) {
        if (this.#deps.carrierUp(carrier.id)) await this.onUp(carrier);
      }
      const due = await this.#deps.store.due(this.#deps.now(), OPEN_MAX);
      for (const [carrierId, ofCarrier] of Map.groupBy(due, (unknown) => unknown.carrier))
        await this.#resolve(carrierId, ofCarrier);
      if (this.#openFloor !== undefined) await this.#resolveForsaken();
    } catch (error) {
      this.#deps.observer.note('warn', 'unknownOutcomesWait', { reason: String(error) });
    } finally {
      this.#working = false;
    }
  }

  /** An id not above any that is lost or listed. */
  floor(): MessageId | undefined {
    return this.#toRecord.reduce<MessageId | undefined>(
      (floor, sending) => smaller(floor, sending.id),
      this.#openFloor,
    );
  }

  async #record(): Promise<void> {
    if (this.#recording || this.#toRecord.length === 0) return;
    this.#recording = true;
    const sendings = [...this.#toRecord];
    try {
      for (const [carrier, ofCarrier] of Map.groupBy(sendings, (sending) => sending.carrier))
        await this.#deps.store.record(carrier, ofCarrier);
      // More may have been lost meanwhile: only what was listed goes.
      this.#toRecord.splice(0, sendings.length);
      for (const sending of sendings) {
        this.#openFloor = smaller(this.#openFloor, sending.id);
        this.#deps.leases.settle(sending.lease);
      }
    } catch (error) {
      this.#deps.observer.note('warn', 'unknownOutcomesNotListed', {
        count: sendings.length,
        reason: String(error),
      });
    } finally {
      this.#recording = false;
    }
  }

  async #resolve(carrierId: CarrierId, due: readonly UnknownOutcome[]): Promise<void> {
    const carrier = this.#deps.catalog().carriers.get(carrierId);
    if (carrier === undefined || !this.#deps.carrierUp(carrierId)) return;
    const family = familyOf(carrier, this.#deps.catalog()).map(({ id }) => id);
    const open = await this.#deps.store.open(family, OPEN_MAX + 1);
    const messages = new Map(
      (await this.#deps.store.load(idsOf([...open, ...due]))).map((message) => [
        message.id,
        message,
      ]),
    );
    const orphans =
      open.length > OPEN_MAX
        ? []
        : await this.#deps.store.orphans(
            carrier,
            Math.min(...open.map((unknown) => unknown.sinceMs)),
          );
    const pairs = this.#pair(carrier, open, messages, orphans);
    const byKey = new Map([...pairs].map(([unknown, orphan]) => [keyOf(unknown), orphan]));
    const ended: UnknownOutcome[] = [];
    const again: Lost[] = [];
    for (const unknown of due) {
      if (this.#ending.has(keyOf(unknown))) continue;
      const message = messages.get(unknown.id);
      const orphan = byKey.get(keyOf(unknown));
      if (message !== undefined) fitParts(message, carrier.longMessages);
      if (message === undefined || message.ended !== undefined) ended.push(unknown);
      else if (orphan !== undefined) this.#settle(unknown, message, orphan);
      else if (carrier.onUnknownOutcome.then === 'resend' && this.#mayResend(message))
        again.push({ unknown, message });
      else this.#expire(unknown, message);
    }
    await this.#closed(ended, 'ended');
    for (let i = 0; i < again.length; i += RESEND_PAGE)
      await this.#resend(again.slice(i, i + RESEND_PAGE));
  }

  /**
   * Those whose carrier was removed, or is not back within `onUnknownOutcome.giveUpAfterSeconds`: no receipt is waited
   * for. To be resent they need another carrier that is up; until there is one they stay unknown.
   */
  async #resolveForsaken(): Promise<void> {
    const nowMs = this.#deps.now();
    const known = new Map<CarrierId, number>();
    for (const { id, onUnknownOutcome } of this.#deps.catalog().carriers.values()) {
      const { giveUpMs } = onUnknownOutcome;
      known.set(id, giveUpMs === undefined || this.#deps.carrierUp(id) ? 0 : nowMs - giveUpMs);
    }
    const forsaken = await this.#deps.store.forsaken(known, RESEND_PAGE);
    if (forsaken.length === 0) return;
    const loaded = await this.#deps.store.load(idsOf(forsaken));
    const attempts = await this.#deps.store.attempts(idsOf(forsaken));
    const messages = new Map(loaded.map((message) => [message.id, message]));
    const again: Lost[] = [];
    const ended: UnknownOutcome[] = [];
    for (const unknown of forsaken) {
      const message = messages.get(unknown.id);
      const carrier = this.#deps.catalog().carriers.get(unknown.carrier);
      if (this.#ending.has(keyOf(unknown))) continue;
      if (message === undefined || message.ended !== undefined) ended.push(unknown);
      else if (carrier?.onUnknownOutcome.then === 'expire') this.#expire(unknown, message);
      else if (
        this.#mayResend(message) &&
        this.#deps.mayGoElsewhere({ unknown, message }, attempts.get(message.id) ?? [])
      )
        again.push({ unknown, message });
    }
    await this.#closed(ended, 'ended');
    if (again.length > 0) await this.#resend(again);
  }

  /** The receipt is weighed first; only when its outcome is committed is the unknown one resolved. */
  #settle(unknown: UnknownOutcome, message: Message, orphan: Orphan): void {
    if (!this.#deps.store.claim(orphan)) return;
    const answer = (): void => {
      void this.#deps.store.markMatched(orphan.parked, message.id);
      void this.#resolved(unknown, 'receipt');
    };
    this.#ending.add(keyOf(unknown));
    this.#note('unknownOutcomeSettled', unknown);
    this.#deps.settleByOrphan(sendingOf(unknown, message, this.#deps.now()), {
      ...orphan.arrival,
      answer,
    });
  }

  async #resolved(unknown: UnknownOutcome, resolution: UnknownResolution): Promise<void> {
    try {
      await this.#closed([unknown], resolution);
    } catch {
      // Its message has ended: the next look at it says so.
    } finally {
      this.#ending.delete(keyOf(unknown));
    }
  }

  /** Writes down how they came out and counts it. @returns those that were still open */
  async #closed(
    unknowns: readonly UnknownOutcome[],
    resolution: UnknownResolution,
  ): Promise<ReadonlySet<string>> {
    if (unknowns.length === 0) return new Set();
    const keys = new Set((await this.#deps.store.resolve(unknowns, resolution)).map(keyOf));
    const { carriers } = this.#deps.catalog();
    const closed = unknowns.filter((unknown) => keys.has(keyOf(unknown)));
    for (const [id, ofCarrier] of Map.groupBy(closed, (unknown) => unknown.carrier)) {
      const carrier = carriers.get(id);
      if (carrier !== undefined)
        this.#deps.observer.unknownResolved(carrier, resolution, ofCarrier.length);
    }
    return keys;
  }

  #mayResend(message: Message): boolean {
    return message.submit !== undefined && message.validUntilMs > this.#deps.now();
  }

  /** Before they are sent again they must stand as resent; a crash in between is covered by the floor. */
  async #resend(lost: readonly Lost[]): Promise<void> {
    const attempts = await this.#deps.store.attempts(lost.map(({ message }) => message.id));
    const keys = await this.#closed(
      lost.map(({ unknown }) => unknown),
      'resent',
    );
    for (const { unknown, message } of lost) {
      if (!keys.has(keyOf(unknown))) continue;
      this.#note('unknownOutcomeResent', unknown);
      const { segment, attempt } = unknown;
      const next = attempt + 1;
      const job = { message, segment, attempt: next, firstHere: next };
      this.#deps.resend(job, unknown.carrier, attempts.get(message.id) ?? []);
    }
  }

  #expire(unknown: UnknownOutcome, message: Message): void {
    this.#ending.add(keyOf(unknown));
    this.#note('unknownOutcomeExpired', unknown);
    this.#deps.expire(message, () => void this.#resolved(unknown, 'expired'));
  }

  #note(event: string, { id, carrier, segment, attempt }: UnknownOutcome): void {
    const name = this.#deps.catalog().carriers.get(carrier)?.name ?? '-';
    const fields = { message: id.toString(), carrier: name, segment, attempt };
    this.#deps.observer.note('warn', event, fields);
  }

  /** Pairs each unknown with the one orphan that fits it, where that orphan fits no other. */
  #pair(
    carrier: CatalogCarrier,
    open: readonly UnknownOutcome[],
    messages: ReadonlyMap<MessageId, Message>,
    orphans: readonly Orphan[],
  ): Map<UnknownOutcome, Orphan> {
    const fits = new Map<UnknownOutcome, Orphan[]>();
    const fitted = new Map<Orphan, number>();
    // The same receipt sent twice is one.
    const distinct = new Map(
      orphans.map((orphan) => [orphan.arrival.ids[0] ?? orphan.parked, orphan]),
    );
    const byDestination = Map.groupBy(distinct.values(), (orphan) =>
      tail(orphan.arrival.destination),
    );
    for (const unknown of open) {
      const message = messages.get(unknown.id);
      if (message === undefined || message.ended !== undefined) continue;
      const sender = this.#deps.catalog().carriers.get(unknown.carrier) ?? carrier;
      const offset = this.#deps.clocks.offsetMs(sender.id);
      const found = (byDestination.get(tail(message.destination)) ?? []).filter((orphan) =>
        orphanFits(unknown, message, sender, orphan.arrival, offset),
      );
      fits.set(unknown, found);
      for (const orphan of found) fitted.set(orphan, (fitted.get(orphan) ?? 0) + 1);
    }
    const pairs = new Map<UnknownOutcome, Orphan>();
    for (const [unknown, found] of fits) {
      const [only] = found;
      if (found.length === 1 && only !== undefined && fitted.get(only) === 1)
        pairs.set(unknown, only);
    }
    return pairs;
  }
}

/** A submit that was never answered, as if it had been accepted now: what its orphan receipt is weighed against. */
export function sendingOf(unknown: UnknownOutcome, message: Message, nowMs: number): Sending {
  const { id, segment, attempt, carrier, sinceMs } = unknown;
  return {
    message,
    id,
    segment,
    attempt,
    firstHere: attempt,
    carrier,
    lease: NO_LEASE,
    pdu: undefined,
    sentAtMs: sinceMs,
    upstreamId: null,
    status: 0,
    atMs: nowMs,
  };
}

function idsOf(unknowns: readonly UnknownOutcome[]): MessageId[] {
  return [...new Set(unknowns.map((unknown) => unknown.id))];
}

function keyOf(key: {
  readonly id: MessageId;
  readonly segment: number;
  readonly attempt: number;
}): string {
  return `${key.id}/${key.segment}/${key.attempt}`;
}
