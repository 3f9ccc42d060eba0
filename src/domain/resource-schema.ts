import { z } from 'zod';
import { isCidr } from './cidr.ts';
import { formatCredits, parseCredits } from './money.ts';
import { policySchema } from './policy-schema.ts';
import { REFUSAL_KEYS } from './refusal.ts';

/*
 * The resources as data, in the form of the file (docs: Resources). A schema accepts its own output, so that what
 * the store keeps and `export` writes can be read again. Money stays a decimal string here, in its minimal form.
 * Every default is the value of the example in the documentation.
 */

const HOURS_MAX = 8760; // a year: beyond any validity that a carrier takes (SMPP 3.4 §7.1.1: relative times are short)
const DAYS_MAX = 36_500; // a century: no credit lasts longer
const COUNT_MAX = 10_000; // sessions, windows: bounded memory
const RATE_MAX = 1_000_000; // segments a second, far beyond one node
const PDU_OCTETS_MIN = 512; // a submit_sm with a full short_message and some TLVs
const PDU_OCTETS_MAX = 70_000; // one message_payload of 65,535 octets and the longest fields
const TIMER_SECONDS_MAX = 86_400; // a day: beyond what any network keeps a silent connection
const QUEUED_MAX = 100_000_000; // messages: the disk's limit, not memory's
const DEDUPE_SECONDS_MAX = 604_800; // a week: beyond any customer's retries
const CERTIFICATES_MAX = 100; // of one system_id: each of its machines, and its next one
const KEEP_HOURS = 72; // over a long weekend
const REPLAY = 1000; // receipts a second of what waited
const REPLAY_MAX = 10_000;
const SYSTEM_ID_OCTETS = 15; // SMPP 3.4 §4.1.1: 16 with its NUL
const PASSWORD_OCTETS = 8; // SMPP 3.4 §4.1.1: 9 with its NUL

/** A name of a resource: it stands in URLs, metric labels and other resources. */
const name = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    'must be 1 to 64 letters, digits, ".", "_" or "-", a letter or digit first',
  );
const money = z.string().transform((text, ctx) => {
  const parsed = parseCredits(text);
  if (typeof parsed === 'bigint' && parsed >= 0n) return formatCredits(parsed);
  ctx.addIssue({
    code: 'custom',
    message: typeof parsed === 'bigint' ? 'must not be negative' : parsed.error,
  });
  return z.NEVER;
});
const hours = z
  .number(`must be a number of hours, at most ${HOURS_MAX}`)
  .positive('must be more than 0')
  .max(HOURS_MAX, `must be at most ${HOURS_MAX}`);
const graceHours = z
  .number(`must be a number of hours, at most ${HOURS_MAX}`)
  .min(0, 'must not be negative')
  .max(HOURS_MAX, `must be at most ${HOURS_MAX}`);
/** A whole number within limits, one message for all that it can be else. */
function whole(least: number, most: number) {
  const error = `must be a whole number from ${least} to ${most}`;
  return z.int(error).min(least, error).max(most, error);
}
const count = whole(1, COUNT_MAX);
const rate = whole(0, RATE_MAX);
const fault = z.enum(['platform', 'carrier', 'recipient', 'customer']);
/** What goes over the wire as a C-Octet String: ASCII, so that characters are octets. */
const wire = /^[\x20-\x7e]*$/;
const systemId = z
  .string()
  .min(1, 'must not be empty')
  .regex(wire, 'must be printable ASCII')
  .max(SYSTEM_ID_OCTETS, 'must be at most 15 octets (SMPP)');
const clearPassword = z
  .string()
  .min(1, 'must not be empty')
  .regex(wire, 'must be printable ASCII')
  .max(PASSWORD_OCTETS, 'must be at most 8 octets (SMPP)');
/** `{generate: true}`: whoever applies the file makes a random one, once, and says where he put it. */
const password = z.union([clearPassword, z.strictObject({ generate: z.literal(true) })], {
  error: (issue) => passwordMessage(issue.input),
});

/** SHA-256 of a certificate as openssl and browsers show it: hex, with colons or without. Kept as 64 lower digits. */
const fingerprint = z
  .string()
  .regex(
    /^(?:[0-9a-fA-F]{64}|[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){31})$/,
    'must be the SHA-256 fingerprint of a certificate: 64 hex digits, with or without colons',
  )
  .transform((text) => text.replaceAll(':', '').toLowerCase());
/** A point in time with its zone; kept as UTC. */
const instant = z.iso
  .datetime({ offset: true, error: 'must be a time such as 2026-12-01T00:00:00Z' })
  .transform((text) => new Date(text).toISOString());

/** A price list: digits of a prefix, or "*", to the price of a segment. */
export const tariffSchema = z.record(
  z.string().regex(/^([0-9]{1,15}|\*)$/, 'must be 1 to 15 digits, or "*"'),
  money,
);

/** Money rules; see {@link import('./terms.ts').CompiledTerms} for what each means. */
export const termsSchema = z.strictObject({
  chargeOn: z.enum(['submit', 'delivered']).default('submit'),
  creditValidDays: whole(0, DAYS_MAX).default(365),
  topUpExtendsBalance: z.boolean().default(true),
  topUpMinimum: money.default('0'),
  refundAutomatic: z.array(fault).default(['platform']),
  refundOnRequest: z.array(fault).default([]),
  reportWithinHours: hours.default(24),
  purchaseRefundWithinHours: hours.default(48),
  onRefusal: z.enum(['refund', 'keep']).default('refund'),
  noReceipt: z.enum(['keep', 'refund']).default('keep'),
  refundIntoExpired: z
    .union([z.enum(['forfeit', 'restore']), z.strictObject({ extendDays: whole(1, DAYS_MAX) })], {
      error: 'must be forfeit, restore or {extendDays: N}',
    })
    .default('forfeit'),
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
    terms: name,
    policy: name.default('open'),
    trafficClass: name.default('transactional'),
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
  });

/** An upstream SMSC. */
export const carrierSchema = z
  .strictObject({
    name,
    host: z.string().min(1).max(253),
    port: whole(0, 65535),
    systemId,
    password: password.optional(),
    sealedPassword: z.string().min(1).optional(),
    bindAs: z.enum(['transceiver', 'transmitter+receiver']).default('transceiver'),
    binds: whole(1, 100).default(2),
    windowMax: count.default(100),
    segmentsPerSecond: rate.default(0),
    ids: z
      .strictObject({
        response: z.enum(['text', 'decimal', 'hex', 'auto']).default('text'),
        receipt: z.enum(['text', 'decimal', 'hex', 'auto']).default('text'),
      })
      .default({ response: 'text', receipt: 'text' }),
    longMessages: z.enum(['udh', 'sar', 'payload']).default('udh'),
    receipts: z.boolean().default(true),
    receiptGraceHours: graceHours.default(24),
    onUnknownOutcome: z
      .strictObject({
        waitSeconds: z
          .number()
          .min(0, 'must not be negative')
          .max(86_400, 'must be at most 86400')
          .default(30),
        then: z.enum(['resend', 'expire']).default('resend'),
      })
      .default({ waitSeconds: 30, then: 'resend' }),
    finalStates: z.array(z.enum(['ENROUTE', 'ACCEPTD'])).default([]),
    matchDestination: z.boolean().default(true),
    echoesUserMessageReference: z.boolean().default(false),
    faults: z
      .strictObject({
        byState: z
          .partialRecord(z.enum(['UNDELIV', 'REJECTD', 'EXPIRED', 'DELETED', 'UNKNOWN']), fault)
          .default({}),
        byErr: z.record(z.string().min(1).max(8), fault).default({}),
        byStatus: z
          .record(
            z.string().regex(/^(0x[0-9a-fA-F]{1,8}|[0-9]{1,10})$/, 'must be a command_status'),
            fault,
          )
          .default({}),
      })
      .default({ byState: {}, byErr: {}, byStatus: {} }),
  })
  .refine(
    (carrier) => (carrier.password === undefined) !== (carrier.sealedPassword === undefined),
    {
      path: ['password'],
      error: 'needs either password or sealedPassword',
    },
  );

/** Which carriers numbers of a prefix go to. */
export const routeSchema = z.strictObject({
  prefix: z.string().regex(/^[0-9]{0,15}$/, 'must be digits, or "" for every number'),
  carriers: z
    .array(
      z.strictObject({
        name,
        weight: whole(0, 1000).default(1),
        priority: whole(0, 1000).default(1),
      }),
    )
    .min(1, 'must name at least one carrier'),
});

/** Digits of a number or short code that subscribers write to. */
const inboundNumber = z.string().regex(/^[0-9]{1,20}$/, 'must be 1 to 20 digits');

/** Which account gets what subscribers send: to a number, a range of numbers, or a number with a keyword. */
export const inboundSchema = z
  .strictObject({
    number: inboundNumber.optional(),
    from: inboundNumber.optional(),
    to: inboundNumber.optional(),
    keyword: z
      .string()
      .regex(/^[\p{L}\p{N}\p{M}]{1,30}$/u, 'must be one word of letters and digits')
      .optional(),
    account: name,
    carrier: name.optional(),
  })
  .refine(
    ({ number, from, to }) => (number === undefined) === (from !== undefined && to !== undefined),
    {
      path: ['number'],
      error: 'needs either number, or from and to',
    },
  )
  .refine(({ from, to }) => (from === undefined) === (to === undefined), {
    path: ['from'],
    error: 'needs both from and to',
  })
  .refine(
    ({ from, to }) =>
      from === undefined || to === undefined || (from.length === to.length && from <= to),
    {
      path: ['to'],
      error: 'must have as many digits as from and not be below it',
    },
  )
  .refine(({ number, keyword }) => keyword === undefined || number !== undefined, {
    path: ['keyword'],
    error: 'needs a number: a range has no keywords',
  });

/** The whole file: every kind may be absent. */
export const fileSchema = z.strictObject({
  tariffs: z.record(name, tariffSchema).optional(),
  terms: z.record(name, termsSchema).optional(),
  classes: z.record(name, classSchema).optional(),
  policies: z.record(name, policySchema).optional(),
  accounts: z.array(accountSchema).optional(),
  carriers: z.array(carrierSchema).optional(),
  routes: z.array(routeSchema).optional(),
  inbound: z.array(inboundSchema).optional(),
});

function hasFormer(bind: {
  readonly formerPassword?: string | undefined;
  readonly formerPasswordHash?: string | undefined;
}): boolean {
  return bind.formerPassword !== undefined || bind.formerPasswordHash !== undefined;
}

/** What is wrong with a password, in words that never repeat it. */
function passwordMessage(input: unknown): string {
  if (typeof input !== 'string') return 'must be text, or {generate: true}';
  return clearPassword.safeParse(input).error?.issues[0]?.message ?? 'is not a password';
}
