import { z } from 'zod';
import { GLOB_CHARACTERS_MAX } from './glob.ts';
import { whole } from './schema-parts.ts';

/*
 * How a carrier wants its submit_sm, where that differs from ours. Every default leaves the PDU as it is.
 */

const ADDRESS_CHARACTERS = 20; // SMPP 3.4 §5.2.8 and §5.2.9: 21 octets with the NUL
const RULES_MAX = 1_000; // senders of one carrier: each message may look at all of them
const TLV_RULES_MAX = 64; // more than there are standard TLVs of a submit_sm (3.4 §4.4.1: 31)
const PAYLOAD_OCTETS_MAX = 65_535; // two octets of length (3.4 §5.3.2.32)
const TLV_OCTETS_MAX = 256; // what a rule writes is a name, a number or a template's id
const SEGMENTS_MAX = 255; // one octet (3.4 §5.3.2.23)

const octet = whole(0, 255);
/** An octet or a tag as the documents of carriers write them: 3, "3" or "0x03". */
function number(most: number) {
  const error = `must be a number up to 0x${most.toString(16)}, decimal or as 0x...`;
  return z
    .union([z.number(), z.string().regex(/^(0x[0-9a-fA-F]{1,8}|[0-9]{1,10})$/, error)], { error })
    .transform((given, ctx) => {
      const value = Number(given);
      if (Number.isInteger(value) && value >= 0 && value <= most) return value;
      ctx.addIssue({ code: 'custom', message: error });
      return z.NEVER;
    });
}
/** The same as a key of a map; kept as it was written. */
const octetKey = z
  .string()
  .regex(/^(0x[0-9a-fA-F]{1,2}|1?[0-9]{1,2}|2[0-4][0-9]|25[0-5])$/, 'must be 0 to 255 or 0x..');
const digits = (most: number) =>
  z.string().regex(new RegExp(`^[0-9]{1,${most}}$`), `must be 1 to ${most} digits`);
const glob = z.string().min(1).max(GLOB_CHARACTERS_MAX);
const address = z
  .string()
  .min(1)
  .max(ADDRESS_CHARACTERS)
  .regex(/^[\x20-\x7e]*$/, 'must be printable ASCII');

/** TON and NPI of one kind of address, and how its number is written. What is absent stays as it is. */
const addressForm = z.strictObject({ ton: octet.optional(), npi: octet.optional() });
const numberForm = addressForm.extend({
  format: z.enum(['e164', 'plus', '00', 'national']).optional(),
  strip: digits(15).optional(),
  // With 15 digits of E.164 and "00" the longest address there is.
  add: digits(3).optional(),
});

const addresses = z
  .strictObject({
    countryCode: digits(3).optional(),
    shortCodeMax: whole(0, 15).default(6),
    destination: z
      .strictObject({ international: numberForm.optional(), national: numberForm.optional() })
      .default({}),
    source: z
      .strictObject({
        international: numberForm.optional(),
        national: numberForm.optional(),
        shortCode: addressForm.optional(),
        alphanumeric: addressForm.optional(),
        none: addressForm.optional(),
      })
      .default({}),
  })
  .refine(
    ({ countryCode, destination, source }) =>
      countryCode !== undefined ||
      [destination.national, destination.international, source.national, source.international]
        .map((form) => form?.format)
        .every((format) => format !== 'national'),
    { path: ['countryCode'], error: 'is needed by format: national' },
  );

const senders = z
  .strictObject({
    map: z
      .array(z.strictObject({ from: glob, to: address }))
      .max(RULES_MAX)
      .default([]),
    allowed: z.array(glob).max(RULES_MAX).optional(),
    fallback: address.optional(),
    alphanumericMax: whole(1, ADDRESS_CHARACTERS).optional(),
    numericMax: whole(1, ADDRESS_CHARACTERS).optional(),
    tooLong: z.enum(['fallback', 'cut']).default('fallback'),
  })
  .refine((rules) => rules.allowed === undefined || rules.fallback !== undefined, {
    path: ['fallback'],
    error: 'is needed by allowed',
  });

const TLV_TYPES = ['integer1', 'integer2', 'integer4', 'cstring', 'octets', 'text'] as const;

/** message_payload and the sar_* TLVs (SMPP 3.4 §5.3.2). */
const TAGS_OF_THE_MESSAGE: ReadonlySet<number> = new Set([0x0424, 0x020c, 0x020e, 0x020f]);

const tlvRule = z
  .strictObject({
    name: z.string().regex(/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/, 'must be a name'),
    tag: number(0xffff),
    type: z.enum(TLV_TYPES).default('octets'),
    direction: z.enum(['submit', 'deliver']).default('submit'),
    required: z.boolean().default(false),
    value: z.union([z.string(), z.number()]).optional(),
    fromTlv: number(0xffff).optional(),
    fromProfile: z.string().min(1).optional(),
    drop: z.boolean().default(false),
  })
  .refine((rule) => rule.value === undefined || fitsType(rule.type, rule.value), {
    path: ['value'],
    error: 'does not fit the type (octets are hexadecimal digits)',
  })
  .refine((rule) => rule.fromProfile === undefined || rule.direction === 'submit', {
    path: ['fromProfile'],
    error: "is no source of a carrier's own PDUs: they have no account yet",
  })
  .refine((rule) => !TAGS_OF_THE_MESSAGE.has(rule.tag), {
    path: ['tag'],
    error: 'carries the message itself: longMessages says how',
  })
  .refine((rule) => !rule.required || !rule.drop, {
    path: ['required'],
    error: 'contradicts drop',
  });

/** The keys of a carrier that say how it wants its PDUs: carrier-schema.ts spreads them. */
export const carrierQuirks = {
  /** The ready profile that the other keys were filled from (carrier-profiles.ts). */
  profile: z.string().min(1).max(64).optional(),
  defaultAlphabet: z.enum(['gsm7', 'gsm7-packed', 'latin1', 'ascii']).default('gsm7'),
  unwritable: z.enum(['ucs2', 'replace']).default('ucs2'),
  dataCodings: z.record(octetKey, number(0xff)).default({}),
  addresses: addresses.default({ shortCodeMax: 6, destination: {}, source: {} }),
  senders: senders.default({ map: [], tooLong: 'fallback' }),
  longMessages: z.enum(['udh', 'udh16', 'sar', 'payload']).default('udh'),
  segmentsMax: whole(1, SEGMENTS_MAX).default(SEGMENTS_MAX),
  payloadMaxOctets: whole(1, PAYLOAD_OCTETS_MAX).default(PAYLOAD_OCTETS_MAX),
  tlvs: z.array(tlvRule).max(TLV_RULES_MAX).default([]),
  otherTlvs: z.enum(['byVersion', 'pass', 'drop']).default('byVersion'),
  registeredDelivery: z
    .strictObject({ receipt: number(0xff).default(1), notifications: number(0xff).default(0x11) })
    .default({ receipt: 1, notifications: 0x11 }),
  serviceType: z
    .string()
    .max(5, 'must be at most 5 octets (SMPP)')
    .regex(/^[\x20-\x7e]*$/, 'must be printable ASCII')
    .optional(),
  protocolId: number(0xff).optional(),
  priorities: z.record(octetKey, number(0xff)).default({}),
  replaceIfPresent: z.enum(['pass', 'never']).default('pass'),
  validity: z.enum(['relative', 'absolute', 'none', 'customer']).default('relative'),
  messagingMode: z
    .enum(['customer', 'default', 'datagram', 'forward', 'store'])
    .default('customer'),
};

type TlvType = (typeof TLV_TYPES)[number];

/** Whether a value can be written as that type. */
export function fitsType(type: TlvType, value: string | number | boolean): boolean {
  const text = String(value);
  switch (type) {
    case 'integer1':
    case 'integer2':
    case 'integer4':
      return /^[0-9]{1,10}$/.test(text) && Number(text) < 256 ** Number(type.slice(-1));
    case 'octets':
      return text.length <= 2 * TLV_OCTETS_MAX && /^([0-9a-fA-F]{2})*$/.test(text);
    default:
      return text.length < TLV_OCTETS_MAX && /^[\x20-\x7e\xa0-\xff]*$/.test(text);
  }
}
