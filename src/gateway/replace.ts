import type { CatalogAccount } from '../domain/catalog.ts';
import { subtract, times } from '../domain/money.ts';
import type { IfSaid } from '../domain/policy.ts';
import { notesOf, type PolicyNote } from '../domain/policy-notes.ts';
import { type RefusalKey, statusOf } from '../domain/refusal.ts';
import { encodeOne, PduWriter } from '../smpp/codec.ts';
import { toGsm7 } from '../smpp/default-alphabet.ts';
import { textOf } from '../smpp/message.ts';
import type { PduOf, SubmitSm } from '../smpp/pdu.ts';
import { malformedMessage, segmentsOf } from '../smpp/segmentation.ts';
import { formatAbsoluteTime } from '../smpp/smpp-time.ts';
import * as status from '../smpp/status.ts';
import type { ContentKeys } from '../store/content-keys.ts';
import type { Lane } from '../store/lane.ts';
import {
  type ReplaceAnswer,
  type ReplaceRow,
  type ReplaceVerdict,
  verdictOfReplace,
} from '../store/replace.ts';
import { wasSaid } from '../store/said-texts.ts';
import type { Lookups } from './lookups.ts';
import { DEFAULT_ALPHABET, type Message, NO_CARRIER } from './message.ts';
import type { GatewayObserver } from './observer.ts';
import { type OwnFields, withOwnFields } from './own-fields.ts';
import { namesSender, ownSource, sameSender } from './own-message.ts';
import { type Held, heldBy, PolicyStep, type PolicyStepDeps } from './policy-step.ts';
import type { Ticket } from './quotas.ts';
import { replacedSubmit, replacedTimes, scheduledFor } from './replaced-submit.ts';
import { rewriteSubmit } from './rewrite.ts';
import type { SaidTexts } from './said-texts.ts';

/** A message that is replaced again and again meanwhile is tried so often. */
const TRIES = 3;

/** A new version on its way to the store (replace lane). */
export interface Replacement extends ReplaceRow {
  told(answer: ReplaceAnswer | 'notCommitted'): void;
}

export interface ReplaceDeps extends PolicyStepDeps {
  readonly observer: GatewayObserver;
  readonly now: () => number;
  readonly lookups: Pick<Lookups, 'named' | 'queued' | 'full'>;
  readonly keys: Pick<ContentKeys, 'ensure' | 'seal'>;
  readonly replace: Pick<Lane<Replacement, ReplaceAnswer>, 'push'>;
  /** What this node knows of texts that were said. */
  readonly saidTexts: Pick<SaidTexts, 'forget'>;
  /** What waits for a moderator now is stored, and with it what counts against its account. */
  heldStored(account: CatalogAccount, held: Held): void;
  /** Keyed hashes of a number, one under each key at hand. */
  numberHashes(msisdn: string): readonly Buffer[];
  /** What rules did about what is stored now goes on the message's timeline. */
  noted(id: Message['id'], notes: readonly PolicyNote[]): void;
  /** The message as it stands now, if it was replaced since this copy. */
  newer(copy: Message): Promise<Message | undefined>;
}

/** What a message is to be from now on; judged and counted. */
export interface NextVersion {
  readonly submit: SubmitSm;
  /** What the customer said, of one that rules rewrote. */
  readonly own: OwnFields | undefined;
  readonly segments: number;
  readonly validUntilMs: number;
  /** Unix ms before which it is not sent; 0: at once. Undefined: its time stays. */
  readonly releaseAtMs: number | undefined;
  /** A rule wants a moderator to see it. */
  readonly held: Held | undefined;
  /** What rules do if the store knows its text. */
  readonly ifSaid: readonly IfSaid[];
  /** What rules did; undefined: nothing. */
  readonly notes: readonly PolicyNote[] | undefined;
  /** What rules with a quota counted of the difference. */
  readonly ticket?: Ticket | undefined;
}

/** How a replacement came out: done, refused by a status or a reason, or too late. */
type Outcome =
  | 'replaced'
  | 'tooLate'
  | { readonly refused: RefusalKey; readonly answer?: number | undefined }
  | { readonly status: number };

/**
 * Replaces messages that are still queued: by replace_sm, and by a submit_sm with replace_if_present_flag.
 *
 * ```
 *   find - judge - count - seal ──> replace lane: 0 ──> a new version: every older copy is refused by its lease
 *     ^                                  │ 5: replaced meanwhile         (take_lease), and read again
 *     │                                  │ 6: another message said its text
 *     └──────────────────────────────────┘ 4: a carrier has it, it ended: too late
 * ```
 * The message stays the same one: its id, its unit price, its carrier and lane. The same text again is no repetition.
 */
export class Replacer {
  readonly #deps: ReplaceDeps;
  readonly #policy: PolicyStep;
  readonly #writer = new PduWriter();

  constructor(deps: ReplaceDeps) {
    this.#deps = deps;
    this.#policy = new PolicyStep(deps, false);
  }

  /**
   * Carries out a replace_sm (SMPP 3.4 §4.10).
   * @returns command_status: 0 after the commit; ESME_RINVMSGID for an id that the account does not have;
   *   ESME_RREPLACEFAIL when the sender is another, the id is a submit_multi's to several destinations, the message has
   *   ended or a carrier has it, or the account cannot pay the difference; else what a submit_sm of this text gets
   */
  async replaceSm(account: CatalogAccount, pdu: PduOf<'replace_sm'>): Promise<number> {
    const name = pdu.message_id;
    const asked = { account: account.id, name, destinationHash: undefined };
    const found = name === '' ? [] : await this.#deps.lookups.named(asked);
    if (found.length === 0) return status.ESME_RINVMSGID;
    const [message, another] = found.filter((one) => namesSender(one, pdu));
    if (message === undefined || another !== undefined) return status.ESME_RREPLACEFAIL;
    const outcome = await this.#replace(account, message, (copy) => {
      return this.#nextVersion(account, copy, pdu);
    });
    if (outcome === 'replaced') return status.ESME_ROK;
    if (outcome === 'tooLate') return status.ESME_RREPLACEFAIL;
    if ('status' in outcome) return outcome.status;
    // The difference cannot be paid: the message stands as it was, which 0x401 alone would not say.
    return outcome.refused === 'insufficientCredit' || outcome.refused === 'expiredCredit'
      ? status.ESME_RREPLACEFAIL
      : (outcome.answer ?? statusOf(outcome.refused, account.statusFor));
  }

  /**
   * Replaces the newest queued message of the same service_type, source and destination (SMPP 3.4 §5.2.18) by a submit_sm
   * that was judged already. It is that message that goes on, so that the answer repeats its id.
   * @returns the replaced message; undefined when there is none, or a carrier got it first: the submit_sm is a new message
   */
  async replaceIfPresent(
    account: CatalogAccount,
    msisdn: string,
    next: NextVersion,
  ): Promise<Message | { readonly refused: RefusalKey } | undefined> {
    if (this.#deps.lookups.full) return { refused: 'throttled' };
    const message = await this.#earlier(account, msisdn, next);
    if (message === undefined) return undefined;
    // A relative time counts from its own submit_sm, not from the message's accept.
    const at = next.releaseAtMs ?? 0;
    const schedule_delivery_time = at === 0 ? '' : formatAbsoluteTime(at);
    const absolute = { ...next, submit: { ...next.submit, schedule_delivery_time } };
    const outcome = await this.#replace(account, message, () => absolute);
    if (outcome === 'replaced') return message;
    return typeof outcome === 'object' && 'refused' in outcome ? outcome : undefined;
  }

  async #earlier(
    account: CatalogAccount,
    msisdn: string,
    { submit, own = submit }: NextVersion,
  ): Promise<Message | undefined> {
    for (const destinationHash of this.#deps.numberHashes(msisdn)) {
      const queued = await this.#deps.lookups.queued({
        account: account.id,
        destinationHash,
        before: undefined,
      });
      const earlier = queued.find(
        ({ ended, carrier, echo, destination }) =>
          ended === undefined &&
          carrier !== NO_CARRIER &&
          destination === msisdn &&
          echo.service_type === submit.service_type &&
          sameSender(ownSource({ echo }), own),
      );
      if (earlier !== undefined) return earlier;
    }
    return undefined;
  }

  async #replace(
    account: CatalogAccount,
    message: Message,
    nextOf: (copy: Message) => NextVersion | Promise<NextVersion | Exclude<Outcome, string>>,
  ): Promise<Outcome> {
    let copy: Message | undefined = message;
    for (let tries = 0; copy !== undefined && tries < TRIES; tries++) {
      const isOver = copy.ended !== undefined || copy.carrier === NO_CARRIER;
      if (isOver || copy.submit === undefined) return 'tooLate';
      const asked = await nextOf(copy);
      if (!('submit' in asked)) return asked;
      const outcome = await this.#store(account, copy, asked);
      if (outcome !== 'replaced') asked.ticket?.giveBack();
      if (outcome !== 'again') return outcome;
      copy = await this.#deps.newer(copy);
    }
    return 'tooLate';
  }

  /** What rules do about texts that another message said. @returns with what they hold it for; or that they refuse it */
  #said(account: CatalogAccount, next: NextVersion, answer: ReplaceAnswer): Found {
    let { held } = next;
    for (const [nth, one] of next.ifSaid.entries()) {
      if (!wasSaid(answer, nth)) continue;
      this.#policy.foundSaid(account.id, one);
      if (one.refused !== undefined) {
        const { refusal, status: answer } = one.refused;
        return { held, refused: { refused: refusal.key, answer } };
      }
      held ??= one.held;
    }
    return { held, refused: undefined };
  }

  /** Judges a replace_sm as a submit_sm of the whole message is: with its own data_coding, at its own unit price. */
  async #nextVersion(
    account: CatalogAccount,
    copy: Message,
    pdu: PduOf<'replace_sm'>,
  ): Promise<NextVersion | Exclude<Outcome, string>> {
    if (account.status !== 'active') return { refused: 'accountSuspended' };
    const times = replacedTimes(account, copy, pdu, this.#deps.now());
    if ('status' in times) return times;
    const submit = replacedSubmit(copy, pdu, times.releaseAtMs, account.defaultAlphabet);
    const malformed =
      toGsm7(submit, account.defaultAlphabet) ?? malformedMessage(submit, DEFAULT_ALPHABET);
    if (malformed !== undefined) return { status: malformed.commandStatus };
    const segments = segmentsOf(submit, DEFAULT_ALPHABET);
    const ticket = await this.#take(account, copy, segments);
    if (typeof ticket === 'string') return { refused: ticket };
    const text = textOf(submit, DEFAULT_ALPHABET);
    const nowMs = this.#deps.now();
    const goesAtMs = Math.max(nowMs, times.releaseAtMs ?? scheduledFor(copy));
    const verdict = this.#policy.judge(
      account,
      copy.trafficClass,
      submit,
      copy.destination,
      text,
      nowMs,
      goesAtMs,
      ticket,
    );
    const { refused, notBeforeMs } = verdict;
    const own = refused === undefined ? rewriteSubmit(submit, verdict) : 'unchanged';
    if (own === 'tooLong') {
      ticket?.giveBack();
      return { refused: 'contentRefused' };
    }
    if (refused !== undefined || notBeforeMs >= times.validUntilMs) ticket?.giveBack();
    if (refused !== undefined) return { refused: refused.refusal.key, answer: refused.status };
    if (notBeforeMs >= times.validUntilMs) return { refused: 'outsideHours' };
    const deferred = notBeforeMs > goesAtMs && { releaseAtMs: notBeforeMs };
    const { ifSaid } = verdict;
    const kept = own === 'unchanged' ? undefined : own;
    return {
      submit,
      own: kept,
      segments: segmentsOf(submit, DEFAULT_ALPHABET),
      ticket,
      held: heldBy(verdict),
      ifSaid,
      notes: notesOf(verdict),
      ...times,
      ...deferred,
    };
  }

  /** What it costs more counts under the quotas of its account; the message itself counted when it was accepted. */
  #take(account: CatalogAccount, copy: Message, segments: number) {
    const more = subtract(times(copy.unitPrice, segments), copy.price);
    if (more <= 0n || !account.policy.hasQuotas) return undefined;
    return this.#policy.take(account, {
      account: account.name,
      destination: copy.destination,
      sender: ownSource(copy).source_addr,
      trafficClass: copy.trafficClass,
      messages: 0,
      atMs: this.#deps.now(),
      price: more,
    });
  }

  async #store(
    account: CatalogAccount,
    copy: Message,
    next: NextVersion,
  ): Promise<Outcome | 'again'> {
    const answer = await this.#write(account, copy, next);
    if (answer === 'notCommitted') return { refused: 'storeUnavailable' };
    const verdict = verdictOfReplace(answer);
    if (verdict !== 0 && verdict !== SAID) return outcomeOf(verdict);
    const { held, refused } = this.#said(account, next, answer);
    if (refused !== undefined) return refused;
    this.#deps.saidTexts.forget();
    this.#countMoney(copy, next.segments);
    if (held !== undefined) this.#deps.heldStored(account, held);
    if (next.notes !== undefined) this.#deps.noted(copy.id, next.notes);
    return 'replaced';
  }

  async #write(
    account: CatalogAccount,
    copy: Message,
    next: NextVersion,
  ): Promise<ReplaceAnswer | 'notCommitted'> {
    const key = await this.#deps.keys.ensure(account.id, this.#deps.now());
    const { id } = copy;
    const version = copy.version + 1;
    const content = this.#deps.keys.seal(
      key,
      id,
      version,
      encodeOne(withOwnFields(next.submit, next.own), this.#writer),
    );
    return new Promise((told) =>
      this.#deps.replace.push({
        id,
        version,
        account: account.id,
        segments: next.segments,
        policyVersion: account.policy.version,
        registeredDelivery: next.submit.registered_delivery,
        validUntilMs: next.validUntilMs,
        contentKey: key.id,
        content,
        releaseAtMs: next.releaseAtMs,
        held: next.held,
        said: next.ifSaid,
        told,
      }),
    );
  }

  #countMoney(copy: Message, segments: number): void {
    const difference = subtract(times(copy.unitPrice, segments), copy.price);
    if (difference === 0n) return;
    const { observer } = this.#deps;
    const paid = copy.chargeOnDelivery ? 'reserve' : 'charge';
    const back = copy.chargeOnDelivery ? 'release' : 'refund';
    if (difference > 0n) observer.money(copy.owner, paid, difference);
    else observer.money(copy.owner, back, -difference);
  }
}

/** Verdict of the replace lane: a rule refuses it, for another message said its text. */
const SAID = 6;

/** What rules do about texts that were said before. */
interface Found {
  readonly held: Held | undefined;
  readonly refused: Exclude<Outcome, string> | undefined;
}

function outcomeOf(verdict: Exclude<ReplaceVerdict, 0 | typeof SAID>): Outcome | 'again' {
  switch (verdict) {
    case 1:
      return { refused: 'insufficientCredit' };
    case 2:
      return { refused: 'expiredCredit' };
    case 3:
      return { refused: 'accountSuspended' };
    case 4:
      return 'tooLate';
    case 5:
      return 'again';
  }
}
