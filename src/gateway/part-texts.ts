import type { AccountId } from '../domain/ids.ts';
import type { SubmitSm } from '../smpp/pdu.ts';
import type { PartOfMessage } from '../smpp/udh.ts';

/** Long messages of an account of which parts are still to come; the oldest is forgotten. */
const OPEN_MAX = 1_000;
/** Of all accounts: some 2 KB each, 80 KB at the most (255 parts). */
const OPEN_MAX_NODE = 5_000;
/** Parts come within seconds; a reference is used again after 256 messages to a number. */
const OPEN_MS = 60_000;

/** A part of a long message among those that came before it. */
export interface PartAmongOthers {
  /** The text so far, in the order of the parts; a part that is missing ends a word. */
  readonly text: string;
  /** Parts that have not come. */
  readonly missing: number;
}

interface OpenMessage {
  readonly texts: Map<number, string>;
  readonly total: number;
  untilMs: number;
}

/**
 * The texts of long messages that a customer submits in parts, so that each part is judged together with those before
 * it: a word that is cut across two parts is found when the second of them comes, and without that part no handset
 * shows the message. By (account, sender, destination, reference and number of parts); this node's alone, and not kept
 * over a restart.
 */
export class PartTexts {
  /** Of each account, oldest first. */
  readonly #open = new Map<AccountId, Map<string, OpenMessage>>();
  #count = 0;

  /** Adds a part (in place of one with its number). */
  add(
    account: AccountId,
    pdu: Pick<SubmitSm, 'source_addr'>,
    destination: string,
    { reference, total, part }: PartOfMessage,
    text: string,
    nowMs: number,
  ): PartAmongOthers {
    const open = this.#of(account);
    const key = keyOf(pdu, destination, reference, total);
    let message = open.get(key);
    if (message === undefined || message.untilMs < nowMs) {
      this.#forget(open, key);
      this.#makeRoom(open);
      message = { texts: new Map(), total, untilMs: 0 };
      open.set(key, message);
      this.#count += 1;
    }
    message.untilMs = nowMs + OPEN_MS;
    message.texts.set(part, text);
    const whole = joined(message);
    const missing = total - message.texts.size;
    if (missing <= 0) this.#forget(open, key);
    return { text: whole, missing };
  }

  /** A part was refused: what comes after is judged without it. */
  remove(
    account: AccountId,
    pdu: Pick<SubmitSm, 'source_addr'>,
    destination: string,
    { reference, total, part }: PartOfMessage,
  ): void {
    this.#open
      .get(account)
      ?.get(keyOf(pdu, destination, reference, total))
      ?.texts.delete(part);
  }

  #of(account: AccountId): Map<string, OpenMessage> {
    let open = this.#open.get(account);
    if (open === undefined) {
      open = new Map();
      this.#open.set(account, open);
    }
    return open;
  }

  /** The account that is over its share loses its oldest; else, when the node is full, the account that asks. */
  #makeRoom(open: Map<string, OpenMessage>): void {
    if (open.size < OPEN_MAX && this.#count < OPEN_MAX_NODE) return;
    const [oldest] = open.keys();
    if (oldest !== undefined) this.#forget(open, oldest);
    else this.#forgetLargest();
  }

  #forgetLargest(): void {
    let largest: Map<string, OpenMessage> | undefined;
    for (const open of this.#open.values()) if (open.size > (largest?.size ?? 0)) largest = open;
    const [oldest] = largest?.keys() ?? [];
    if (largest !== undefined && oldest !== undefined) this.#forget(largest, oldest);
  }

  #forget(open: Map<string, OpenMessage>, key: string): void {
    if (open.delete(key)) this.#count -= 1;
  }
}

function keyOf(
  { source_addr }: Pick<SubmitSm, 'source_addr'>,
  destination: string,
  reference: number,
  total: number,
): string {
  return `${source_addr} ${destination} ${reference}/${total}`;
}

/** Neighbours are put together as they stand; between others stands the end of a line. */
function joined({ texts, total }: OpenMessage): string {
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
