import { z } from 'zod';
import { whole } from './schema-parts.ts';

/** Standard deviations out of which a share is no chance: one in 16,000. */
const DEVIATIONS = 4;
const PREFIX_DIGITS_MAX = 7; // the numbers of one operator; more would tell people apart
const WINDOW_SECONDS_MAX = 86_400;
const HISTORY_HOURS_MAX = 744; // 31 days
const MESSAGES_MAX = 10_000_000;

/** What signals of both kinds have; each count is of one account and to one prefix. */
export const signalShape = {
  prefixDigits: whole(1, PREFIX_DIGITS_MAX).default(5),
  /** The time that is looked at, in whole five minutes. */
  withinSeconds: whole(300, WINDOW_SECONDS_MAX).default(900),
  /** Fewer messages to the prefix in that time tell nothing. */
  messages: whole(1, MESSAGES_MAX).default(50),
  /** What is usual is that of so many hours before, where there were so many messages. */
  historyHours: whole(1, HISTORY_HOURS_MAX).default(168),
  historyMessages: whole(1, MESSAGES_MAX).default(500),
  /** It stands until it was usual for so long. */
  lastsSeconds: whole(60, WINDOW_SECONDS_MAX).default(3_600),
};

/** Of a share or a ratio: 0.2 is twenty of a hundred. */
export const part = z
  .number('must be from 0 to 1')
  .min(0, 'must be from 0 to 1')
  .max(1, 'must be from 0 to 1');

/** Messages to one prefix in a time, how many of them are delivered, or confirmed, by now, and messages to all prefixes. */
export interface PrefixCounts {
  readonly accepted: number;
  readonly delivered: number;
  readonly converted: number;
  readonly all: number;
}

/** What was found, for those who are told. */
export interface SignalFinding {
  readonly measure: 'share' | 'deliveryRatio' | 'conversionRatio';
  readonly value: number;
  /** Undefined: too little is known. */
  readonly usual: number | undefined;
  readonly messages: number;
}

/** A kind of traffic that is watched behind the messages: the node that leads says where it is unusual. */
export interface Signal {
  /** Kind and name of its rule. */
  readonly rule: string;
  readonly prefixDigits: number;
  /** The traffic classes that count; undefined: all. */
  readonly classes: readonly string[] | undefined;
  readonly withinSeconds: number;
  /** The time that is looked at ended so long ago: until then receipts come. */
  readonly settleSeconds: number;
  readonly historyHours: number;
  readonly lastsSeconds: number;
  /** Undefined: as usual, or too little to tell. */
  judge(now: PrefixCounts, before: PrefixCounts): SignalFinding | undefined;
}

/** Whether a prefix has far more of an account's traffic than it usually has. */
export function judgeShare(
  now: PrefixCounts,
  before: PrefixCounts,
  limits: { readonly messages: number; readonly historyMessages: number; readonly rise: number },
): SignalFinding | undefined {
  if (now.accepted < limits.messages || before.all < limits.historyMessages) return undefined;
  const value = now.accepted / now.all;
  const usual = smoothed(before.accepted, before.all);
  if (value <= usual + Math.max(limits.rise, byChance(usual, now.all))) return undefined;
  return { measure: 'share', value, usual, messages: now.accepted };
}

/** What of the messages to a prefix is looked at: receipts, or the customer's word that the code was entered. */
export type Yield = 'delivery' | 'conversion';

/** Whether far less of what goes to a prefix is delivered, or confirmed, than usual, or than may be. */
export function judgeYield(
  of: Yield,
  now: PrefixCounts,
  before: PrefixCounts,
  limits: {
    readonly messages: number;
    readonly historyMessages: number;
    readonly fall: number;
    readonly below?: number | undefined;
  },
): SignalFinding | undefined {
  if (now.accepted < limits.messages) return undefined;
  const { counted, measure } = YIELDS[of];
  const value = now[counted] / now.accepted;
  const isKnown = before.accepted >= limits.historyMessages;
  const usual = isKnown ? smoothed(before[counted], before.accepted) : undefined;
  const isFallen =
    usual !== undefined && value < usual - Math.max(limits.fall, byChance(usual, now.accepted));
  if (!isFallen && !(limits.below !== undefined && value < limits.below)) return undefined;
  return { measure, value, usual, messages: now.accepted };
}

const YIELDS = {
  delivery: { counted: 'delivered', measure: 'deliveryRatio' },
  conversion: { counted: 'converted', measure: 'conversionRatio' },
} as const;

/** As if one more of each kind had been seen: of shares near 0 and 1 few samples tell little. */
function smoothed(count: number, all: number): number {
  return (count + 1) / (all + 2);
}

function byChance(share: number, samples: number): number {
  return DEVIATIONS * Math.sqrt((share * (1 - share)) / samples);
}
