import type { Pool } from 'pg';
import type { Catalog } from '../domain/catalog.ts';
import type { EpochId } from '../domain/ids.ts';
import { pruneInbound } from '../store/inbound.ts';
import { withClient } from '../store/pool.ts';
import { accountsWaiting, expireWaiting } from '../store/waiting.ts';
import { FINAL_RECEIPT, MOBILE_ORIGINATED } from './delivery.ts';
import type { DeliveryKind, GatewayObserver } from './observer.ts';

/** How often it is looked for. */
const EVERY_MS = 60_000;
/** Rows in one statement: some 50 ms. */
const PAGE = 2_000;
/** Returned messages and notifications stay this long: a state told once is known as told, a timeline can show them. */
const KEPT_MS = 31 * 86_400_000;

export interface ExpiryDeps {
  readonly pool: Pool;
  readonly epoch: EpochId;
  readonly now: () => number;
  catalog(): Catalog;
  readonly observer: GatewayObserver;
}

/** Takes off the waiting list what customers left there for longer than `receipts.keepHours`. */
export class Expiry {
  readonly #deps: ExpiryDeps;
  #lookedMs = 0;
  #running: Promise<void> | undefined;

  constructor(deps: ExpiryDeps) {
    this.#deps = deps;
  }

  /** Once a second. Two nodes that look at once take different rows. */
  tick(): void {
    const nowMs = this.#deps.now();
    if (this.#running !== undefined || nowMs - this.#lookedMs < EVERY_MS) return;
    this.#lookedMs = nowMs;
    this.#running = this.run()
      .catch((error) => this.#deps.observer.note('warn', 'notExpired', { reason: String(error) }))
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** Expires all that is due, and forgets what was returned long ago. */
  async run(): Promise<void> {
    const { pool, epoch, catalog, now, observer } = this.#deps;
    const { accounts } = catalog();
    const waiting = await accountsWaiting(pool, epoch, [...accounts.keys()]);
    for (const { account } of waiting) {
      const owner = accounts.get(account);
      if (owner === undefined) continue;
      const beforeMs = now() - owner.receipts.keepMs;
      for (let left = PAGE; left >= PAGE; ) {
        const expired = await withClient(pool, (client) =>
          expireWaiting(client, account, beforeMs, PAGE),
        );
        left = 0;
        for (const one of expired) {
          left += one.expired;
          observer.deliveriesExpired(owner, kindName(one.kind), one.expired);
        }
      }
    }
    while (
      (await withClient(pool, (client) => pruneInbound(client, now() - KEPT_MS, PAGE))) >= PAGE
    );
  }

  async close(): Promise<void> {
    await this.#running;
  }
}

function kindName(kind: number): DeliveryKind {
  if (kind === FINAL_RECEIPT) return 'receipt';
  return kind === MOBILE_ORIGINATED ? 'message' : 'notification';
}
