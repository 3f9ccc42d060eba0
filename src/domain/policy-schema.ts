import { z } from 'zod';

const WORDS_MAX = 200_000; // some ten times the largest word list seen
const WORD_LENGTH_MAX = 100;

/** `bannedWords`: refuses a text that has one of these words or phrases, whole, whatever the case. */
export const bannedWordsSchema = z.strictObject({
  words: z.array(z.string().min(1).max(WORD_LENGTH_MAX)).max(WORDS_MAX),
  action: z.enum(['refuse']).default('refuse'),
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
  })
  .refine((rule) => rule.bannedWords !== undefined, { error: 'needs a kind: bannedWords' });

/** Content and conduct rules, tried in order. */
export const policySchema = z.strictObject({ rules: z.array(ruleSchema).default([]) });

/** A policy as data. */
export type PolicySpec = z.output<typeof policySchema>;
/** A rule as data. */
export type RuleSpec = z.output<typeof ruleSchema>;
