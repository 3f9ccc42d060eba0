import { z } from 'zod';
import { START_WORDS, STOP_WORDS } from './opt-out-words.ts';

const WORDS_MAX = 200_000; // some ten times the largest word list seen
const WORD_LENGTH_MAX = 100;

/** `bannedWords`: refuses a text that has one of these words or phrases, whole, whatever the case. */
export const bannedWordsSchema = z.strictObject({
  words: z.array(z.string().min(1).max(WORD_LENGTH_MAX)).max(WORDS_MAX),
  action: z.enum(['refuse']).default('refuse'),
});

const OPT_OUT_WORDS_MAX = 500; // every language of the world has some ten
const optOutWord = z.string().min(1).max(WORD_LENGTH_MAX);

/**
 * `optOut`: subscribers who send one of `stopWords` get no more messages of the account until they send one of
 * `startWords`; messages to numbers on the account's opt-out list are refused.
 */
export const optOutSchema = z.strictObject({
  stopWords: z
    .array(optOutWord)
    .max(OPT_OUT_WORDS_MAX)
    .default([...STOP_WORDS]),
  startWords: z
    .array(optOutWord)
    .max(OPT_OUT_WORDS_MAX)
    .default([...START_WORDS]),
});

/**
 * One rule: what kind it is and its data stand under the key of its kind, beside what every rule has. A new kind is
 * a new optional key here and a new entry of the compilers in policy.ts.
 */
export const ruleSchema = z
  .strictObject({
    /** Stands in metrics and on the timeline; by default the kind's name. */
    name: z.string().min(1).max(64).optional(),
    /** Where the rule comes from, and of which day: published rules differ and change. */
    source: z.string().max(500).optional(),
    sourceDate: z.iso.date().optional(),
    bannedWords: bannedWordsSchema.optional(),
    optOut: optOutSchema.optional(),
  })
  .refine((rule) => rule.bannedWords !== undefined || rule.optOut !== undefined, {
    error: 'needs a kind: bannedWords or optOut',
  });

/** Content and conduct rules, tried in order. */
export const policySchema = z.strictObject({ rules: z.array(ruleSchema).default([]) });

/** A policy as data. */
export type PolicySpec = z.output<typeof policySchema>;
/** A rule as data. */
export type RuleSpec = z.output<typeof ruleSchema>;
