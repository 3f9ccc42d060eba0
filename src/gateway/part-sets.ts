import type { Pool } from 'pg';
import type { EpochId, MessageId } from '../domain/ids.ts';
import type { IfSaid, PolicyVerdict, Refused } from '../domain/policy.ts';
import type { SubmitSm } from '../smpp/pdu.ts';
import {
  duePartSets,
  endParts,
  findPartSet,
  holdParts,
  type JudgedParts,
  type PartSet,
  type PartSetKey,
  releaseParts,
} from '../store/part-sets.ts';
import { withClient } from '../store/pool.ts';
import { sayTexts, whoSaid } from '../store/said-texts.ts';
import type { SettleVerdict } from '../store/settle.ts';
import type { Message } from './message.ts';
import type { GatewayObserver } from './observer.ts';
import { type OpenSet, type PartAmongOthers, textsOf, wholeTexts } from './part-texts.ts';
import { type Held, heldBy } from './policy-step.ts';
import type { Ticket } from './quotas.ts';

/** Sets decided in one turn of each second, two round trips each. */
const PAGE = 200;
/** Sets released by one statement. */
const RELEASE_MAX = 100;
/** A message that is replaced again and again meanwhile is tried so often; the next turn goes on. */
const TRIES = 3;
/** A set of which a part cannot be read (its account is not in this node's catalog yet) is kept so much longer. */
const UNREAD_MS = 60_000;

/** What accept stores of a part that waits. */
export interface PartRow {
  readonly key: Buffer;
  readonly part: number;
  readonly total: number;
  readonly untilMs: number;
  /** What quotas counted of it, as JSON: [rule, key in hex, amount, until] of each. */
  readonly counts: string;
  /** This node has not seen all parts: if with it they are all here, it is not stored before they were judged. */
  asks: boolean;
}

/** A part that waits, from its judgement to the answer of the store. */
export interface WaitingPart extends PartRow {
  readonly set: OpenSet;
}

export interface PartSetsDeps {
  readonly pool: Pool;
  readonly epoch: EpochId;
  readonly now: () => number;
  readonly observer: GatewayObserver;
  /** Keyed hash, 16 octets. */
  hash(text: string): Buffer;
  load(ids: readonly MessageId[]): Promise<Message[]>;
  /** The message as it stands now, if it was replaced since this copy. */
  newer(copy: Message): Promise<Message | undefined>;
  /**
   * Has the account's policy judge the texts of a whole message, by the rules that its parts waited for; `booked`: what
   * the verdict says is done, and counts.
   */
  judge(one: Message, submit: SubmitSm, texts: readonly string[], total: number): PolicyVerdict;
  booked(account: Message['account'], verdict: PolicyVerdict): void;
  /** What a rule does about a text that was said before is done, and counts. */
  foundSaid(account: Message['account'], found: IfSaid): void;
  /** Ends it REJECTD and gives its price back (unless it is charged all the same), if no carrier can have it. */
  refuse(message: Message, charged: boolean, told: (verdict: SettleVerdict) => void): void;
  /** A message waits for a moderator: what that counts is stored. */
  heldStored(account: Message['account'], held: Held): void;
  /** Sends messages that are due now, in this order. */
  bring(due: readonly MessageId[]): Promise<void>;
}

/**
 * Parts of long messages that wait until the whole is judged:
 *
 * ```
 *               ┌─ all are here, or partsWaitSeconds are over ──> judged ──┬── may go ──> due, in order
 *   accepted ───┤                                                         ├── held ────> each waits for a moderator
 *               └─ a later part was refused with them ────────────────────┴── refused ─> REJECTD, price back
 * ```
 * What waits is a row of `part_set`, so that a node that dies leaves it to its adopter. Where this node saw all parts
 * (part-texts.ts) the last one was judged with the others before it was accepted, and here the others only follow it;
 * else, and when the time is over, they are read from the store and judged here.
 */
export class PartSets {
  readonly #deps: PartSetsDeps;
  #whole = new Map<OpenSet, PartSetKey>();
  #releasing = false;
  #deciding = false;
  /** Who waits for the store's answer to all parts of a set. */
  readonly #settled = new Map<OpenSet, (() => void)[]>();

  constructor(deps: PartSetsDeps) {
    this.#deps = deps;
  }

  /** A part is about to be given to the accept lane. */
  begin(
    { set, part, missing }: PartAmongOthers,
    id: MessageId,
    ticket: Ticket | undefined,
  ): WaitingPart {
    set.pending += 1;
    set.ids.add(id);
    const key = this.#deps.hash(`part ${set.key}`);
    const counts = ticket === undefined ? '[]' : this.#countsOf(ticket);
    const { total, waitsUntilMs: untilMs } = set;
    return { set, key, part, total, untilMs, counts, asks: missing > 0 };
  }

  /** The store has it. @param isComplete by the store all parts of its message are here */
  accepted({ account }: Message, { set, key }: WaitingPart, isComplete: boolean): void {
    this.#answered(set);
    const { refused } = set;
    if (refused !== undefined) this.#behind(this.#end({ account, key }, refused.charged));
    else if (set.isWhole) this.#release(set, { account, key });
    else if (isComplete) this.#behind(this.#decideOne({ account, key }));
  }

  /** The store does not have it. */
  notAccepted({ set }: WaitingPart): void {
    this.#answered(set);
  }

  /**
   * Judges a part with those of it that are stored: it was not, for with it the message is whole, and some came to another
   * node. It is stored without asking afterwards. Never rejects.
   * @returns why the whole is refused
   */
  async judgeWith(message: Message, part: WaitingPart): Promise<Refused | undefined> {
    part.asks = false;
    try {
      const { pool, load, booked } = this.#deps;
      const { account } = message;
      const set = await withClient(pool, (client) =>
        findPartSet(client, { account, key: part.key }),
      );
      if (set === undefined) return undefined;
      const verdict = this.#judge(set, [...(await load(set.ids)), message])?.verdict;
      if (verdict === undefined) return undefined;
      if (verdict.refused !== undefined) booked(account, verdict);
      return verdict.refused ?? (await this.#saidBefore(set, verdict.ifSaid));
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  /** Ends the parts of a message that is refused with the part at hand. Settles when that is committed. Never rejects. */
  async refuse({ set }: Pick<PartAmongOthers, 'set'>): Promise<void> {
    if (set.pending > 0)
      await new Promise<void>((settled) => {
        this.#settled.set(set, [...(this.#settled.get(set) ?? []), settled]);
      });
    const key = this.#deps.hash(`part ${set.key}`);
    const charged = set.refused?.charged === true;
    await this.#end({ account: set.account, key }, charged).catch((error) => this.#failed(error));
  }

  /** Once a second: what has waited long enough. */
  async tick(): Promise<void> {
    if (this.#deciding) return;
    this.#deciding = true;
    try {
      const { pool, epoch } = this.#deps;
      for (const set of await withClient(pool, (client) => duePartSets(client, epoch, PAGE)))
        await this.#decide(set);
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#deciding = false;
    }
  }

  #answered(set: OpenSet): void {
    set.pending -= 1;
    if (set.pending > 0) return;
    const waiting = this.#settled.get(set);
    this.#settled.delete(set);
    for (const settled of waiting ?? []) settled();
  }

  /** Judged with its last part: what waits follows that, a statement for all sets that became whole meanwhile. */
  #release(set: OpenSet, key: PartSetKey): void {
    if (set.pending > 0) return;
    this.#whole.set(set, key);
    if (!this.#releasing) this.#behind(this.#releaseAll());
  }

  async #releaseAll(): Promise<void> {
    this.#releasing = true;
    try {
      while (this.#whole.size > 0) {
        const some = [...this.#whole].slice(0, RELEASE_MAX);
        for (const [set] of some) this.#whole.delete(set);
        await this.#releaseSome(some);
      }
    } finally {
      this.#releasing = false;
    }
  }

  async #releaseSome(sets: readonly (readonly [OpenSet, PartSetKey])[]): Promise<void> {
    const free: JudgedParts[] = [];
    for (const [{ ids, held }, key] of sets)
      if (held === undefined) free.push({ ...key, ids });
      else await this.#hold({ ...key, ids }, held);
    if (free.length === 0) return;
    const behind = await this.#let(free, false);
    this.#deps.observer.partSetsEnded('complete', free.length - behind.length);
    for (const left of behind) {
      const set = free[left];
      // Parts of it that this node has not seen, or that were replaced.
      if (set !== undefined) await this.#decideOne(set);
    }
  }

  async #let(judged: readonly JudgedParts[], asStored: boolean): Promise<number[]> {
    const { pool, epoch, bring } = this.#deps;
    const { due, left } = await withClient(pool, (client) =>
      releaseParts(client, epoch, judged, asStored),
    );
    if (due.length > 0) await bring(due);
    return left;
  }

  async #hold(judged: JudgedParts, held: Held): Promise<void> {
    const { pool, heldStored, observer } = this.#deps;
    if (!(await withClient(pool, (client) => holdParts(client, judged, held)))) return;
    observer.partSetsEnded('held', 1);
    heldStored(judged.account, held);
  }

  async #decideOne(key: PartSetKey): Promise<void> {
    const set = await withClient(this.#deps.pool, (client) => findPartSet(client, key));
    if (set !== undefined) await this.#decide(set);
  }

  /** Judges what is stored of a message as the whole that it is. */
  async #decide(set: PartSet): Promise<void> {
    const messages = await this.#deps.load(set.ids);
    if (messages.length < set.ids.length && this.#deps.now() < set.untilMs + UNREAD_MS) return;
    const judged = this.#judge(set, messages);
    const verdict = judged?.verdict;
    if (verdict !== undefined) this.#deps.booked(set.account, verdict);
    const said = verdict?.refused === undefined ? await this.#say(set, verdict?.ifSaid) : undefined;
    const held = (verdict && heldBy(verdict)) ?? said?.held;
    const refused = verdict?.refused ?? said?.refused;
    if (refused !== undefined) return this.#endAll(set, messages, refused.charged);
    if (held !== undefined) return this.#hold(set, held);
    const left = await this.#let([set], true);
    this.#deps.observer.partSetsEnded(
      judged?.isWhole === false ? 'timedOut' : 'complete',
      1 - left.length,
    );
  }

  /** Says the texts of a whole message. @returns what rules do where another message said one before */
  async #say(
    { account, ids }: PartSet,
    ifSaid: readonly IfSaid[] = [],
  ): Promise<Found | undefined> {
    const id = ids.at(-1);
    if (ifSaid.length === 0 || id === undefined) return undefined;
    const asked = ifSaid.map((text) => ({ ...text, account, id }));
    const by = await sayTexts(this.#deps.pool, asked);
    return this.#found(
      account,
      ifSaid.filter((_, i) => isOthers(by[i], ids)),
    );
  }

  /** The same before its last part is stored: nothing is said. */
  async #saidBefore(
    { account, ids }: PartSet,
    ifSaid: readonly IfSaid[],
  ): Promise<Refused | undefined> {
    const refusing = ifSaid.filter(({ refused }) => refused !== undefined);
    if (refusing.length === 0) return undefined;
    const by = await whoSaid(this.#deps.pool, account, refusing);
    const found = refusing.filter((_, i) => isOthers(by[i], ids));
    return this.#found(account, found.slice(0, 1)).refused;
  }

  #found(account: Message['account'], found: readonly IfSaid[]): Found {
    let [refused, held]: [Refused | undefined, Held | undefined] = [undefined, undefined];
    for (const one of found) {
      this.#deps.foundSaid(account, one);
      refused = one.refused;
      held ??= one.held;
      if (refused !== undefined) break;
    }
    return { refused, held };
  }

  #judge({ total }: PartSet, messages: readonly Message[]): JudgedWhole | undefined {
    const found = textsOf(messages);
    if (found?.last.submit === undefined) return undefined;
    const { last } = found;
    const verdict = this.#deps.judge(last, found.last.submit, wholeTexts(found, total), total);
    return { verdict, isWhole: found.texts.size >= total };
  }

  async #end(key: PartSetKey, charged: boolean): Promise<void> {
    const set = await withClient(this.#deps.pool, (client) => findPartSet(client, key));
    if (set !== undefined) await this.#endAll(set, await this.#deps.load(set.ids), charged);
  }

  async #endAll(set: PartSet, messages: readonly Message[], charged: boolean): Promise<void> {
    await Promise.all(messages.map((message) => this.#endMessage(message, charged)));
    // Those that have ended leave their place in the queue.
    const { pool, epoch, bring, observer } = this.#deps;
    const { due, isLeft } = await withClient(pool, (client) =>
      endParts(client, epoch, set, charged),
    );
    if (!isLeft) observer.partSetsEnded('refused', 1);
    if (due.length > 0) await bring(due);
  }

  async #endMessage(message: Message, charged: boolean): Promise<void> {
    let copy: Message | undefined = message;
    for (let tries = 0; copy !== undefined && copy.ended === undefined && tries < TRIES; tries++) {
      const current: Message = copy;
      const verdict = await new Promise<SettleVerdict>((told) =>
        this.#deps.refuse(current, charged, told),
      );
      if (verdict !== 2) return;
      copy = await this.#deps.newer(current);
    }
  }

  #countsOf({ taken }: Ticket): string {
    return JSON.stringify(
      taken.map(({ rule, key, amount, until }) => [
        rule,
        this.#deps.hash(key).toString('hex'),
        amount,
        until,
      ]),
    );
  }

  #behind(work: Promise<void>): void {
    work.catch((error) => this.#failed(error));
  }

  /** What was not decided is when its time is over. */
  #failed(error: unknown): void {
    this.#deps.observer.note('warn', 'partsWait', { reason: String(error) });
  }
}

/** A message as the whole that it is. */
interface JudgedWhole {
  readonly verdict: PolicyVerdict;
  /** All parts of it are here. */
  readonly isWhole: boolean;
}

/** What rules do about texts that were said before. */
interface Found {
  readonly refused: Refused | undefined;
  readonly held: Held | undefined;
}

/** Whether a text was said by a message that is no part of this one. */
function isOthers(by: bigint | undefined, ids: readonly bigint[]): boolean {
  return by !== undefined && !ids.includes(by);
}
