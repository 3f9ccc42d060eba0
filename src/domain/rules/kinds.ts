import { bannedWords } from './banned-words.ts';
import { caps } from './caps.ts';
import { classes } from './classes.ts';
import { closedPrefixes } from './closed-prefixes.ts';
import { consent } from './consent.ts';
import { deliveryFalls } from './delivery-falls.ts';
import { duplicates } from './duplicates.ts';
import { expression } from './expression.ts';
import { hours } from './hours.ts';
import { length } from './length.ts';
import { links } from './links.ts';
import { optOut } from './opt-out.ts';
import { prefixMix } from './prefix-mix.ts';
import { recipientPattern } from './recipient-pattern.ts';
import { requiredTlvs } from './required-tlvs.ts';
import { senderRegistered } from './sender-registered.ts';
import { spend } from './spend.ts';
import { suspendedDestinations } from './suspended-destinations.ts';
import { template } from './template.ts';
import { words } from './words.ts';

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
  spend,
  prefixMix,
  deliveryFalls,
  closedPrefixes,
  words,
  links,
  length,
  template,
  requiredTlvs,
  expression,
} as const;

/** The key of a kind. */
export type RuleKindName = keyof typeof RULE_KINDS;
