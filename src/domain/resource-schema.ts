import { z } from 'zod';
import { WEEKDAYS } from './business-days.ts';
import { carrierSchema } from './carrier-schema.ts';
import { isCidr } from './cidr.ts';
import { policySchema } from './policy-schema.ts';
import { REFUSAL_KEYS } from './refusal.ts';
import { inboundSchema, networkCode, networkSchema, routeSchema } from './route-schema.ts';
import { country, prefix } from './rules/parts.ts';
import {
  COUNT_MAX,
  clearPassword,
  count,
  fault,
  fingerprint,
  graceHours,
  hours,
  instant,
  money,
  name,
  password,
  RATE_MAX,
  rate,
  systemId,
  timeZone,
  whole,
} from './schema-parts.ts';
import { pricesSchema, tariffSchema } from './tariff-schema.ts';
import { type ClassBySpec, classBySchema } from './traffic-class-schema.ts';
import { warningsSchema, webhookSchema } from './webhook-schema.ts';
import { wordListSchema } from './word-list-schema.ts';

/*
 * The resources as data, in the form of the file (docs: Resources). A schema accepts its own output, so that what
 * the store keeps and `export` writes can be read again. Money stays a decimal string here, in its minimal form.
 * Every default is the value of the example in the documentation.
 */

const DAYS_MAX = 36_500; // a century: no credit lasts longer
const PDU_OCTETS_MIN = 512; // a submit_sm with a full short_message and some TLVs
const PDU_OCTETS_MAX = 70_000; // one message_payload of 65,535 octets and the longest fields
const TIMER_SECONDS_MAX = 86_400; // a day: beyond what any network keeps a silent connection
const QUEUED_MAX = 100_000_000; // messages: the disk's limit, not memory's
const DEDUPE_SECONDS_MAX = 604_800; // a week: beyond any customer's retries
const CERTIFICATES_MAX = 100; // of one system_id: each of its machines, and its next one
const KEEP_HOURS = 72; // over a long weekend
const REPLAY = 1000; // receipts a second of what waited
const REPLAY_MAX = 10_000;
const CLASSES_MAX = 100; // providers have four to ten
const CLAUSES_MAX = 100; // four fault classes, each for several parts of the world
const COUNTRIES_MAX = 300; // all that there are
const PREFIXES_MAX = 1000; // every calling code several times
const DUE_DAYS_MAX = 250; // business days of a year
const HOLIDAYS_MAX = 500; // of some years

/** On which days refunds are worked at. */
const businessDays = z.strictObject({
  timeZone: timeZone.default('utc'),
  weekend: z
    .array(z.enum(WEEKDAYS))
    .max(6, 'must leave a day to work on')
    .default(['saturday', 'sunday']),
  holidays: z.array(z.iso.date('must be a day such as 2026-12-25')).max(HOLIDAYS_MAX).default([]),
});

const countries = z.array(country).min(1, 'must name a country').max(COUNTRIES_MAX).optional();
const prefixes = z.array(prefix).min(1, 'must name a prefix').max(PREFIXES_MAX).optional();
/** A fault class, to any number or to some; see {@link import('./terms.ts').RefundClause}. */
const refundClause = z.union(
  [
    fault,
    z.strictObject({
      fault,
      countries,
      prefixes,
      notCountries: countries,
      notPrefixes: prefixes,
    }),
  ],
  {
    error:
      'must be platform, carrier, recipient or customer, or one with where: {fault, countries, prefixes, notCountries, notPrefixes}',
  },
);

/** Money rules; see {@link import('./terms.ts').CompiledTerms} for what each means. */
export const termsSchema = z.strictObject({
  /** Where these terms come from, and of which day: published ones differ and change. */
  source: z.string().max(500).optional(),
  sourceDate: z.iso.date().optional(),
  chargeOn: z.enum(['submit', 'delivered']).default('submit'),
  creditValidDays: whole(0, DAYS_MAX).default(365),
  topUpExtendsBalance: z.boolean().default(true),
  topUpMinimum: money.default('0'),
  refundAutomatic: z.array(refundClause).max(CLAUSES_MAX).default(['platform']),
  refundOnRequest: z.array(refundClause).max(CLAUSES_MAX).default([]),
  reportWithinHours: hours.default(24),
  purchaseRefundWithinHours: graceHours.default(48),
  purchaseRefundOf: z.enum(['unspent', 'unused']).default('unspent'),
  onRefusal: z.enum(['refund', 'keep']).default('refund'),
  noReceipt: z.enum(['keep', 'refund']).default('keep'),
  refundIntoExpired: z
    .union([z.enum(['forfeit', 'restore']), z.strictObject({ extendDays: whole(1, DAYS_MAX) })], {
      error: 'must be forfeit, restore or {extendDays: N}',
    })
    .default('forfeit'),
  lateFaultException: z.boolean().optional(),
  refundDueBusinessDays: whole(0, DUE_DAYS_MAX).default(7),
  businessDays: businessDays.prefault({}),
  onTermination: z
    .strictObject({
      balance: z.enum(['keep', 'forfeit']).optional(),
      content: z.enum(['erase', 'keep']).default('erase'),
    })
    .default({ content: 'erase' }),
  dormancy: z
    .strictObject({
      noticeAfterDays: whole(1, DAYS_MAX),
      thenAfterDays: whole(1, DAYS_MAX),
      then: z.enum(['suspend', 'terminate']).default('suspend'),
    })
    .optional(),
  onViolation: z
    .strictObject({
      suspendAfter: whole(1, COUNT_MAX).default(3),
      forfeitBalance: z.boolean().default(false),
    })
    .default({ suspendAfter: 3, forfeitBalance: false }),
});

/** A traffic class: which queue its messages wait in. */
export const classSchema = z.strictObject({ lane: z.enum(['fast', 'normal', 'bulk']) });

/** One system_id of an account. */
export const bindSchema = z
  .strictObject({
    systemId,
    password: password.optional(),
    passwordHash: z.string().min(1).optional(),
    formerPassword: clearPassword.optional(),
    formerPasswordHash: z.string().min(1).optional(),
    formerPasswordUntil: instant.optional(),
    certificates: z.array(fingerprint).max(CERTIFICATES_MAX).optional(),
    allowFrom: z
      .array(z.string().refine(isCidr, 'must be a network such as 192.0.2.0/24'))
      .optional(),
    bindsMax: count.default(8),
    windowMax: count.default(100),
    segmentsPerSecond: rate.default(1000),
    burst: whole(1, RATE_MAX).optional(),
    trafficClass: name.optional(),
    queuedMax: whole(1, QUEUED_MAX).optional(),
    maxPduOctets: whole(PDU_OCTETS_MIN, PDU_OCTETS_MAX).default(PDU_OCTETS_MAX),
    enquireLinkSeconds: whole(1, TIMER_SECONDS_MAX).default(30),
    idleSeconds: whole(0, TIMER_SECONDS_MAX).default(0),
  })
  .refine((bind) => (bind.password === undefined) !== (bind.passwordHash === undefined), {
    path: ['password'],
    error: 'needs either password or passwordHash',
  })
  .refine((bind) => bind.formerPassword === undefined || bind.formerPasswordHash === undefined, {
    path: ['formerPassword'],
    error: 'needs either formerPassword or formerPasswordHash',
  })
  .refine((bind) => hasFormer(bind) === (bind.formerPasswordUntil !== undefined), {
    path: ['formerPasswordUntil'],
    error: 'stands with formerPassword (or formerPasswordHash), and neither without the other',
  });

/** A customer. */
export const accountSchema = z
  .strictObject({
    name,
    tariff: name,
    prices: pricesSchema.optional(),
    terms: name,
    policy: name.default('open'),
    trafficClass: name.default('transactional'),
    classBy: classBySchema.optional(),
    classes: z.array(name).min(1, 'must name a class').max(CLASSES_MAX).optional(),
    allowedPrefixes: z.array(prefix).max(PREFIXES_MAX).default([]),
    allowedCountries: z.array(country).max(COUNTRIES_MAX).default([]),
    credit: money.optional(),
    validityDefaultHours: hours.default(48),
    validityMaxHours: hours.default(168),
    limits: z.strictObject({ segmentsPerSecond: whole(1, RATE_MAX).optional() }).default({}),
    binds: z.array(bindSchema).default([]),
    receipts: z
      .strictObject({
        format: z.enum(['text+tlv', 'text', 'tlv']).default('text+tlv'),
        idBase: z.enum(['decimal', 'hex']).default('decimal'),
        dates: z
          .string()
          .regex(
            /^(utc|[+-](0[0-9]|1[0-4]):(00|15|30|45))$/,
            'must be utc or an offset such as "+03:00"',
          )
          .default('utc'),
        keepHours: hours.default(KEEP_HOURS),
        replayPerSecond: whole(1, REPLAY_MAX).default(REPLAY),
      })
      .default({
        format: 'text+tlv',
        idBase: 'decimal',
        dates: 'utc',
        keepHours: KEEP_HOURS,
        replayPerSecond: REPLAY,
      }),
    refusals: z.enum(['submit', 'receipt']).default('submit'),
    statusFor: z.partialRecord(z.enum(REFUSAL_KEYS), whole(1, 0xffffffff)).default({}),
    defaultAlphabet: z.enum(['gsm7', 'gsm7-packed', 'latin1']).default('gsm7'),
    creditLine: money.default('0'),
    trial: z.boolean().default(false),
    warnings: warningsSchema.optional(),
    webhook: webhookSchema.optional(),
    dedupe: z
      .strictObject({
        by: z
          .array(z.enum(['user_message_reference', 'source', 'destination', 'text']))
          .min(1, 'must name at least one field')
          .default(['user_message_reference', 'source', 'destination', 'text']),
        seconds: whole(1, DEDUPE_SECONDS_MAX),
      })
      .optional(),
    profile: z
      .record(z.string().min(1), z.union([z.string(), z.number(), z.boolean()]))
      .default({}),
  })
  .refine((account) => account.validityDefaultHours <= account.validityMaxHours, {
    path: ['validityDefaultHours'],
    error: 'must not be over validityMaxHours',
  })
  .superRefine((account, ctx) => {
    // What its messages say of themselves may be another: that is refused when it comes.
    for (const { name: asked, path } of classesOf({ ...account, classBy: undefined }))
      if (account.classes?.includes(asked) === false)
        ctx.addIssue({ code: 'custom', path, message: 'must be one of its classes' });
  })
  .refine((account) => !account.trial || account.creditLine === '0', {
    path: ['creditLine'],
    error: 'must be 0 for a trial account: it has its opening credit only',
  });

/** The whole file: every kind may be absent. */
export const fileSchema = z.strictObject({
  tariffs: z.record(name, tariffSchema).optional(),
  terms: z.record(name, termsSchema).optional(),
  classes: z.record(name, classSchema).optional(),
  wordLists: z.record(name, wordListSchema).optional(),
  policies: z.record(name, policySchema).optional(),
  accounts: z.array(accountSchema).optional(),
  carriers: z.array(carrierSchema).optional(),
  networks: z.record(networkCode, networkSchema).optional(),
  routes: z.array(routeSchema).optional(),
  inbound: z.array(inboundSchema).optional(),
});

/** Every class that an account's messages can be of, and where it stands. */
export function classesOf(account: {
  readonly trafficClass: string;
  readonly binds: readonly { readonly trafficClass?: string | undefined }[];
  readonly classBy?: ClassBySpec | undefined;
}): { name: string; path: (string | number)[] }[] {
  const { trafficClass, binds, classBy } = account;
  const named = [{ name: trafficClass, path: ['trafficClass'] as (string | number)[] }];
  for (const [index, bind] of binds.entries())
    if (bind.trafficClass !== undefined)
      named.push({ name: bind.trafficClass, path: ['binds', index, 'trafficClass'] });
  for (const [value, of] of Object.entries(classBy?.tlv?.values ?? {}))
    named.push({ name: of, path: ['classBy', 'tlv', 'values', value] });
  for (const [sender, of] of Object.entries(classBy?.senders ?? {}))
    named.push({ name: of, path: ['classBy', 'senders', sender] });
  return named;
}

function hasFormer(bind: {
  readonly formerPassword?: string | undefined;
  readonly formerPasswordHash?: string | undefined;
}): boolean {
  return bind.formerPassword !== undefined || bind.formerPasswordHash !== undefined;
}
