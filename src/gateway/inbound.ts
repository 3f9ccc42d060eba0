import type { Catalog, CatalogAccount, CatalogCarrier } from '../domain/catalog.ts';
import { type AccountId, ClockStepError, type MessageId } from '../domain/ids.ts';
import { normaliseDestination } from '../domain/msisdn.ts';
import type { Session } from '../session/session.ts';
import { decodePdu, encodeOne, PduWriter } from '../smpp/codec.ts';
import { type DataSm, type DeliverSm, newPdu, newResponse, type PduOf } from '../smpp/pdu.ts';
import * as status from '../smpp/status.ts';
import type { ContentKeys } from '../store/content-keys.ts';
import type { InboundRow, InboundVerdict } from '../store/inbound.ts';
import type { Lane } from '../store/lane.ts';
import type { Sealing } from '../store/sealing.ts';
import { recipientKey } from '../store/waiting.ts';
import { type Delivery, mobileOriginated, notificationOf, type Origin } from './delivery.ts';
import { InboundParts, wishOf } from './inbound-parts.ts';
import { type Message, NOTHING, type PartEnd } from './message.ts';
import type { GatewayObserver, InboundResult } from './observer.ts';
import type { Outbox } from './outbox.ts';

/** Octets of an address in deliver_sm (SMPP 3.4 §4.6.1: 21 with its NUL); data_sm may have longer ones. */
const ADDRESS_OCTETS = 20;

/** A mobile-originated message or a notification on its way to the store: the row of the inbound lane. */
export interface InboundItem extends InboundRow {
  readonly delivery: Delivery;
  readonly from: CatalogCarrier;
  /** Answers the carrier; called after the commit. */
  readonly answer: () => void;
}

export interface InboundDeps {
  catalog(): Catalog;
  readonly now: () => number;
  readonly observer: GatewayObserver;
  readonly keys: ContentKeys;
  readonly sealing: Sealing;
  /** The next internal id; undefined while this node has none reserved. @throws ClockStepError */
  nextId(nowMs: number): MessageId | undefined;
  readonly lane: Pick<Lane<InboundItem, InboundVerdict>, 'push'>;
  outbox(): Outbox;
}

/** A message of a subscriber, from its arrival to its answer. */
interface Arrived {
  readonly carrier: CatalogCarrier;
  /** A copy of our own: what was read is a view into the socket's chunk. */
  readonly pdu: DeliverSm;
  readonly plain: Buffer;
  answer(commandStatus: number): void;
}

/**
 * What carriers send for customers beside final receipts: read, route, seal, store (and opt out) in one commit, answer
 * the carrier, return through the outbox. Parts of a long message are passed on as they came, each with its header.
 */
export class InboundPath {
  readonly #deps: InboundDeps;
  readonly #parts: InboundParts<Arrived>;
  readonly #writer = new PduWriter();

  constructor(deps: InboundDeps) {
    this.#deps = deps;
    this.#parts = new InboundParts({
      catalog: () => deps.catalog(),
      now: deps.now,
      released: (arrived, account) => this.#routed(arrived, account),
    });
  }

  /** A deliver_sm or data_sm that is no receipt. */
  onMessage(session: Session, carrier: CatalogCarrier, pdu: DeliverSm | DataSm): void {
    const name = pdu.command === 'deliver_sm' ? 'deliver_sm_resp' : 'data_sm_resp';
    const sequence = pdu.sequence_number;
    const answer = (commandStatus: number): void =>
      void session.respond(newResponse(name, sequence, commandStatus));
    const tooLong = longAddress(pdu);
    if (tooLong !== undefined) return answer(tooLong);
    const plain = Buffer.from(encodeOne(asDeliverSm(pdu), this.#writer));
    const copy = decodePdu(plain, 0, plain.length);
    if (copy.command !== 'deliver_sm') throw new Error('a deliver_sm decodes to one');
    const arrived: Arrived = { carrier, pdu: copy, plain, answer };
    const account = this.#parts.route(arrived);
    if (account !== 'wait') this.#routed(arrived, account);
  }

  /** A message of ours is on its way, says its carrier; its customer wants to hear of that. */
  onIntermediate(
    carrier: CatalogCarrier,
    message: Message,
    end: Pick<PartEnd, 'state' | 'err' | 'doneAtMs'>,
    answer: () => void,
  ): void {
    const outbox = this.#deps.outbox();
    const delivery = notificationOf(message, end, this.#origin(outbox));
    outbox.expectNotification(message.id);
    this.#store(carrier, delivery, answer, { err: end.err });
  }

  /** A subscriber is there again (SMPP 3.4 §4.12): told to the account whose number the carrier names. It has no answer. */
  onAlert(carrier: CatalogCarrier, pdu: PduOf<'alert_notification'>): void {
    const account = this.#deps.catalog().inbound.byNumber(carrier.id, pdu.esme_addr);
    const told = account !== undefined && this.#deps.outbox().alert(account, pdu);
    this.#deps.observer.inbound(carrier, told ? 'alert' : 'alertDropped');
  }

  /** The inbound lane committed. */
  onStored(items: readonly InboundItem[], verdicts: readonly InboundVerdict[]): void {
    const outbox = this.#deps.outbox();
    for (const [i, item] of items.entries()) {
      item.answer();
      const isNew = verdicts[i] === 1;
      this.#deps.observer.inbound(item.from, resultOf(item, isNew));
      if (isNew && item.claimed) outbox.offer(item.delivery);
      if (item.delivery.pdu === undefined) outbox.notificationStored(item.id);
    }
  }

  /** Once a second: parts whose first part does not come go by their number alone. */
  tick(): void {
    this.#parts.tick();
  }

  #routed(arrived: Arrived, account: AccountId | undefined): void {
    const owner = account === undefined ? undefined : this.#deps.catalog().accounts.get(account);
    if (owner === undefined || owner.status === 'terminated') {
      this.#deps.observer.inbound(arrived.carrier, 'unrouted');
      return arrived.answer(status.ESME_RX_P_APPN);
    }
    this.#keep(arrived, owner);
  }

  #keep(arrived: Arrived, owner: CatalogAccount): void {
    const { now, keys } = this.#deps;
    const nowMs = now();
    const key = keys.get(owner.id, nowMs);
    if (key === undefined) {
      // First message of this account today: once its key is there, the same again.
      keys.ensure(owner.id, nowMs).then(
        () => this.#keep(arrived, owner),
        () => this.#later(arrived),
      );
      return;
    }
    const id = this.#nextId(nowMs);
    if (id === undefined) return this.#later(arrived);
    const { carrier, pdu, plain, answer } = arrived;
    const outbox = this.#deps.outbox();
    const subscriber = subscriberOf(pdu);
    const origin = this.#origin(outbox);
    const delivery = mobileOriginated(id, owner.id, subscriber, pdu, origin);
    this.#store(carrier, delivery, () => answer(status.ESME_ROK), {
      contentKey: key.id,
      content: keys.seal(key, id, 0, plain),
      ...this.#optOut(owner, arrived, subscriber),
    });
  }

  #store(
    carrier: CatalogCarrier,
    delivery: Delivery,
    answer: () => void,
    own: Partial<InboundRow>,
  ): void {
    const { id, account, kind, order, recipient } = delivery;
    this.#deps.lane.push({
      id,
      account,
      kind,
      order,
      carrier: carrier.id,
      recipientKey: recipientKey(this.#deps.keys.numberHash(recipient)),
      contentKey: 0,
      content: NOTHING,
      err: 0,
      claimed: this.#deps.outbox().hasReceiver(account),
      optOut: 0,
      numberHash: NOTHING,
      sealedNumber: NOTHING,
      ...own,
      delivery,
      from: carrier,
      answer,
    });
  }

  /** What the message asks of the opt-out list, by the words of the account's policy. */
  #optOut(
    owner: CatalogAccount,
    arrived: Arrived,
    subscriber: string,
  ): Partial<Pick<InboundRow, 'optOut' | 'numberHash' | 'sealedNumber'>> {
    const wish = wishOf(arrived, owner, this.#deps.catalog());
    if (wish === undefined) return {};
    return {
      optOut: wish === 'out' ? 1 : 2,
      numberHash: this.#deps.keys.numberHash(subscriber),
      sealedNumber: this.#deps.sealing.sealRecord(Buffer.from(subscriber, 'latin1')),
    };
  }

  #origin(outbox: Outbox): Origin {
    return { order: outbox.nextOrder(), waited: true, sinceDbMs: 0, tries: 0 };
  }

  /** It cannot be kept now: the carrier is to bring it again. */
  #later(arrived: Arrived): void {
    this.#deps.observer.inbound(arrived.carrier, 'later');
    arrived.answer(status.ESME_RX_T_APPN);
  }

  #nextId(nowMs: number): MessageId | undefined {
    try {
      return this.#deps.nextId(nowMs);
    } catch (error) {
      if (!(error instanceof ClockStepError)) throw error;
      this.#deps.observer.note('error', 'clockStepped', { behindMs: error.behindMs });
      return undefined;
    }
  }
}

/** The subscriber who sent a message: his number in E.164 digits where it is one, else as the carrier wrote it. */
export function subscriberOf(pdu: DeliverSm): string {
  const { source_addr, source_addr_ton, source_addr_npi } = pdu;
  const number = normaliseDestination(source_addr, source_addr_ton, source_addr_npi);
  return 'msisdn' in number ? number.msisdn : source_addr;
}

function resultOf(item: InboundItem, isNew: boolean): InboundResult {
  if (item.delivery.pdu !== undefined) return 'stored';
  return isNew ? 'notification' : 'repeated';
}

function longAddress(pdu: DeliverSm | DataSm): number | undefined {
  if (pdu.source_addr.length > ADDRESS_OCTETS) return status.ESME_RINVSRCADR;
  return pdu.destination_addr.length > ADDRESS_OCTETS ? status.ESME_RINVDSTADR : undefined;
}

/** Every client takes deliver_sm; what a data_sm has beyond it are TLVs, its text among them. */
function asDeliverSm(pdu: DeliverSm | DataSm): DeliverSm {
  if (pdu.command === 'deliver_sm') return pdu;
  const deliver = newPdu('deliver_sm', 0);
  deliver.service_type = pdu.service_type;
  deliver.source_addr_ton = pdu.source_addr_ton;
  deliver.source_addr_npi = pdu.source_addr_npi;
  deliver.source_addr = pdu.source_addr;
  deliver.dest_addr_ton = pdu.dest_addr_ton;
  deliver.dest_addr_npi = pdu.dest_addr_npi;
  deliver.destination_addr = pdu.destination_addr;
  deliver.esm_class = pdu.esm_class;
  deliver.registered_delivery = pdu.registered_delivery;
  deliver.data_coding = pdu.data_coding;
  deliver.tlvs = pdu.tlvs;
  return deliver;
}
