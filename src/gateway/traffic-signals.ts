import type { Pool } from 'pg';
import type { Catalog, CatalogAccount } from '../domain/catalog.ts';
import { type AccountId, type MessageId, messageIdMs } from '../domain/ids.ts';
import {
  addSlots,
  OTHER_PREFIXES,
  readAlerts,
  SLOT_MS,
  type SlotCounts,
} from '../store/traffic-slots.ts';
import type { Message } from './message.ts';
import type { GatewayObserver } from './observer.ts';
import { isSuccess, type Settlement, stateName } from './settlement.ts';

/** Counts are stored, and what is unusual is read, so often: a killed node loses two seconds of counts. */
const EVERY_MS = 2_000;
/** Counts that wait to be stored; messages of further ones are not counted. */
const COUNTS_MAX = 20_000;
/** Classes and prefixes of an account told apart in one time; the rest counts to all of its traffic only. */
const PREFIXES_MAX = 1_000;

export interface TrafficSignalsDeps {
  readonly pool: Pool;
  readonly observer: GatewayObserver;
  readonly now: () => number;
  catalog(): Catalog;
}

interface Count {
  readonly account: AccountId;
  readonly slotMs: number;
  readonly trafficClass: string;
  readonly prefix: string;
  accepted: number;
  delivered: number;
}

/**
 * What accounts send whose rules look at the mix of their traffic (prefixMix, deliveryFalls): counted here, added up in
 * the store over all nodes (sql/0048_account_care.sql), judged by the one node that leads (`SignalKeeper`), and what it
 * found is read back. From a message to its rule's word it takes some ten seconds. An account without such rules costs one
 * comparison a message.
 */
export class TrafficSignals {
  readonly #deps: TrafficSignalsDeps;
  #counts = new Map<string, Count>();
  /** Prefixes told apart of an account in the present slot. */
  readonly #prefixes = new Map<string, number>();
  #unusual = new Set<string>();
  #lastMs = 0;
  #working: Promise<void> | undefined;

  constructor(deps: TrafficSignalsDeps) {
    this.#deps = deps;
  }

  /** A message was accepted, in its commit. */
  accepted(message: Message): void {
    if (message.owner.policy.signals.length === 0) return;
    const count = this.#of(message);
    if (count !== undefined) count.accepted++;
  }

  /** A message has ended, in its commit. */
  ended({ message, state }: Settlement): void {
    if (message.owner.policy.signals.length === 0 || !isSuccess(stateName(state))) return;
    const count = this.#of(message);
    if (count !== undefined) count.delivered++;
  }

  /** Whether what an account sends to a prefix is unusual by one of its rules. */
  isUnusual(account: AccountId, rule: string, prefix: string): boolean {
    return this.#unusual.size > 0 && this.#unusual.has(keyOf(account, rule, prefix));
  }

  /** Once a second. */
  tick(): void {
    const nowMs = this.#deps.now();
    if (this.#working !== undefined || nowMs - this.#lastMs < EVERY_MS) return;
    this.#lastMs = nowMs;
    if (this.#counts.size === 0 && !this.#isWatching()) return;
    this.#working = this.#work()
      .catch((error) =>
        this.#deps.observer.note('warn', 'trafficNotCounted', { reason: String(error) }),
      )
      .finally(() => {
        this.#working = undefined;
      });
  }

  /** Stores what is counted, if the store is there. */
  async close(): Promise<void> {
    await this.#working;
    this.#lastMs = 0;
    this.tick();
    await this.#working;
  }

  async #work(): Promise<void> {
    const counts = this.#counts;
    this.#counts = new Map();
    this.#prefixes.clear();
    if (counts.size > 0) {
      const slots: SlotCounts[] = [...counts.values()];
      try {
        await addSlots(this.#deps.pool, slots);
      } catch (error) {
        for (const [key, count] of counts) this.#putBack(key, count);
        throw error;
      }
    }
    const alerts = await readAlerts(this.#deps.pool);
    this.#unusual = new Set(
      alerts.map(({ account, rule, prefix }) => keyOf(account, rule, prefix)),
    );
  }

  #isWatching(): boolean {
    for (const { policy } of this.#deps.catalog().accounts.values())
      if (policy.signals.length > 0) return true;
    return false;
  }

  #of({ id, owner, trafficClass, destination }: Message): Count | undefined {
    const slotMs = slotMsOf(id);
    const prefix = destination.slice(0, digitsOf(owner));
    const known = this.#counts.get(`${owner.id} ${slotMs} ${trafficClass} ${prefix}`);
    return known ?? this.#new(owner.id, slotMs, trafficClass, prefix);
  }

  #new(account: AccountId, slotMs: number, trafficClass: string, asked: string): Count | undefined {
    const prefixes = (this.#prefixes.get(String(account)) ?? 0) + 1;
    const prefix = prefixes > PREFIXES_MAX ? OTHER_PREFIXES : asked;
    const key = `${account} ${slotMs} ${trafficClass} ${prefix}`;
    const known = this.#counts.get(key);
    if (known !== undefined) return known;
    if (this.#counts.size >= COUNTS_MAX) return undefined;
    this.#prefixes.set(String(account), prefixes);
    const count = { account, slotMs, trafficClass, prefix, accepted: 0, delivered: 0 };
    this.#counts.set(key, count);
    return count;
  }

  #putBack(key: string, { accepted, delivered, ...count }: Count): void {
    const since = this.#counts.get(key);
    this.#counts.set(key, {
      ...count,
      accepted: accepted + (since?.accepted ?? 0),
      delivered: delivered + (since?.delivered ?? 0),
    });
  }
}

/** Where a message counts, for those who count by themselves; one whose content is gone counts to all alone. */
export function slotOf(
  message: Pick<Message, 'id' | 'account' | 'owner' | 'trafficClass' | 'destination'>,
): Pick<SlotCounts, 'account' | 'slotMs' | 'trafficClass' | 'prefix'> & { readonly key: string } {
  const { id, account, owner, trafficClass, destination } = message;
  const slotMs = slotMsOf(id);
  const prefix = destination === '' ? OTHER_PREFIXES : destination.slice(0, digitsOf(owner));
  const key = `${account} ${slotMs} ${trafficClass} ${prefix}`;
  return { account, slotMs, trafficClass, prefix, key };
}

function slotMsOf(id: MessageId): number {
  return Math.floor(messageIdMs(id) / SLOT_MS) * SLOT_MS;
}

function digitsOf({ policy }: CatalogAccount): number {
  let most = 0;
  for (const { prefixDigits } of policy.signals) if (prefixDigits > most) most = prefixDigits;
  return most;
}

function keyOf(account: AccountId, rule: string, prefix: string): string {
  return `${account} ${rule} ${prefix}`;
}
