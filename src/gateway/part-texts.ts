import type { AccountId, MessageId } from '../domain/ids.ts';
import type { Refused } from '../domain/policy.ts';
import { partOf, textOf } from '../smpp/message.ts';
import type { SubmitSm } from '../smpp/pdu.ts';
import type { PartOfMessage } from '../smpp/udh.ts';
import { DEFAULT_ALPHABET, type Message } from './message.ts';
import type { Held } from './policy-step.ts';

/** Long messages of an account of which parts are still to come. */
const OPEN_MAX = 1_000;
/** Of all accounts: some 2 KB each, 80 KB at the most (255 parts). */
const OPEN_MAX_NODE = 5_000;
/** Parts come within seconds; a reference is used again after 256 messages to a number. */
const OPEN_MS = 60_000;
/** Parts that come again while a message is open: a customer who is not answered in time tries a few times. */
const REPEATS_MAX = 16;

/** A long message that a customer submits in parts, while it is open. */
export interface OpenSet {
  readonly account: AccountId;
  /** What its parts have in common: sender, destination, reference, number of parts. */
  readonly key: string;
  readonly total: number;
  /** The last text of each part. */
  readonly texts: Map<number, string>;
  /** Other texts of parts that came again: a handset may show either. */
  readonly others: PartText[];
  /** Unix ms when it is forgotten. */
  untilMs: number;
  /** Unix ms until which the parts that came since it began to wait are not sent; 0: they do not wait. */
  waitsUntilMs: number;
  /** Parts that came since then, those that came again too. */
  came: number;
  /** Messages of these that were given to the store, and how many of them it has not answered yet. */
  readonly ids: Set<MessageId>;
  pending: number;
  /** All parts are here, and together they may go. */
  isWhole: boolean;
  /** All parts are here, and together they wait for a moderator. */
  held: Held | undefined;
  /** The account's policy refused it; parts that are still to come are refused with it. */
  refused: Refused | undefined;
}

/** The text of one part. */
export interface PartText {
  readonly part: number;
  readonly text: string;
}

/** A part of a long message among those that came before it. */
export interface PartAmongOthers {
  readonly set: OpenSet;
  readonly part: number;
  /** The text so far, in the order of the parts; a part that is missing ends a word. */
  readonly text: string;
  /** The same with parts as they came before in the place of the later ones, one after the other; undefined: none did. */
  readonly otherText: string | undefined;
  /** Parts that have not come. */
  readonly missing: number;
}

/**
 * The texts of long messages that a customer submits in parts, so that each part is judged together with those before
 * it: a word that is cut across two parts is found when the second of them comes. By (account, sender, destination,
 * reference and number of parts); this node's alone, and not kept over a restart: what waits is in the store
 * (part-sets.ts), and judged from there where this does not know all of it.
 *
 * When an account has as many open messages as it may, the oldest is forgotten; if that one still waits, a new one is
 * not taken. When the node has, the account with the most loses its oldest here.
 */
export class PartTexts {
  /** Of each account, oldest first. */
  readonly #open = new Map<AccountId, Map<string, OpenSet>>();
  #count = 0;

  /**
   * Adds a part (in place of one with its number).
   * @param waitMs how long parts wait for the others; 0: they do not
   * @returns undefined: too many wait, or this part came too often
   */
  add(
    account: AccountId,
    pdu: Pick<SubmitSm, 'source_addr'>,
    destination: string,
    { reference, total, part }: PartOfMessage,
    text: string,
    nowMs: number,
    waitMs = 0,
  ): PartAmongOthers | undefined {
    const open = this.#of(account);
    const key = `${pdu.source_addr} ${destination} ${reference}/${total}`;
    const set = this.#openSet(open, account, key, total, part, nowMs);
    if (set === undefined || !begins(set, waitMs, nowMs)) return undefined;
    set.untilMs = nowMs + OPEN_MS;
    const before = set.texts.get(part);
    if (before !== undefined && before !== text) addOther(set.others, { part, text: before });
    set.texts.set(part, text);
    const missing = total - set.texts.size;
    if (missing <= 0) this.#forget(open, key);
    const otherText = set.others.length === 0 ? undefined : joinedWith(set);
    return { set, part, text: joinedTexts(set.texts, total), otherText, missing };
  }

  /** A part was refused for what the others do not share: what comes after is judged without it. */
  remove({ set, part }: PartAmongOthers): void {
    set.texts.delete(part);
  }

  #openSet(
    open: Map<string, OpenSet>,
    account: AccountId,
    key: string,
    total: number,
    part: number,
    nowMs: number,
  ): OpenSet | undefined {
    const known = open.get(key);
    // A part of a refused message that comes again begins a new message.
    const isOver = known?.refused !== undefined && known.texts.has(part);
    if (known !== undefined && known.untilMs >= nowMs && !isOver) return known;
    this.#forget(open, key);
    if (!this.#makeRoom(open, nowMs)) return undefined;
    const set = newSet(account, key, total);
    open.set(key, set);
    this.#count += 1;
    return set;
  }

  #of(account: AccountId): Map<string, OpenSet> {
    let open = this.#open.get(account);
    if (open === undefined) {
      open = new Map();
      this.#open.set(account, open);
    }
    return open;
  }

  #makeRoom(open: Map<string, OpenSet>, nowMs: number): boolean {
    if (open.size >= OPEN_MAX) {
      const [oldest] = open.values();
      if (oldest !== undefined && oldest.refused === undefined && oldest.waitsUntilMs > nowMs)
        return false;
      if (oldest !== undefined) this.#forget(open, oldest.key);
    } else if (this.#count >= OPEN_MAX_NODE) this.#forgetLargest();
    return true;
  }

  #forgetLargest(): void {
    let largest: Map<string, OpenSet> | undefined;
    for (const open of this.#open.values()) if (open.size > (largest?.size ?? 0)) largest = open;
    const [oldest] = largest?.keys() ?? [];
    if (largest !== undefined && oldest !== undefined) this.#forget(largest, oldest);
  }

  #forget(open: Map<string, OpenSet>, key: string): void {
    if (open.delete(key)) this.#count -= 1;
  }
}

/** Neighbours are put together as they stand; between others stands the end of a line. */
export function joinedTexts(texts: ReadonlyMap<number, string>, total: number): string {
  let whole = '';
  let last = 0;
  for (let part = 1; part <= total; part++) {
    const text = texts.get(part);
    if (text === undefined) continue;
    whole += last > 0 && part > last + 1 ? `\n${text}` : text;
    last = part;
  }
  return whole;
}

/** Each other text of a part between its neighbours, a line each. */
export function joinedWith({
  texts,
  others,
}: {
  readonly texts: ReadonlyMap<number, string>;
  readonly others: readonly PartText[];
}): string {
  return others
    .map(({ part, text }) => `${texts.get(part - 1) ?? ''}${text}${texts.get(part + 1) ?? ''}`)
    .join('\n');
}

/** Parts of one message as they are stored. */
export interface StoredTexts {
  readonly texts: Map<number, string>;
  readonly others: PartText[];
  readonly total: number;
  /** The one that came last. */
  readonly last: Message;
}

/** What parts of one message that have not ended say, as they came; undefined: there is none. */
export function textsOf(messages: readonly Message[]): StoredTexts | undefined {
  const texts = new Map<number, string>();
  const others: PartText[] = [];
  let found: Pick<StoredTexts, 'last' | 'total'> | undefined;
  for (const message of messages) {
    const { submit, ended } = message;
    const place = submit && ended === undefined ? partOf(submit) : undefined;
    if (submit === undefined || place === undefined) continue;
    const { part, total } = place;
    const before = texts.get(part);
    const text = textOf(submit, DEFAULT_ALPHABET);
    if (before !== undefined && before !== text) others.push({ part, text: before });
    texts.set(part, text);
    found = { last: message, total };
  }
  return found && { texts, others, ...found };
}

/** The whole text, and what other texts of parts that came again make of it. */
export function wholeTexts(
  { texts, others }: Pick<StoredTexts, 'texts' | 'others'>,
  total: number,
): string[] {
  const whole = joinedTexts(texts, total);
  return others.length === 0 ? [whole] : [whole, joinedWith({ texts, others })];
}

/** Whether one more part is taken; the wait begins with the first, and anew when what came before is no longer there. */
function begins(set: OpenSet, waitMs: number, nowMs: number): boolean {
  if (waitMs > 0 && set.waitsUntilMs <= nowMs) {
    set.waitsUntilMs = nowMs + waitMs;
    set.came = 0;
    set.ids.clear();
  }
  set.came += 1;
  return waitMs === 0 || set.came <= set.total + REPEATS_MAX;
}

function addOther(others: PartText[], other: PartText): void {
  if (others.some(({ part, text }) => part === other.part && text === other.text)) return;
  others.push(other);
  // More come only without waiting, or in one wait after the other.
  if (others.length > REPEATS_MAX) others.shift();
}

function newSet(account: AccountId, key: string, total: number): OpenSet {
  return {
    account,
    key,
    total,
    texts: new Map(),
    others: [],
    untilMs: 0,
    waitsUntilMs: 0,
    came: 0,
    ids: new Set(),
    pending: 0,
    isWhole: false,
    held: undefined,
    refused: undefined,
  };
}
