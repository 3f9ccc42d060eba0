/** The timers of SMPP 3.4 §7.2, in ms; 0 turns one off. */
export interface TimerLimits {
  /** From connect to bound (session_init_timer): ends silent connections. */
  readonly sessionInitMs: number;
  /** Nothing received for this long: enquire_link is sent (enquire_link_timer). */
  readonly enquireLinkIntervalMs: number;
  /** No transaction other than enquire_link for this long: the session ends (inactivity_timer). */
  readonly inactivityMs: number;
  /** An answer is awaited this long (response_timer). */
  readonly responseTimeoutMs: number;
}

/** What a tick found due; at most one thing a tick, the gravest first. */
export type TimerVerdict =
  | 'none'
  | 'sessionInit'
  | 'enquireLinkTimeout'
  | 'inactivity'
  | 'enquireLink';

/**
 * Longest step between two ticks that counts in full, in ms. Owners tick once a second; after a
 * longer step the process was stalled (or asleep), and answers may lie unread in the socket: a tick
 * runs before the reads of its turn of the event loop, so time we did not listen is not held against
 * the peer.
 */
export const STALL_MS = 2_000;

/**
 * The timers of one session as a pure function of the times it is told. Ticks must come at least
 * every second. Times are ms of one clock that does not go back.
 */
export class SessionTimers {
  #startedAt: number;
  #receivedAt: number;
  #transactionAt: number;
  #tickAt: number;
  /** 0: no enquire_link is unanswered. */
  #enquiredAt = 0;
  #bound = false;
  /** Time before this does not count against an answer that is awaited: we were not reading. */
  graceFromMs = 0;

  constructor(nowMs: number) {
    this.#startedAt = nowMs;
    this.#receivedAt = nowMs;
    this.#transactionAt = nowMs;
    this.#tickAt = nowMs;
  }

  /** Octets came from the peer. It lives, so an enquire_link that it has not answered yet is forgiven. */
  received(nowMs: number): void {
    this.#receivedAt = nowMs;
    this.#enquiredAt = 0;
  }

  /** A PDU other than enquire_link and its response was sent or received. */
  transaction(nowMs: number): void {
    this.#transactionAt = nowMs;
  }

  /** The octets that were just received were such a PDU. */
  heardTransaction(): void {
    this.#transactionAt = this.#receivedAt;
  }

  bound(nowMs: number): void {
    this.#bound = true;
    this.#transactionAt = nowMs;
  }

  enquired(nowMs: number): void {
    this.#enquiredAt = nowMs;
  }

  /** @param reading false while we hold reading: the peer cannot be heard, so it cannot be late */
  tick(nowMs: number, limits: TimerLimits, reading: boolean): TimerVerdict {
    const step = nowMs - this.#tickAt;
    this.#tickAt = nowMs;
    const stalled = step > STALL_MS || step < 0;
    if (stalled) this.#startedAt += step;
    if (stalled || !reading) {
      this.#forgive(nowMs, step);
      return 'none';
    }
    if (!this.#bound)
      return reached(nowMs - this.#startedAt, limits.sessionInitMs) ? 'sessionInit' : 'none';
    if (this.#enquiredAt > 0 && reached(nowMs - this.#enquiredAt, limits.responseTimeoutMs)) {
      return 'enquireLinkTimeout';
    }
    if (reached(nowMs - this.#transactionAt, limits.inactivityMs)) return 'inactivity';
    if (this.#enquiredAt === 0 && reached(nowMs - this.#receivedAt, limits.enquireLinkIntervalMs)) {
      return 'enquireLink';
    }
    return 'none';
  }

  #forgive(nowMs: number, step: number): void {
    this.#receivedAt += step;
    this.#transactionAt += step;
    if (this.#enquiredAt > 0) this.#enquiredAt += step;
    this.graceFromMs = nowMs;
  }
}

function reached(elapsedMs: number, limitMs: number): boolean {
  return limitMs > 0 && elapsedMs >= limitMs;
}
