import { bannedWords } from './banned-words.ts';
import { optOut } from './opt-out.ts';

/**
 * Every kind of rule by the key under which its data stands in a policy. A new kind is a file beside this one and a
 * line here.
 */
export const RULE_KINDS = { bannedWords, optOut } as const;

/** The key of a kind. */
export type RuleKindName = keyof typeof RULE_KINDS;
