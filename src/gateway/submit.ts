import type { CatalogAccount } from '../domain/catalog.ts';
import type { Refusal, RefusalKey } from '../domain/refusal.ts';
import type { Session } from '../session/session.ts';
import { ownOctets, textOf } from '../smpp/message.ts';
import type { DataSm, SubmitMulti, SubmitSm } from '../smpp/pdu.ts';
import { segmentsOf } from '../smpp/segmentation.ts';
import * as status from '../smpp/status.ts';
import type { AcceptAnswer } from '../store/accept.ts';
import { Judge, type JudgeDeps, type Judged, type Problem, type RefusedBy } from './judge.ts';
import { destinationOf } from './loader.ts';
import { customerIdOf, DEFAULT_ALPHABET, type Message, NO_CARRIER } from './message.ts';
import type { Ticket } from './quotas.ts';
import { isByReceipt, refusalNote } from './refusal-answer.ts';
import type { NextVersion } from './replace.ts';
import { NOT_STORED, SubmitAnswers, type SubmitAnswersDeps } from './submit-answers.ts';
import { submitKeyOf } from './submit-key.ts';
import { addressStatus, submitOfData, submitsOfMulti } from './submit-pdu.ts';
import { MultiReply } from './submit-reply.ts';
import { type SubmitRequest, SubmitSeal, type SubmitSealDeps } from './submit-seal.ts';
import { type Submission, SubmitVerdicts, type SubmitVerdictsDeps } from './submit-verdicts.ts';

/** Messages that wait for the accept lane before sessions are no longer read: four batches of 500. */
const ACCEPT_DEPTH_MAX = 2_000;
/** Depth at which they are read again. */
const ACCEPT_DEPTH_RESUME = 500;
/** The reason under which the pipeline holds a session's reading. */
const STORE_BEHIND = 'storeBehind';

export interface SubmitDeps
  extends JudgeDeps,
    SubmitAnswersDeps,
    SubmitSealDeps,
    SubmitVerdictsDeps {
  readonly partSets: SubmitVerdictsDeps['partSets'];
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
  readonly #sealing: SubmitSeal;
  readonly #verdicts: SubmitVerdicts;
  readonly #held = new Set<Session>();

  constructor(deps: SubmitDeps) {
    this.#deps = deps;
    this.#judge = new Judge(deps);
    this.#answers = new SubmitAnswers(deps);
    this.#sealing = new SubmitSeal(deps);
    this.#verdicts = new SubmitVerdicts(deps, this.#answers, (account, found) =>
      this.#judge.foundSaid(account, found),
    );
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
    // The text is one, whatever the alphabet made of it; what a rule makes of it for one recipient is his alone.
    const { data_coding, short_message, tlvs } = first;
    for (const one of submits) {
      Object.assign(one, { data_coding, short_message, tlvs });
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
  #judgeAndTake(request: SubmitRequest, problem: Problem | undefined): void {
    if (problem !== undefined) return this.#answerProblem(request, problem, undefined);
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

  #takeWith(request: SubmitRequest, ticket: Ticket | undefined): void {
    const { bind, pdu, receivedAtMs } = request;
    const judged = this.#judge.judge(bind, pdu, receivedAtMs, ticket);
    if (!('destination' in judged)) {
      if (isCharged(judged)) ticket?.giveBackMessage();
      else ticket?.giveBack();
      return this.#answerProblem(request, judged, ticket);
    }
    ownOctets(pdu);
    if (pdu.replace_if_present_flag === 0) this.#seal(request, judged, undefined, ticket);
    else this.#replaceOrSeal(request, judged, ticket);
  }

  /** replace_if_present_flag: the earlier message goes on in its place, if one is still queued; else it is a new one. */
  #replaceOrSeal(request: SubmitRequest, judged: Judged, ticket: Ticket | undefined): void {
    const { bind, pdu } = request;
    if (pdu.replace_if_present_flag !== REPLACE) {
      ticket?.giveBack();
      return this.#answerProblem(request, { status: status.ESME_RINVREPFLAG }, undefined);
    }
    const { segments, validUntilMs, releaseAtMs, held, ifSaid, notes, own } = judged;
    const next = { submit: pdu, own, segments, validUntilMs, releaseAtMs, held, ifSaid, notes };
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

  /** The accept lane committed a batch: every request is answered, what was accepted goes to its queue. */
  onCommitted(submissions: readonly Submission[], answers: readonly AcceptAnswer[]): void {
    this.#verdicts.onCommitted(submissions, answers);
    this.#readAgain();
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

  /** Made a message and handed to the accept lane. */
  #seal(
    request: SubmitRequest,
    judged: Judged,
    refused: Refusal | undefined,
    ticket: Ticket | undefined,
  ): void {
    const message = this.#sealing.messageOf(request, judged, refused, ticket);
    if (message === undefined) return this.#unstored(request, ticket);
    if (message instanceof Promise) {
      message.then(
        () => this.#seal(request, judged, refused, ticket),
        () => this.#unstored(request, ticket),
      );
      return;
    }
    const { session, sequenceNumber, reply, receivedAtMs } = request;
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

  /** @param ticket what a refusal costs counts as spent */
  #answerProblem(request: SubmitRequest, problem: Problem, ticket: Ticket | undefined): void {
    const { bind, pdu } = request;
    if ('status' in problem)
      return this.#answers.malformed(request, pdu, bind.account, problem.status);
    const { refusal, part, by, ...rest } = problem;
    // The parts before it end first: what is refused to the customer is refused for good.
    if (part !== undefined) {
      void this.#deps.partSets
        .refuse(part)
        .then(() => this.#answerProblem(request, { refusal, by, ...rest }, ticket));
      return;
    }
    if (refusal.key === 'throttled') this.#deps.observer.throttled('customer', bind.systemId);
    if (isByReceipt(bind.account, refusal.key, by?.answer))
      return this.#acceptToReject(request, refusal, by, ticket);
    this.#refuse(request, refusal.key, refusal.detail, problem.answer);
  }

  /** Stored, at no charge unless its rule charges, and ended REJECTD: the customer hears of it by a receipt. */
  #acceptToReject(
    request: SubmitRequest,
    refusal: Refusal,
    by: RefusedBy | undefined,
    ticket: Ticket | undefined,
  ): void {
    const { bind, pdu, receivedAtMs } = request;
    const destination = destinationOf(pdu);
    const judged: Judged = {
      destination,
      text: textOf(pdu, DEFAULT_ALPHABET),
      own: undefined,
      submitKey: submitKeyOf(pdu, destination, bind.account.dedupe),
      segments: segmentsOf(pdu, DEFAULT_ALPHABET),
      carrier: NO_CARRIER,
      trafficClass: by?.trafficClass ?? bind.account.trafficClass,
      lane: bind.lane,
      unitPrice: by?.unitPrice ?? 0n,
      validUntilMs: receivedAtMs + bind.account.validityDefaultMs,
      releaseAtMs: 0,
      held: undefined,
      part: undefined,
      ifSaid: [],
      notes: [refusalNote(refusal, by?.rule ?? '')],
    };
    this.#seal(request, judged, refusal, ticket);
  }

  #unstored(request: SubmitRequest, ticket: Ticket | undefined): void {
    ticket?.giveBack();
    this.#refuse(request, 'storeUnavailable', NOT_STORED);
  }

  /** Refused before it was a message. */
  #refuse(request: SubmitRequest, key: RefusalKey, reason: string, answer?: number): void {
    this.#answers.refused(request, request.pdu, request.bind.account, key, reason, answer);
  }

  #readAgain(): void {
    if (this.#held.size === 0 || this.#deps.accept.depth() > ACCEPT_DEPTH_RESUME) return;
    for (const session of this.#held) session.resumeReading(STORE_BEHIND);
    this.#held.clear();
  }
}

function isCharged(problem: Problem): boolean {
  return 'by' in problem && (problem.by?.unitPrice ?? 0n) > 0n;
}

/** replace_if_present_flag; 2 to 255 are reserved (SMPP 3.4 §5.2.18). */
const REPLACE = 1;

/** Why a message is refused whose rules would have to ask the store. */
const TOO_MANY_ASKED = 'too many messages wait for what rules count';
/** Why a submit_sm with replace_if_present_flag is refused: the earlier message stands as it was. */
const NOT_REPLACED = 'the earlier message could not be replaced';
