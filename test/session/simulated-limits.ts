import type { AdaptiveRate } from '../../src/session/adaptive-rate.ts';

/** A carrier's way to limit: says whether it takes a request that arrives at this time. */
export interface Limiter {
  perSecond: number;
  takes(atMs: number): boolean;
}

/** A token bucket: so many a second, and `burst` at once after a rest. */
export function tokenBucket(perSecond: number, burst: number): Limiter {
  let tokens = burst;
  let at = 0;
  return {
    perSecond,
    takes(atMs) {
      tokens = Math.min(burst, tokens + ((atMs - at) * this.perSecond) / 1_000);
      at = atMs;
      if (tokens < 1) return false;
      tokens--;
      return true;
    },
  };
}

/** So many in each second of its clock, the rest of that second nothing. */
export function fixedWindow(perSecond: number, startsMs = 0): Limiter {
  let second = -1;
  let taken = 0;
  return {
    perSecond,
    takes(atMs) {
      const now = Math.floor((atMs + startsMs) / 1_000);
      if (now !== second) taken = 0;
      second = now;
      if (taken >= this.perSecond) return false;
      taken++;
      return true;
    },
  };
}

/** One request needs to be so far from the last one that was taken. */
export function minimumGap(perSecond: number): Limiter {
  let last = Number.NEGATIVE_INFINITY;
  return {
    perSecond,
    takes(atMs) {
      if (atMs - last < 1_000 / this.perSecond - 1e-6) return false;
      last = atMs;
      return true;
    },
  };
}

/** What a second of a simulation saw. */
export interface SimulatedSecond {
  accepted: number;
  refused: number;
}

export interface Simulation {
  readonly limiter: Limiter;
  readonly rate: AdaptiveRate;
  readonly seconds: number;
  readonly windowMax: number;
  /** Of an answer; ms, on its way to the carrier and back. */
  thereMs(): number;
  backMs(): number;
  /** How late we look at the clock; 0: never. */
  lateMs?(): number;
  /** Requests a second that there are to send; Infinity by default. */
  demand?(second: number): number;
  /** At the start of each second. */
  eachSecond?(second: number): void;
}

/** Sends whatever the rate and the window allow, in virtual time, and gives what each second saw. */
export function simulate(simulation: Simulation): SimulatedSecond[] {
  const { limiter, rate, windowMax } = simulation;
  const seen: SimulatedSecond[] = [];
  const arrivals: { sentAt: number; at: number }[] = [];
  const answers: { sentAt: number; at: number; ok: boolean }[] = [];
  let now = 0;
  let inFlight = 0;
  let backlog = 0;
  let nextTick = 0;
  let nextSecond = 0;
  for (;;) {
    if (now >= nextSecond) {
      const second = nextSecond / 1_000;
      if (second >= simulation.seconds) return seen;
      seen.push({ accepted: 0, refused: 0 });
      simulation.eachSecond?.(second);
      backlog += simulation.demand?.(second) ?? Number.POSITIVE_INFINITY;
      nextSecond += 1_000;
    }
    while ((arrivals[0]?.at ?? Number.POSITIVE_INFINITY) <= now) {
      const one = arrivals.shift();
      if (one === undefined) break;
      const ok = limiter.takes(one.at);
      const last = answers.at(-1)?.at ?? 0;
      answers.push({
        sentAt: one.sentAt,
        at: Math.max(last, one.at + simulation.backMs()),
        ok,
      });
    }
    while ((answers[0]?.at ?? Number.POSITIVE_INFINITY) <= now) {
      const one = answers.shift();
      if (one === undefined) break;
      inFlight--;
      const second = seen.at(-1);
      if (one.ok) {
        rate.accepted(one.sentAt, now);
        if (second !== undefined) second.accepted++;
      } else {
        rate.refused(one.sentAt, now);
        if (second !== undefined) second.refused++;
      }
    }
    if (now >= nextTick) {
      rate.tick(now);
      nextTick = now + 20;
    }
    while (backlog > 0 && inFlight < windowMax && rate.available(now, inFlight) > 0) {
      rate.sent(1, now);
      inFlight++;
      backlog--;
      const last = arrivals.at(-1)?.at ?? 0;
      arrivals.push({ sentAt: now, at: Math.max(last, now + simulation.thereMs()) });
    }
    const mayAt = inFlight < windowMax && backlog > 0 ? rate.nextAtMs(now) : nextSecond;
    const wake = mayAt > now ? mayAt + (simulation.lateMs?.() ?? 0) : now + 1;
    now = Math.min(
      wake,
      nextTick,
      nextSecond,
      arrivals[0]?.at ?? Number.POSITIVE_INFINITY,
      answers[0]?.at ?? Number.POSITIVE_INFINITY,
    );
  }
}

/** Repeatable numbers from 0 to below 1 (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
