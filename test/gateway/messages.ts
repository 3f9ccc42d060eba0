import type { Catalog, CatalogAccount, CatalogCarrier } from '../../src/domain/catalog.ts';
import { compileCatalog } from '../../src/domain/compile-catalog.ts';
import { accountId, bindId, carrierId, messageId } from '../../src/domain/ids.ts';
import { credits, times } from '../../src/domain/money.ts';
import { NO_LEASE } from '../../src/gateway/lease-book.ts';
import { type Message, NOTHING } from '../../src/gateway/message.ts';
import type { Sending } from '../../src/gateway/sending.ts';
import { applied, parsed, rowsOf } from '../domain/resource-samples.ts';
import { resources, type TestResources } from './resources.ts';

/** A catalog compiled from resources, without a store. */
export async function catalogOf(given: TestResources): Promise<Catalog> {
  return compileCatalog(rowsOf(await applied(parsed(resources(given)))));
}

/** A catalog's only account, or the one of that name. */
export function accountOf(catalog: Catalog, name?: string): CatalogAccount {
  const account =
    name === undefined
      ? [...catalog.accounts.values()][0]
      : [...catalog.accounts.values()].find((one) => one.name === name);
  if (account === undefined) throw new Error('no such account');
  return account;
}

/** A catalog's first carrier, or the one of that name. */
export function carrierOf(catalog: Catalog, name?: string): CatalogCarrier {
  const carrier = [...catalog.carriers.values()].find(
    (one) => name === undefined || one.name === name,
  );
  if (carrier === undefined) throw new Error('no such carrier');
  return carrier;
}

/** A message in memory, of one segment at 1 credit unless said otherwise. */
export function messageOf(owner: CatalogAccount, fields: Partial<Message> = {}): Message {
  const { segments = 1, unitPrice = credits(1_000_000n) } = fields;
  return {
    id: messageId(1n),
    account: accountId(1),
    bind: bindId(1),
    customerId: null,
    carrier: carrierId(1),
    trafficClass: owner.trafficClass,
    lane: 1,
    segments,
    unitPrice,
    price: times(unitPrice, segments),
    tariffVersion: 1,
    policyVersion: 1,
    group: 0,
    termsVersion: 1,
    chargeOnDelivery: false,
    registeredDelivery: 1,
    validUntilMs: 0,
    destinationHash: NOTHING,
    contentKey: 1,
    version: 0,
    content: NOTHING,
    releaseAtMs: 0,
    held: undefined,
    part: undefined,
    said: undefined,
    notes: undefined,
    submitKey: undefined,
    knownUntilMs: 0,
    owner,
    destination: '966500000001',
    submit: undefined,
    echo: {
      service_type: '',
      source_addr_ton: 5,
      source_addr_npi: 0,
      source_addr: 'Shop',
      dest_addr_ton: 1,
      dest_addr_npi: 1,
      destination_addr: '966500000001',
      text: 'hello',
      own: undefined,
    },
    parts: undefined,
    ended: undefined,
    ...fields,
  };
}

/** A submit_sm that its carrier accepted under an id. */
export function sendingOf(
  message: Message,
  upstreamId: string,
  fields: Partial<Sending> = {},
): Sending {
  return {
    message,
    id: message.id,
    segment: 1,
    attempt: 1,
    firstHere: 1,
    carrier: message.carrier,
    lease: NO_LEASE,
    pdu: undefined,
    sentAtMs: 0,
    upstreamId,
    status: 0,
    atMs: 0,
    ...fields,
  };
}
