import type { ResponsePdu } from '../smpp/pdu.ts';
import { intTlv } from '../smpp/tlv.ts';
import { AdaptiveRate } from './adaptive-rate.ts';
import { TokenBucket } from './rate.ts';

/** The rates of a link; see CarrierLinkOptions. */
export interface SendRateOptions {
  readonly segmentsPerSecond: number;
  readonly burst?: number;
  readonly slowsDown?: (commandStatus: number) => boolean;
  readonly tickMs?: number;
}

/** A wait that is longer than this is left to the owner's tick, in ms. */
const WAKE_MOST_MS = 20;

/** How many requests a link may send: by its resource (a token bucket), and by what the carrier's answers say. */
export class SendRate {
  readonly adaptive: AdaptiveRate | undefined;
  readonly #bucket: TokenBucket;
  readonly #options: SendRateOptions;
  readonly #now: () => number;
  readonly #wake: () => void;
  /** Before the session took the request: its answer must not seem to be older than it. */
  #takenMs = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param wake there may be room now; only after `wakeSoon` */
  constructor(options: SendRateOptions, now: () => number, wake: () => void) {
    const { segmentsPerSecond, burst, slowsDown } = options;
    this.#options = options;
    this.#now = now;
    this.#wake = wake;
    this.#bucket = new TokenBucket(segmentsPerSecond, now(), burst ?? segmentsPerSecond);
    this.adaptive = slowsDown === undefined ? undefined : new AdaptiveRate();
  }

  /** Requests that may go now. @param link whose requests are in flight */
  available(link: { readonly windowInUse: number }): number {
    const nowMs = this.#now();
    const { adaptive } = this;
    const own = this.#bucket.available(nowMs);
    if (own === 0 || adaptive === undefined || adaptive.isFree) return own;
    return Math.min(own, adaptive.available(nowMs, link.windowInUse));
  }

  /** Takes what a request is worth; false when there is no room. Follow with `sent` or `giveBack`. */
  take(segments: number, link: { readonly windowInUse: number }): boolean {
    const { adaptive } = this;
    const nowMs = this.#now();
    this.#takenMs = nowMs;
    if (adaptive !== undefined && !adaptive.isFree) {
      if (adaptive.available(nowMs, link.windowInUse) < 1) return false;
    }
    return this.#bucket.take(segments, nowMs);
  }

  giveBack(segments: number): void {
    this.#bucket.giveBack(segments);
  }

  sent(segments: number): void {
    if (this.adaptive !== undefined && !this.adaptive.isFree)
      this.adaptive.sent(segments, this.#takenMs);
  }

  /** An answer of the carrier. */
  answered(pdu: ResponsePdu, sentAtMs: number): void {
    const { adaptive } = this;
    const { slowsDown } = this.#options;
    if (adaptive === undefined || slowsDown === undefined) return;
    const nowMs = this.#now();
    if (pdu.command_status !== 0 && slowsDown(pdu.command_status))
      adaptive.refused(sentAtMs, nowMs);
    else adaptive.accepted(sentAtMs, nowMs);
    if (pdu.tlvs === undefined) return;
    const level = intTlv(pdu, 'congestion_state');
    if (level !== undefined) adaptive.congestion(level, sentAtMs, nowMs);
  }

  tick(nowMs: number): void {
    this.adaptive?.tick(nowMs);
  }

  /** Calls `wake` when the pace allows the next request: the owner's tick is too coarse for it. */
  wakeSoon(): void {
    const { adaptive } = this;
    if (adaptive === undefined || adaptive.isFree || this.#timer !== undefined) return;
    if (this.#options.tickMs === 0) return; // whose owner ticks has time in his own hands
    const nowMs = this.#now();
    const waitMs = adaptive.nextAtMs(nowMs) - nowMs;
    if (waitMs <= 0 || waitMs > WAKE_MOST_MS) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#wake();
    }, waitMs);
  }

  /** Changes the resource's rate. */
  reshape(segmentsPerSecond: number, burst: number): void {
    this.#bucket.reshape(segmentsPerSecond, this.#now(), burst);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
