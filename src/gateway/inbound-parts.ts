import type { Catalog, CatalogAccount, CatalogCarrier } from '../domain/catalog.ts';
import type { AccountId } from '../domain/ids.ts';
import { headWords } from '../domain/inbound.ts';
import type { OptOutWish } from '../domain/opt-out-words.ts';
import { partOf, textOf } from '../smpp/message.ts';
import type { DeliverSm } from '../smpp/pdu.ts';
import { DEFAULT_ALPHABET } from './message.ts';

/** Long messages whose way is remembered for their later parts: about 200 octets each; the oldest go first. */
const KNOWN_MAX = 10_000;
/** Parts of one message come within seconds; a reference is used again after 256 messages of one sender. */
const KNOWN_MS = 600_000;
/** Parts that wait for their first part, unanswered; beyond it they go by their number alone. */
const HELD_MAX = 1_000;
/** The first part comes just before or after the others; carriers wait 10 s or more for an answer. */
const HELD_MS = 5_000;

/** A message of a subscriber as its carrier sent it. */
interface Arrived {
  readonly carrier: CatalogCarrier;
  readonly pdu: DeliverSm;
}

export interface InboundPartsDeps<T extends Arrived> {
  catalog(): Catalog;
  readonly now: () => number;
  /** A part that waited is routed; undefined: it is nobody's. */
  released(arrived: T, account: AccountId | undefined): void;
}

/**
 * Whose a subscriber's message is. The keyword of a long message is in its first part; the others go the same way, by
 * (carrier, sender, destination, reference). One that comes before the first part waits for it, then goes by its number
 * alone. What is known of parts is this node's: over two nodes they go by their number.
 */
export class InboundParts<T extends Arrived> {
  readonly #deps: InboundPartsDeps<T>;
  /** Oldest first. */
  readonly #known = new Map<string, { readonly account: AccountId | undefined; untilMs: number }>();
  readonly #held = new Map<string, { readonly arrived: T[]; readonly untilMs: number }>();
  #heldCount = 0;

  constructor(deps: InboundPartsDeps<T>) {
    this.#deps = deps;
  }

  /** The account of a message; undefined: nobody's; `wait`: `released` follows. */
  route(arrived: T): AccountId | undefined | 'wait' {
    const { carrier, pdu } = arrived;
    const catalog = this.#deps.catalog();
    if (!catalog.inbound.hasKeywords(carrier.id, pdu.destination_addr))
      return this.#byNumber(arrived);
    const part = partOf(pdu);
    if (part === undefined || part.total < 2) return byText(arrived, catalog);
    const { source_addr, destination_addr } = pdu;
    const key = `${carrier.id} ${source_addr} ${destination_addr} ${part.reference}/${part.total}`;
    if (part.part === 1) {
      const account = byText(arrived, catalog);
      this.#remember(key, account);
      this.#release(key, () => account);
      return account;
    }
    const known = this.#known.get(key);
    if (known !== undefined && known.untilMs > this.#deps.now()) return known.account;
    if (this.#heldCount >= HELD_MAX) return this.#byNumber(arrived);
    this.#hold(key, arrived);
    return 'wait';
  }

  /** Once a second: what waited for too long goes by its number alone, what is old is forgotten. */
  tick(): void {
    const nowMs = this.#deps.now();
    for (const [key, { untilMs }] of this.#held)
      if (untilMs <= nowMs) this.#release(key, (arrived) => this.#byNumber(arrived));
    for (const [key, { untilMs }] of this.#known) {
      if (untilMs > nowMs) break;
      this.#known.delete(key);
    }
  }

  #byNumber({ carrier, pdu }: T): AccountId | undefined {
    return this.#deps.catalog().inbound.byNumber(carrier.id, pdu.destination_addr);
  }

  #remember(key: string, account: AccountId | undefined): void {
    this.#known.delete(key); // to the end: map order is age
    this.#known.set(key, { account, untilMs: this.#deps.now() + KNOWN_MS });
    if (this.#known.size <= KNOWN_MAX) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }

  #hold(key: string, arrived: T): void {
    const held = this.#held.get(key) ?? { arrived: [], untilMs: this.#deps.now() + HELD_MS };
    held.arrived.push(arrived);
    this.#held.set(key, held);
    this.#heldCount++;
  }

  #release(key: string, accountOf: (arrived: T) => AccountId | undefined): void {
    const held = this.#held.get(key);
    if (held === undefined) return;
    this.#held.delete(key);
    this.#heldCount -= held.arrived.length;
    // The first part goes before those that waited for it.
    queueMicrotask(() => {
      for (const arrived of held.arrived) this.#deps.released(arrived, accountOf(arrived));
    });
  }
}

/**
 * What a message asks of its account's opt-out list: a word of the account's policy alone, or before a keyword of the
 * account ("STOP PROMO"). Long messages ask nothing.
 */
export function wishOf(
  { carrier, pdu }: Arrived,
  owner: CatalogAccount,
  catalog: Catalog,
): OptOutWish {
  const words = owner.policy.optOutWords;
  if (words === undefined || (partOf(pdu)?.total ?? 1) > 1) return undefined;
  const text = textOf(pdu, DEFAULT_ALPHABET);
  const [first = '', second = '', ...more] = headWords(text);
  const named =
    more.length === 0 &&
    catalog.inbound.byKeyword(carrier.id, pdu.destination_addr, second) === owner.id;
  return words.wishOf(text) ?? (named ? words.wishOf(first) : undefined);
}

/** By the first word; "STOP PROMO" by the second, where its account knows the first as such a word; else by number. */
function byText({ carrier, pdu }: Arrived, catalog: Catalog): AccountId | undefined {
  const { inbound, accounts } = catalog;
  const { destination_addr: number } = pdu;
  const [first = '', second = ''] = headWords(textOf(pdu, DEFAULT_ALPHABET));
  const byFirst = inbound.byKeyword(carrier.id, number, first);
  if (byFirst !== undefined) return byFirst;
  const bySecond = inbound.byKeyword(carrier.id, number, second);
  const words = bySecond === undefined ? undefined : accounts.get(bySecond)?.policy.optOutWords;
  if (words?.wishOf(first) !== undefined) return bySecond;
  return inbound.byNumber(carrier.id, number);
}
