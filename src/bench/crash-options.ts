import type { Verdict } from './verdict.ts';

/** What to kill, how often and under what. */
export interface CrashOptions {
  /** kill -9 of the daemon. */
  kills: number;
  /** kill -9 of the postmaster. */
  postgresKills: number;
  /** Of all these so many inside COMMIT (see commit-probe.ts). */
  insideCommit: number;
  /** Submits a second, over two accounts. */
  ratePerSecond: number;
  /** Of the random instants. */
  seed: number;
  /** true: the folder with books and data stays. */
  keep: boolean;
  /** From the load being back to the next kill, milliseconds; by chance between them. Default 500 to 3000. */
  betweenMs?: readonly [number, number];
  /** The wait of an unknown outcome before it is resent. Default 5 s. */
  unknownWaitSeconds?: number;
  /** How long all may take to become final after the last kill. Default 180 s. */
  settleMs?: number;
  log(line: string): void;
}

/** One kill. */
export interface Kill {
  what: 'daemon' | 'postgres';
  /** Unix milliseconds. */
  at: number;
  /** The lane whose COMMIT it was inside of. */
  insideCommit?: string;
  /** Positive answers in the second before. */
  loadPerSecond: number;
  /** Until /readyz said yes again. */
  readyMs: number;
}

/** What came of it. */
export interface CrashReport {
  seed: number;
  kills: Kill[];
  insideCommit: number;
  /** Median of the kills' loads. */
  loadPerSecond: number;
  /** The gateway's word about itself, for comparison only. */
  reconciliation: unknown;
  verdict: Verdict;
  problems: string[];
}
