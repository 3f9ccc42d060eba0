import { WINDOW_LIMIT } from './window.ts';

/** Why a rate was lowered. */
export type SlowedBy = 'refused' | 'congested';

/** What an operator sees of an AdaptiveRate. */
export interface AdaptiveRateState {
  /** `open`: the carrier has refused nothing; `paced`: at `perSecond`; `held`, `probing`: see AdaptiveRate. */
  readonly phase: 'open' | 'paced' | 'held' | 'probing';
  /** Infinity while open. */
  readonly perSecond: number;
  /** Undefined while open. */
  readonly slowedBy: SlowedBy | undefined;
  /** When it was lowered last; undefined while open. */
  readonly slowedAtMs: number | undefined;
}

/** In flight to a carrier of which nothing is known, at first. A third of what an untouched resource allows a session. */
const UNTESTED_WINDOW = 32;
/** One more in flight for so many accepted: after 500 it is 57, and a carrier that answers in 5 ms soon gets 20,000 a second. */
const UNTESTED_ACCEPTED = 20;
/** A first refusal after a calm second is a slight excess: little is taken off. */
const SLIGHT = 0.97;
/** Taken off when refusals go on and nothing better is known. */
const FIRM = 0.9;
/** Of what the carrier was measured to take, so that the estimate's own error is not refused. */
const MEASURED = 0.98;
/** Least that is left by one measurement: it may have been short. */
const LEAST_LEFT = 0.25;
/** Refusals so long after a cut are news; before, the cut was not enough. A second is the carriers' own window. */
const CALM_MS = 1_000;
/** Nothing is sent for so long when a cut was not enough, doubled with each refused probe. */
const HOLD_FIRST_MS = 20;
/** Ten probes a second are what a carrier that counts by the second sees refused at most. */
const HOLD_MOST_MS = 100;
/** The same when it has taken nothing for CALM_MS: a full queue of hours is asked once a second. */
const HOLD_LONG_MS = 1_000;
/** A probe's answer is awaited so long: it may have gone down with its session. */
const PROBE_MS = 5_000;
/** Slower than this it never gets, segments a second. */
const LEAST_PER_SECOND = 1;
/** The first cut leaves this much: one refusal in quiet traffic says little about the limit. */
const FIRST_LEAST_PER_SECOND = 10;
/** A carrier that calls itself congested still gets this much: it has not refused anything. */
const CONGESTED_LEAST_PER_SECOND = 10;
/** congestion_state, SMPP 5.0 §4.8.4.18: 90-99 nearing congestion, 100 congested. */
const NEARING = 90;
const CONGESTED = 100;
/** Cuts for congestion_state at most this often: every answer carries it. */
const CONGESTION_STEP_MS = 250;
/** The rate grows in steps of this, in ms, and only while it is what limits us. */
const GROW_STEP_MS = 50;
/** Growth under the ceiling: this part of the distance a second, and at least the `creep` of CEILINGS. */
const APPROACH = 0.5;
/** Under this part of the ceiling it doubles each DOUBLE_MS: the limit is known to be higher. */
const FAR = 0.85;
const DOUBLE_MS = 250;
/**
 * How well the ceiling is known, and how it is passed: `creep` of it a second is the least growth, which above it
 * doubles each `searchMs`: cautious at first, then fast enough to find a raised limit, and never faster than in so many
 * `roundTrips`, because the answers have to say what came of it.
 */
const CEILINGS = {
  /** What was taken in the first second, perhaps out of a bucket that was full or too small to say anything. */
  first: { creep: 0.03, searchMs: 250, roundTrips: 3 },
  /** Measured in a hurry. */
  measured: { creep: 0.03, searchMs: 500, roundTrips: 6 },
  /** It was refused after a calm second. */
  met: { creep: 0.005, searchMs: 1_500, roundTrips: 12 },
} as const;
/** Lateness of our own timers that may be made up for, in ms; less for a carrier that minds the gaps. */
const SLACK_MOST_MS = 50;
const SLACK_LEAST_MS = 1;
/** When less than this part was taken, the gaps may have been the reason. */
const BUNCHED = 0.7;
/** Without a cut for so long the slack grows again. */
const SLACK_GROW_MS = 10_000;
/** Without a cut for so long the rate is free again: ten minutes, after which a limit is found anew in seconds. */
const REOPEN_MS = 600_000;
/** The round trip is averaged over so many, as TCP does more or less (RFC 6298 §2: 8). */
const ROUND_TRIPS = 32;
/** After so many measurements in a row more haste would only be refused. */
const MEASURED_MOST = 2;
/** So many answers make a measurement. */
const SAMPLE = 16;
/** So many refusals in a row are a stop. */
const STOP = 8;
/** A stop that lasts longer than a window of a second is none: a full queue. Some of it for the way there and back. */
const WINDOW_MOST_MS = 1_300;
/** What was accepted is counted in buckets of 100 ms over the last two seconds. */
const BUCKET_MS = 100;
const BUCKETS = 20;
const SECOND_BUCKETS = 10;

/**
 * Finds the rate that a carrier takes, from its answers alone, and spaces requests by it. Pure: it knows the times it
 * is told, ms of one clock that does not go back.
 *
 *   OPEN ──refused──> HELD ──hold over──> PROBING (one request) ──accepted──> PACED
 *     ^                ^ └────<──── refused: the hold doubles ────┘            │ │
 *     │                └──── refused again, by what was sent after a cut ──────┘ │
 *     └──────────────────────── ten minutes without a cut ──────────────────────┘
 *
 * PACED is a variant of CUBIC (RFC 9438): a refusal makes the present rate the ceiling and takes 3 % off; the rate then
 * approaches the ceiling, passes it slowly, and faster the longer nothing is refused. One excess costs the few
 * requests that were over the limit within one round trip, so the rate stays within some percent of the limit.
 * When a cut was not enough, the limit fell or a fixed window is used up: asking on would only be refused. So it
 * stops, asks with single requests, and goes on at what the carrier really took between two such stops, which holds
 * for a token bucket, a window of a second and a minimum gap alike. A rate that does not limit us does not grow:
 * it would say nothing about the carrier.
 */
export class AdaptiveRate {
  #phase: AdaptiveRateState['phase'] = 'open';
  #perSecond = Number.POSITIVE_INFINITY;
  /** The rate at which it was refused last, or the estimate of the limit. */
  #ceiling = Number.POSITIVE_INFINITY;
  #known: keyof typeof CEILINGS = 'first';
  /** Measurements since a refusal after a calm second. */
  #measured = 0;
  /** Since when the rate is above the ceiling. */
  #aboveSinceMs = 0;
  #slowedBy: SlowedBy | undefined = undefined;
  /** What was sent before this was sent at another rate: its answers say nothing about the present one. */
  #cutAtMs = Number.NEGATIVE_INFINITY;
  /** Answers to what was sent since, and refusals among them. */
  #answers = 0;
  #refusals = 0;
  #refusedInARow = 0;
  /** When it went on after a stop, and accepted since: from stop to stop that is what the carrier takes. */
  #resumedAtMs = Number.NEGATIVE_INFINITY;
  #sinceResume = 0;
  #holdMs = HOLD_FIRST_MS;
  #heldSinceMs = 0;
  #heldUntilMs = 0;
  /** When the probe was sent; undefined: none is under way. */
  #probedAtMs: number | undefined = undefined;
  /** The theoretical time of the next request (GCRA, ITU-T I.371): it may go `#slackMs` before. */
  #nextMs = 0;
  #slackMs = SLACK_MOST_MS;
  #slackAtMs = 0;
  /** Somebody found no room since the last growth. */
  #wanted = false;
  #grownAtMs = 0;
  #uncounted = 0;
  #firstSentMs: number | undefined = undefined;
  /** Accepted while untested. */
  #tested = 0;
  #isTested = false;
  /** Moving average. */
  #roundTripMs = 0;
  readonly #buckets = new Float64Array(BUCKETS);
  #bucket = 0;

  get state(): AdaptiveRateState {
    const slowed = this.#phase !== 'open';
    return {
      phase: this.#phase,
      perSecond: this.#perSecond,
      slowedBy: slowed ? this.#slowedBy : undefined,
      slowedAtMs: slowed ? this.#cutAtMs : undefined,
    };
  }

  /** Whether nothing limits: `available` is Infinity and `sent` need not be told. */
  get isFree(): boolean {
    return this.#phase === 'open' && this.#isTested;
  }

  /**
   * Requests that may go now; Infinity while it is open and the carrier was tested.
   * @param inFlight requests without an answer
   */
  available(nowMs: number, inFlight: number): number {
    if (this.#phase === 'open') {
      const window = this.#isTested ? Number.POSITIVE_INFINITY : this.#untestedWindow(nowMs);
      return Math.max(0, window - inFlight);
    }
    if (this.#phase === 'paced') return this.#pacedRoom(nowMs);
    if (this.#phase === 'held') {
      if (nowMs < this.#heldUntilMs) return 0;
      this.#phase = 'probing';
      this.#probedAtMs = undefined;
    }
    if (this.#probedAtMs !== undefined && nowMs - this.#probedAtMs >= PROBE_MS)
      this.#probedAtMs = undefined;
    return this.#probedAtMs === undefined ? 1 : 0;
  }

  /** When `available` will be above 0, as far as time alone decides; now while it is. */
  nextAtMs(nowMs: number): number {
    if (this.#phase === 'open') return nowMs;
    if (this.#phase === 'paced') return Math.max(nowMs, this.#nextMs - this.#slackMs);
    if (this.#phase === 'held') return Math.max(nowMs, this.#heldUntilMs);
    return this.#probedAtMs === undefined ? nowMs : Math.max(nowMs, this.#probedAtMs + PROBE_MS);
  }

  /** One request was sent, worth so many of those that the carrier counts. */
  sent(count: number, nowMs: number): void {
    if (this.#phase === 'open') {
      if (this.#firstSentMs === undefined) this.#firstSentMs = nowMs;
    } else if (this.#phase === 'paced')
      this.#nextMs = Math.max(nowMs, this.#nextMs) + (count * 1_000) / this.#perSecond;
    else if (this.#phase === 'probing') this.#probedAtMs ??= nowMs;
  }

  /** The carrier took a request that was sent then. */
  accepted(sentAtMs: number, nowMs: number): void {
    this.#uncounted++;
    if (this.#phase === 'open') {
      if (!this.#isTested) this.#tested++;
      return;
    }
    this.#count(nowMs);
    this.#sinceResume++;
    this.#roundTripMs += (nowMs - sentAtMs - this.#roundTripMs) / ROUND_TRIPS;
    if (this.#isProbe(sentAtMs)) this.#resume(nowMs);
    else if (sentAtMs >= this.#cutAtMs) {
      this.#answers++;
      this.#refusedInARow = 0;
    }
  }

  /** The carrier refused a request that was sent then, because there were too many. */
  refused(sentAtMs: number, nowMs: number): void {
    this.#count(nowMs);
    if (this.#phase === 'held') return;
    if (this.#phase === 'probing') {
      if (this.#isProbe(sentAtMs)) this.#hold(nowMs, this.#holdMs * 2);
    } else if (this.#phase === 'open') this.#firstCut('refused', nowMs);
    else if (sentAtMs >= this.#cutAtMs) this.#refusedAtRate(nowMs);
  }

  #refusedAtRate(nowMs: number): void {
    this.#answers++;
    this.#refusals++;
    this.#refusedInARow++;
    if (nowMs - this.#cutAtMs >= CALM_MS && this.#refusals === 1) {
      this.#slightCut(nowMs);
    } else if (this.#refusedInARow >= STOP) this.#hold(nowMs, HOLD_FIRST_MS);
    else if (this.#answers >= SAMPLE) {
      const taken = 1 - this.#refusals / this.#answers;
      const limit = this.#perSecond * Math.max(LEAST_LEFT, taken);
      this.#measured++;
      this.#known = this.#measured > MEASURED_MOST ? 'met' : 'measured';
      if (taken < BUNCHED) {
        this.#slackMs = Math.max(SLACK_LEAST_MS, this.#slackMs / 2);
        this.#slackAtMs = nowMs;
      }
      this.#cut(limit * MEASURED, limit, 'refused', nowMs);
    }
  }

  /** The first refusal after a calm second. */
  #slightCut(nowMs: number): void {
    const rate = this.#perSecond;
    this.#known = 'met';
    this.#measured = 0;
    // Not long calm: the second behind us was full, so what it held is the limit.
    if (nowMs - this.#cutAtMs < 3 * CALM_MS) {
      const limit = Math.min(rate, Math.max(rate * FIRM, this.#takenLastSecond()));
      this.#cut(Math.min(rate * SLIGHT, limit * MEASURED), limit, 'refused', nowMs);
      return;
    }
    // Found by searching: a bucket that was full hid the limit, which is somewhere between.
    const isFarAbove = rate * SLIGHT > this.#ceiling;
    this.#cut(isFarAbove ? (this.#ceiling + rate) / 2 : rate * SLIGHT, rate, 'refused', nowMs);
  }

  /** The carrier's congestion_state (SMPP 5.0 §4.8.4.18) came with the answer to a request that was sent then. */
  congestion(level: number, sentAtMs: number, nowMs: number): void {
    if (level < NEARING || sentAtMs < this.#cutAtMs) return;
    if (nowMs - this.#cutAtMs < CONGESTION_STEP_MS) return;
    if (this.#phase === 'held' || this.#phase === 'probing') return;
    this.#count(nowMs);
    if (this.#phase === 'open') this.#firstCut('congested', nowMs);
    else {
      const cut = this.#perSecond * (level >= CONGESTED ? FIRM : SLIGHT);
      const least = Math.min(this.#perSecond, CONGESTED_LEAST_PER_SECOND);
      this.#cut(Math.max(least, cut), this.#perSecond, 'congested', nowMs);
    }
  }

  /** Counts, and lets go of what is long over. To be called at least each 100 ms. */
  tick(nowMs: number): void {
    this.#count(nowMs);
    if (this.#phase !== 'paced') return;
    if (this.#slackMs < SLACK_MOST_MS && nowMs - this.#slackAtMs >= SLACK_GROW_MS) {
      this.#slackMs = Math.min(SLACK_MOST_MS, this.#slackMs * 2);
      this.#slackAtMs = nowMs;
    }
    if (nowMs - this.#cutAtMs < REOPEN_MS) return;
    this.#phase = 'open';
    this.#perSecond = Number.POSITIVE_INFINITY;
  }

  /**
   * Requests in flight before anything is known of the carrier: what is in flight when it begins to refuse is refused
   * whole. It doubles each second, for a carrier that answers slowly, and grows with what was accepted for a fast one.
   */
  #untestedWindow(nowMs: number): number {
    const seconds = this.#firstSentMs === undefined ? 0 : (nowMs - this.#firstSentMs) / 1_000;
    const window = UNTESTED_WINDOW * 2 ** seconds + this.#tested / UNTESTED_ACCEPTED;
    if (window < WINDOW_LIMIT) return Math.floor(window);
    this.#isTested = true;
    return Number.POSITIVE_INFINITY;
  }

  #pacedRoom(nowMs: number): number {
    this.#grow(nowMs);
    const early = nowMs - this.#nextMs + this.#slackMs;
    if (early < -EPSILON_MS) {
      this.#wanted = true;
      return 0;
    }
    // What was left unused beyond the slack is gone.
    const unused = Math.min(early + EPSILON_MS, this.#slackMs + EPSILON_MS);
    return 1 + Math.floor((unused * this.#perSecond) / 1_000);
  }

  #isProbe(sentAtMs: number): boolean {
    return (
      this.#phase === 'probing' && this.#probedAtMs !== undefined && sentAtMs >= this.#probedAtMs
    );
  }

  /** From no limit at all to what was taken in the last second; the limit may well be higher. */
  #firstCut(slowedBy: SlowedBy, nowMs: number): void {
    const taken = Math.max(FIRST_LEAST_PER_SECOND, this.#takenPerSecond());
    this.#phase = 'paced';
    this.#known = 'first';
    this.#isTested = true;
    this.#slackAtMs = nowMs;
    this.#resumedAtMs = Number.NEGATIVE_INFINITY;
    this.#cut(taken * SLIGHT, taken, slowedBy, nowMs);
  }

  #cut(perSecond: number, ceiling: number, slowedBy: SlowedBy, nowMs: number): void {
    this.#perSecond = Math.max(LEAST_PER_SECOND, perSecond);
    this.#ceiling = Math.max(this.#perSecond, ceiling);
    this.#slowedBy = slowedBy;
    this.#cutAtMs = nowMs;
    this.#answers = 0;
    this.#refusals = 0;
    this.#refusedInARow = 0;
    this.#aboveSinceMs = 0;
    this.#grownAtMs = nowMs;
    this.#wanted = false;
    this.#nextMs = nowMs + 1_000 / this.#perSecond + this.#slackMs;
  }

  #hold(nowMs: number, holdMs: number): void {
    if (this.#phase === 'paced') this.#heldSinceMs = nowMs;
    const heldMs = nowMs - this.#heldSinceMs;
    this.#phase = 'held';
    this.#holdMs = Math.min(holdMs, heldMs > WINDOW_MOST_MS ? HOLD_LONG_MS : HOLD_MOST_MS);
    this.#heldUntilMs = nowMs + this.#holdMs;
    this.#probedAtMs = undefined;
  }

  /** The probe was taken. */
  #resume(nowMs: number): void {
    const before = this.#perSecond;
    const cycleMs = nowMs - this.#resumedAtMs;
    const taken = (this.#sinceResume * 1_000) / cycleMs;
    this.#phase = 'paced';
    this.#probedAtMs = undefined;
    if (nowMs - this.#heldSinceMs > WINDOW_MOST_MS)
      this.#cut(before / 2, before, 'refused', nowMs); // a full queue rather than a used-up second
    else if (cycleMs > 3 * WINDOW_MOST_MS) {
      const limit = Math.min(before, this.#takenPerSecond());
      this.#cut(limit * SLIGHT, limit, 'refused', nowMs);
    } else {
      const limit = Math.min(before, Math.max(before * LEAST_LEFT, taken));
      this.#cut(limit * MEASURED, limit, 'refused', nowMs);
    }
    this.#resumedAtMs = nowMs;
    this.#sinceResume = 0;
  }

  #grow(nowMs: number): void {
    const stepMs = nowMs - this.#grownAtMs;
    if (stepMs < GROW_STEP_MS) return;
    this.#grownAtMs = nowMs;
    if (!this.#wanted) return;
    this.#wanted = false;
    const seconds = Math.min(stepMs, 2 * GROW_STEP_MS) / 1_000;
    const ceiling = this.#ceiling;
    const rate = this.#perSecond;
    const { creep, searchMs, roundTrips } = CEILINGS[this.#known];
    if (rate < ceiling * FAR) {
      this.#perSecond = Math.min(ceiling * FAR, rate * 2 ** ((seconds * 1_000) / DOUBLE_MS));
    } else if (rate < ceiling) {
      this.#perSecond += Math.max(creep * ceiling, (ceiling - rate) * APPROACH) * seconds;
    } else {
      if (this.#aboveSinceMs === 0) this.#aboveSinceMs = nowMs;
      const doubleMs = Math.max(searchMs, roundTrips * this.#roundTripMs);
      const speed = creep * 2 ** ((nowMs - this.#aboveSinceMs) / doubleMs);
      const fastest = 2 ** ((seconds * 1_000) / DOUBLE_MS);
      this.#perSecond = Math.min(rate * fastest, rate + ceiling * speed * seconds);
    }
  }

  /** Most that was accepted in a second, of the last two. */
  #takenPerSecond(): number {
    let most = 0;
    let sum = 0;
    for (let back = 0; back < BUCKETS; back++) {
      sum += this.#at(this.#bucket - back);
      if (back >= SECOND_BUCKETS) sum -= this.#at(this.#bucket - back + SECOND_BUCKETS);
      most = Math.max(most, sum);
    }
    return most;
  }

  #takenLastSecond(): number {
    let sum = 0;
    for (let back = 0; back < SECOND_BUCKETS; back++) sum += this.#at(this.#bucket - back);
    return sum;
  }

  #at(bucket: number): number {
    return this.#buckets[((bucket % BUCKETS) + BUCKETS) % BUCKETS] ?? 0;
  }

  /** Puts what was accepted since the last call into the present bucket. */
  #count(nowMs: number): void {
    const bucket = Math.floor(nowMs / BUCKET_MS);
    const passed = Math.min(BUCKETS, bucket - this.#bucket);
    for (let i = 1; i <= passed; i++) this.#buckets[(bucket - passed + i) % BUCKETS] = 0;
    if (passed > 0) this.#bucket = bucket;
    const at = this.#bucket % BUCKETS;
    this.#buckets[at] = (this.#buckets[at] ?? 0) + this.#uncounted;
    this.#uncounted = 0;
  }
}

/** Sums of fractions of a millisecond must not make a request late. */
const EPSILON_MS = 1e-6;
