import type { Pool } from 'pg';
import type { Registry } from 'prom-client';
import { readFindings } from '../store/books-check.ts';
import { chainLag } from '../store/ledger-chain.ts';
import { readBalances } from '../store/ledger-read.ts';
import { countHeld, type HeldCounts } from '../store/moderation.ts';
import { countPartSets } from '../store/part-sets.ts';
import { countRequests, type RequestCounts } from '../store/refund-requests.ts';
import { countUnknownOutcomes } from '../store/timeline.ts';
import { gauge, MICRO_PER_CREDIT, shared } from './gauge.ts';

/** What only a query knows, asked at a scrape. A failure leaves the gauge empty: a scrape must not fail with the store. */
export interface StoredGauges {
  /** Account name -> balance in micro-credits. */
  balances(): Promise<ReadonlyMap<string, bigint>>;
  /** Carrier name -> submit_sm whose outcome is unknown. */
  unknownOutcomes(): Promise<ReadonlyMap<string, number>>;
  /** Differences that the newest checks of the books found; undefined: nothing was checked yet. */
  ledgerMismatches(): Promise<number | undefined>;
  /** Ledger entries that are not chained yet. */
  chainLag(): Promise<bigint>;
  /** Messages that wait for a moderator. */
  held(): Promise<HeldCounts>;
  /** Long messages whose parts wait for each other. */
  partSets(): Promise<number>;
  /** Refund requests by state, and what there is to pay. */
  refundRequests(): Promise<RequestCounts>;
}

/** The gauges that only a query knows. */
export function storedGauges(pool: Pool): StoredGauges {
  return {
    async balances() {
      const balances = await readBalances(pool);
      return new Map([...balances].map(([account, balance]) => [account, balance.credits]));
    },
    unknownOutcomes: () => countUnknownOutcomes(pool),
    async ledgerMismatches() {
      const { at, mismatches } = await readFindings(pool);
      return at && mismatches.length;
    },
    chainLag: () => chainLag(pool),
    held: () => countHeld(pool),
    partSets: () => countPartSets(pool),
    refundRequests: () => countRequests(pool),
  };
}

/** `stored`: undefined before there is a store. */
export function registerStoredGauges(
  registry: Registry,
  stored: () => StoredGauges | undefined,
): void {
  gauge(
    registry,
    'unknown_outcomes',
    'submit_sm without a known outcome',
    ['carrier'],
    async (g) => {
      const unknown = await stored()
        ?.unknownOutcomes()
        .catch(() => undefined);
      for (const [carrier, count] of unknown ?? []) g.set({ carrier }, count);
    },
  );
  gauge(registry, 'ledger_chain_lag_entries', 'Ledger entries not chained yet', [], async (g) => {
    const lag = await stored()
      ?.chainLag()
      .catch(() => undefined);
    if (lag !== undefined) g.set(Number(lag));
  });
  const held = shared(() => stored()?.held());
  gauge(
    registry,
    'moderation_oldest_seconds',
    'How long the oldest message waits for a moderator',
    [],
    async (g) => g.set((await held())?.oldestSeconds ?? Number.NaN),
  );
  gauge(
    registry,
    'moderation_held',
    'Messages that wait for a moderator',
    ['account'],
    async (g) => {
      for (const [account, count] of (await held())?.byAccount ?? []) g.set({ account }, count);
    },
  );
  gauge(
    registry,
    'part_sets_waiting',
    'Long messages whose parts wait for each other',
    [],
    async (g) => {
      const waiting = await stored()
        ?.partSets()
        .catch(() => undefined);
      if (waiting !== undefined) g.set(waiting);
    },
  );
  registerRefundGauges(registry, stored);
  gauge(registry, 'balance_credits', 'Balance of an account', ['account'], async (g) => {
    const balances = await stored()
      ?.balances()
      .catch(() => undefined);
    for (const [account, micro] of balances ?? [])
      g.set({ account }, Number(micro) / MICRO_PER_CREDIT);
  });
}

function registerRefundGauges(registry: Registry, stored: () => StoredGauges | undefined): void {
  const counts = shared(() => stored()?.refundRequests());
  gauge(registry, 'refund_requests', 'Refund requests', ['state'], async (g) => {
    for (const [state, count] of (await counts())?.byState ?? []) g.set({ state }, count);
  });
  gauge(registry, 'refund_requests_overdue', 'Approved and past their due date', [], async (g) =>
    g.set((await counts())?.overdue ?? Number.NaN),
  );
  gauge(
    registry,
    'refund_requests_due_seconds',
    'Until the first due date of an approved one, below 0 past it; NaN: none is approved',
    [],
    async (g) => g.set((await counts())?.dueInSeconds ?? Number.NaN),
  );
}
