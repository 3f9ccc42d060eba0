import type { ClientBase, Pool } from 'pg';
import type { MessageId } from '../domain/ids.ts';
import { findNamed, findQueued, type NamedQuery, type QueuedQuery } from '../store/find-message.ts';
import { withClient } from '../store/pool.ts';
import { givenId } from './aliases.ts';
import type { MessageLoader } from './loader.ts';
import type { Message } from './message.ts';

/** Look-ups by message_id in one round trip. */
const NAMED_BATCH = 100;
/** By number: some 20 ms of decrypting where each finds all it may. */
const QUEUED_BATCH = 20;
/** That wait, over all customers; above it none is taken. */
const WAITING_MAX = 2_000;
/** Messages of one message_id in one answer: two say that the destinations of a submit_multi share it. */
const NAMED_MOST = 2;
/** Messages to one number in one answer: a round of them with their content is 3 MB at most. */
export const QUEUED_MOST = 100;

export interface LookupsDeps {
  readonly pool: Pool;
  readonly loader: MessageLoader;
}

/**
 * Finds messages for query_sm, cancel_sm, replace_sm and replace_if_present_flag. Of each kind one round trip is under way
 * at a time and what comes meanwhile goes into the next: however many customers ask, two connections of the pool serve
 * them, and the walk over what is queued is made once for all.
 */
export class Lookups {
  readonly #named: Rounds<NamedQuery>;
  readonly #queued: Rounds<QueuedQuery>;

  constructor(deps: LookupsDeps) {
    this.#named = new Rounds(NAMED_BATCH, (queries) =>
      load(deps, (client) => findNamed(client, queries, NAMED_MOST)),
    );
    this.#queued = new Rounds(QUEUED_BATCH, (queries) =>
      load(deps, (client) => findQueued(client, queries, QUEUED_MOST)),
    );
  }

  /** Whether so many wait that no more are taken. */
  get full(): boolean {
    return this.#named.waiting + this.#queued.waiting >= WAITING_MAX;
  }

  /** Messages of an account by the message_id it was given, ended ones included; two at most. */
  named(query: NamedQuery): Promise<Message[]> {
    return this.#named.ask({ ...query, name: givenId(query.name) });
  }

  /** Messages of an account to a number that are still queued or leased, newest first, {@link QUEUED_MOST} at most. */
  queued(query: QueuedQuery): Promise<Message[]> {
    return this.#queued.ask(query);
  }
}

interface Asked<Query> {
  readonly query: Query;
  readonly resolve: (messages: Message[]) => void;
  readonly reject: (error: unknown) => void;
}

/** One round at a time. */
class Rounds<Query> {
  readonly #batch: number;
  readonly #run: (queries: readonly Query[]) => Promise<Message[][]>;
  #asked: Asked<Query>[] = [];
  #running = false;

  constructor(batch: number, run: (queries: readonly Query[]) => Promise<Message[][]>) {
    this.#batch = batch;
    this.#run = run;
  }

  get waiting(): number {
    return this.#asked.length;
  }

  ask(query: Query): Promise<Message[]> {
    return new Promise((resolve, reject) => {
      this.#asked.push({ query, resolve, reject });
      if (!this.#running) void this.#rounds();
    });
  }

  async #rounds(): Promise<void> {
    this.#running = true;
    while (this.#asked.length > 0) {
      const round = this.#asked.splice(0, this.#batch);
      try {
        const found = await this.#run(round.map(({ query }) => query));
        for (const [i, { resolve }] of round.entries()) resolve(found[i] ?? []);
      } catch (error) {
        for (const { reject } of round) reject(error);
      }
    }
    this.#running = false;
  }
}

/** The messages of each query, in the order of the ids that are found for it. */
async function load(
  { pool, loader }: LookupsDeps,
  find: (client: ClientBase) => Promise<MessageId[][]>,
): Promise<Message[][]> {
  const found = await withClient(pool, find);
  const messages = await loader.load([...new Set(found.flat())]);
  const byId = new Map(messages.map((message) => [message.id, message]));
  return found.map((ids) => ids.flatMap((id) => byId.get(id) ?? []));
}
