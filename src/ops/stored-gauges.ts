import type { Pool } from 'pg';
import { readFindings } from '../store/books-check.ts';
import { chainLag } from '../store/ledger-chain.ts';
import { readBalances } from '../store/ledger-read.ts';
import { countHeld } from '../store/moderation.ts';
import { countRequests } from '../store/refund-requests.ts';
import { countUnknownOutcomes } from '../store/timeline.ts';
import type { StoredGauges } from './metrics.ts';

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
    refundRequests: () => countRequests(pool),
  };
}
