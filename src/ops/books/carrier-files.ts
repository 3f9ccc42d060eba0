import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { listKnownCarriers } from '../../store/known-carriers.ts';
import { withClient } from '../../store/pool.ts';
import type { OpsLog } from '../logs.ts';
import { carrierReport, DAY_MS } from './carrier-report.ts';

/** A day's file is written so long after its end: what was under way at midnight is stored by then. */
const SETTLED_MS = 1_800_000;
/** Days that are made up for after the daemon was away. */
const DAYS_BACK = 7;
/** Files are kept for a year and a month: as long as an invoice can be disputed, by most contracts. */
const KEPT_DAYS = 396;

export interface CarrierFilesDeps {
  readonly pool: Pool;
  readonly log: OpsLog;
  /** dataDir/reports/carriers */
  readonly folder: string;
}

/**
 * The daily file of each carrier, until the day when it left the resources: `<folder>/<carrier>/2026-11-21.csv`, readable by
 * the daemon's user alone.
 */
export class CarrierFiles {
  readonly #deps: CarrierFilesDeps;
  /** Days that are done, not to look again each minute. */
  #doneUntil = '';

  constructor(deps: CarrierFilesDeps) {
    this.#deps = deps;
  }

  /** Writes what is missing of the last days, and removes what is older than KEPT_DAYS. One day and carrier after the other. */
  async work(nowMs: number): Promise<void> {
    const last = dayOf(nowMs - SETTLED_MS - DAY_MS);
    if (last <= this.#doneUntil) return;
    for (const { id, name, removedAt } of await listKnownCarriers(this.#deps.pool)) {
      const folder = join(this.#deps.folder, folderOf(name));
      // One that was removed has nothing to say of the days after.
      const lastOfIt = removedAt === undefined ? last : dayOf(removedAt.getTime());
      for (let back = DAYS_BACK - 1; back >= 0; back--) {
        const day = dayOf(nowMs - SETTLED_MS - (back + 1) * DAY_MS);
        if (day > this.#doneUntil && day <= lastOfIt && !(await exists(join(folder, `${day}.csv`))))
          await this.#write(folder, id, name, day);
      }
      await this.#prune(folder, dayOf(nowMs - KEPT_DAYS * DAY_MS));
    }
    this.#doneUntil = last;
  }

  async #write(folder: string, carrier: number, name: string, day: string): Promise<void> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, `${day}.csv`);
    const temporary = `${path}.part`;
    const file = await open(temporary, 'w', 0o600);
    let pieces = 0;
    try {
      await withClient(this.#deps.pool, async (client) => {
        for await (const piece of carrierReport(client, carrier, day)) {
          await file.write(piece);
          pieces++;
        }
      });
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    // Of a day without traffic there is nothing to say: the file has its heading alone.
    const level = pieces > 1 ? 'info' : 'debug';
    this.#deps.log[level]('carrier report written', { carrier: name, day });
  }

  async #prune(folder: string, before: string): Promise<void> {
    if (!(await exists(folder))) return;
    for (const name of await readdir(folder))
      if (/^\d{4}-\d\d-\d\d\.csv/.test(name) && name.slice(0, 10) < before)
        await rm(join(folder, name), { force: true });
  }
}

/** YYYY-MM-DD in UTC. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** A carrier's name as a folder: what is more than letters and digits is escaped, and no name is "..". */
function folderOf(name: string): string {
  return encodeURIComponent(name).replaceAll('.', '%2E').replaceAll('*', '%2A');
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
