/** An answer to a submit_sm that took longer than this, in ms, was slow: four fifths of what customers are promised. */
const SLOW_MS = 40;
/** With more slow ones than one in so many, the replay gives way. */
const SLOW_ONE_IN = 50;
/** How often it is looked at. */
const LOOK_MS = 300;
/** A replay never stops: this share of its pace is left. */
const SHARE_MIN = 0.1;
/** Of the whole pace, given back at each look without slow answers: all of it in 3 s. */
const SHARE_BACK = 0.1;

/**
 * How fast what waited may be returned while customers submit: live traffic goes first, and when its answers become
 * slow the replay halves its pace, again and again, and comes back slowly. Without submits there is nothing to brake for.
 */
export class ReplayBrake {
  #answers = 0;
  #slow = 0;
  #lookedMs = 0;
  #share = 1;

  /** A submit_sm was answered `ms` after it came. */
  answered(ms: number): void {
    this.#answers++;
    if (ms > SLOW_MS) this.#slow++;
  }

  /** The part of its pace that a replay may use now, 0.1 to 1. */
  share(nowMs: number): number {
    if (nowMs - this.#lookedMs < LOOK_MS) return this.#share;
    this.#lookedMs = nowMs;
    const isSlow = this.#slow * SLOW_ONE_IN > this.#answers;
    this.#share = isSlow
      ? Math.max(SHARE_MIN, this.#share / 2)
      : Math.min(1, this.#share + SHARE_BACK);
    this.#answers = 0;
    this.#slow = 0;
    return this.#share;
  }
}
