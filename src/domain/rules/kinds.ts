import { bannedWords } from './banned-words.ts';
import { caps } from './caps.ts';
import { classes } from './classes.ts';
import { closedPrefixes } from './closed-prefixes.ts';
import { consent } from './consent.ts';
import { duplicates } from './duplicates.ts';
import { hours } from './hours.ts';
import { optOut } from './opt-out.ts';
import { recipientPattern } from './recipient-pattern.ts';
import { senderRegistered } from './sender-registered.ts';
import { suspendedDestinations } from './suspended-destinations.ts';

/**
 * Every kind of rule by the key under which its data stands in a policy. A new kind is a file beside this one and a
 * line here.
 */
export const RULE_KINDS = {
  bannedWords,
  optOut,
  consent,
  suspendedDestinations,
  recipientPattern,
  hours,
  senderRegistered,
  classes,
  duplicates,
  caps,
  closedPrefixes,
} as const;

/** The key of a kind. */
export type RuleKindName = keyof typeof RULE_KINDS;
