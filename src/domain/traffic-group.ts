import { type SenderKind, senderKindOf } from './sender-kind.ts';

/** What messages are told apart by where they are counted. Nothing of it is personal data. */
export interface TrafficGroup {
  readonly account: number;
  readonly class: string;
  /** '': none, '-': not known, '*': too many; of a number the last four digits are hidden. */
  readonly sender: string;
  /** Of the number: the longest that a route or tariff has, at least the country code; '-': not known. */
  readonly prefix: string;
  /** MCC and MNC; '': not known. */
  readonly network: string;
}

/** What is not known of a message, and what is not told apart. */
export const UNKNOWN = '-';
export const OTHER = '*';

/** Digits of a sender that is a number are personal data: the last four are not kept. */
const HIDDEN = '****';

/** A sender as it is kept: names and short codes whole, a number without its last four digits. */
export function shownSender(addr: string): string {
  if (senderKindOf(addr) !== 'number') return addr;
  return addr.slice(addr.startsWith('+') ? 1 : 0, -HIDDEN.length) + HIDDEN;
}

/** What kind of sender stands in a group. */
export function kindOfShown(sender: string): SenderKind | undefined {
  return sender === UNKNOWN || sender === OTHER
    ? undefined
    : senderKindOf(sender.replaceAll('*', '0'));
}
