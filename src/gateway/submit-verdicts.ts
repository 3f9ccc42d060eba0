import type { CatalogAccount } from '../domain/catalog.ts';
import { ZERO } from '../domain/money.ts';
import type { IfSaid, Refused } from '../domain/policy.ts';
import type { Refusal } from '../domain/refusal.ts';
import { type AcceptAnswer, type AcceptVerdict, verdictOf } from '../store/accept.ts';
import type { Lane } from '../store/lane.ts';
import { wasSaid } from '../store/said-texts.ts';
import { customerIdOf, type Message, NO_CARRIER, NOTHING } from './message.ts';
import type { GatewayObserver } from './observer.ts';
import type { PartSets, WaitingPart } from './part-sets.ts';
import type { Held } from './policy-step.ts';
import type { Ticket } from './quotas.ts';
import { isByReceipt, refusalNote } from './refusal-answer.ts';
import type { SaidTexts } from './said-texts.ts';
import type { Asking, SubmitAnswers } from './submit-answers.ts';
import type { TrafficSignals } from './traffic-signals.ts';

/** A message on its way to the accept lane, with the session that waits for its answer. */
export interface Submission extends Asking {
  readonly message: Message;
  /** Accepted all the same, to end REJECTD by a receipt (`refusals: receipt`). */
  readonly refused: Refusal | undefined;
  /** What rules with a quota counted of it; undefined: nothing. */
  readonly ticket: Ticket | undefined;
}

export interface SubmitVerdictsDeps {
  readonly observer: GatewayObserver;
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
  readonly saidTexts: Pick<SaidTexts, 'stored' | 'confirmed'>;
}

/** What accept said of each message: how its customer is answered, and where it goes on. */
export class SubmitVerdicts {
  readonly #deps: SubmitVerdictsDeps;
  readonly #answers: SubmitAnswers;
  /** A rule refuses or holds a message whose text was said before. */
  readonly #foundSaid: (account: Message['account'], found: IfSaid) => void;

  constructor(
    deps: SubmitVerdictsDeps,
    answers: SubmitAnswers,
    foundSaid: (account: Message['account'], found: IfSaid) => void,
  ) {
    this.#deps = deps;
    this.#answers = answers;
    this.#foundSaid = foundSaid;
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
      message.notes = undefined;
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
      if (wasBefore) this.#deps.saidTexts.confirmed(one, receivedAtMs);
      else if (isKept) this.#deps.saidTexts.stored(one, receivedAtMs);
      // Of rules that refuse the first decides and ends it, as in any policy.
      if (!wasBefore || refusing !== undefined) continue;
      this.#foundSaid(message.account, one);
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
    if (refused.charged) ticket?.giveBackMessage();
    else ticket?.giveBack();
    this.#deps.partSets.notAccepted(part);
    if (isByReceipt(message.owner, refused.refusal.key, refused.answer))
      return this.#acceptToReject(submission, part, refused);
    this.#refuseSaid(submission, refused);
  }

  /** The same where it is refused by a receipt: it is stored, to end as the parts before it did. */
  async #acceptToReject(submission: Submission, part: WaitingPart, by: Refused): Promise<void> {
    part.set.refused = by;
    part.set.isWhole = false;
    await this.#deps.partSets.refuse(part);
    const { refusal, rule, charged } = by;
    const message: Message = {
      ...submission.message,
      ...(!charged && { unitPrice: ZERO, price: ZERO, group: 0 }),
      carrier: NO_CARRIER,
      releaseAtMs: 0,
      held: undefined,
      part: undefined,
      said: undefined,
      notes: [refusalNote(refusal, rule)],
    };
    this.#deps.accept.push({ ...submission, message, refused: refusal });
  }

  #countMoney(message: Message): void {
    if (message.price > 0n)
      this.#deps.observer.money(
        message.owner,
        message.chargeOnDelivery ? 'reserve' : 'charge',
        message.price,
      );
  }
}

/** Verdict of accept: `dedupe` knows it. */
const REPEATED = 4;
/** Verdict of accept: all parts of its long message are here. */
const COMPLETE = 5;
/** Verdict of accept: a rule refuses it, for its text was said before. */
const SAID = 6;
/** Verdict of accept: not stored, for the whole that it completes is to be judged first. */
const JUDGE_FIRST = 7;

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
