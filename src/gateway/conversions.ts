import type { ClientBase, Pool } from 'pg';
import { type AccountId, type MessageId, messageIdMs } from '../domain/ids.ts';
import { addConversions } from '../store/conversions.ts';
import { findNamed } from '../store/find-message.ts';
import { inTransaction, withClient } from '../store/pool.ts';
import { addSlots, KEPT_MS, type SlotCounts } from '../store/traffic-slots.ts';
import { givenId } from './aliases.ts';
import type { MessageLoader } from './loader.ts';
import type { Message } from './message.ts';
import { slotOf } from './traffic-signals.ts';

/** Messages found and opened in one step: some 10 ms of this node. */
const PAGE = 100;
/** Messages of one message_id: two say that destinations of a submit_multi share it. */
const NAMED_MOST = 2;

/** What became of the ids that a customer named. */
export interface Converted {
  /** Messages that count from now on. */
  readonly counted: number;
  /** Ids of messages that were confirmed before, or twice in this request. */
  readonly repeated: readonly string[];
  /** Ids of no message of the account, or of several. */
  readonly unknown: readonly string[];
  /** Ids of messages too old to count. */
  readonly late: readonly string[];
}

export interface ConversionsDeps {
  readonly pool: Pool;
  readonly loader: Pick<MessageLoader, 'load'>;
  readonly now: () => number;
}

/**
 * Takes a customer's word that codes were entered:
 *
 * ```
 *   ids ── find ── load (class, number) ── one commit: noted once, and added to the counts of their time
 * ```
 * Messages themselves know nothing of it, so that whoever tells none pays nothing. An account whose rules watch no
 * traffic has it noted alone.
 */
export class Conversions {
  readonly #deps: ConversionsDeps;

  constructor(deps: ConversionsDeps) {
    this.#deps = deps;
  }

  /** @param names message_ids as the customer knows them @throws DependencyError: what was counted so far stays */
  async confirm(account: AccountId, names: readonly string[]): Promise<Converted> {
    const done = {
      counted: 0,
      repeated: [] as string[],
      unknown: [] as string[],
      late: [] as string[],
    };
    const named = new Map<MessageId, string>();
    for (let at = 0; at < names.length; at += PAGE) {
      const page = new Map<MessageId, string>();
      for (const [name, ids] of await this.#find(account, names.slice(at, at + PAGE))) {
        const [id] = ids;
        if (id === undefined || ids.length > 1) done.unknown.push(name);
        else if (named.has(id)) done.repeated.push(name);
        else if (messageIdMs(id) < this.#deps.now() - KEPT_MS) done.late.push(name);
        else page.set(id, name);
        if (id !== undefined) named.set(id, name);
      }
      const messages = await this.#deps.loader.load([...page.keys()]);
      const added = await inTransaction(this.#deps.pool, (client) => count(client, page, messages));
      done.counted += added.size;
      for (const [id, name] of page) if (!added.has(id)) done.repeated.push(name);
    }
    return done;
  }

  async #find(
    account: AccountId,
    names: readonly string[],
  ): Promise<(readonly [string, readonly MessageId[]])[]> {
    const queries = names.map((name) => ({
      account,
      name: givenId(name),
      destinationHash: undefined,
    }));
    const found = await withClient(this.#deps.pool, (client) =>
      findNamed(client, queries, NAMED_MOST),
    );
    return names.map((name, i) => [name, found[i] ?? []] as const);
  }
}

/** Notes them and adds them up, inside the caller's transaction. @returns those that were not noted before */
async function count(
  client: ClientBase,
  page: ReadonlyMap<MessageId, string>,
  messages: readonly Message[],
): Promise<ReadonlySet<MessageId>> {
  const added = await addConversions(client, [...page.keys()]);
  const slots = new Map<string, SlotCounts & { converted: number }>();
  for (const message of messages) {
    if (!added.has(message.id) || message.owner.policy.signals.length === 0) continue;
    const { key, ...slot } = slotOf(message);
    const known = slots.get(key) ?? { ...slot, accepted: 0, delivered: 0, converted: 0 };
    known.converted++;
    slots.set(key, known);
  }
  if (slots.size > 0) await addSlots(client, [...slots.values()]);
  return added;
}
