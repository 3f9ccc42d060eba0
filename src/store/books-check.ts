import type { ClientBase, Pool } from 'pg';

import { CHAIN_START, type ChainPlace, chainDifferences, chainPlaceAfter } from './ledger-chain.ts';
import { withClient } from './pool.ts';
import { MISMATCHES_MAX, type Mismatch, type Reconciliation, reconcileSince } from './reconcile.ts';

/** Links of the chain compared in one scheduled check: some 0.6 s. */
const CHAIN_SLICE = 20_000;
/** Differences kept; the first of them name the fault. */
const FOUND_MAX = 100;
/** Batches are compared again for so long back: a clock may have been set, a check may have met one half seen. */
const OVERLAP_MS = 60_000;

/** What the newest checks found, over all nodes. */
export interface BooksFindings {
  /** Undefined: nothing was checked yet. */
  readonly at: Date | undefined;
  /** Differences that no whole reconciliation has cleared. */
  readonly mismatches: readonly Mismatch[];
}

/**
 * The scheduled check: batches since the last one, each balance against its newest entry, and the next slice of the
 * chain, round and round. What it finds stays found until a whole reconciliation finds nothing.
 */
export async function checkBooks(pool: Pool, nowMs: number): Promise<readonly Mismatch[]> {
  const state = await readState(pool);
  const since = new Date(Math.max(0, (state.until?.getTime() ?? 0) - OVERLAP_MS));
  const found = [...(await reconcileSince(pool, since))];
  const chain = await withClient(pool, async (client) => {
    const upTo = await chainPlaceAfter(client, state.chain, CHAIN_SLICE);
    const rows = await chainDifferences(client, state.chain, upTo, MISMATCHES_MAX);
    return { next: upTo ?? CHAIN_START, rows };
  });
  for (const row of chain.rows)
    found.push({
      check: 'entryIsAsChained',
      account: row.account ?? '?',
      where: row.place,
      what: row.what,
      expected: row.expected ?? 'none',
      found: row.found ?? 'none',
    });
  const kept = new Map([...state.found, ...found].map((each) => [nameOf(each), each]));
  await withClient(pool, (client) => storeState(client, nowMs, chain.next, [...kept.values()]));
  return found;
}

/** A whole reconciliation stands in place of what was found before. */
export async function keepReconciliation(pool: Pool, result: Reconciliation): Promise<void> {
  await pool.query('update books_check set found = $1, at = now()', [
    JSON.stringify(result.mismatches.slice(0, FOUND_MAX)),
  ]);
}

/** What is found now. */
export async function readFindings(pool: Pool): Promise<BooksFindings> {
  const { rows } = await pool.query<{ at: Date | null; found: Mismatch[] }>(
    'select at, found from books_check',
  );
  return { at: rows[0]?.at ?? undefined, mismatches: rows[0]?.found ?? [] };
}

interface State {
  readonly until: Date | undefined;
  readonly chain: ChainPlace;
  readonly found: readonly Mismatch[];
}

async function readState(pool: Pool): Promise<State> {
  const { rows } = await pool.query<{
    until: Date | null;
    account: number;
    side: number;
    version: bigint;
    found: Mismatch[];
  }>(
    `select nullif(checked_until, '-infinity') as until, chain_account as account, chain_side as side,
       chain_version as version, found from books_check`,
  );
  const row = rows[0];
  if (row === undefined) throw new Error('books_check has no row');
  const { account, side, version } = row;
  return { until: row.until ?? undefined, chain: { account, side, version }, found: row.found };
}

async function storeState(
  client: ClientBase,
  nowMs: number,
  chain: ChainPlace,
  found: readonly Mismatch[],
): Promise<void> {
  await client.query(
    `update books_check set checked_until = to_timestamp($1::float8 / 1000), chain_account = $2, chain_side = $3,
       chain_version = $4, found = $5, at = now()`,
    [
      nowMs,
      chain.account,
      chain.side,
      chain.version.toString(),
      JSON.stringify(found.slice(0, FOUND_MAX)),
    ],
  );
}

function nameOf({ check, account, where, what }: Mismatch): string {
  return `${check}/${account}/${where}/${what}`;
}
