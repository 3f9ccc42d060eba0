/** Where a measure may leave its band: seconds are compared by their ratio, shares by their difference. */
export interface BandSpec {
  readonly scale: 'share' | 'seconds';
  /** Which way out of the band is worth a word. */
  readonly sides: 'below' | 'above' | 'both';
  /** Less than this is no change: a share, or for seconds a factor. */
  readonly least: number;
}

/** A value of a share or in seconds, out of so many counted. */
export interface Sample {
  readonly value: number;
  readonly samples: number;
}

/** The band as it stands. */
export interface BandView {
  /** Undefined until enough was seen. */
  readonly usual: number | undefined;
  readonly low: number | undefined;
  readonly high: number | undefined;
  /** Since when (Unix ms) the value is out of it, and which way; undefined while it is usual. */
  readonly alert: { readonly sinceMs: number; readonly side: 'below' | 'above' } | undefined;
}

/** Fewer than these tell nothing of a share. */
export const SAMPLES_LEAST = 50;
/** So many steps (minutes of traffic) are seen before a value is held against them. */
const LEARN_STEPS = 30;
/** The weight of the newest step: the usual is that of the last four hours or so, so that it follows the day. */
const WEIGHT_LEAST = 1 / 240;
/** Deviations out of which a value is unusual: one in 16,000 by chance, over several minutes in a row. */
const DEVIATIONS = 4;
/** Standard deviation of the logarithm of single times: receipts within one hour differ by factors. */
const LOG_DEVIATION = 1.5;
/** Steps in a row out of the band until an alert begins. */
const BEGIN_STEPS = 2;
/** Steps in a row within half of the band until it ends. */
const END_STEPS = 5;
/** An alert this old is the new usual: it ends, and the band is learnt anew. */
const ALERT_MAX_MS = 24 * 3_600_000;
/** Added to seconds before they are compared by ratio: below a tenth of a second a factor means nothing. */
const SECONDS_LEAST = 0.1;

/**
 * What one measure usually is, learnt as an exponentially weighted mean and deviation, and whether it is out of that:
 *
 * ```
 *   learning ── 30 steps ──> usual ── 2 steps out of the band ──> alert ── 5 steps within half of it, or no traffic ──> usual
 *      ^                                                            │
 *      └──────────────────────────── after a day ───────────────────┘
 * ```
 * A value outside is not learnt. How far the band reaches grows with how few the value was counted from.
 */
export class UsualBand {
  readonly #spec: BandSpec;
  /** In the scale that is compared: shares as they are, seconds as logarithms. */
  #mean = 0;
  #variance = 0;
  #steps = 0;
  /** Steps in a row that would change the state. */
  #run = 0;
  #alert: BandView['alert'];

  constructor(spec: BandSpec) {
    this.#spec = spec;
  }

  /** Whether the value is out of it. */
  get isAlert(): boolean {
    return this.#alert !== undefined;
  }

  /** How it stands, for values counted from so many. */
  view(samples: number = SAMPLES_LEAST): BandView {
    if (this.#steps < LEARN_STEPS)
      return { usual: undefined, low: undefined, high: undefined, alert: this.#alert };
    const reach = this.#reach(samples);
    return {
      usual: this.#unscaled(this.#mean),
      low: this.#unscaled(this.#mean - reach),
      high: this.#unscaled(this.#mean + reach),
      alert: this.#alert,
    };
  }

  /**
   * One step further, at even times.
   * @param sample undefined when too few were counted
   * @returns what it changed
   */
  step(sample: Sample | undefined, nowMs: number): 'began' | 'ended' | undefined {
    if (sample === undefined || sample.samples < SAMPLES_LEAST) return this.#end();
    if (this.#alert !== undefined && nowMs - this.#alert.sinceMs >= ALERT_MAX_MS) {
      this.#steps = 0;
      return this.#end();
    }
    const value = this.#scaled(sample.value);
    if (this.#steps < LEARN_STEPS) {
      this.#learn(value);
      return undefined;
    }
    const off = value - this.#mean;
    const reach = this.#reach(sample.samples);
    return this.#alert === undefined
      ? this.#watch(value, off, reach, nowMs)
      : this.#await(Math.abs(off) <= reach / 2 || this.#sideOf(off) === undefined);
  }

  #watch(value: number, off: number, reach: number, nowMs: number): 'began' | undefined {
    const side = Math.abs(off) > reach ? this.#sideOf(off) : undefined;
    if (side === undefined) {
      this.#run = 0;
      // What is out on the side that nobody minds is learnt only as far as the band reaches.
      this.#learn(this.#mean + Math.max(-reach, Math.min(reach, value - this.#mean)));
      return undefined;
    }
    if (++this.#run < BEGIN_STEPS) return undefined;
    this.#run = 0;
    this.#alert = { sinceMs: nowMs, side };
    return 'began';
  }

  #await(isBack: boolean): 'ended' | undefined {
    this.#run = isBack ? this.#run + 1 : 0;
    return this.#run < END_STEPS ? undefined : this.#end();
  }

  #end(): 'ended' | undefined {
    this.#run = 0;
    if (this.#alert === undefined) return undefined;
    this.#alert = undefined;
    return 'ended';
  }

  #sideOf(off: number): 'below' | 'above' | undefined {
    const side = off < 0 ? 'below' : 'above';
    return this.#spec.sides === 'both' || this.#spec.sides === side ? side : undefined;
  }

  #learn(value: number): void {
    this.#steps++;
    const weight = Math.max(1 / this.#steps, WEIGHT_LEAST);
    const off = value - this.#mean;
    this.#mean += weight * off;
    this.#variance = (1 - weight) * (this.#variance + weight * off * off);
  }

  #reach(samples: number): number {
    const least = this.#spec.scale === 'share' ? this.#spec.least : Math.log(this.#spec.least);
    return Math.max(least, DEVIATIONS * Math.sqrt(Math.max(this.#variance, this.#chance(samples))));
  }

  /** The variance of a value that is counted from so many, by chance alone. */
  #chance(samples: number): number {
    if (this.#spec.scale === 'seconds') return LOG_DEVIATION ** 2 / samples;
    // As if one more of each kind had been seen: of shares near 0 and 1 few samples tell little.
    const share = (this.#mean * samples + 1) / (samples + 2);
    return (share * (1 - share)) / samples;
  }

  #scaled(value: number): number {
    return this.#spec.scale === 'share' ? value : Math.log(value + SECONDS_LEAST);
  }

  #unscaled(value: number): number {
    if (this.#spec.scale === 'share') return Math.min(1, Math.max(0, value));
    return Math.max(0, Math.exp(value) - SECONDS_LEAST);
  }
}
