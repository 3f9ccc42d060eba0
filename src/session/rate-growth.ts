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

/** How well the rate is known at which a carrier begins to refuse. */
export type CeilingKnown = keyof typeof CEILINGS;

/** A rate that limits us, and what is known of the carrier's own limit. */
export interface PacedRate {
  readonly perSecond: number;
  /** The rate at which it was refused last, or the estimate of the limit. */
  readonly ceiling: number;
  readonly known: CeilingKnown;
  /** For how long it has been above the ceiling; 0 while it is not. */
  readonly aboveMs: number;
  readonly roundTripMs: number;
}

/** The rate after so much time without a refusal: fast far under its ceiling, slower near it, searching above it. */
export function grown(rate: PacedRate, stepMs: number): number {
  const { perSecond, ceiling, known } = rate;
  const { creep, searchMs, roundTrips } = CEILINGS[known];
  const seconds = stepMs / 1_000;
  const fastest = perSecond * 2 ** (stepMs / DOUBLE_MS);
  if (perSecond < ceiling * FAR) return Math.min(ceiling * FAR, fastest);
  if (perSecond < ceiling)
    return perSecond + Math.max(creep * ceiling, (ceiling - perSecond) * APPROACH) * seconds;
  const doubleMs = Math.max(searchMs, roundTrips * rate.roundTripMs);
  const speed = creep * 2 ** (rate.aboveMs / doubleMs);
  return Math.min(fastest, perSecond + ceiling * speed * seconds);
}
