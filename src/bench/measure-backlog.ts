import { pause } from './daemon-process.ts';
import { queryLedger } from './ledger-query.ts';
import type { LoadResult } from './load.ts';
import { resetPeak } from './proc-stat.ts';
import type { Stand } from './stand.ts';
import { megabytes, perSecond } from './units.ts';

/** The backlog run. Memory is the daemon's, resident, in bytes. */
export interface BacklogRun {
  messages: number;
  load: LoadResult;
  acceptedPerSecond: number;
  drainedPerSecond: number;
  /** At even steps of what is accepted, and of what is drained. */
  filling: { accepted: number; rss: number }[];
  draining: { drained: number; rss: number }[];
  /** The highest while it filled, and while it drained. */
  peakFilling: number;
  peakDraining: number;
  /** Of the database and of its write-ahead log at the end, bytes. */
  disk: { database: number; wal: number };
}

/** Samples of memory over each half. */
const samples = 20;
/** Nothing heard for so long ends the run. */
const patienceMs = 600_000;
const pollMs = 200;

/** Accepts so many messages while the carrier is down, then lets it come back and drains to the last receipt. */
export async function measureBacklog(
  stand: Stand,
  messages: number,
  { log }: { log(line: string): void },
): Promise<BacklogRun> {
  await stand.carrierDown();
  log(`backlog: the carrier is down, ${messages} messages to come`);
  resetPeak(stand.daemon.pid);
  // Receipts are waited for in the same run: the carrier comes back once all is accepted.
  const run = stand.run({ messages, ratePerSecond: 0, awaitReceipts: true, patienceMs });
  const state = { isOver: false };
  const over = () => {
    state.isOver = true;
  };
  run.then(over, over);
  const filling: BacklogRun['filling'] = [];
  await sampled(stand, messages, state, 'accepted', (accepted, rss) => {
    filling.push({ accepted, rss });
    log(`backlog: ${accepted} accepted, ${megabytes(rss)} MB`);
  });
  const peakFilling = stand.memory().peak;
  resetPeak(stand.daemon.pid);
  const drainFrom = performance.now();
  await stand.carrierUp();
  const draining: BacklogRun['draining'] = [];
  await sampled(stand, messages, state, 'delivered', (drained, rss) => {
    draining.push({ drained, rss });
    log(`backlog: ${drained} drained, ${megabytes(rss)} MB`);
  });
  const load = await run;
  const result: BacklogRun = {
    messages,
    load,
    acceptedPerSecond: perSecond(load.accepted, load.acceptedMs),
    drainedPerSecond: perSecond(load.delivered, performance.now() - drainFrom),
    filling,
    draining,
    peakFilling,
    peakDraining: stand.memory().peak,
    disk: await diskOf(stand),
  };
  log(
    `backlog: accepted ${result.acceptedPerSecond}/s, drained ${result.drainedPerSecond}/s, ` +
      `peak ${megabytes(peakFilling)} and ${megabytes(result.peakDraining)} MB`,
  );
  return result;
}

/** Looks at the memory at even steps of a counter, until it is full or the run is over. */
async function sampled(
  stand: Stand,
  messages: number,
  state: { isOver: boolean },
  counter: 'accepted' | 'delivered',
  take: (count: number, rss: number) => void,
): Promise<void> {
  let taken = 0;
  for (let count = 0; count < messages && !state.isOver; ) {
    await pause(pollMs);
    count = (await stand.progress())[counter];
    if (count < (taken * messages) / samples) continue;
    taken = Math.floor((count * samples) / messages) + 1;
    take(count, stand.memory().rss);
  }
}

function diskOf(stand: Stand): Promise<BacklogRun['disk']> {
  return queryLedger(stand.daemon, async (client) => {
    const { rows } = await client.query<{ database: string; wal: string }>(
      `select pg_database_size('smppgate')::text as database,
        (select coalesce(sum(size), 0)::text from pg_ls_waldir()) as wal`,
    );
    return { database: Number(rows[0]?.database), wal: Number(rows[0]?.wal) };
  });
}
