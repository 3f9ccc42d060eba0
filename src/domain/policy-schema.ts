import { z } from 'zod';
import type { RuleAction } from './policy-rule.ts';
import { rewriteSchema } from './rewrite.ts';
import { routeHoursSchema } from './route-schema.ts';
import { DUPLICATES_MAX } from './rules/duplicates.ts';
import { RULE_KINDS, type RuleKindName } from './rules/kinds.ts';
import { country } from './rules/parts.ts';
import { instant, name, whole } from './schema-parts.ts';

const RULES_MAX = 1_000;
const CONDITION_VALUES_MAX = 1_000;
/** An exact sender, or the beginning of one with "*" at its end. */
const SENDER = /^[^*]{1,21}\*?$|^\*$/;

/** To which messages a rule applies; what is absent is no condition, what is there must all hold. */
const whenSchema = z
  .strictObject({
    accounts: z.array(name).max(CONDITION_VALUES_MAX).optional(),
    classes: z.array(name).max(CONDITION_VALUES_MAX).optional(),
    /** Whole, or the beginning with "*" at its end; whatever the case. */
    senders: z
      .array(z.string().regex(SENDER, 'must be a sender, or its beginning and "*"'))
      .max(CONDITION_VALUES_MAX)
      .optional(),
    /** Prefixes of E.164 numbers. */
    prefixes: z
      .array(z.string().regex(/^[0-9]{1,15}$/, 'must be 1 to 15 digits'))
      .max(CONDITION_VALUES_MAX)
      .optional(),
    /** Of recipients, ISO 3166-1 alpha-2. */
    countries: z.array(country).max(CONDITION_VALUES_MAX).optional(),
    /** By the clock of one zone. The rule `hours` has the recipient's. */
    hours: routeHoursSchema.optional(),
    /** From `from` to before `until`. */
    from: instant.optional(),
    until: instant.optional(),
  })
  .refine(({ from, until }) => from === undefined || until === undefined || from < until, {
    path: ['until'],
    error: 'must be after from',
  });

const common = {
  /** Stands in metrics and on the timeline; by default the kind's name. */
  name: z.string().min(1).max(64).optional(),
  /** Where the rule comes from, and of which day: published rules differ and change. */
  source: z.string().max(500).optional(),
  sourceDate: z.iso.date().optional(),
  when: whenSchema.optional(),
  /** What is done about what it finds; by default the first that its kind can. */
  action: z.enum(['refuse', 'hold', 'defer', 'rewrite', 'flag', 'suspend']).optional(),
  /** What `action: rewrite` makes of a message. */
  rewrite: rewriteSchema.optional(),
  /** `monitor`: only counted, to try a rule on live traffic. */
  mode: z.enum(['enforce', 'monitor']).default('enforce'),
  /** What it refuses or holds counts against the account: terms.onViolation. */
  violation: z.boolean().default(false),
  /** A code of the operator's own, for reports and the customer. */
  reason: z.string().min(1).max(64).optional(),
  /** command_status in place of the refusal's own (and of the account's `statusFor`). */
  status: z.int('must be a command_status from 1 to 4294967295').min(1).max(0xffffffff).optional(),
  /** How a refusal is told: by that status, or by a receipt REJECTD; by default as the account's `refusals` says. */
  answer: z.enum(['status', 'receipt']).optional(),
  /** What it refuses costs what it would have cost. It is refused by a receipt: what a status refuses is not charged. */
  charged: z.boolean().default(false),
};

/** Actions that leave a message unsent, which is what counts. */
const VIOLATES: ReadonlySet<RuleAction> = new Set<RuleAction>(['refuse', 'hold', 'suspend']);

/** One rule: its data stands under the key of its kind, beside what every rule has. */
export const ruleSchema = z
  .strictObject({
    ...common,
    bannedWords: RULE_KINDS.bannedWords.schema.optional(),
    optOut: RULE_KINDS.optOut.schema.optional(),
    consent: RULE_KINDS.consent.schema.optional(),
    suspendedDestinations: RULE_KINDS.suspendedDestinations.schema.optional(),
    recipientPattern: RULE_KINDS.recipientPattern.schema.optional(),
    hours: RULE_KINDS.hours.schema.optional(),
    senderRegistered: RULE_KINDS.senderRegistered.schema.optional(),
    classes: RULE_KINDS.classes.schema.optional(),
    duplicates: RULE_KINDS.duplicates.schema.optional(),
    caps: RULE_KINDS.caps.schema.optional(),
    spend: RULE_KINDS.spend.schema.optional(),
    prefixMix: RULE_KINDS.prefixMix.schema.optional(),
    deliveryFalls: RULE_KINDS.deliveryFalls.schema.optional(),
    closedPrefixes: RULE_KINDS.closedPrefixes.schema.optional(),
    words: RULE_KINDS.words.schema.optional(),
    links: RULE_KINDS.links.schema.optional(),
    length: RULE_KINDS.length.schema.optional(),
    template: RULE_KINDS.template.schema.optional(),
    requiredTlvs: RULE_KINDS.requiredTlvs.schema.optional(),
    expression: RULE_KINDS.expression.schema.optional(),
  })
  .superRefine((rule, ctx) => {
    const [kind, ...more] = kindsIn(rule);
    const names = Object.keys(RULE_KINDS).join(', ');
    if (kind === undefined || more.length > 0) {
      ctx.addIssue({ code: 'custom', message: `needs exactly one kind of: ${names}` });
      return;
    }
    const actions: readonly RuleAction[] = RULE_KINDS[kind].actions;
    if (rule.action !== undefined && !actions.includes(rule.action))
      ctx.addIssue({
        code: 'custom',
        path: ['action'],
        message: `must be one that ${kind} can do: ${actions.join(', ')}`,
      });
    if (rule.violation && !VIOLATES.has(rule.action ?? actions[0] ?? 'refuse'))
      ctx.addIssue({
        code: 'custom',
        path: ['violation'],
        message: 'only what is refused or held can count against the account',
      });
    if ((rule.rewrite !== undefined) !== (rule.action === 'rewrite'))
      ctx.addIssue({
        code: 'custom',
        path: ['rewrite'],
        message: 'stands in each rule whose action is rewrite, and in no other',
      });
    checkAnswer(rule, kind, rule.action ?? actions[0] ?? 'refuse', ctx);
  });

interface Answered {
  readonly answer?: 'status' | 'receipt' | undefined;
  readonly charged: boolean;
  readonly status?: number | undefined;
}

/** Whether what a rule refuses can be answered as it says. */
function checkAnswer(
  { answer, charged, status }: Answered,
  kind: RuleKindName,
  action: RuleAction,
  ctx: z.RefinementCtx,
): void {
  const fault = (path: string, message: string) =>
    ctx.addIssue({ code: 'custom', path: [path], message });
  const byReceipt = charged || answer === 'receipt';
  if (charged && answer === 'status')
    fault('answer', 'must be receipt: what a status refuses is not charged');
  if (byReceipt && action !== 'refuse')
    fault(
      charged ? 'charged' : 'answer',
      'only what the action refuse does is refused by a receipt',
    );
  if (byReceipt && status !== undefined)
    fault('status', 'must not be given: it is refused by a receipt');
  // Its repetition is found by the store, when it would be accepted.
  if (byReceipt && kind === 'duplicates')
    fault(charged ? 'charged' : 'answer', 'duplicates are refused by a status, and not charged');
}

/** Of a long message all parts come within seconds; what it waits for longer is forgotten (gateway/part-texts.ts). */
const PARTS_WAIT_SECONDS_MAX = 60;

/** Content and conduct rules, tried in order. */
export const policySchema = z.strictObject({
  rules: z.array(ruleSchema).max(RULES_MAX).superRefine(refuseManyDuplicates).default([]),
  /**
   * A part of a long message is not sent before the others are here and the whole is judged, where a rule of the policy
   * could keep it back for its text; after so many seconds what is there is judged as it is. 0: parts do not wait.
   */
  partsWaitSeconds: whole(0, PARTS_WAIT_SECONDS_MAX).default(10),
});

function refuseManyDuplicates(rules: readonly RuleSpec[], ctx: z.RefinementCtx): void {
  const places = [...rules.keys()].filter((i) => rules[i]?.duplicates !== undefined);
  const fifth = places[DUPLICATES_MAX];
  if (fifth === undefined) return;
  const { name = 'duplicates' } = rules[fifth] ?? {};
  ctx.addIssue({
    code: 'custom',
    path: [fifth, 'duplicates'],
    message: `rule "${name}" is the ${DUPLICATES_MAX + 1}th of its kind: a policy has at most ${DUPLICATES_MAX} duplicates rules, as every message is compared by each`,
  });
}

/** A policy as data. */
export type PolicySpec = z.output<typeof policySchema>;
/** A rule as data. */
export type RuleSpec = z.output<typeof ruleSchema>;
/** What a rule applies to, as data. */
export type WhenSpec = z.output<typeof whenSchema>;

/** The kinds whose data a rule has: one, once it is checked. */
export function kindsIn(rule: Partial<Record<RuleKindName, unknown>>): RuleKindName[] {
  const names = Object.keys(RULE_KINDS) as RuleKindName[];
  return names.filter((kind) => rule[kind] !== undefined);
}
