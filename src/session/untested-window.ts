import { WINDOW_LIMIT } from './window.ts';

/** In flight to a carrier of which nothing is known, at first. A third of what an untouched resource allows a session. */
const UNTESTED_WINDOW = 32;
/** One more in flight for so many accepted: after 500 it is 57, and a carrier that answers in 5 ms soon gets 20,000 a second. */
const UNTESTED_ACCEPTED = 20;

/**
 * How many requests may be in flight before anything is known of the carrier: what is in flight when it begins to
 * refuse is refused whole. It doubles each second, for a carrier that answers slowly, and grows with what was accepted
 * for a fast one; at WINDOW_LIMIT the carrier is tested, for good. Pure, as AdaptiveRate.
 */
export class UntestedWindow {
  #firstSentMs: number | undefined = undefined;
  #accepted = 0;
  #isOver = false;

  /** The carrier is tested: nothing is limited any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  sent(nowMs: number): void {
    this.#firstSentMs ??= nowMs;
  }

  accepted(): void {
    this.#accepted++;
  }

  /** The carrier has refused: what it takes is learnt otherwise now. */
  end(): void {
    this.#isOver = true;
  }

  /** Requests that may be in flight; Infinity when it is over. */
  size(nowMs: number): number {
    if (this.#isOver) return Number.POSITIVE_INFINITY;
    const seconds = this.#firstSentMs === undefined ? 0 : (nowMs - this.#firstSentMs) / 1_000;
    const window = UNTESTED_WINDOW * 2 ** seconds + this.#accepted / UNTESTED_ACCEPTED;
    if (window < WINDOW_LIMIT) return Math.floor(window);
    this.#isOver = true;
    return Number.POSITIVE_INFINITY;
  }
}
