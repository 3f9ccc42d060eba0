import type { Catalog, CatalogBind } from '../domain/catalog.ts';
import { type CarrierId, ClockStepError } from '../domain/ids.ts';
import { times, ZERO } from '../domain/money.ts';
import { normaliseDestination } from '../domain/msisdn.ts';
import { type Refusal, type RefusalKey, statusOf } from '../domain/refusal.ts';
import { chooseCarrier } from '../domain/routing.ts';
import { checkSender } from '../domain/sender-id.ts';
import type { Session } from '../session/session.ts';
import { encodeOne, PduWriter } from '../smpp/codec.ts';
import { textOf } from '../smpp/message.ts';
import { newResponse, type SubmitSm } from '../smpp/pdu.ts';
import { malformedMessage, segmentsOf } from '../smpp/segmentation.ts';
import * as status from '../smpp/status.ts';
import type { AcceptVerdict } from '../store/accept.ts';
import type { ContentKeys } from '../store/content-keys.ts';
import type { Lane } from '../store/lane.ts';
import { customerIdOf, DEFAULT_ALPHABET, echoOf, type Message, NOTHING } from './message.ts';
import type { GatewayObserver, SubmitResult } from './observer.ts';
import type { RateLimits } from './rates.ts';
import { validUntil } from './validity.ts';

/** Messages that wait for the accept lane before sessions are no longer read: four batches of 500. */
const ACCEPT_DEPTH_MAX = 2_000;
/** Depth at which they are read again. */
const ACCEPT_DEPTH_RESUME = 500;
/** The reason under which the pipeline holds a session's reading. */
const STORE_BEHIND = 'storeBehind';

/** A message on its way to the accept lane, with the session that waits for its answer. */
export interface Submission {
  readonly message: Message;
  readonly session: Session;
  readonly sequenceNumber: number;
  readonly receivedAtMs: number;
  /** Accepted all the same, to end REJECTD by a receipt (`refusals: receipt`). */
  readonly refused: Refusal | undefined;
}

/** A submit_sm that is not accepted: a refusal of ours, or a parameter the specification has a status for. */
type Problem = { readonly refusal: Refusal } | { readonly status: number };

/** What a submit_sm is worth: found step by step before anything is written. */
interface Judged {
  readonly destination: string;
  readonly text: string;
  readonly segments: number;
  readonly carrier: CarrierId;
  readonly unitPrice: bigint;
  readonly validUntilMs: number;
}

export interface SubmitDeps {
  catalog(): Catalog;
  readonly now: () => number;
  readonly random: () => number;
  /** The next internal id; undefined while this node has none reserved. @throws ClockStepError */
  nextId(nowMs: number): Message['id'] | undefined;
  readonly keys: ContentKeys;
  readonly rates: RateLimits;
  readonly observer: GatewayObserver;
  readonly accept: Pick<Lane<Submission, AcceptVerdict>, 'push' | 'depth'>;
  /** Whether a carrier can take messages now (its link is up and it is not paused). */
  carrierUsable(carrier: CarrierId): boolean;
  /** Accepted messages go to the queues of their carriers. */
  enqueue(messages: readonly Message[]): void;
  /** Accepted only to be refused by a receipt. */
  rejectByReceipt(message: Message): void;
}

/**
 * From a submit_sm to its submit_sm_resp:
 * admit, normalise, judge, route, price, seal, accept (charged and stored in one commit), answer, queue.
 */
export class SubmitPath {
  readonly #deps: SubmitDeps;
  readonly #writer = new PduWriter();
  readonly #held = new Set<Session>();

  constructor(deps: SubmitDeps) {
    this.#deps = deps;
  }

  /** One submit_sm of a bound session; it is answered once the store has it, or at once with a refusal. */
  onSubmit(session: Session, pdu: SubmitSm): void {
    const receivedAtMs = this.#deps.now();
    const bind = this.#deps.catalog().binds.get(session.systemId);
    if (bind === undefined) return this.#notBound(session, pdu);
    const judged = this.#judge(bind, pdu, receivedAtMs);
    if (!('destination' in judged))
      return this.#answerProblem(session, bind, pdu, judged, receivedAtMs);
    this.#seal(session, bind, pdu, judged, undefined, receivedAtMs);
  }

  /** Its bind was taken out of the resources while the session lived. */
  #notBound(session: Session, pdu: SubmitSm): void {
    session.refuse(pdu, status.ESME_RINVBNDSTS);
  }

  /** The accept lane committed a batch: answer every submit_sm, queue what was accepted. */
  onCommitted(submissions: readonly Submission[], verdicts: readonly AcceptVerdict[]): void {
    const accepted: Message[] = [];
    for (let i = 0; i < submissions.length; i++) {
      const submission = submissions[i];
      const verdict = verdicts[i];
      if (submission === undefined || verdict === undefined)
        throw new Error('a verdict for each submission');
      submission.message.content = NOTHING;
      submission.message.destinationHash = NOTHING;
      const refused = refusalOfVerdict(verdict);
      if (refused !== undefined)
        this.#answer(
          submission,
          refused.key,
          statusOf(refused.key, submission.message.owner.statusFor),
        );
      else {
        this.#answer(submission, 'accepted', status.ESME_ROK);
        this.#countMoney(submission.message);
        if (submission.refused === undefined) accepted.push(submission.message);
        else this.#deps.rejectByReceipt(submission.message);
      }
    }
    this.#deps.enqueue(accepted);
    this.#readAgain();
  }

  /** The batch certainly did not commit: nothing is charged, the customer may send again. */
  onNotCommitted(submissions: readonly Submission[]): void {
    for (const submission of submissions)
      this.#answer(
        submission,
        'storeUnavailable',
        statusOf('storeUnavailable', submission.message.owner.statusFor),
      );
    this.#readAgain();
  }

  /**
   * Whether these are stored is not known since the response timeout: their sessions are closed unanswered, and the
   * customers find out by their receipts, or send again.
   */
  onLongDoubt(submissions: readonly Submission[]): void {
    for (const session of new Set(submissions.map((submission) => submission.session)))
      session.close('a submit_sm could not be answered in time');
  }

  /** A session ended: it is no longer held. */
  forget(session: Session): void {
    this.#held.delete(session);
  }

  /** Admit, normalise, judge, route, price: every decision that needs no store. */
  #judge(bind: CatalogBind, pdu: SubmitSm, nowMs: number): Judged | Problem {
    const account = bind.account;
    if (account.status !== 'active')
      return refuse('accountSuspended', `account is ${account.status}`);

    const malformed = malformedMessage(pdu, DEFAULT_ALPHABET);
    if (malformed !== undefined) return { status: malformed.commandStatus };
    const segments = segmentsOf(pdu, DEFAULT_ALPHABET);
    if (!this.#deps.rates.takeSegments(bind, segments, nowMs))
      return refuse('throttled', 'over the rate');

    const destination = normaliseDestination(
      pdu.destination_addr,
      pdu.dest_addr_ton,
      pdu.dest_addr_npi,
    );
    if ('malformed' in destination) return refuse('noRoute', destination.malformed);
    const sender = checkSender(pdu.source_addr, pdu.source_addr_ton, pdu.source_addr_npi);
    if ('malformed' in sender) return refuse('senderRefused', sender.malformed);
    // Sending later is not offered yet: refused rather than sent at once.
    if (pdu.schedule_delivery_time !== '') return { status: status.ESME_RINVSCHED };
    const validUntilMs = validUntil(pdu.validity_period, account, nowMs);
    if (validUntilMs === undefined) return { status: status.ESME_RINVEXPIRY };

    const text = textOf(pdu, DEFAULT_ALPHABET);
    const verdict = account.policy.judge({
      text,
      sender: pdu.source_addr,
      destination: destination.msisdn,
    });
    if (!verdict.pass) {
      this.#deps.observer.policyDecision(verdict.rule, 'refuse');
      return { refusal: verdict.refusal };
    }

    const unitPrice = account.tariff.priceFor(destination.msisdn);
    if (unitPrice === undefined) return refuse('noRoute', 'no price for this number');
    const candidates = this.#deps.catalog().routes.candidates(destination.msisdn);
    const first = candidates?.[0]?.carrier;
    if (candidates === undefined || first === undefined)
      return refuse('noRoute', 'no route to this number');
    // With every carrier down the message waits for the first one.
    const carrier =
      chooseCarrier(candidates, this.#deps.carrierUsable, this.#deps.random()) ?? first;
    return { destination: destination.msisdn, text, segments, carrier, unitPrice, validUntilMs };
  }

  /** Builds the message, encrypts its submit_sm under the key of its account and day, hands it to the accept lane. */
  #seal(
    session: Session,
    bind: CatalogBind,
    pdu: SubmitSm,
    judged: Judged,
    refused: Refusal | undefined,
    receivedAtMs: number,
  ): void {
    const account = bind.account;
    const key = this.#deps.keys.get(account.id, receivedAtMs);
    if (key === undefined) {
      // First message of this account today: once its key is there, the same again.
      const ready = () => this.#seal(session, bind, pdu, judged, refused, receivedAtMs);
      const failed = () => this.#answerStatus(session, bind, pdu, 'storeUnavailable', receivedAtMs);
      this.#deps.keys.ensure(account.id, receivedAtMs).then(ready, failed);
      return;
    }
    const id = this.#nextId(receivedAtMs);
    if (id === undefined)
      return this.#answerStatus(session, bind, pdu, 'storeUnavailable', receivedAtMs);
    const unitPrice = refused === undefined ? (judged.unitPrice as Message['unitPrice']) : ZERO;
    const message: Message = {
      id,
      account: account.id,
      bind: bind.id,
      customerId: null,
      carrier: judged.carrier,
      lane: account.lane,
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
      content: this.#deps.keys.seal(key, id, 0, encodeOne(pdu, this.#writer)),
      owner: account,
      destination: judged.destination,
      submit: pdu,
      echo: echoOf(pdu, judged.text),
      parts: undefined,
      ended: undefined,
    };
    this.#deps.accept.push({
      message,
      session,
      sequenceNumber: pdu.sequence_number,
      receivedAtMs,
      refused,
    });
    if (this.#deps.accept.depth() >= ACCEPT_DEPTH_MAX && !this.#held.has(session)) {
      this.#held.add(session);
      session.pauseReading(STORE_BEHIND);
    }
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

  #answer(submission: Submission, result: SubmitResult, commandStatus: number): void {
    const response = newResponse('submit_sm_resp', submission.sequenceNumber, commandStatus);
    if (commandStatus === status.ESME_ROK) response.message_id = customerIdOf(submission.message);
    submission.session.respond(response);
    this.#deps.observer.submitAnswered(
      submission.message.owner,
      result,
      (this.#deps.now() - submission.receivedAtMs) / 1_000,
    );
  }

  #answerProblem(
    session: Session,
    bind: CatalogBind,
    pdu: SubmitSm,
    problem: Problem,
    receivedAtMs: number,
  ): void {
    if ('status' in problem) {
      session.respond(newResponse('submit_sm_resp', pdu.sequence_number, problem.status));
      return this.#deps.observer.submitAnswered(
        bind.account,
        'malformed',
        (this.#deps.now() - receivedAtMs) / 1_000,
      );
    }
    const { refusal } = problem;
    if (refusal.key === 'throttled') this.#deps.observer.throttled('customer', bind.systemId);
    if (bind.account.refusals === 'receipt' && REFUSED_BY_RECEIPT.has(refusal.key))
      return this.#acceptToReject(session, bind, pdu, refusal, receivedAtMs);
    this.#answerStatus(session, bind, pdu, refusal.key, receivedAtMs);
  }

  /** `refusals: receipt`: stored at no charge and ended REJECTD, so that the customer hears of it by a receipt. */
  #acceptToReject(
    session: Session,
    bind: CatalogBind,
    pdu: SubmitSm,
    refusal: Refusal,
    receivedAtMs: number,
  ): void {
    const judged: Judged = {
      destination: pdu.destination_addr,
      text: '',
      segments: segmentsOf(pdu, DEFAULT_ALPHABET),
      carrier: NO_CARRIER,
      unitPrice: 0n,
      validUntilMs: receivedAtMs + bind.account.validityDefaultMs,
    };
    this.#seal(session, bind, pdu, judged, refusal, receivedAtMs);
  }

  #answerStatus(
    session: Session,
    bind: CatalogBind,
    pdu: SubmitSm,
    key: RefusalKey,
    receivedAtMs: number,
  ): void {
    session.respond(
      newResponse('submit_sm_resp', pdu.sequence_number, statusOf(key, bind.account.statusFor)),
    );
    this.#deps.observer.submitAnswered(
      bind.account,
      key,
      (this.#deps.now() - receivedAtMs) / 1_000,
    );
  }

  #countMoney(message: Message): void {
    if (message.price > 0n)
      this.#deps.observer.money(
        message.owner,
        message.chargeOnDelivery ? 'reserve' : 'charge',
        message.price,
      );
  }

  #readAgain(): void {
    if (this.#held.size === 0 || this.#deps.accept.depth() > ACCEPT_DEPTH_RESUME) return;
    for (const session of this.#held) session.resumeReading(STORE_BEHIND);
    this.#held.clear();
  }
}

/** The carrier of a message that goes to none. */
const NO_CARRIER = 0 as CarrierId;

/** Refusals of the message itself; the others (rate, money, store) are always answered at once. */
const REFUSED_BY_RECEIPT: ReadonlySet<RefusalKey> = new Set<RefusalKey>([
  'contentRefused',
  'destinationSuspended',
  'optedOut',
  'noConsent',
  'senderRefused',
  'outsideHours',
  'recipientPattern',
  'classRefused',
  'noRoute',
]);

function refuse(key: RefusalKey, detail: string): Problem {
  return { refusal: { key, detail } };
}

function refusalOfVerdict(verdict: AcceptVerdict): Refusal | undefined {
  switch (verdict) {
    case 0:
      return undefined;
    case 1:
      return { key: 'insufficientCredit', detail: 'not enough credit' };
    case 2:
      return { key: 'expiredCredit', detail: 'credit expired' };
    case 3:
      return { key: 'accountSuspended', detail: 'account is not active' };
  }
}
