import type { Pool } from 'pg';
import type { MessageId } from '../domain/ids.ts';
import { textOf } from '../smpp/message.ts';
import { closeHeld, findHeld, type HeldMessage, refusedWithoutEnd } from '../store/moderation.ts';
import { withClient } from '../store/pool.ts';
import type { SettleVerdict } from '../store/settle.ts';
import { DEFAULT_ALPHABET, type Message } from './message.ts';
import type { GatewayObserver } from './observer.ts';
import { textsOf, wholeTexts } from './part-texts.ts';

/** Refusals without an end are looked for so often: a walk of an index of what is held. */
const EVERY_MS = 2_000;
/** Messages in one turn: some 50 ms. */
const PAGE = 500;
/** A message that is replaced again and again meanwhile is tried so often; the next turn goes on. */
const TRIES = 3;

/** What a held message says. */
export interface HeldText {
  /** source_addr as the customer gave it. */
  readonly from: string;
  /** E.164 digits. */
  readonly to: string;
  readonly text: string;
}

export interface HeldMessagesDeps {
  readonly pool: Pool;
  readonly now: () => number;
  readonly observer: GatewayObserver;
  load(ids: readonly MessageId[]): Promise<Message[]>;
  /** The message as it stands now, if it was replaced since this copy. */
  newer(copy: Message): Promise<Message | undefined>;
  /** Ends it REJECTD by terms.onRefusal if no carrier can have it. */
  refuse(message: Message, told: (verdict: SettleVerdict) => void): void;
}

/**
 * Messages that wait for a moderator (sql/0044_moderation.sql):
 *
 * ```
 *                        ┌── released ──> due in the table `scheduled`: sent as any message that has its time
 *   accepted ──> held ───┼── refused ───> REJECTD by terms.onRefusal
 *                        └── ended meanwhile: cancelled, its validity over, its account stopped
 * ```
 * A decision is a row that is committed first; what follows from it is carried out by whoever reads it, so that a node
 * that dies in between leaves nothing undone.
 */
export class HeldMessages {
  readonly #deps: HeldMessagesDeps;
  #lookedMs = 0;
  #working = false;

  constructor(deps: HeldMessagesDeps) {
    this.#deps = deps;
  }

  /** What messages say, whole, by their ids; one whose content is gone is missing. */
  async contents(
    held: readonly Pick<HeldMessage, 'id' | 'parts'>[],
  ): Promise<ReadonlyMap<bigint, HeldText>> {
    const loaded = await this.#deps.load(held.flatMap(({ parts }) => parts));
    const byId = new Map(loaded.map((message) => [message.id, message]));
    const contents = new Map<bigint, HeldText>();
    for (const { id, parts } of held) {
      const text = heldText(parts.flatMap((part) => byId.get(part) ?? []));
      if (text !== undefined) contents.set(id, text);
    }
    return contents;
  }

  /** Ends a message whose refusal is committed, all parts of it, or leaves it to the next look. Settles after the commit. */
  async refused(id: MessageId): Promise<void> {
    try {
      const { pool, load } = this.#deps;
      const parts = (await findHeld(pool, id))?.parts ?? [];
      await Promise.all((await load(parts)).map((message) => this.#end(message)));
    } catch (error) {
      this.#deps.observer.note('warn', 'heldMessagesWait', { reason: String(error) });
    }
  }

  /** Once a second. Two nodes that look at once do the same thing once. */
  async tick(): Promise<void> {
    const nowMs = this.#deps.now();
    if (this.#working || nowMs - this.#lookedMs < EVERY_MS) return;
    this.#lookedMs = nowMs;
    this.#working = true;
    try {
      await this.#work();
    } catch (error) {
      this.#deps.observer.note('warn', 'heldMessagesWait', { reason: String(error) });
    } finally {
      this.#working = false;
    }
  }

  async #work(): Promise<void> {
    const { pool, load } = this.#deps;
    const refused = await withClient(pool, (client) => refusedWithoutEnd(client, PAGE));
    if (refused.length > 0)
      await Promise.all((await load(refused)).map((message) => this.#end(message)));
    while ((await withClient(pool, (client) => closeHeld(client, PAGE))) === PAGE);
  }

  async #end(message: Message): Promise<boolean> {
    let copy: Message | undefined = message;
    for (let tries = 0; copy !== undefined && tries < TRIES; tries++) {
      const current: Message = copy;
      if (current.ended !== undefined) return false;
      const verdict = await new Promise<SettleVerdict>((told) => this.#deps.refuse(current, told));
      if (verdict !== 2) return verdict === 1;
      copy = await this.#deps.newer(current);
    }
    return false;
  }
}

/** A message, or the parts of one. A part that came again with another text is shown with both. */
function heldText(messages: readonly Message[]): HeldText | undefined {
  const [first] = messages;
  if (first?.submit === undefined) return undefined;
  const from = first.submit.source_addr;
  const parts = textsOf(messages);
  const text =
    parts === undefined
      ? textOf(first.submit, DEFAULT_ALPHABET)
      : wholeTexts(parts, parts.total).join('\n');
  return { from, to: first.destination, text };
}
