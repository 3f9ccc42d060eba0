import type { CatalogAccount, CatalogBind, QueueLane } from '../domain/catalog.ts';
import { type CarrierId, ClockStepError } from '../domain/ids.ts';
import { times, ZERO } from '../domain/money.ts';
import type { IfSaid, Refused } from '../domain/policy.ts';
import type { Refusal, RefusalKey } from '../domain/refusal.ts';
import type { Session } from '../session/session.ts';
import { encodeOne, PduWriter } from '../smpp/codec.ts';
import { ownOctets } from '../smpp/message.ts';
import type { DataSm, SubmitMulti, SubmitSm } from '../smpp/pdu.ts';
import { segmentsOf } from '../smpp/segmentation.ts';
import * as status from '../smpp/status.ts';
import { type AcceptAnswer, type AcceptVerdict, verdictOf, wasSaid } from '../store/accept.ts';
import type { ContentKeys } from '../store/content-keys.ts';
import type { Lane } from '../store/lane.ts';
import type { Aliases } from './aliases.ts';
import { Judge, type JudgeDeps, type Judged, type Problem } from './judge.ts';
import { customerIdOf, DEFAULT_ALPHABET, echoOf, type Message, NOTHING } from './message.ts';
import type { PartSets } from './part-sets.ts';
import type { Held } from './policy-step.ts';
import type { Ticket } from './quotas.ts';
import type { NextVersion } from './replace.ts';
import type { SaidTexts } from './said-texts.ts';
import {
  type Asking,
  NOT_STORED,
  SubmitAnswers,
  type SubmitAnswersDeps,
} from './submit-answers.ts';
import { submitKeyOf } from './submit-key.ts';
import { addressStatus, submitOfData, submitsOfMulti } from './submit-pdu.ts';
import { MultiReply } from './submit-reply.ts';
import type { TrafficGroups } from './traffic-groups.ts';
import type { TrafficSignals } from './traffic-signals.ts';

/** Messages that wait for the accept lane before sessions are no longer read: four batches of 500. */
const ACCEPT_DEPTH_MAX = 2_000;
/** Depth at which they are read again. */
const ACCEPT_DEPTH_RESUME = 500;
/** The reason under which the pipeline holds a session's reading. */
const STORE_BEHIND = 'storeBehind';

/** A message on its way to the accept lane, with the session that waits for its answer. */
export interface Submission extends Asking {
  readonly message: Message;
  /** Accepted all the same, to end REJECTD by a receipt (`refusals: receipt`). */
  readonly refused: Refusal | undefined;
  /** What rules with a quota counted of it; undefined: nothing. */
  readonly ticket: Ticket | undefined;
}

/** One destination of a request on its way through the steps. */
interface Request extends Asking {
  readonly bind: CatalogBind;
  /** As a submit_sm, whatever the customer's operation was. */
  readonly pdu: SubmitSm;
}

export interface SubmitDeps extends JudgeDeps, SubmitAnswersDeps {
  /** The next internal id; undefined while this node has none reserved. @throws ClockStepError */
  nextId(nowMs: number): Message['id'] | undefined;
  readonly keys: ContentKeys;
  /** message_ids of 3.3 binds. */
  readonly aliases: Pick<Aliases, 'take' | 'ensure'>;
  readonly groups: Pick<TrafficGroups, 'idOf'>;
  readonly accept: Pick<Lane<Submission, AcceptAnswer>, 'push' | 'depth'>;
  /** Accepted messages go to the queues of their carriers. */
  enqueue(messages: readonly Message[]): void;
  /** What rules watch of the traffic. */
  readonly signals: Pick<TrafficSignals, 'accepted'>;
  /** Accepted only to be refused by a receipt. */
  rejectByReceipt(message: Message): void;
  /** A message that waits for a moderator is stored, and with it what counts against its account. */
  heldStored(account: CatalogAccount, held: Held): void;
  /** Parts of long messages that wait for each other. */
  readonly partSets: Pick<PartSets, 'begin' | 'accepted' | 'notAccepted' | 'judgeWith' | 'refuse'>;
  /** What this node knows of texts that were said. */
  readonly saidTexts: Pick<SaidTexts, 'stored'>;
  /** Replaces the earlier message that is still queued; undefined: there is none. */
  replaceIfPresent(
    account: CatalogAccount,
    msisdn: string,
    next: NextVersion,
  ): Promise<Message | { readonly refused: RefusalKey } | undefined>;
}

/**
 * From a submit_sm to its submit_sm_resp:
 * admit, normalise, judge, route, price, seal, accept (charged and stored in one commit), answer, queue.
 */
export class SubmitPath {
  readonly #deps: SubmitDeps;
  readonly #judge: Judge;
  readonly #answers: SubmitAnswers;
  readonly #writer = new PduWriter();
  readonly #held = new Set<Session>();

  constructor(deps: SubmitDeps) {
    this.#deps = deps;
    this.#judge = new Judge(deps);
    this.#answers = new SubmitAnswers(deps);
  }

  /** One submit_sm of a bound session; it is answered once the store has it, or at once with a refusal. */
  onSubmit(session: Session, pdu: SubmitSm): void {
    this.#onOne(session, pdu, pdu, 'submit_sm_resp');
  }

  /** One data_sm: a submit_sm whose text is in message_payload and whose validity in qos_time_to_live. */
  onData(session: Session, pdu: DataSm): void {
    const refused = addressStatus(pdu);
    if (refused !== status.ESME_ROK) {
      session.refuse(pdu, refused);
      return;
    }
    this.#onOne(session, pdu, submitOfData(pdu), 'data_sm_resp');
  }

  /** One submit_multi: a message for each destination, answered together. */
  onMulti(session: Session, pdu: SubmitMulti): void {
    const receivedAtMs = this.#deps.now();
    const bind = this.#deps.catalog().binds.get(session.systemId);
    if (bind === undefined) return this.#notBound(session, pdu);
    const submits = submitsOfMulti(pdu);
    const sequenceNumber = pdu.sequence_number;
    const reply = new MultiReply(session, sequenceNumber, submits.length);
    const [first] = submits;
    if (first === undefined) {
      // A distribution list: there are none here.
      session.refuse(pdu, status.ESME_RINVDLNAME);
      return;
    }
    const problem = this.#judge.admit(bind, first, submits.length, receivedAtMs);
    ownOctets(first);
    for (const one of submits) {
      // The text is one, whatever the alphabet made of it.
      one.data_coding = first.data_coding;
      one.short_message = first.short_message;
      one.tlvs = first.tlvs;
      const request = { session, bind, pdu: one, sequenceNumber, reply, receivedAtMs };
      this.#judgeAndTake(request, problem);
    }
  }

  #onOne(
    session: Session,
    asked: SubmitSm | DataSm,
    pdu: SubmitSm,
    reply: 'submit_sm_resp' | 'data_sm_resp',
  ): void {
    const receivedAtMs = this.#deps.now();
    const bind = this.#deps.catalog().binds.get(session.systemId);
    if (bind === undefined) return this.#notBound(session, asked);
    const sequenceNumber = pdu.sequence_number;
    const request = { session, bind, pdu, sequenceNumber, reply, receivedAtMs };
    const problem = this.#judge.admit(bind, pdu, 1, receivedAtMs);
    this.#judgeAndTake(request, problem);
  }

  /** Judged at once, or where rules count it and the store has to be asked first, after that. */
  #judgeAndTake(request: Request, problem: Problem | undefined): void {
    if (problem !== undefined) return this.#take(request, problem, undefined);
    const { bind, pdu, receivedAtMs } = request;
    const ticket = this.#judge.take(bind, pdu, receivedAtMs);
    if (ticket === undefined || 'over' in ticket) return this.#takeWith(request, ticket);
    ownOctets(pdu);
    void ticket.then((taken) =>
      typeof taken === 'string'
        ? this.#refuse(request, taken, taken === 'throttled' ? TOO_MANY_ASKED : NOT_STORED)
        : this.#takeWith(request, taken),
    );
  }

  #takeWith(request: Request, ticket: Ticket | undefined): void {
    const { bind, pdu, receivedAtMs } = request;
    const judged = this.#judge.judge(bind, pdu, receivedAtMs, ticket);
    if ('destination' in judged) ownOctets(pdu);
    else ticket?.giveBack();
    this.#take(request, judged, ticket);
  }

  #take(request: Request, judged: Judged | Problem, ticket: Ticket | undefined): void {
    if (!('destination' in judged)) this.#answerProblem(request, judged);
    else if (request.pdu.replace_if_present_flag === 0)
      this.#seal(request, judged, undefined, ticket);
    else this.#replaceOrSeal(request, judged, ticket);
  }

  /** replace_if_present_flag: the earlier message goes on in its place, if one is still queued; else it is a new one. */
  #replaceOrSeal(request: Request, judged: Judged, ticket: Ticket | undefined): void {
    const { bind, pdu } = request;
    if (pdu.replace_if_present_flag !== REPLACE) {
      ticket?.giveBack();
      return this.#answerProblem(request, { status: status.ESME_RINVREPFLAG });
    }
    const { segments, validUntilMs, releaseAtMs, held, ifSaid } = judged;
    const next = { submit: pdu, segments, validUntilMs, releaseAtMs, held, ifSaid };
    this.#deps.replaceIfPresent(bind.account, judged.destination, next).then(
      (earlier) => {
        if (earlier === undefined) return this.#seal(request, judged, undefined, ticket);
        // A replacement counts as a message of its own, so that no text is paid for past a cap.
        if (!('refused' in earlier))
          return this.#answers.accepted(request, bind.account, customerIdOf(earlier));
        ticket?.giveBack();
        this.#refuse(request, earlier.refused, NOT_REPLACED);
      },
      () => this.#unstored(request, ticket),
    );
  }

  /** Its bind was taken out of the resources while the session lived. */
  #notBound(session: Session, pdu: SubmitSm | DataSm | SubmitMulti): void {
    session.refuse(pdu, status.ESME_RINVBNDSTS);
  }

  /** The accept lane committed a batch: answer every request, queue what was accepted. */
  onCommitted(submissions: readonly Submission[], answers: readonly AcceptAnswer[]): void {
    const accepted: Message[] = [];
    let repeated: Submission[] | undefined;
    for (let i = 0; i < submissions.length; i++) {
      const submission = submissions[i];
      const answer = answers[i];
      if (submission === undefined || answer === undefined)
        throw new Error('a verdict for each submission');
      const { message } = submission;
      const verdict = verdictOf(answer);
      if (verdict === JUDGE_FIRST) {
        void this.#judgeFirst(submission);
        continue;
      }
      const repeats = message.said && this.#said(submission, message.said, answer);
      message.said = undefined;
      message.content = NOTHING;
      message.destinationHash = NOTHING;
      const { part } = message;
      if (!isStored(verdict)) submission.ticket?.giveBack();
      if (part !== undefined && isStored(verdict))
        this.#deps.partSets.accepted(message, part, verdict === COMPLETE);
      else if (part !== undefined) this.#deps.partSets.notAccepted(part);
      if (verdict === SAID) {
        if (repeats === undefined) throw new Error('a rule that refuses it');
        this.#refuseSaid(submission, repeats);
        continue;
      }
      if (verdict === REPEATED) {
        repeated ??= [];
        repeated.push(submission);
        continue;
      }
      const refused = refusalOfVerdict(verdict);
      if (refused !== undefined) {
        const { echo, owner } = message;
        this.#answers.refused(submission, echo, owner, refused.key, refused.detail);
        continue;
      }
      this.#answers.accepted(submission, message.owner, customerIdOf(message));
      this.#countMoney(message);
      this.#deps.signals.accepted(message);
      if (submission.refused !== undefined) this.#deps.rejectByReceipt(message);
      // What waits for a moderator, for other parts or for a time of its own does so in the store (scheduled.ts).
      else if (message.held !== undefined) this.#deps.heldStored(message.owner, message.held);
      else if (message.releaseAtMs === 0 && part === undefined) accepted.push(message);
    }
    this.#deps.enqueue(accepted);
    if (repeated !== undefined) void this.#answers.repeated(repeated);
    this.#readAgain();
  }

  /** What rules do about texts that the store knew. @returns the one that refuses it */
  #said(
    { message, receivedAtMs }: Submission,
    said: readonly IfSaid[],
    answer: AcceptAnswer,
  ): Refused | undefined {
    const isKept = isStored(verdictOf(answer));
    let refusing: Refused | undefined;
    for (const [nth, one] of said.entries()) {
      const wasBefore = wasSaid(answer, nth);
      if (isKept && !wasBefore) this.#deps.saidTexts.stored(one, receivedAtMs);
      // Of rules that refuse the first decides and ends it, as in any policy.
      if (!wasBefore || refusing !== undefined) continue;
      this.#judge.foundSaid(message.account, one);
      refusing = one.refused;
      if (isKept && one.held !== undefined) this.#holdSaid(message, one.held);
    }
    return refusing;
  }

  #holdSaid(message: Message, held: Held): void {
    if (message.part === undefined) message.held ??= held;
    else message.part.set.held ??= held;
  }

  /** The store knew its text. A part ends those before it first: what is refused is refused for good. */
  #refuseSaid(submission: Submission, refused: Refused): void {
    const { part, echo, owner } = submission.message;
    const { key, detail } = refused.refusal;
    const answer = () =>
      this.#answers.refused(submission, echo, owner, key, detail, refused.status);
    if (part === undefined) return answer();
    part.set.refused = refused;
    part.set.isWhole = false;
    void this.#deps.partSets.refuse(part).then(answer);
  }

  /** Its long message came over several nodes: before its last part is stored, the whole is judged. */
  async #judgeFirst(submission: Submission): Promise<void> {
    const { message, ticket } = submission;
    const { part } = message;
    if (part === undefined) throw new Error('only parts are judged with others');
    const refused = await this.#deps.partSets.judgeWith(message, part);
    if (refused === undefined) {
      this.#deps.accept.push(submission);
      return;
    }
    ticket?.giveBack();
    this.#deps.partSets.notAccepted(part);
    this.#refuseSaid(submission, refused);
  }

  /** The batch certainly did not commit: nothing is charged, the customer may send again. */
  onNotCommitted(submissions: readonly Submission[]): void {
    for (const submission of submissions) {
      submission.ticket?.giveBack();
      const { echo, owner, part } = submission.message;
      if (part !== undefined) this.#deps.partSets.notAccepted(part);
      this.#answers.refused(submission, echo, owner, 'storeUnavailable', NOT_STORED);
    }
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

  /** Builds the message, encrypts its submit_sm under the key of its account and day, hands it to the accept lane. */
  #seal(
    request: Request,
    judged: Judged,
    refused: Refusal | undefined,
    ticket: Ticket | undefined,
  ): void {
    const { session, bind, pdu, sequenceNumber, reply, receivedAtMs } = request;
    const { account } = bind;
    const key = this.#deps.keys.get(account.id, receivedAtMs);
    // First message of this account today: once its key is there, the same again.
    if (key === undefined)
      return this.#again(
        this.#deps.keys.ensure(account.id, receivedAtMs),
        request,
        judged,
        refused,
        ticket,
      );
    const needsAlias = session.interfaceVersion < ALIAS_BELOW_VERSION;
    const alias = needsAlias ? this.#deps.aliases.take(account.id) : null;
    if (alias === undefined)
      return this.#again(this.#deps.aliases.ensure(account.id), request, judged, refused, ticket);
    const id = this.#nextId(receivedAtMs);
    if (id === undefined) return this.#unstored(request, ticket);
    const unitPrice = refused === undefined ? (judged.unitPrice as Message['unitPrice']) : ZERO;
    const { dedupe } = account;
    const message: Message = {
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
      content: this.#deps.keys.seal(key, id, 0, encodeOne(pdu, this.#writer)),
      group:
        refused === undefined
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
      submitKey: dedupe === undefined ? undefined : submitKeyOf(pdu, judged.destination, dedupe),
      knownUntilMs: dedupe === undefined ? 0 : receivedAtMs + dedupe.seconds * 1_000,
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
      sequenceNumber,
      reply,
      receivedAtMs,
      refused,
      ticket,
    });
    this.#holdWhenFull(session);
  }

  #holdWhenFull(session: Session): void {
    if (this.#deps.accept.depth() < ACCEPT_DEPTH_MAX || this.#held.has(session)) return;
    this.#held.add(session);
    session.pauseReading(STORE_BEHIND);
  }

  /** Something is to be had from the store first. */
  #again(
    ready: Promise<unknown>,
    request: Request,
    judged: Judged,
    refused: Refusal | undefined,
    ticket: Ticket | undefined,
  ): void {
    ready.then(
      () => this.#seal(request, judged, refused, ticket),
      () => this.#unstored(request, ticket),
    );
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

  #answerProblem(request: Request, problem: Problem): void {
    const { bind, pdu } = request;
    if ('status' in problem)
      return this.#answers.malformed(request, pdu, bind.account, problem.status);
    const { refusal, part, ...rest } = problem;
    // The parts before it end first: what is refused to the customer is refused for good.
    if (part !== undefined) {
      void this.#deps.partSets
        .refuse(part)
        .then(() => this.#answerProblem(request, { refusal, ...rest }));
      return;
    }
    if (refusal.key === 'throttled') this.#deps.observer.throttled('customer', bind.systemId);
    if (bind.account.refusals === 'receipt' && REFUSED_BY_RECEIPT.has(refusal.key))
      return this.#acceptToReject(request, refusal);
    this.#refuse(request, refusal.key, refusal.detail, problem.answer);
  }

  /** `refusals: receipt`: stored at no charge and ended REJECTD, so that the customer hears of it by a receipt. */
  #acceptToReject(request: Request, refusal: Refusal): void {
    const { bind, pdu, receivedAtMs } = request;
    const judged: Judged = {
      destination: pdu.destination_addr,
      text: '',
      segments: segmentsOf(pdu, DEFAULT_ALPHABET),
      carrier: NO_CARRIER,
      trafficClass: bind.account.trafficClass,
      lane: bind.lane,
      unitPrice: 0n,
      validUntilMs: receivedAtMs + bind.account.validityDefaultMs,
      releaseAtMs: 0,
      held: undefined,
      part: undefined,
      ifSaid: [],
    };
    this.#seal(request, judged, refusal, undefined);
  }

  #unstored(request: Request, ticket: Ticket | undefined): void {
    ticket?.giveBack();
    this.#refuse(request, 'storeUnavailable', NOT_STORED);
  }

  /** Refused before it was a message. */
  #refuse(request: Request, key: RefusalKey, reason: string, answer?: number): void {
    this.#answers.refused(request, request.pdu, request.bind.account, key, reason, answer);
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

/** replace_if_present_flag; 2 to 255 are reserved (SMPP 3.4 §5.2.18). */
const REPLACE = 1;

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

/** Verdict of accept: `dedupe` knows it. */
const REPEATED = 4;
/** Verdict of accept: all parts of its long message are here. */
const COMPLETE = 5;
/** Verdict of accept: a rule refuses it, for its text was said before. */
const SAID = 6;
/** Verdict of accept: not stored, for the whole that it completes is to be judged first. */
const JUDGE_FIRST = 7;
/** Why a message is refused whose rules would have to ask the store. */
const TOO_MANY_ASKED = 'too many messages wait for what rules count';
/** Why a submit_sm with replace_if_present_flag is refused: the earlier message stands as it was. */
const NOT_REPLACED = 'the earlier message could not be replaced';
/** Binds below it have message_ids of 8 hexadecimal digits (SMPP 3.3 §6.2.4.2). */
const ALIAS_BELOW_VERSION = 0x34;

/** priority_flag above 0 (SMPP 3.4 §5.2.14) goes one lane faster than its traffic class. */
function laneOf(lane: QueueLane, priority: number): QueueLane {
  return priority > 0 && lane > 0 ? ((lane - 1) as QueueLane) : lane;
}

function isStored(verdict: AcceptVerdict): boolean {
  return verdict === 0 || verdict === COMPLETE;
}

function refusalOfVerdict(
  verdict: Exclude<AcceptVerdict, typeof REPEATED | typeof SAID | typeof JUDGE_FIRST>,
): Refusal | undefined {
  switch (verdict) {
    case 0:
    case COMPLETE:
      return undefined;
    case 1:
      return { key: 'insufficientCredit', detail: 'not enough credit' };
    case 2:
      return { key: 'expiredCredit', detail: 'credit expired' };
    case 3:
      return { key: 'accountSuspended', detail: 'account is not active' };
  }
}
