import type { Catalog } from '../../domain/catalog.ts';
import { accountId, bindId } from '../../domain/ids.ts';
import { normaliseDestination } from '../../domain/msisdn.ts';
import { type SenderKind, senderKindOf } from '../../domain/sender-kind.ts';
import { compileTrafficPrefixes, type TrafficPrefixes } from '../../domain/traffic-prefix.ts';
import { decodePdu } from '../../smpp/codec.ts';
import type { SubmitSm } from '../../smpp/pdu.ts';
import type { ContentKeys } from '../../store/content-keys.ts';
import type { TrafficGroup, UncountedMessage } from '../../store/usage-count.ts';

/** What is not known of a message, and what is not told apart. */
export const UNKNOWN = '-';
export const OTHER = '*';

/** Digits of a sender that is a number are personal data: the last four are not kept. */
const HIDDEN_DIGITS = 4;

export interface TraitsDeps {
  catalog(): Catalog;
  readonly keys: ContentKeys;
  /** MCC and MNC of a number; undefined: nobody knows. */
  networkOf(msisdn: string): string | undefined;
}

/** Reads what messages are told apart by out of their sealed content. */
export class Traits {
  readonly #deps: TraitsDeps;
  #prefixes: TrafficPrefixes | undefined;
  #catalog: Catalog | undefined;

  constructor(deps: TraitsDeps) {
    this.#deps = deps;
  }

  /** The groups of messages, in their order. One whose content is gone or altered is known by its account and class. */
  async groupsOf(messages: readonly UncountedMessage[]): Promise<TrafficGroup[]> {
    await this.#deps.keys.load(new Set(messages.map(({ contentKey }) => contentKey)));
    const catalog = this.#deps.catalog();
    if (this.#catalog !== catalog) {
      this.#catalog = catalog;
      this.#prefixes = compileTrafficPrefixes(catalog.pricePrefixes);
    }
    return messages.map((message) => this.#groupOf(message, catalog));
  }

  #groupOf(message: UncountedMessage, catalog: Catalog): TrafficGroup {
    const { account } = message;
    const trafficClass =
      catalog.bindClasses.get(bindId(message.bind)) ??
      catalog.accounts.get(accountId(account))?.trafficClass ??
      UNKNOWN;
    const submit = this.#open(message);
    if (submit === undefined)
      return { account, class: trafficClass, sender: UNKNOWN, prefix: UNKNOWN, network: '' };
    const msisdn = msisdnOf(submit);
    return {
      account,
      class: trafficClass,
      sender: shownSender(submit.source_addr),
      prefix: this.#prefixes?.of(msisdn) || UNKNOWN,
      network: this.#deps.networkOf(msisdn) ?? '',
    };
  }

  #open({ contentKey, id, content }: UncountedMessage): SubmitSm | undefined {
    try {
      const plain = this.#deps.keys.open(contentKey, id, 0, content);
      if (plain === undefined) return undefined;
      const pdu = decodePdu(plain, 0, plain.length);
      return pdu.command === 'submit_sm' ? pdu : undefined;
    } catch {
      return undefined; // altered: reading the message says so
    }
  }
}

/** A sender as it is kept: names and short codes whole, a number without its last four digits. */
export function shownSender(addr: string): string {
  const digits = addr.startsWith('+') ? addr.slice(1) : addr;
  return senderKindOf(addr) === 'number'
    ? `${digits.slice(0, -HIDDEN_DIGITS)}${'*'.repeat(HIDDEN_DIGITS)}`
    : addr;
}

/** What kind of sender stands in a group. */
export function kindOfShown(sender: string): SenderKind | undefined {
  return sender === UNKNOWN || sender === OTHER
    ? undefined
    : senderKindOf(sender.replaceAll('*', '0'));
}

function msisdnOf(submit: SubmitSm): string {
  const { destination_addr: addr, dest_addr_ton: ton, dest_addr_npi: npi } = submit;
  const destination = normaliseDestination(addr, ton, npi);
  return 'msisdn' in destination ? destination.msisdn : addr;
}
