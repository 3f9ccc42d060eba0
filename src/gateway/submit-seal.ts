import type { CatalogBind, QueueLane } from '../domain/catalog.ts';
import { ClockStepError } from '../domain/ids.ts';
import { times } from '../domain/money.ts';
import type { Refusal } from '../domain/refusal.ts';
import { encodeOne, PduWriter } from '../smpp/codec.ts';
import type { SubmitSm } from '../smpp/pdu.ts';
import type { ContentKeys } from '../store/content-keys.ts';
import type { Aliases } from './aliases.ts';
import type { Judged } from './judge.ts';
import { echoOf, type Message } from './message.ts';
import type { GatewayObserver } from './observer.ts';
import { withOwnFields } from './own-fields.ts';
import type { PartSets } from './part-sets.ts';
import type { Ticket } from './quotas.ts';
import type { Asking } from './submit-answers.ts';
import type { TrafficGroups } from './traffic-groups.ts';

/** One destination of a request on its way through the steps. */
export interface SubmitRequest extends Asking {
  readonly bind: CatalogBind;
  /** As a submit_sm, whatever the customer's operation was. */
  readonly pdu: SubmitSm;
}

export interface SubmitSealDeps {
  readonly observer: GatewayObserver;
  /** The next internal id; undefined while this node has none reserved. @throws ClockStepError */
  nextId(nowMs: number): Message['id'] | undefined;
  readonly keys: ContentKeys;
  /** message_ids of 3.3 binds. */
  readonly aliases: Pick<Aliases, 'take' | 'ensure'>;
  readonly groups: Pick<TrafficGroups, 'idOf'>;
  readonly partSets: Pick<PartSets, 'begin'>;
}

/** Makes a message of what was judged: its id, its price, its submit_sm under the key of its account and day. */
export class SubmitSeal {
  readonly #deps: SubmitSealDeps;
  readonly #writer = new PduWriter();

  constructor(deps: SubmitSealDeps) {
    this.#deps = deps;
  }

  /**
   * @param refused it is stored to be refused by a receipt
   * @returns a promise: something is to be had from the store first (the first message of this account today), then the
   * same again; undefined: this node has no ids
   */
  messageOf(
    request: SubmitRequest,
    judged: Judged,
    refused: Refusal | undefined,
    ticket: Ticket | undefined,
  ): Message | Promise<unknown> | undefined {
    const { session, bind, pdu, reply, receivedAtMs } = request;
    const { account } = bind;
    const key = this.#deps.keys.get(account.id, receivedAtMs);
    // First message of this account today: once its key is there, the same again.
    if (key === undefined) return this.#deps.keys.ensure(account.id, receivedAtMs);
    const needsAlias = session.interfaceVersion < ALIAS_BELOW_VERSION;
    const alias = needsAlias ? this.#deps.aliases.take(account.id) : null;
    if (alias === undefined) return this.#deps.aliases.ensure(account.id);
    const id = this.#nextId(receivedAtMs);
    if (id === undefined) return undefined;
    const unitPrice = judged.unitPrice as Message['unitPrice'];
    const { dedupe } = account;
    return {
      id,
      account: account.id,
      bind: bind.id,
      customerId: typeof reply === 'string' ? alias : reply.share(id, alias),
      carrier: judged.carrier,
      trafficClass: judged.trafficClass,
      lane: laneOf(judged.lane, pdu.priority_flag),
      segments: judged.segments,
      unitPrice,
      price: times(unitPrice, judged.segments),
      tariffVersion: account.tariff.version,
      policyVersion: account.policy.version,
      termsVersion: account.terms.version,
      chargeOnDelivery: account.terms.chargeOn === 'delivered',
      registeredDelivery: pdu.registered_delivery,
      validUntilMs: judged.validUntilMs,
      destinationHash: this.#deps.keys.numberHash(judged.destination),
      contentKey: key.id,
      version: 0,
      content: this.#deps.keys.seal(
        key,
        id,
        0,
        encodeOne(withOwnFields(pdu, judged.own), this.#writer),
      ),
      group:
        refused === undefined || unitPrice > 0n
          ? this.#deps.groups.idOf(
              account,
              judged.trafficClass,
              pdu.source_addr,
              judged.destination,
            )
          : 0,
      releaseAtMs: judged.releaseAtMs,
      held: judged.held,
      part: judged.part && this.#deps.partSets.begin(judged.part, id, ticket),
      said: judged.ifSaid.length === 0 ? undefined : judged.ifSaid,
      notes: judged.notes,
      submitKey: judged.submitKey,
      knownUntilMs: dedupe === undefined ? 0 : receivedAtMs + dedupe.seconds * 1_000,
      owner: account,
      destination: judged.destination,
      submit: pdu,
      echo: echoOf(pdu, judged.text, judged.own),
      parts: undefined,
      ended: undefined,
    };
  }

  #nextId(nowMs: number): Message['id'] | undefined {
    try {
      return this.#deps.nextId(nowMs);
    } catch (error) {
      if (!(error instanceof ClockStepError)) throw error;
      this.#deps.observer.note('error', 'clockStepped', { behindMs: error.behindMs });
      return undefined;
    }
  }
}

/** Binds below it have message_ids of 8 hexadecimal digits (SMPP 3.3 §6.2.4.2). */
const ALIAS_BELOW_VERSION = 0x34;

/** priority_flag above 0 (SMPP 3.4 §5.2.14) goes one lane faster than its traffic class. */
function laneOf(lane: QueueLane, priority: number): QueueLane {
  return priority > 0 && lane > 0 ? ((lane - 1) as QueueLane) : lane;
}
