import { z } from 'zod';
import type { EvidenceField } from '../../domain/rules/consent.ts';
import { instantMs } from '../../domain/schema-parts.ts';
import { msisdnOf, noSuchClass } from './bulk.ts';
import { type ConsentEntry, isTold } from './consent-columns.ts';

/*
 * A consent as a request tells it.
 */

/** Characters at most. */
const LENGTHS = { number: 20, class: 64, textVersion: 100, source: 100, evidence: 2_000 } as const;

const entrySchema = z.strictObject({
  account: z.string().optional(),
  number: z.string().min(1).max(LENGTHS.number),
  class: z.string().min(1).max(LENGTHS.class).optional(),
  textVersion: z.string().max(LENGTHS.textVersion).optional().describe('of what was agreed to'),
  source: z.string().max(LENGTHS.source).optional().describe('where: a form, a shop, an import'),
  at: instantMs.optional().describe('when; by default now'),
  evidence: z.string().max(LENGTHS.evidence).optional().describe('kept sealed, with the number'),
});

interface NumberedEntry extends ConsentEntry {
  readonly account?: string | undefined;
  readonly number: string;
}

/** Which consents are taken. */
export interface TakenConsents {
  /** By the rules of the account. */
  readonly needed: readonly EvidenceField[];
  /** That there are; undefined: any. */
  readonly classes: ReadonlySet<string> | undefined;
  /** When they were given, unix ms. */
  readonly latestMs: number;
}

/** A consent of an account, checked. */
export function consentOf(
  entry: unknown,
  account: string,
  { needed, classes, latestMs }: TakenConsents,
): { readonly msisdn: string; readonly told: ConsentEntry } | { readonly wrong: string } {
  const told = plainEntry(entry) ?? checkedEntry(entry);
  if ('wrong' in told) return told;
  if (told.account !== undefined && told.account !== account)
    return { wrong: 'is of another account than the first' };
  const lacks = needed.filter((field) => !isTold(told, field));
  if (lacks.length > 0) return { wrong: `needs ${lacks.join(', ')} by the policy of ${account}` };
  if (told.class !== undefined && classes?.has(told.class) === false)
    return { wrong: noSuchClass(told.class) };
  if (told.at !== undefined && told.at > latestMs)
    return { wrong: 'at: is in the future: a consent is noted when it was given' };
  const msisdn = msisdnOf(told.number);
  return msisdn === undefined ? { wrong: 'has no international number' } : { msisdn, told };
}

export function checkedEntry(entry: unknown): NumberedEntry | { readonly wrong: string } {
  const parsed = entrySchema.safeParse(entry);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return { wrong: `${issue?.path.join('.') || 'it'}: ${issue?.message ?? 'is no consent'}` };
}

const TEXT_LENGTHS: ReadonlyMap<string, number> = new Map(Object.entries(LENGTHS));
/** Days that every month has. */
const PLAIN_TIME =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$/;

/**
 * An entry as lines of a list mostly are: texts of the right lengths and a time in its usual form. The schema finds the
 * same in it and takes ten times as long, of which five million feel every microsecond.
 * @returns undefined: only the schema can tell
 */
export function plainEntry(entry: unknown): NumberedEntry | undefined {
  if (typeof entry !== 'object' || entry === null) return undefined;
  const told = entry as Readonly<Record<string, unknown>>;
  for (const name in told) {
    const text = told[name];
    if (typeof text !== 'string' || text === '') return undefined;
    if (name === 'at' ? !PLAIN_TIME.test(text) : text.length > (TEXT_LENGTHS.get(name) ?? -1))
      return undefined;
  }
  const { number, class: trafficClass, textVersion, source, at, evidence } = told as LineTexts;
  if (number === undefined) return undefined;
  const atMs = at === undefined ? undefined : Date.parse(at);
  return { number, class: trafficClass, textVersion, source, at: atMs, evidence };
}

type LineTexts = Readonly<Partial<Record<keyof typeof LENGTHS | 'at', string>>>;
