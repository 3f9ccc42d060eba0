import type { z } from 'zod';
import { type carrierQuirks, fitsType } from './carrier-quirks-schema.ts';
import type { CatalogAccount } from './catalog.ts';
import { compileGlob, type Glob } from './glob.ts';

/** The keys of a carrier's spec that are quirks. */
export type QuirksSpec = z.output<z.ZodObject<typeof carrierQuirks>>;

/** TON, NPI and form of one kind of number; what is undefined stays as it is. */
export interface NumberForm {
  readonly ton?: number | undefined;
  readonly npi?: number | undefined;
  readonly format?: 'e164' | 'plus' | '00' | 'national' | undefined;
  /** Taken off the front of the E.164 digits, where they begin with it. */
  readonly strip?: string | undefined;
  /** Put before all else. */
  readonly add?: string | undefined;
}

/** How a carrier wants addresses. */
export interface AddressRules {
  readonly countryCode: string | undefined;
  /** Numeric senders of at most so many digits are short codes. */
  readonly shortCodeMax: number;
  readonly destination: {
    readonly international: NumberForm | undefined;
    readonly national: NumberForm | undefined;
  };
  readonly source: {
    readonly international: NumberForm | undefined;
    readonly national: NumberForm | undefined;
    readonly shortCode: NumberForm | undefined;
    readonly alphanumeric: NumberForm | undefined;
    readonly none: NumberForm | undefined;
  };
}

/** Which senders a carrier takes, and what the others become. */
export interface SenderRules {
  /** The first that fits counts. */
  readonly map: readonly { readonly fits: Glob; readonly to: string }[];
  readonly allowed: readonly Glob[] | undefined;
  readonly fallback: string | undefined;
  readonly alphanumericMax: number;
  readonly numericMax: number;
  readonly cuts: boolean;
}

/** What becomes of one TLV. */
export interface TlvRule {
  readonly name: string;
  readonly tag: number;
  readonly required: boolean;
  readonly drop: boolean;
  /** In place of whatever the message has. */
  readonly fixed: Buffer | undefined;
  /** The tag that it has in the message. */
  readonly fromTlv: number;
  /** The account's own, for messages without one. */
  ofAccount(account: Pick<CatalogAccount, 'profile'>): Buffer | undefined;
}

/** TLV rules of one direction. */
export interface TlvRules {
  readonly rules: readonly TlvRule[];
  /** Tags that no rule names are dropped. */
  readonly dropOthers: boolean;
}

/** What a carrier wants of a submit_sm other than we would send it. */
export interface CarrierQuirks {
  readonly defaultAlphabet: QuirksSpec['defaultAlphabet'];
  /** A character that its alphabet has not becomes '?'; else the message becomes UCS-2. */
  readonly replaceUnwritable: boolean;
  /** By our data_coding; undefined: all stay. */
  readonly dataCodings: Uint8Array | undefined;
  /** The other way, for what subscribers send. */
  readonly dataCodingsBack: Uint8Array | undefined;
  readonly addresses: AddressRules;
  readonly senders: SenderRules | undefined;
  readonly tlvs: TlvRules | undefined;
  readonly deliverTlvs: TlvRules | undefined;
  readonly registeredDelivery: QuirksSpec['registeredDelivery'];
  readonly serviceType: string | undefined;
  readonly protocolId: number | undefined;
  readonly priorities: Uint8Array | undefined;
  readonly neverReplaces: boolean;
  readonly validity: QuirksSpec['validity'];
  /** esm_class bits 1-0; undefined: the customer's. */
  readonly messagingMode: number | undefined;
}

/** What a carrier cannot take at all: asked at accept, where it can still be refused. */
export interface CarrierLimits {
  readonly segmentsMax: number;
  readonly payloadMaxOctets: number;
  readonly required: readonly TlvRule[];
  /** What lacks letters of national language tables, where they are not to be replaced; undefined: nothing lacks. */
  readonly defaultAlphabet: 'latin1' | 'ascii' | undefined;
}

/** Compiles the quirks of a carrier; undefined when it has none, so that they cost nothing. */
export function compileQuirks(spec: QuirksSpec): CarrierQuirks | undefined {
  if (HAS_QUIRKS.every((has) => !has(spec))) return undefined;
  const codings = octetTable(spec.dataCodings);
  return {
    defaultAlphabet: spec.defaultAlphabet,
    replaceUnwritable: spec.unwritable === 'replace',
    dataCodings: codings,
    dataCodingsBack: codings && reversed(spec.dataCodings),
    addresses: addressRules(spec.addresses),
    senders: senderRules(spec.senders),
    tlvs: tlvRules(spec, 'submit'),
    deliverTlvs: tlvRules(spec, 'deliver'),
    registeredDelivery: spec.registeredDelivery,
    serviceType: spec.serviceType,
    protocolId: spec.protocolId,
    priorities: octetTable(spec.priorities),
    neverReplaces: spec.replaceIfPresent === 'never',
    validity: spec.validity,
    messagingMode: MESSAGING_MODES[spec.messagingMode],
  };
}

/** Compiles the limits of a carrier; undefined when it takes everything. */
export function compileLimits(spec: QuirksSpec): CarrierLimits | undefined {
  const required = (tlvRules(spec, 'submit')?.rules ?? []).filter((rule) => rule.required);
  const { segmentsMax, payloadMaxOctets, defaultAlphabet: alphabet, unwritable } = spec;
  const lacks = (alphabet === 'latin1' || alphabet === 'ascii') && unwritable !== 'replace';
  const defaultAlphabet = lacks ? alphabet : undefined;
  const isAnyLength = segmentsMax === SEGMENTS_MOST && payloadMaxOctets === PAYLOAD_MOST;
  if (isAnyLength && required.length === 0 && defaultAlphabet === undefined) return undefined;
  return { segmentsMax, payloadMaxOctets, required, defaultAlphabet };
}

/** esm_class bits 1-0 (SMPP 3.4 §5.2.12). */
const MESSAGING_MODES = {
  customer: undefined,
  default: 0,
  datagram: 1,
  forward: 2,
  store: 3,
} as const;
/** What the schema gives by default: no limit beyond the protocol's. */
const SEGMENTS_MOST = 255;
const PAYLOAD_MOST = 65_535;
const RECEIPT = 1;
const RECEIPT_AND_NOTIFICATIONS = 0x11;
/** An address has at most so many characters (SMPP 3.4 §5.2.8). */
const ADDRESS_CHARACTERS = 20;

const HAS_QUIRKS: readonly ((spec: QuirksSpec) => boolean)[] = [
  (spec) => spec.defaultAlphabet !== 'gsm7',
  (spec) => Object.keys(spec.dataCodings).length > 0 || Object.keys(spec.priorities).length > 0,
  (spec) => Object.keys(spec.addresses.source).length > 0,
  (spec) => Object.keys(spec.addresses.destination).length > 0,
  (spec) => senderRules(spec.senders) !== undefined,
  (spec) => spec.tlvs.length > 0 || spec.otherTlvs === 'drop',
  (spec) => spec.registeredDelivery.receipt !== RECEIPT,
  (spec) => spec.registeredDelivery.notifications !== RECEIPT_AND_NOTIFICATIONS,
  (spec) => spec.serviceType !== undefined || spec.protocolId !== undefined,
  (spec) => spec.replaceIfPresent !== 'pass' || spec.validity !== 'relative',
  (spec) => spec.messagingMode !== 'customer',
];

/** A map of octets as a table in which what it does not name is itself; undefined when it is empty. */
function octetTable(map: Readonly<Record<string, number>>): Uint8Array | undefined {
  const entries = Object.entries(map);
  if (entries.length === 0) return undefined;
  const table = Uint8Array.from({ length: 256 }, (_, octet) => octet);
  for (const [ours, theirs] of entries) table[Number(ours)] = theirs;
  return table;
}

/** Of several that became one the first counts; an octet that is ours as it stands stays. */
function reversed(map: Readonly<Record<string, number>>): Uint8Array {
  const table = Uint8Array.from({ length: 256 }, (_, octet) => octet);
  for (const [ours, theirs] of Object.entries(map).reverse()) table[theirs] = Number(ours);
  return table;
}

function addressRules(spec: QuirksSpec['addresses']): AddressRules {
  const { countryCode, shortCodeMax, destination, source } = spec;
  return {
    countryCode,
    shortCodeMax,
    destination: { international: destination.international, national: destination.national },
    source: {
      international: source.international,
      national: source.national,
      shortCode: source.shortCode,
      alphanumeric: source.alphanumeric,
      none: source.none,
    },
  };
}

function senderRules(spec: QuirksSpec['senders']): SenderRules | undefined {
  const { map, allowed, fallback, alphanumericMax, numericMax, tooLong } = spec;
  const limited = alphanumericMax !== undefined || numericMax !== undefined;
  if (map.length === 0 && allowed === undefined && fallback === undefined && !limited)
    return undefined;
  return {
    map: map.map(({ from, to }) => ({ fits: compileGlob(from), to })),
    allowed: allowed?.map(compileGlob),
    fallback,
    alphanumericMax: alphanumericMax ?? ADDRESS_CHARACTERS,
    numericMax: numericMax ?? ADDRESS_CHARACTERS,
    cuts: tooLong === 'cut',
  };
}

function tlvRules(spec: QuirksSpec, direction: 'submit' | 'deliver'): TlvRules | undefined {
  const rules = spec.tlvs.filter((rule) => rule.direction === direction).map(tlvRule);
  const dropOthers = spec.otherTlvs === 'drop';
  return rules.length === 0 && !dropOthers ? undefined : { rules, dropOthers };
}

function tlvRule(spec: QuirksSpec['tlvs'][number]): TlvRule {
  const { name, tag, type, required, drop, value, fromTlv = tag, fromProfile } = spec;
  return {
    name,
    tag,
    required,
    drop,
    fixed: value === undefined ? undefined : octetsOf(type, value),
    fromTlv,
    ofAccount({ profile }) {
      const own = fromProfile === undefined ? undefined : profile[fromProfile];
      // What does not fit the type is as good as absent: a required one is then refused as missing.
      return own === undefined || !fitsType(type, own) ? undefined : octetsOf(type, own);
    },
  };
}

function octetsOf(
  type: QuirksSpec['tlvs'][number]['type'],
  value: string | number | boolean,
): Buffer {
  const text = String(value);
  switch (type) {
    case 'octets':
      return Buffer.from(text, 'hex');
    case 'text':
      return Buffer.from(text, 'latin1');
    case 'cstring':
      return Buffer.from(`${text}\0`, 'latin1');
    default: {
      const octets = Buffer.alloc(Number(type.slice(-1)));
      octets.writeUIntBE(Number(text), 0, octets.length);
      return octets;
    }
  }
}
