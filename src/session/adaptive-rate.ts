import { type CeilingKnown, grown } from './rate-growth.ts';
import { RecentlyTaken } from './recently-taken.ts';
import { UntestedWindow } from './untested-window.ts';

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
/** Lateness of our own timers that may be made up for, in ms; less for a carrier that minds the gaps. */
const SLACK_MOST_MS = 50;
const SLACK_LEAST_MS = 1;
/** When less than this part was taken, the gaps may have been the reason. */
const BUNCHED = 0.7;
/** Sums of fractions of a millisecond must not make a request late. */
const EPSILON_MS = 1e-6;
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
  #known: CeilingKnown = 'first';
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
  readonly #untested = new UntestedWindow();
  /** Moving average. */
  #roundTripMs = 0;
  readonly #taken = new RecentlyTaken();

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
    return this.#phase === 'open' && this.#untested.isOver;
  }

  /**
   * Requests that may go now; Infinity while it is open and the carrier was tested.
   * @param inFlight requests without an answer
   */
  available(nowMs: number, inFlight: number): number {
    if (this.#phase === 'open') return Math.max(0, this.#untested.size(nowMs) - inFlight);
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
    if (this.#phase === 'open') this.#untested.sent(nowMs);
    else if (this.#phase === 'paced')
      this.#nextMs = Math.max(nowMs, this.#nextMs) + (count * 1_000) / this.#perSecond;
    else if (this.#phase === 'probing') this.#probedAtMs ??= nowMs;
  }

  /** The carrier took a request that was sent then. */
  accepted(sentAtMs: number, nowMs: number): void {
    this.#taken.add();
    if (this.#phase === 'open') return this.#untested.accepted();
    this.#taken.count(nowMs);
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
    this.#taken.count(nowMs);
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
      const limit = Math.min(rate, Math.max(rate * FIRM, this.#taken.lastSecond()));
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
    this.#taken.count(nowMs);
    if (this.#phase === 'open') this.#firstCut('congested', nowMs);
    else {
      const cut = this.#perSecond * (level >= CONGESTED ? FIRM : SLIGHT);
      const least = Math.min(this.#perSecond, CONGESTED_LEAST_PER_SECOND);
      this.#cut(Math.max(least, cut), this.#perSecond, 'congested', nowMs);
    }
  }

  /** Counts, and lets go of what is long over. To be called at least each 100 ms. */
  tick(nowMs: number): void {
    this.#taken.count(nowMs);
    if (this.#phase !== 'paced') return;
    if (this.#slackMs < SLACK_MOST_MS && nowMs - this.#slackAtMs >= SLACK_GROW_MS) {
      this.#slackMs = Math.min(SLACK_MOST_MS, this.#slackMs * 2);
      this.#slackAtMs = nowMs;
    }
    if (nowMs - this.#cutAtMs < REOPEN_MS) return;
    this.#phase = 'open';
    this.#perSecond = Number.POSITIVE_INFINITY;
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
    const taken = Math.max(FIRST_LEAST_PER_SECOND, this.#taken.mostPerSecond());
    this.#phase = 'paced';
    this.#known = 'first';
    this.#untested.end();
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
      const limit = Math.min(before, this.#taken.mostPerSecond());
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
    const perSecond = this.#perSecond;
    const ceiling = this.#ceiling;
    if (perSecond >= ceiling && this.#aboveSinceMs === 0) this.#aboveSinceMs = nowMs;
    const aboveMs = perSecond >= ceiling ? nowMs - this.#aboveSinceMs : 0;
    this.#perSecond = grown(
      { perSecond, ceiling, known: this.#known, aboveMs, roundTripMs: this.#roundTripMs },
      Math.min(stepMs, 2 * GROW_STEP_MS),
    );
  }
}
