import type { Catalog, CatalogAccount, CatalogBind, QueueLane } from '../domain/catalog.ts';
import type { AccountId, CarrierId } from '../domain/ids.ts';
import { type Credits, times, ZERO } from '../domain/money.ts';
import { normaliseDestination } from '../domain/msisdn.ts';
import type { IfSaid, Refused } from '../domain/policy.ts';
import { notesOf, type PolicyNote } from '../domain/policy-notes.ts';
import type { Refusal, RefusalKey } from '../domain/refusal.ts';
import { checkSender } from '../domain/sender-id.ts';
import { senderKindOf } from '../domain/sender-kind.ts';
import type { PricedTraffic } from '../domain/tariff.ts';
import { trafficClassOf } from '../domain/traffic-class.ts';
import { toGsm7 } from '../smpp/default-alphabet.ts';
import { textOf } from '../smpp/message.ts';
import type { SubmitSm } from '../smpp/pdu.ts';
import { malformedMessage, segmentsOf } from '../smpp/segmentation.ts';
import * as status from '../smpp/status.ts';
import { DEFAULT_ALPHABET } from './message.ts';
import type { GatewayObserver } from './observer.ts';
import { dropForgedFields, type OwnFields } from './own-fields.ts';
import type { PartAmongOthers } from './part-texts.ts';
import { type Held, heldBy, PolicyStep, type PolicyStepDeps } from './policy-step.ts';
import type { QueuedCounts } from './queued-counts.ts';
import type { NoTicket, Ticket } from './quotas.ts';
import type { RateLimits } from './rates.ts';
import { rewriteSubmit } from './rewrite.ts';
import type { Routable, Router } from './router.ts';
import { submitKeyOf } from './submit-key.ts';
import type { SuspensionList } from './suspension-list.ts';
import { unfitFor } from './upstream-quirks.ts';
import { type SubmitTimes, submitTimes, validUntil } from './validity.ts';

/** esm_class bits 5-2: an ESME sends messages (0) or acknowledgements of a recipient (SMPP 3.4 §5.2.12). */
const MESSAGE_TYPE = 0x3c;
const TYPES_OF_AN_ESME: ReadonlySet<number> = new Set([0x00, 0x08, 0x10]);

/**
 * A message that is not accepted: a refusal of ours (`answer`: with a command_status of a rule's own), or a parameter
 * the specification has a status for.
 */
export type Problem =
  | {
      readonly refusal: Refusal;
      readonly answer?: number | undefined;
      /** A rule refuses it, and says how; undefined: it is not a rule, and the account's `refusals` counts. */
      readonly by?: RefusedBy | undefined;
      /** It is refused with the other parts of its long message. */
      readonly part?: PartAmongOthers | undefined;
    }
  | { readonly status: number };

/** How a rule refuses a message. */
export interface RefusedBy extends Pick<Refused, 'rule' | 'answer'> {
  readonly trafficClass: string;
  /** Of a segment; 0: it costs nothing. */
  readonly unitPrice: Credits;
}

/** What a message is worth: found step by step before anything is written. */
export interface Judged {
  readonly destination: string;
  readonly text: string;
  /** What the customer said, of a submit_sm that rules rewrote. */
  readonly own: OwnFields | undefined;
  /** What its repetition is known by, as the customer submitted it. */
  readonly submitKey: Buffer | undefined;
  readonly segments: number;
  readonly carrier: CarrierId;
  readonly trafficClass: string;
  readonly lane: QueueLane;
  readonly unitPrice: bigint;
  readonly validUntilMs: number;
  /** Unix ms before which it is not sent; 0: at once. */
  readonly releaseAtMs: number;
  /** It waits for a moderator. */
  readonly held: Held | undefined;
  /** It waits for the other parts of its long message. */
  readonly part: PartAmongOthers | undefined;
  /** What rules do if the store knows its text. */
  readonly ifSaid: readonly IfSaid[];
  /** What rules did; undefined: nothing. */
  readonly notes: readonly PolicyNote[] | undefined;
}

export interface JudgeDeps extends PolicyStepDeps {
  readonly observer: GatewayObserver;
  catalog(): Catalog;
  readonly router: Pick<Router, 'choose' | 'next' | 'networkOf'>;
  readonly rates: RateLimits;
  /** Where nothing goes, whatever the account's policy. */
  readonly suspensions: Pick<SuspensionList, 'isEmpty' | 'refusalOf'>;
  readonly queued: Pick<QueuedCounts, 'of'>;
}

/** Admit, normalise, judge, route, price: every decision about a message that needs no store. */
export class Judge {
  readonly #deps: JudgeDeps;
  readonly #policy: PolicyStep;
  /** Filled anew for each message whose price asks for it. */
  readonly #traffic: { -readonly [K in keyof PricedTraffic]: PricedTraffic[K] } = {
    network: undefined,
    trafficClass: '',
    sender: undefined,
    atMs: 0,
  };

  constructor(deps: JudgeDeps) {
    this.#deps = deps;
    this.#policy = new PolicyStep(deps, true);
  }

  /**
   * What concerns the PDU as a whole: the account, its form, its rate. The text is in the gateway's own default
   * alphabet afterwards.
   * @param copies destinations: each segment to each of them counts
   */
  admit(bind: CatalogBind, pdu: SubmitSm, copies: number, nowMs: number): Problem | undefined {
    const { account } = bind;
    if (account.status !== 'active')
      return refuse('accountSuspended', `account is ${account.status}`);
    dropForgedFields(pdu);
    if (!TYPES_OF_AN_ESME.has(pdu.esm_class & MESSAGE_TYPE))
      return { status: status.ESME_RINVESMCLASS };
    const malformed =
      toGsm7(pdu, account.defaultAlphabet) ?? malformedMessage(pdu, DEFAULT_ALPHABET);
    if (malformed !== undefined) return { status: malformed.commandStatus };
    if (bind.queuedMax !== undefined && this.#deps.queued.of(bind.id) + copies > bind.queuedMax)
      return refuse('queueFull', `${bind.queuedMax} messages wait for a carrier`);
    const segments = segmentsOf(pdu, DEFAULT_ALPHABET) * copies;
    return this.#deps.rates.takeSegments(bind, segments, nowMs)
      ? undefined
      : refuse('throttled', 'over the rate');
  }

  /**
   * Takes what rules with a quota (caps, spending) count of a message, before it is judged. Whoever does not see it
   * accepted gives it back. undefined, at no cost, where there are none.
   */
  take(
    bind: CatalogBind,
    pdu: SubmitSm,
    nowMs: number,
  ): Ticket | Promise<Ticket | NoTicket> | undefined {
    const { account } = bind;
    if (!account.policy.hasQuotas) return undefined;
    const { destination_addr, dest_addr_ton, dest_addr_npi, source_addr: sender } = pdu;
    const destination = normaliseDestination(destination_addr, dest_addr_ton, dest_addr_npi);
    if ('malformed' in destination) return undefined; // refused by judge
    const { msisdn } = destination;
    const trafficClass = this.#classOf(bind, pdu);
    const unitPrice = this.#priceOf(account, trafficClass, msisdn, sender, nowMs) ?? ZERO;
    return this.#policy.take(account, {
      account: account.name,
      destination: msisdn,
      sender,
      trafficClass,
      messages: 1,
      atMs: nowMs,
      price: times(unitPrice, segmentsOf(pdu, DEFAULT_ALPHABET)),
    });
  }

  /**
   * What concerns one destination: numbers, times, policy, price and route. What rules rewrite is written into the
   * submit_sm; one that is refused all the same is as it came, for it goes back to its customer.
   * @param ticket of `take`
   */
  judge(
    bind: CatalogBind,
    pdu: SubmitSm,
    nowMs: number,
    ticket: Ticket | undefined,
  ): Judged | Problem {
    const { source_addr, source_addr_ton, source_addr_npi, data_coding, short_message, tlvs } = pdu;
    const judged = this.#judge(bind, pdu, nowMs, ticket);
    if ('destination' in judged) return judged;
    const source = { source_addr, source_addr_ton, source_addr_npi };
    Object.assign(pdu, { ...source, data_coding, short_message, tlvs });
    return judged;
  }

  #judge(
    bind: CatalogBind,
    pdu: SubmitSm,
    nowMs: number,
    ticket: Ticket | undefined,
  ): Judged | Problem {
    const { account } = bind;
    const destination = normaliseDestination(
      pdu.destination_addr,
      pdu.dest_addr_ton,
      pdu.dest_addr_npi,
    );
    if ('malformed' in destination) return refuse('noRoute', destination.malformed);
    const sender = checkSender(pdu.source_addr, pdu.source_addr_ton, pdu.source_addr_npi);
    if ('malformed' in sender) return refuse('senderRefused', sender.malformed);
    const asked = submitTimes(pdu, account, nowMs);
    if ('status' in asked) return asked;

    const suspended = this.#suspended(destination.msisdn, nowMs);
    if (suspended !== undefined) return { refusal: suspended };
    const trafficClass = this.#classOf(bind, pdu);
    if (account.classes?.has(trafficClass) === false)
      return refuse('classRefused', `traffic of class ${trafficClass} is not allowed`);
    const text = textOf(pdu, DEFAULT_ALPHABET);
    const { msisdn } = destination;
    const goesAtMs = asked.releaseAtMs || nowMs;
    const verdict = this.#policy.judge(
      account,
      trafficClass,
      pdu,
      msisdn,
      text,
      nowMs,
      goesAtMs,
      ticket,
    );
    if (verdict.refused !== undefined) {
      const { refused, part } = verdict;
      // Money that may not be spent is not taken by a refusal either: it is one at no charge then.
      const isSpent = ticket !== undefined && account.policy.isSpent(ticket.over);
      const price =
        refused.charged && !isSpent
          ? this.#priceOf(account, trafficClass, msisdn, pdu.source_addr, nowMs)
          : ZERO;
      return refusedBy(refused, trafficClass, price ?? ZERO, part);
    }
    const submitKey = submitKeyOf(pdu, msisdn, account.dedupe);
    const own = rewriteSubmit(pdu, verdict);
    if (own === 'tooLong')
      return refuse('contentRefused', 'the text that a rule makes of it is too long');
    const deferred = deferredTimes(pdu, account, asked, verdict.notBeforeMs, nowMs);
    if (deferred === undefined)
      return refuse('outsideHours', 'the hours for such messages begin when its validity is over');
    const unitPrice = this.#priceOf(account, trafficClass, msisdn, pdu.source_addr, nowMs);
    if (unitPrice === undefined) return refuse('noRoute', 'no price for this number');
    const routable = { destination: msisdn, echo: pdu, owner: account, trafficClass, unitPrice };
    const carrier = this.#deps.router.choose(routable);
    if (typeof carrier === 'object') return refuse('noRoute', carrier.noRoute);
    const segments = segmentsOf(pdu, DEFAULT_ALPHABET);
    const fitting = this.#fitting(routable, carrier, pdu, segments);
    if (typeof fitting !== 'number') return { refusal: fitting };
    const { validUntilMs, releaseAtMs } = deferred;
    return {
      destination: msisdn,
      text: verdict.text ?? text,
      own: own === 'unchanged' ? undefined : own,
      submitKey,
      segments,
      carrier: fitting,
      trafficClass,
      lane: this.#laneOf(bind, trafficClass),
      unitPrice,
      validUntilMs,
      releaseAtMs,
      held: heldBy(verdict),
      part: verdict.part,
      ifSaid: verdict.ifSaid,
      notes: notesOf(verdict),
    };
  }

  /** The store knew a text of an accept: counts what its rule does. */
  foundSaid(account: AccountId, found: IfSaid): void {
    this.#policy.foundSaid(account, found);
  }

  #classOf({ account, id }: CatalogBind, { source_addr, tlvs }: SubmitSm): string {
    return trafficClassOf(this.#deps.catalog(), account, id, source_addr, tlvs);
  }

  #laneOf({ account, lane }: CatalogBind, trafficClass: string): QueueLane {
    return account.classBy === undefined
      ? lane
      : (this.#deps.catalog().lanes.get(trafficClass) ?? lane);
  }

  #suspended(msisdn: string, nowMs: number): Refusal | undefined {
    const { suspensions, facts } = this.#deps;
    return suspensions.isEmpty ? undefined : suspensions.refusalOf(msisdn, nowMs, facts.networkOf);
  }

  /** The carrier that was chosen, or else another of the route that can take this message; why none can. */
  #fitting(
    routable: Routable,
    chosen: CarrierId,
    pdu: SubmitSm,
    segments: number,
  ): CarrierId | Refusal {
    const { carriers } = this.#deps.catalog();
    const passed = new Set<CarrierId>();
    let first: Refusal | undefined;
    for (
      let carrier: CarrierId | undefined = chosen;
      carrier !== undefined;
      carrier = this.#deps.router.next(routable, passed)
    ) {
      const limits = carriers.get(carrier)?.limits;
      const unfit = limits && unfitFor(limits, pdu, segments, routable.owner);
      if (unfit === undefined) return carrier;
      first ??= unfit;
      passed.add(carrier);
    }
    return first ?? { key: 'noRoute', detail: 'no route to this number' };
  }

  /** Of a segment; most tariffs know prefixes only, which is one walk over the digits. */
  #priceOf(
    { tariff }: CatalogAccount,
    trafficClass: string,
    msisdn: string,
    sender: string,
    nowMs: number,
  ): Credits | undefined {
    if (!tariff.isConditional) return tariff.priceFor(msisdn);
    const traffic = this.#traffic;
    traffic.network = tariff.usesNetworks ? this.#deps.router.networkOf(msisdn) : undefined;
    traffic.trafficClass = trafficClass;
    traffic.sender = senderKindOf(sender);
    traffic.atMs = nowMs;
    return tariff.priceFor(msisdn, traffic);
  }
}

/**
 * When a message goes that a rule defers: not before its own schedule, and within its validity. A default validity
 * begins when it is to be sent.
 * @returns undefined: not within its validity
 */
function deferredTimes(
  pdu: SubmitSm,
  account: CatalogAccount,
  times: SubmitTimes,
  notBeforeMs: number,
  nowMs: number,
): SubmitTimes | undefined {
  if (notBeforeMs <= Math.max(nowMs, times.releaseAtMs)) return times;
  const { validity_period } = pdu;
  const validUntilMs = Number.isFinite(notBeforeMs)
    ? validUntil(validity_period, account, nowMs, notBeforeMs)
    : undefined;
  if (validUntilMs === undefined || notBeforeMs >= validUntilMs) return undefined;
  return { validUntilMs, releaseAtMs: notBeforeMs };
}

function refuse(key: RefusalKey, detail: string): Problem {
  return { refusal: { key, detail } };
}

function refusedBy(
  { refusal, rule, status: answer, answer: by }: Refused,
  trafficClass: string,
  unitPrice: Credits,
  part: PartAmongOthers | undefined,
): Problem {
  return { refusal, answer, by: { rule, answer: by, trafficClass, unitPrice }, part };
}
