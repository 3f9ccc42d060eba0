import type { Catalog } from '../../domain/catalog.ts';
import { accountId, bindId } from '../../domain/ids.ts';
import { normaliseDestination } from '../../domain/msisdn.ts';
import { trafficClassOf } from '../../domain/traffic-class.ts';
import { shownSender, type TrafficGroup, UNKNOWN } from '../../domain/traffic-group.ts';
import { takeOwnFields } from '../../gateway/own-fields.ts';
import { decodePdu } from '../../smpp/codec.ts';
import type { SubmitSm } from '../../smpp/pdu.ts';
import type { ContentKeys } from '../../store/content-keys.ts';
import type { UngroupedMessage } from '../../store/usage-count.ts';

export interface TraitsDeps {
  catalog(): Catalog;
  readonly keys: ContentKeys;
  /** MCC and MNC of a number; undefined: nobody knows. */
  networkOf(msisdn: string): string | undefined;
}

/** Reads what messages are told apart by out of their sealed content, where accept did not know it. */
export class Traits {
  readonly #deps: TraitsDeps;
  #catalog: Catalog | undefined;

  constructor(deps: TraitsDeps) {
    this.#deps = deps;
  }

  /** The groups of messages, in their order. One whose content is gone or altered is known by its account and class. */
  async groupsOf(messages: readonly UngroupedMessage[]): Promise<TrafficGroup[]> {
    const catalog = this.#deps.catalog();
    if (this.#catalog !== catalog) {
      this.#catalog = catalog;
      // What was destroyed is not read here any more either.
      this.#deps.keys.forgetOf((account) => catalog.accounts.get(account)?.status === 'terminated');
    }
    if (messages.length === 0) return [];
    await this.#deps.keys.load(new Set(messages.map(({ contentKey }) => contentKey)));
    return messages.map((message) => this.#groupOf(message, catalog));
  }

  #groupOf(message: UngroupedMessage, catalog: Catalog): TrafficGroup {
    const { account } = message;
    const submit = this.#open(message);
    const own = submit && takeOwnFields(submit);
    const owner = catalog.accounts.get(accountId(account));
    const bind = bindId(message.bind);
    const trafficClass =
      owner === undefined
        ? (catalog.bindClasses.get(bind) ?? UNKNOWN)
        : trafficClassOf(catalog, owner, bind, (own ?? submit)?.source_addr ?? '', submit?.tlvs);
    if (submit === undefined)
      return { account, class: trafficClass, sender: UNKNOWN, prefix: UNKNOWN, network: '' };
    const msisdn = msisdnOf(submit);
    return {
      account,
      class: trafficClass,
      sender: shownSender(submit.source_addr),
      prefix: catalog.pricePrefixes.of(msisdn) || UNKNOWN,
      network: this.#deps.networkOf(msisdn) ?? '',
    };
  }

  #open({ contentKey, id, content }: UngroupedMessage): SubmitSm | undefined {
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

function msisdnOf(submit: SubmitSm): string {
  const { destination_addr: addr, dest_addr_ton: ton, dest_addr_npi: npi } = submit;
  const destination = normaliseDestination(addr, ton, npi);
  return 'msisdn' in destination ? destination.msisdn : addr;
}
