import type { CatalogAccount } from '../domain/catalog.ts';
import { PASS, type PolicyVerdict } from '../domain/policy.ts';
import type { PolicyFacts, QuotaMessage } from '../domain/policy-rule.ts';
import { partOf } from '../smpp/message.ts';
import type { SubmitSm } from '../smpp/pdu.ts';
import { segmentsOf } from '../smpp/segmentation.ts';
import { DEFAULT_ALPHABET } from './message.ts';
import type { GatewayObserver } from './observer.ts';
import { PartTexts } from './part-texts.ts';
import type { Need, NoTicket, Quotas, Ticket } from './quotas.ts';
import type { Violations } from './violations.ts';

export interface PolicyStepDeps {
  readonly observer: GatewayObserver;
  readonly facts: PolicyFacts;
  readonly violations: Pick<Violations, 'add'>;
  readonly quotas: Pick<Quotas, 'take'>;
}

/** Why a message waits for a moderator. */
export interface Held {
  readonly rule: string;
  /** What was found, in words without content. */
  readonly reason: string | undefined;
  /** It counts against the account. */
  readonly violates: boolean;
}

/** What a verdict says of waiting; undefined: nothing. */
export function heldBy(verdict: PolicyVerdict): Held | undefined {
  const { heldBy: rule, heldFor: reason, heldViolates: violates } = verdict;
  return rule === undefined ? undefined : { rule, reason, violates };
}

/** Has an account's policy judge a message: the same for submit_sm, data_sm, submit_multi and replace_sm. */
export class PolicyStep {
  readonly #deps: PolicyStepDeps;
  readonly #parts = new PartTexts();

  constructor(deps: PolicyStepDeps) {
    this.#deps = deps;
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
   * @param ticket what was taken for it
   */
  judge(
    account: CatalogAccount,
    trafficClass: string,
    pdu: SubmitSm,
    destination: string,
    text: string,
    nowMs: number,
    ticket: Ticket | undefined,
  ): PolicyVerdict {
    if (account.policy.isOpen) return PASS;
    const { observer, facts, violations } = this.#deps;
    const part = partOf(pdu);
    const among =
      part === undefined || part.total < 2
        ? undefined
        : this.#parts.add(account.id, pdu, destination, part, text, nowMs);
    const input = {
      text: among?.text ?? text,
      sender: pdu.source_addr,
      destination,
      accountId: account.id,
      account: account.name,
      trafficClass,
      accountMadeMs: account.madeMs,
      allows: account.allows,
      segments: part?.total ?? segmentsOf(pdu, DEFAULT_ALPHABET),
      isWhole: among === undefined || among.missing === 0,
      over: ticket?.over,
      tlvs: pdu.tlvs,
      atMs: nowMs,
    };
    const verdict = account.policy.judge(input, facts);
    if (verdict.refused !== undefined && part !== undefined)
      this.#parts.remove(account.id, pdu, destination, part);
    for (const { rule, action } of verdict.hits) observer.policyDecision(rule, action);
    const { refused } = verdict;
    if (refused?.violates === true) violations.add(account.id, refused.rule, refused.suspends);
    return verdict;
  }
}
