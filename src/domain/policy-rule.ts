import type { z } from 'zod';
import type { AccountId } from './ids.ts';
import type { Refusal } from './refusal.ts';
import type { Steps } from './steps.ts';
import type { Signal } from './traffic-signals.ts';
import type { CompiledWords } from './words/compile-words.ts';

/** An optional parameter of the customer's PDU. */
export interface TlvInput {
  readonly tag: number;
  readonly value: { toString(encoding: 'latin1'): string };
}

/** A message as the rules see it. One object is made for each submit, and none for each rule. */
export interface PolicyInput {
  /** The text, decoded; '' of 8-bit data. Of a part of a long message: with the parts that came before. */
  readonly text: string;
  /** source_addr as the customer gave it. */
  readonly sender: string;
  /** Of a message that is judged again: what rules made of its sender; undefined: nothing. */
  readonly sentSender?: string | undefined;
  /** E.164 digits. */
  readonly destination: string;
  readonly accountId: AccountId;
  /** Names of the account and of the traffic class. */
  readonly account: string;
  readonly trafficClass: string;
  /** When the account was made, unix ms; 0: long ago. */
  readonly accountMadeMs?: number;
  /** Whether a number is of those that the account was allowed; undefined: it was not allowed any. */
  readonly allows?: ((destination: string) => boolean) | undefined;
  /** `text` is octets, a character each: 8-bit data, or compressed. */
  readonly isOctets?: boolean;
  /** False: parts of it are still to come, and `text` is what there is of it. */
  readonly isWhole: boolean;
  /** Its text cannot be written anew: it is a part that the customer cut himself, has a header, or is no text. */
  readonly isFixed?: boolean;
  /** Of the whole message. */
  readonly segments: number;
  /** data_coding; 0 unless given. */
  readonly dataCoding?: number;
  /** Quotas that are used up for it: see {@link Quota}. Undefined: none is. */
  readonly over?: ReadonlySet<Quota> | undefined;
  readonly tlvs: readonly TlvInput[] | undefined;
  /** When it came, or is judged again: unix ms. */
  readonly atMs: number;
  /** When it would go: its schedule, or as far as a rule has deferred it; undefined: `atMs`. */
  readonly goesAtMs?: number;
}

/**
 * What rules look up beside the message: lists and counts that the gateway keeps in memory. Every look-up is
 * synchronous and constant in time.
 */
export interface PolicyFacts {
  /** Whether a number wants no messages of this account, of this sender or of this class. */
  optedOut(account: AccountId, destination: string, sender: string, trafficClass: string): boolean;
  /**
   * Whether a number allowed messages of this class, or all messages of the account.
   * @param needed what its consent must have come with
   */
  hasConsent(
    account: AccountId,
    destination: string,
    trafficClass: string,
    needed: ConsentEvidence,
  ): boolean;
  /** What is registered of a sender, for the account or for all; in no order. */
  registrationsOf(account: AccountId, sender: string): readonly SenderRegistration[];
  /** MCC and MNC ("42001"), or MCC alone, of a number; undefined: it is not known. */
  networkOf(destination: string): string | undefined;
  /** How many segments a text takes that a rule writes into a message of this data_coding. */
  segmentsOf(text: string, dataCoding: number): number;
  /** Whether what an account sends to a prefix is unusual, by the signal of this rule. */
  isUnusual(account: AccountId, rule: string, prefix: string): boolean;
  /**
   * Whether another message said the same within a time: true or false where that is known, else what the store has to be
   * asked when it accepts the message.
   * @param rule kind and name of the rule
   * @param same what makes two messages the same
   */
  said(
    account: AccountId,
    rule: string,
    withinSeconds: number,
    atMs: number,
    ...same: readonly string[]
  ): boolean | SaidText;
  /**
   * What a rule remembers of an account's recipients: bounded; what the other nodes have comes to it within seconds.
   * @param rule kind and name of the rule; what it made once it is given again
   */
  remembered<T extends RememberedNumbers>(rule: string, account: AccountId, make: () => T): T;
}

/** Numbers that a rule remembers, and nodes tell each other: what is below 0 says something of the number above it. */
export interface RememberedNumbers {
  /** Those that came here since this was last asked, in order. */
  takeNew(): readonly number[];
  /** Numbers that came elsewhere, or before a restart. */
  learn(numbers: readonly number[]): void;
}

/** A set of bits: what a consent came with (rules/consent.ts). */
export type ConsentEvidence = number & { readonly __brand: 'ConsentEvidence' };

/** A sender as it is registered; '' is any. */
export interface SenderRegistration {
  readonly status: 'pending' | 'approved' | 'blocked';
  readonly trafficClass: string;
  /** ISO 3166-1 alpha-2. */
  readonly country: string;
  /** MCC and MNC. */
  readonly operator: string;
  /** Unix ms; 0 and Infinity where there is no limit. */
  readonly fromMs: number;
  readonly untilMs: number;
}

/** What a rule found in a message. The detail never repeats content or numbers: it goes to logs and timelines. */
export interface Finding {
  readonly refusal: Refusal;
  /** Unix ms before which the message is not sent, for `action: defer`; only rules about time know one. */
  readonly untilMs?: number;
  /** It is found only if the store knows this text from another message, which it says when it accepts this one. */
  readonly ifSaid?: SaidText;
}

/** A text that a message says to its recipient, by the rule that looks for its repetition. */
export interface SaidText {
  /** 16 octets of keyed hash: the same on every node. */
  readonly key: Buffer;
  /** What it was known by under the other keys of crypto.key; empty unless that is being rotated. */
  readonly otherKeys: readonly Buffer[];
  /** From the accept of the first message that says it. */
  readonly withinSeconds: number;
}

/** One compiled rule: what it finds in a message, or undefined. */
export interface RuleCheck {
  (input: PolicyInput, facts: PolicyFacts): Finding | undefined;
  /** What is watched behind the messages. */
  readonly signal?: Signal;
  /** What is taken for a message before it is judged; what is not left stands in its `over` then. */
  readonly quota?: Quota;
}

/**
 * So much of something in a time, for each key of an account, over all nodes. The time begins with the first message that
 * counts; only those that are accepted do, and of credits what a refusal costs.
 */
export interface Quota {
  /** Which rule counts, what and for how long: what is counted under another name begins anew. */
  readonly rule: string;
  /** What is refused and charged all the same counts as credits, not as a message. */
  readonly of: 'messages' | 'credits';
  readonly limit: number;
  readonly withinSeconds: number;
  keyOf(message: QuotaMessage): string;
  /** 0: it does not count. */
  amountOf(message: QuotaMessage): number;
}

/** What of a message is counted. */
export interface QuotaMessage
  extends Pick<PolicyInput, 'account' | 'destination' | 'sender' | 'trafficClass' | 'atMs'> {
  /** 1; 0 of a replacement, whose message counted before. */
  readonly messages: number;
  /** What it costs, or costs more, in micro-credits. */
  readonly price: bigint;
}

/** A rule that finds messages to prefixes of which a signal says that the account's traffic is unusual. */
export function signalCheck(signal: Signal, found: Finding): RuleCheck {
  const { rule, prefixDigits, classes } = signal;
  return Object.assign(
    ({ accountId, destination, trafficClass }: PolicyInput, facts: PolicyFacts) =>
      classes?.includes(trafficClass) !== false &&
      facts.isUnusual(accountId, rule, destination.slice(0, prefixDigits))
        ? found
        : undefined,
    { signal },
  );
}

/** A rule that finds what is over a quota. */
export function quotaCheck(quota: Quota, found: Finding): RuleCheck {
  return Object.assign(
    (input: PolicyInput) => (input.over?.has(quota) === true ? found : undefined),
    { quota },
  );
}

/** What can be done about a finding. */
export type RuleAction = 'refuse' | 'hold' | 'defer' | 'rewrite' | 'flag' | 'suspend';

/** Other resources that rules refer to, compiled. */
export interface RuleContext {
  readonly words: CompiledWords;
}

/** A kind of rule: the schema of its data, its actions (the first is the default) and its compiler. */
export interface RuleKind<Schema extends z.ZodType = z.ZodType> {
  readonly schema: Schema;
  readonly actions: readonly RuleAction[];
  /** Whether a part of a long message does not tell what it would find in the whole. @param data the output of `schema` */
  readsWhole(data: unknown): boolean;
  /** What it looks up may have changed when a message that waited is sent: it is asked again then. */
  readonly asksAgain: boolean;
  /** @param data the output of `schema` */
  compile(data: unknown, name: string, context: RuleContext): Steps<RuleCheck>;
}

/** Makes a kind of its parts: only here the schema's output and the compiler's input are known to be the same. */
export function ruleKind<Schema extends z.ZodType>(kind: {
  readonly schema: Schema;
  readonly actions: readonly RuleAction[];
  /** Only kinds that look at the text have it. */
  readsWhole?(data: z.output<Schema>): boolean;
  /** Only kinds that look at neither text nor quota: they are asked with the numbers and the class alone. */
  readonly asksAgain?: true;
  /** At once, or in steps where its data may take more than some milliseconds. */
  compile(data: z.output<Schema>, name: string, context: RuleContext): RuleCheck | Steps<RuleCheck>;
}): RuleKind<Schema> {
  return {
    ...kind,
    asksAgain: kind.asksAgain ?? false,
    readsWhole: (data) => kind.readsWhole?.(data as z.output<Schema>) ?? false,
    *compile(data, name, context) {
      const made = kind.compile(data as z.output<Schema>, name, context);
      return 'next' in made ? yield* made : made;
    },
  };
}
