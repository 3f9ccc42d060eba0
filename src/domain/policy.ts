import { compileOptOutWords, type OptOutWords } from './opt-out-words.ts';
import { type Conditional, compileWhen } from './policy-conditions.ts';
import type {
  Finding,
  PolicyFacts,
  PolicyInput,
  Quota,
  QuotaMessage,
  RuleAction,
  RuleCheck,
  RuleContext,
  SaidText,
} from './policy-rule.ts';
import { kindsIn, type PolicySpec, type RuleSpec } from './policy-schema.ts';
import type { Refusal } from './refusal.ts';
import { compileRewrite, type Rewriter } from './rewrite.ts';
import { RULE_KINDS } from './rules/kinds.ts';
import { atOnce, type Steps } from './steps.ts';
import type { Signal } from './traffic-signals.ts';
import { NO_WORDS } from './words/compile-words.ts';

/** What the rules of a policy make of a message. Those that pass without a word share one object, {@link PASS}. */
export interface PolicyVerdict {
  /** The message goes no further: why, by which rule; and whether its account is to be suspended. */
  readonly refused: Refused | undefined;
  /** It is accepted and waits for a moderator: the name of the rule. */
  readonly heldBy: string | undefined;
  /** What that rule found, in words, and whether it counts against the account. */
  readonly heldFor: string | undefined;
  readonly heldViolates: boolean;
  /** It is held for its text alone: that of a whole message, where this is a part of one. */
  readonly heldForText: boolean;
  /** Unix ms before which it is not sent; 0: no rule said so. */
  readonly notBeforeMs: number;
  /** Text and sender in place of its own. */
  readonly text: string | undefined;
  readonly sender: string | undefined;
  /** Rules in force that found something, in order, with what they did: for the timeline and metrics. */
  readonly hits: readonly Hit[];
  /** What else rules do if the store knows texts that it says: see {@link IfSaid}. */
  readonly ifSaid: readonly IfSaid[];
}

/** What a rule does with a message whose text another one said before. */
export interface IfSaid extends SaidText {
  readonly hit: Hit;
  /** It refuses it. */
  readonly refused: Refused | undefined;
  /** It holds it for a moderator. */
  readonly held: HeldFor | undefined;
}

/** Why a message waits for a moderator. */
export interface HeldFor {
  readonly rule: string;
  /** What was found, in words without content. */
  readonly reason: string | undefined;
  /** It counts against the account. */
  readonly violates: boolean;
}

/** How a customer hears of a refusal: by the answer to his submit, or accepted and then by a receipt REJECTD. */
export type RefusalAnswer = 'status' | 'receipt';

/** A refusal by a rule. */
export interface Refused {
  readonly refusal: Refusal;
  readonly rule: string;
  /** In place of the refusal's own command_status. */
  readonly status: number | undefined;
  /** By a status or by a receipt; undefined: as the account's `refusals` says. */
  readonly answer: RefusalAnswer | undefined;
  /** It costs what it would have cost; then it is refused by a receipt. */
  readonly charged: boolean;
  readonly suspends: boolean;
  /** It counts against the account. */
  readonly violates: boolean;
  /** For what the text says: that of a whole message, where this is a part of one. */
  readonly ofText: boolean;
}

/** A rule that found something. `monitor`: nothing was done about it. */
export interface Hit {
  readonly rule: string;
  readonly action: RuleAction | 'monitor';
}

/** Content and conduct rules, compiled from a `policies` resource. */
export interface CompiledPolicy {
  readonly name: string;
  readonly version: number;
  /** What subscribers send to opt out and in; undefined: no rule of the policy is about that. */
  readonly optOutWords: OptOutWords | undefined;
  /** It has no rules. */
  readonly isOpen: boolean;
  /** What its rules watch behind the messages. */
  readonly signals: readonly Signal[];
  /** `judgeAgain` may find something. */
  readonly asksAgain: boolean;
  /** Some rule counts under a quota. */
  readonly hasQuotas: boolean;
  /** Whether one of these quotas is of a rule that lets no more money be spent: then no refusal costs any either. */
  isSpent(over: ReadonlySet<Quota>): boolean;
  /** The quotas that count a message: of the rules that apply to it as it came. */
  quotasOf(message: QuotaMessage): readonly Quota[];
  /**
   * Tries the rules in order. The first that refuses or suspends decides and ends it; holding, deferring, rewriting
   * and flagging go on with the next rule, which sees what was rewritten, and when it goes then. Whether a rule applies says the message as it
   * came: so it is counted under quotas, and judged again.
   */
  judge(input: PolicyInput, facts: PolicyFacts): PolicyVerdict;
  /** Ms that a part of a long message waits for the others; 0: it does not. */
  readonly partsWaitMs: number;
  /** Whether a rule in force could keep the whole of a long message back that lets this part of it pass. */
  awaitsWhole(input: PolicyInput): boolean;
  /**
   * Tries only the rules in force that keep messages back for their text: what was judged before and is looked at once
   * more as a whole is not counted, deferred or flagged again. Those behind a rule that rewrites senders see `sentSender`.
   */
  judgeText(input: PolicyInput, facts: PolicyFacts): PolicyVerdict;
  /**
   * Tries only the rules that refuse or defer by what may have changed since a message was accepted: opt-outs, consents,
   * suspensions and hours. For one that waited for its time, for a person or long for a carrier; its text is not looked
   * at. Both of its senders are asked for, its own and `sentSender`: who said no to one of them does not want it.
   */
  judgeAgain(input: PolicyInput, facts: PolicyFacts): PolicyVerdict;
}

/** What nearly all messages have: one array for all. */
const NOTHING_SAID: readonly IfSaid[] = [];

/** The verdict on a message in which no rule found anything. */
export const PASS: PolicyVerdict = {
  refused: undefined,
  heldBy: undefined,
  heldFor: undefined,
  heldViolates: false,
  heldForText: false,
  notBeforeMs: 0,
  text: undefined,
  sender: undefined,
  hits: [],
  ifSaid: NOTHING_SAID,
};

/** Compiles the rules of a policy, at once. */
export function compilePolicy(
  name: string,
  version: number,
  spec: PolicySpec,
  context: RuleContext = { words: NO_WORDS },
): CompiledPolicy {
  return atOnce(compilePolicySteps(name, version, spec, context));
}

/** Compiles the rules of a policy in steps: hundreds of thousands of words and patterns take a second. */
export function* compilePolicySteps(
  name: string,
  version: number,
  spec: PolicySpec,
  context: RuleContext,
): Steps<CompiledPolicy> {
  const seen = new Map<string, number>();
  const rules: CompiledRule[] = [];
  let isBehind = false;
  for (const rule of spec.rules) {
    rules.push(yield* compileRule(rule, context, seen, isBehind));
    isBehind ||= rule.rewrite?.sender !== undefined;
    yield;
  }
  const again = rules.filter((rule) => rule.asksAgain && STOPS.has(rule.action));
  const againAsSent = again.map((rule) => ({ ...rule, isBehind: true }));
  const ofText = rules.filter((rule) => rule.ofText && KEEPS_BACK.has(rule.action));
  const spending = rules.flatMap(({ action, check: { quota } }) =>
    quota?.of === 'credits' && REFUSES.has(action) ? quota : [],
  );
  return {
    name,
    version,
    optOutWords: optOutWordsOf(spec),
    isOpen: rules.length === 0,
    signals: rules.flatMap(({ check }) => check.signal ?? []),
    asksAgain: again.length > 0,
    hasQuotas: rules.some(({ check }) => check.quota !== undefined),
    isSpent: (over) => spending.some((quota) => over.has(quota)),
    quotasOf: (message) =>
      rules.flatMap(({ applies, check: { quota } }) =>
        quota !== undefined && applies?.(message) !== false ? quota : [],
      ),
    judge: (input, facts) => judgeBy(rules, input, facts),
    partsWaitMs: ofText.length === 0 ? 0 : spec.partsWaitSeconds * 1_000,
    awaitsWhole: (input) => ofText.some(({ applies }) => applies === undefined || applies(input)),
    judgeText: (input, facts) => judgeBy(ofText, input, facts),
    judgeAgain: (input, facts) => {
      const verdict = judgeBy(again, input, facts);
      const isDone = verdict.refused !== undefined || input.sentSender === undefined;
      return isDone ? verdict : judgeBy(againAsSent, input, facts);
    },
  };
}

const REFUSES: ReadonlySet<string> = new Set(['refuse', 'suspend']);
/** What is done to a message that waited; holding it is a person's decision, who may have made it. */
const STOPS: ReadonlySet<string> = new Set([...REFUSES, 'defer']);
/** Actions that can leave a part unsent: that of a long message that its customer cut is not rewritten, but refused. */
const KEEPS_BACK: ReadonlySet<string> = new Set(['refuse', 'hold', 'rewrite', 'suspend']);

function judgeBy(
  rules: readonly CompiledRule[],
  input: PolicyInput,
  facts: PolicyFacts,
): PolicyVerdict {
  let judging: Judging | undefined;
  for (const rule of rules) {
    if (rule.applies !== undefined && !rule.applies(input)) continue;
    const { sentSender } = input;
    const seen: PolicyInput =
      rule.isBehind && sentSender !== undefined
        ? { ...input, sender: sentSender }
        : (judging?.input ?? input);
    const finding = rule.check(seen, facts);
    if (finding === undefined) continue;
    judging ??= new Judging(input);
    judging.add(rule, finding, facts);
    if (judging.refused !== undefined) break;
  }
  return judging ?? PASS;
}

interface CompiledRule {
  readonly name: string;
  readonly action: RuleAction | 'monitor';
  readonly reason: string | undefined;
  readonly status: number | undefined;
  readonly answer: RefusalAnswer | undefined;
  readonly charged: boolean;
  readonly violation: boolean;
  readonly ofText: boolean;
  readonly asksAgain: boolean;
  /** Some rule before it rewrites senders. */
  readonly isBehind: boolean;
  /** Undefined: to every message. */
  readonly applies: ((input: Conditional) => boolean) | undefined;
  readonly check: RuleCheck;
  /** Of `action: rewrite`. */
  readonly rewrite: Rewriter | undefined;
}

/** A verdict while it is made. */
class Judging implements PolicyVerdict {
  input: PolicyInput;
  refused: Refused | undefined;
  heldBy: string | undefined;
  heldFor: string | undefined;
  heldViolates = false;
  heldForText = false;
  notBeforeMs = 0;
  text: string | undefined;
  sender: string | undefined;
  readonly hits: Hit[] = [];
  ifSaid: readonly IfSaid[] = NOTHING_SAID;

  constructor(input: PolicyInput) {
    this.input = input;
  }

  add(rule: CompiledRule, finding: Finding, facts: PolicyFacts): void {
    if (finding.ifSaid !== undefined) return this.#ifSaid(rule, finding, finding.ifSaid);
    // What cannot be rewritten must not go as it is.
    const isLeft = rule.action === 'rewrite' && !this.#rewrite(rule, facts);
    const action = isLeft ? 'refuse' : rule.action;
    this.hits.push({ rule: rule.name, action });
    if (REFUSES.has(action)) this.refused = this.#refusedBy(rule, finding.refusal);
    else if (action === 'hold') this.#hold(rule, finding.refusal);
    else if (action === 'defer') this.#defer(finding.untilMs ?? 0);
  }

  /** The next rules are asked of when it goes then. */
  #defer(untilMs: number): void {
    this.notBeforeMs = Math.max(this.notBeforeMs, untilMs);
    if (Number.isFinite(untilMs)) this.input = { ...this.input, goesAtMs: this.notBeforeMs };
  }

  #ifSaid(rule: CompiledRule, { refusal }: Finding, said: SaidText): void {
    const { key, otherKeys, withinSeconds } = said;
    const { name, reason = refusal.detail, action, violation } = rule;
    const found: IfSaid = {
      key,
      otherKeys,
      withinSeconds,
      hit: { rule: name, action },
      refused: REFUSES.has(action) ? this.#refusedBy(rule, refusal) : undefined,
      held: action === 'hold' ? { rule: name, reason, violates: violation } : undefined,
    };
    this.ifSaid = [...this.ifSaid, found];
  }

  #refusedBy(rule: CompiledRule, refusal: Refusal): Refused {
    const { name, reason, status, answer, charged, action, violation, ofText } = rule;
    const worded = reason === undefined ? refusal : { ...refusal, detail: reason };
    const suspends = action === 'suspend';
    const violates = violation || suspends || this.heldViolates;
    return { refusal: worded, rule: name, status, answer, charged, suspends, violates, ofText };
  }

  /** The first rule that holds it is the one named. */
  #hold({ name, reason, violation, ofText }: CompiledRule, { detail }: Refusal): void {
    this.heldForText = ofText && (this.heldBy === undefined || this.heldForText);
    this.heldBy ??= name;
    this.heldFor ??= reason ?? detail;
    this.heldViolates ||= violation;
  }

  /** @returns false: the rule cannot rewrite it */
  #rewrite({ rewrite }: CompiledRule, facts: PolicyFacts): boolean {
    const rewritten = rewrite?.(this.input, facts);
    if (rewritten === undefined) return false;
    const { text, sender } = rewritten;
    this.sender = sender ?? this.sender;
    this.input = { ...this.input, ...rewritten };
    if (text === undefined) return true;
    this.text = text;
    const segments = facts.segmentsOf(text, this.input.dataCoding ?? 0);
    this.input = { ...this.input, segments };
    return true;
  }
}

/** @param seen how many rules of a kind and name there were before: each remembers and counts by itself */
function* compileRule(
  spec: RuleSpec,
  context: RuleContext,
  seen: Map<string, number>,
  isBehind: boolean,
): Steps<CompiledRule> {
  const [kind] = kindsIn(spec);
  if (kind === undefined) throw new Error('a stored rule has its kind');
  const { name = kind, mode, reason, status, charged, violation } = spec;
  const [usual = 'refuse'] = RULE_KINDS[kind].actions;
  const nth = (seen.get(`${kind} ${name}`) ?? 0) + 1;
  seen.set(`${kind} ${name}`, nth);
  const ownName = nth === 1 ? name : `${name} ${nth}`;
  const ofText = RULE_KINDS[kind].readsWhole(spec[kind]);
  const check = yield* RULE_KINDS[kind].compile(spec[kind], ownName, context);
  return {
    name,
    action: mode === 'monitor' ? 'monitor' : (spec.action ?? usual),
    reason,
    status,
    answer: charged ? 'receipt' : spec.answer,
    charged,
    violation,
    ofText,
    asksAgain: RULE_KINDS[kind].asksAgain,
    isBehind,
    applies: spec.when === undefined ? undefined : compileWhen(spec.when),
    check,
    rewrite: spec.rewrite && compileRewrite(spec.rewrite, check, ofText),
  };
}

/** The words of all its rules of this kind. */
function optOutWordsOf(spec: PolicySpec): OptOutWords | undefined {
  const rules = spec.rules.flatMap((rule) => rule.optOut ?? []);
  if (rules.length === 0) return undefined;
  const stopWords = rules.flatMap((rule) => rule.stopWords);
  return compileOptOutWords(
    stopWords,
    rules.flatMap((rule) => rule.startWords),
  );
}
