import type { Catalog, CatalogAccount } from '../domain/catalog.ts';
import type { AccountId } from '../domain/ids.ts';
import {
  type HeldFor,
  type IfSaid,
  PASS,
  type PolicyVerdict,
  type Refused,
} from '../domain/policy.ts';
import type { PolicyFacts, PolicyInput, Quota, QuotaMessage } from '../domain/policy-rule.ts';
import { alphabetOf, parseDataCoding } from '../smpp/data-coding.ts';
import { hasUdh, partOf } from '../smpp/message.ts';
import type { SubmitSm } from '../smpp/pdu.ts';
import { segmentsOf } from '../smpp/segmentation.ts';
import { DEFAULT_ALPHABET, type Message } from './message.ts';
import type { GatewayObserver } from './observer.ts';
import { type PartAmongOthers, PartTexts } from './part-texts.ts';
import type { Need, NoTicket, Quotas, Ticket } from './quotas.ts';
import type { Violations } from './violations.ts';

export interface PolicyStepDeps {
  catalog(): Pick<Catalog, 'accounts'>;
  readonly now: () => number;
  readonly observer: Pick<GatewayObserver, 'policyDecision'>;
  readonly facts: PolicyFacts;
  /** The same of what may replace a message: what that one said is no repetition. Undefined: `facts`. */
  readonly replacingFacts?: PolicyFacts;
  readonly violations: Pick<Violations, 'add'>;
  readonly quotas: Pick<Quotas, 'take'>;
}

/** Why a message waits for a moderator. */
export type Held = HeldFor;

/** What a verdict says of waiting; undefined: nothing. */
export function heldBy(verdict: PolicyVerdict): Held | undefined {
  const { heldBy: rule, heldFor: reason, heldViolates: violates } = verdict;
  return rule === undefined ? undefined : { rule, reason, violates };
}

/** What waited is not to go before a time: unix ms, Infinity where none is known. */
export interface DeferredAgain {
  readonly notBeforeMs: number;
  readonly rule: string;
}

/** A verdict on a message, which may be a part of a longer one. */
export interface StepVerdict extends PolicyVerdict {
  /** It waits for the other parts, or was refused with them; undefined: it is whole, or does not wait. */
  readonly part?: PartAmongOthers;
}

/** Has an account's policy judge a message: the same for submit_sm, data_sm, submit_multi and replace_sm. */
export class PolicyStep {
  readonly #deps: PolicyStepDeps;
  readonly #parts = new PartTexts();
  readonly #partsWait: boolean;

  /** @param partsWait parts of long messages can wait for each other: those that are submitted, not those replaced */
  constructor(deps: PolicyStepDeps, partsWait: boolean) {
    this.#deps = deps;
    this.#partsWait = partsWait;
  }

  /**
   * Takes what rules with a quota count of a message, before it is judged: undefined where none does, and a promise where
   * the store has to be asked.
   */
  take(
    account: CatalogAccount,
    message: QuotaMessage,
  ): Ticket | Promise<Ticket | NoTicket> | undefined {
    const needs: Need[] = [];
    for (const quota of account.policy.quotasOf(message)) {
      const amount = quota.amountOf(message);
      if (amount > 0) needs.push({ quota, key: quota.keyOf(message), amount });
    }
    return needs.length === 0 ? undefined : this.#deps.quotas.take(account.id, needs);
  }

  /**
   * Counts what each rule found; an account without rules costs nothing. A part of a long message is judged together
   * with those that came before it.
   * @param text the whole text, decoded
   * @param goesAtMs when it would go: its schedule, or now
   * @param ticket what was taken for it
   */
  judge(
    account: CatalogAccount,
    trafficClass: string,
    pdu: SubmitSm,
    destination: string,
    text: string,
    nowMs: number,
    goesAtMs: number,
    ticket: { readonly over: ReadonlySet<Quota> } | undefined,
  ): StepVerdict {
    const { policy } = account;
    if (policy.isOpen) return PASS;
    const place = partOf(pdu);
    const segments = place?.total ?? segmentsOf(pdu, DEFAULT_ALPHABET);
    const input = this.#input(
      account,
      trafficClass,
      pdu,
      destination,
      text,
      segments,
      nowMs,
      goesAtMs,
      ticket?.over,
    );
    const { facts, replacingFacts = facts } = this.#deps;
    const facing = pdu.replace_if_present_flag === 0 ? facts : replacingFacts;
    if (place === undefined || place.total < 2)
      return this.booked(account, policy.judge(input, facing));
    const mayWait = this.#partsWait && pdu.replace_if_present_flag === 0;
    const waitMs = mayWait && policy.awaitsWhole(input) ? policy.partsWaitMs : 0;
    const part = this.#parts.add(account.id, pdu, destination, place, text, nowMs, waitMs);
    if (part === undefined) return TOO_MANY_PARTS;
    return this.#judgePart(account, input, facing, part, waitMs > 0);
  }

  /** The store knew a text: counts what its rule does. */
  foundSaid(account: AccountId, { hit, refused }: IfSaid): void {
    const { observer, violations } = this.#deps;
    observer.policyDecision(hit.rule, hit.action);
    if (refused?.violates === true) violations.add(account, refused.rule, refused.suspends);
  }

  /**
   * Judges texts of a long message whose parts were judged before: by the rules that its parts waited for. Whoever acts
   * on it has it counted by `booked`.
   */
  judgeWhole(
    message: Message,
    submit: SubmitSm,
    texts: readonly string[],
    segments: number,
  ): PolicyVerdict {
    const nowMs = this.#deps.now();
    const { trafficClass, destination } = message;
    const account = this.#deps.catalog().accounts.get(message.account) ?? message.owner;
    const senders = sendersOf(message, submit);
    let whole = PASS;
    for (const [i, text] of texts.entries()) {
      const input = {
        ...this.#input(account, trafficClass, submit, destination, text, segments, nowMs, nowMs),
        ...senders,
      };
      // What a part said before it came again is no whole.
      const asked = i === 0 ? input : { ...input, isWhole: false };
      const verdict = account.policy.judgeText(asked, this.#deps.facts);
      if (verdict.refused !== undefined || verdict.heldBy !== undefined) return verdict;
      if (i === 0) whole = verdict;
    }
    return whole;
  }

  /**
   * Judges a message that waited, now that it is to go, by the rules whose answer may have changed since. It counts no
   * violation: who opted out meanwhile is not its customer's doing.
   * @returns undefined: it may go
   */
  judgeAgain(message: Message, submit: SubmitSm): Refused | DeferredAgain | undefined {
    const account = this.#deps.catalog().accounts.get(message.account) ?? message.owner;
    if (!account.policy.asksAgain) return undefined;
    const { trafficClass, destination, segments } = message;
    const nowMs = this.#deps.now();
    const input = {
      ...this.#input(account, trafficClass, submit, destination, '', segments, nowMs, nowMs),
      ...sendersOf(message, submit),
    };
    const verdict = this.booked(account, account.policy.judgeAgain(input, this.#deps.facts));
    const { refused, notBeforeMs, hits } = verdict;
    if (refused !== undefined) return { ...refused, ...UNCOUNTED };
    const rule = hits.find(({ action }) => action === 'defer')?.rule;
    return rule === undefined || notBeforeMs <= nowMs ? undefined : { notBeforeMs, rule };
  }

  /** Counts what a verdict says. */
  booked(account: Pick<CatalogAccount, 'id'>, verdict: PolicyVerdict): PolicyVerdict {
    const { observer, violations } = this.#deps;
    for (const { rule, action } of verdict.hits) observer.policyDecision(rule, action);
    const { refused } = verdict;
    if (refused?.violates === true) violations.add(account.id, refused.rule, refused.suspends);
    return verdict;
  }

  #judgePart(
    account: CatalogAccount,
    input: PolicyInput,
    facts: PolicyFacts,
    part: PartAmongOthers,
    waits: boolean,
  ): StepVerdict {
    const { set, text, otherText, missing } = part;
    if (set.refused !== undefined)
      return { ...PASS, refused: { ...set.refused, ...UNCOUNTED }, part };
    const among = { ...input, text, isWhole: missing === 0 };
    let verdict = account.policy.judge(among, facts);
    if (otherText !== undefined && verdict.refused === undefined) {
      const sentSender = verdict.sender;
      const asked = { ...among, sentSender, text: otherText, isWhole: false };
      const other = account.policy.judgeText(asked, facts);
      if (other.refused !== undefined) verdict = other;
    }
    this.booked(account, verdict);
    const { refused } = verdict;
    if (refused !== undefined && !(waits && refused.ofText)) this.#parts.remove(part);
    if (!waits || (refused !== undefined && !refused.ofText)) return verdict;
    set.refused = refused;
    set.isWhole = refused === undefined && missing === 0;
    set.held = set.isWhole ? heldBy(verdict) : undefined;
    // A moderator decides about the whole, not about each part as it comes.
    if (missing > 0 && verdict.heldForText) return { ...verdict, heldBy: undefined, part };
    return { ...verdict, part };
  }

  #input(
    { id, name, madeMs, allows }: CatalogAccount,
    trafficClass: string,
    pdu: SubmitSm,
    destination: string,
    text: string,
    segments: number,
    atMs: number,
    goesAtMs: number,
    over?: ReadonlySet<Quota>,
  ): PolicyInput {
    return {
      text,
      sender: pdu.source_addr,
      destination,
      accountId: id,
      account: name,
      trafficClass,
      accountMadeMs: madeMs,
      allows,
      segments,
      dataCoding: pdu.data_coding,
      isWhole: true,
      isOctets: isOctets(pdu),
      isFixed: isFixed(pdu),
      over,
      tlvs: pdu.tlvs,
      atMs,
      goesAtMs,
    };
  }
}

/** The customer's sender of a stored message, and that which rules gave it. */
function sendersOf(
  { echo: { own } }: Message,
  { source_addr }: SubmitSm,
): Pick<PolicyInput, 'sender' | 'sentSender'> {
  const sender = own?.source_addr ?? source_addr;
  return { sender, sentSender: sender === source_addr ? undefined : source_addr };
}

/** See PolicyInput.isOctets. */
function isOctets({ data_coding }: SubmitSm): boolean {
  return (
    alphabetOf(data_coding, DEFAULT_ALPHABET) === 'octets' ||
    parseDataCoding(data_coding).compressed
  );
}

/** See PolicyInput.isFixed. */
function isFixed(pdu: SubmitSm): boolean {
  return isOctets(pdu) || hasUdh(pdu) || (pdu.tlvs !== undefined && partOf(pdu) !== undefined);
}

/** A refused message counts once, with the part for which it was refused. */
const UNCOUNTED = { violates: false, suspends: false };

/** See PartTexts.add. */
const TOO_MANY_PARTS: StepVerdict = {
  ...PASS,
  refused: {
    refusal: { key: 'queueFull', detail: 'too many long messages wait for their parts' },
    rule: '',
    status: undefined,
    answer: 'status',
    charged: false,
    suspends: false,
    violates: false,
    ofText: false,
  },
};
