import type {
  AddressRules,
  CarrierLimits,
  CarrierQuirks,
  NumberForm,
  SenderRules,
  TlvRule,
  TlvRules,
} from '../domain/carrier-quirks.ts';
import type { CatalogAccount, CatalogCarrier } from '../domain/catalog.ts';
import type { Refusal } from '../domain/refusal.ts';
import { checkSender } from '../domain/sender-id.ts';
import {
  fromGsm7,
  hasUnwritable,
  isPlain,
  losesNational,
  toGsm7,
} from '../smpp/default-alphabet.ts';
import { MalformedMessage, messageOctets, partOf } from '../smpp/message.ts';
import type { DeliverSm, SubmitSm } from '../smpp/pdu.ts';
import { malformedMessage } from '../smpp/segmentation.ts';
import { formatAbsoluteTime } from '../smpp/smpp-time.ts';
import { TLVS, type Tlv, tlvOf, tlvSpec } from '../smpp/tlv.ts';
import { DEFAULT_ALPHABET, type Message } from './message.ts';

/*
 * What a carrier wants other than we would send it, on the way there and back. Nothing here refuses: what a carrier
 * cannot take is refused at accept (`unfitFor`), or by the carrier itself.
 */

/** What of a message the rules look at. */
export type Quirky = Pick<Message, 'submit' | 'destination' | 'validUntilMs'> & {
  readonly owner: Pick<CatalogAccount, 'profile'>;
};

/** TON and NPI of SMPP 3.4 §5.2.5 and §5.2.6. */
const TON_NATIONAL = 2;
/** An address has at most so many (SMPP 3.4 §5.2.8): a longer one could not be written at all. */
const ADDRESS_CHARACTERS = 20;
const TON_ALPHANUMERIC = 5;
/** esm_class bits 1-0, the messaging mode (§5.2.12). */
const MESSAGING_MODE = 0x03;

/** The whole message before it is cut: addresses, fields, and UCS-2 where the carrier's alphabet lacks a character. */
export function applyQuirks(pdu: SubmitSm, message: Quirky, quirks: CarrierQuirks): void {
  writeDestination(pdu, message.destination, quirks.addresses);
  writeSource(pdu, quirks);
  const { serviceType, protocolId, priorities, messagingMode } = quirks;
  if (serviceType !== undefined) pdu.service_type = serviceType;
  if (protocolId !== undefined) pdu.protocol_id = protocolId;
  if (priorities !== undefined) pdu.priority_flag = priorities[pdu.priority_flag] ?? 0;
  if (quirks.neverReplaces) pdu.replace_if_present_flag = 0;
  if (messagingMode !== undefined)
    pdu.esm_class = (pdu.esm_class & ~MESSAGING_MODE) | messagingMode;
  if (quirks.validity === 'absolute')
    pdu.validity_period = formatAbsoluteTime(message.validUntilMs);
  else if (quirks.validity === 'none') pdu.validity_period = '';
  else if (quirks.validity === 'customer')
    pdu.validity_period = message.submit?.validity_period ?? '';
  if (quirks.tlvs !== undefined) pdu.tlvs = ruledTlvs(pdu, quirks.tlvs, message.owner);
  if (!quirks.replaceUnwritable && hasUnwritable(pdu, quirks.defaultAlphabet)) toUcs2(pdu, quirks);
}

/** The whole message, unless it is a part that its sender cut or would be one of over 255 segments. */
function toUcs2(pdu: SubmitSm, quirks: CarrierQuirks): void {
  if (!isPlain(pdu) || partOf(pdu) !== undefined) return;
  const { esm_class, data_coding, short_message, tlvs } = pdu;
  fromGsm7(pdu, quirks.defaultAlphabet);
  if (malformedMessage(pdu, DEFAULT_ALPHABET) !== undefined)
    Object.assign(pdu, { esm_class, data_coding, short_message, tlvs });
}

/** Leaves of the TLVs those that rules of the carrier ask for, and those that are the message itself. */
export function dropOtherTlvs(pdu: SubmitSm, asked: TlvRules | undefined): void {
  const rules = asked?.rules ?? [];
  const left = pdu.tlvs?.filter(
    ({ tag }) => OF_THE_MESSAGE.has(tag) || rules.some((rule) => rule.tag === tag),
  );
  pdu.tlvs = left?.length === 0 ? undefined : left;
}

/** One segment, as it was cut: the carrier's alphabet and its data_coding. */
export function applySegmentQuirks(pdu: SubmitSm, quirks: CarrierQuirks): void {
  // What did not become UCS-2 as a whole has no room for more octets (`toUcs2`).
  fromGsm7(pdu, quirks.defaultAlphabet, quirks.replaceUnwritable || 'segment');
  if (quirks.dataCodings !== undefined)
    pdu.data_coding = quirks.dataCodings[pdu.data_coding] ?? pdu.data_coding;
}

/** What a subscriber sends by way of a carrier, in our terms: the way back of the above. */
export function undoQuirks(pdu: DeliverSm, quirks: CarrierQuirks): void {
  if (quirks.dataCodingsBack !== undefined)
    pdu.data_coding = quirks.dataCodingsBack[pdu.data_coding] ?? pdu.data_coding;
  // What is malformed stays as it came.
  toGsm7(pdu, quirks.defaultAlphabet);
  if (quirks.deliverTlvs !== undefined) pdu.tlvs = ruledTlvs(pdu, quirks.deliverTlvs, undefined);
}

/** The source address that a carrier is sent for a customer's; receipts come back to it. */
export function sentSource(
  source: Pick<SubmitSm, 'source_addr' | 'source_addr_ton' | 'source_addr_npi'>,
  carrier: Pick<CatalogCarrier, 'quirks'>,
): string | undefined {
  const sender = checkSender(source.source_addr, source.source_addr_ton, source.source_addr_npi);
  if ('malformed' in sender) return undefined;
  if (carrier.quirks === undefined) return sender.addr;
  const pdu = {
    source_addr: sender.addr,
    source_addr_ton: sender.ton,
    source_addr_npi: sender.npi,
  };
  writeSource(pdu, carrier.quirks);
  return pdu.source_addr;
}

/** Why a carrier cannot take a message at all; undefined when it can. */
export function unfitFor(
  { segmentsMax, payloadMaxOctets, required, defaultAlphabet }: CarrierLimits,
  pdu: SubmitSm,
  segments: number,
  account: Pick<CatalogAccount, 'profile'>,
): Refusal | undefined {
  if (segments > segmentsMax)
    return { key: 'noRoute', detail: `the carrier takes ${segmentsMax} segments at most` };
  const octets = messageOctets(pdu);
  if (!(octets instanceof MalformedMessage) && octets.length > payloadMaxOctets)
    return { key: 'noRoute', detail: `the carrier takes ${payloadMaxOctets} octets at most` };
  if (defaultAlphabet !== undefined && losesNational(pdu, defaultAlphabet))
    return { key: 'noRoute', detail: 'the carrier’s alphabet lacks letters of the part' };
  for (const rule of required)
    if (ruledValue(pdu, rule, account) === undefined)
      return { key: 'missingTlv', detail: `the carrier needs the TLV ${rule.name}` };
  return undefined;
}

function writeDestination(pdu: SubmitSm, msisdn: string, rules: AddressRules): void {
  const { countryCode, destination } = rules;
  const isNational = countryCode !== undefined && msisdn.startsWith(countryCode);
  const form = (isNational ? destination.national : undefined) ?? destination.international;
  if (form === undefined) return;
  pdu.dest_addr_ton = form.ton ?? pdu.dest_addr_ton;
  pdu.dest_addr_npi = form.npi ?? pdu.dest_addr_npi;
  pdu.destination_addr = written(msisdn, form, countryCode);
}

type Source = Pick<SubmitSm, 'source_addr' | 'source_addr_ton' | 'source_addr_npi'>;

/** The sender as the rules rewrite it, then in the form of its kind. */
function writeSource(pdu: Source, { senders, addresses }: CarrierQuirks): void {
  const sender = senders === undefined ? undefined : rewritten(pdu.source_addr, senders);
  if (sender !== undefined && sender !== pdu.source_addr) {
    // Another sender has the kind that its own characters say.
    const isNumber = /^[0-9]+$/.test(sender);
    pdu.source_addr = sender;
    pdu.source_addr_ton = isNumber ? 0 : TON_ALPHANUMERIC;
    pdu.source_addr_npi = 0;
  }
  const form = sourceForm(pdu, addresses);
  if (form === undefined) return;
  pdu.source_addr_ton = form.ton ?? pdu.source_addr_ton;
  pdu.source_addr_npi = form.npi ?? pdu.source_addr_npi;
  pdu.source_addr = written(pdu.source_addr, form, addresses.countryCode);
}

/** The first rule of the map that fits, then the fallback for what is not allowed, absent or too long. */
function rewritten(sender: string, rules: SenderRules): string {
  for (const { fits, to } of rules.map) if (fits(sender)) return to;
  const { allowed, fallback } = rules;
  if (sender === '') return fallback ?? sender;
  if (allowed !== undefined && !allowed.some((fits) => fits(sender))) return fallback ?? sender;
  const isNumber = /^[0-9]+$/.test(sender);
  const most = isNumber ? rules.numericMax : rules.alphanumericMax;
  if (sender.length <= most) return sender;
  return rules.cuts ? sender.slice(0, most) : (fallback ?? sender);
}

function sourceForm(pdu: Source, { countryCode, shortCodeMax, source }: AddressRules) {
  if (pdu.source_addr === '') return source.none;
  if (!/^[0-9]+$/.test(pdu.source_addr)) return source.alphanumeric;
  if (pdu.source_addr.length <= shortCodeMax) return source.shortCode;
  const isNational =
    pdu.source_addr_ton === TON_NATIONAL ||
    (countryCode !== undefined && pdu.source_addr.startsWith(countryCode));
  return (isNational ? source.national : undefined) ?? source.international;
}

/** E.164 digits as a form has them: stripped, in its format, with its prefix. Letters stay. */
function written(digits: string, form: NumberForm, countryCode: string | undefined): string {
  const { strip, format, add = '' } = form;
  let number = digits;
  if (strip !== undefined && number.startsWith(strip)) number = number.slice(strip.length);
  if (format === 'national' && countryCode !== undefined && number.startsWith(countryCode))
    number = number.slice(countryCode.length);
  if (format === 'plus') number = `+${number}`;
  if (format === '00') number = `00${number}`;
  // What a rule of `senders` gives may be longer than E.164.
  return (add + number).slice(0, ADDRESS_CHARACTERS);
}

/** The TLVs of a PDU by the rules; what no rule names stays, unless the rules say otherwise. */
function ruledTlvs(
  pdu: SubmitSm | DeliverSm,
  { rules, dropOthers }: TlvRules,
  account: Pick<CatalogAccount, 'profile'> | undefined,
): Tlv[] | undefined {
  const named = new Set(rules.flatMap(({ tag, fromTlv }) => [tag, fromTlv]));
  const tlvs = (pdu.tlvs ?? []).filter(
    ({ tag }) => !named.has(tag) && (!dropOthers || OF_THE_MESSAGE.has(tag)),
  );
  for (const rule of rules) {
    const value = ruledValue(pdu, rule, account);
    if (value !== undefined) tlvs.push({ tag: rule.tag, value });
  }
  return tlvs.length === 0 ? undefined : tlvs;
}

/** A fixed value counts over the message's, the message's over the account's. */
function ruledValue(
  pdu: SubmitSm | DeliverSm,
  rule: TlvRule,
  account: Pick<CatalogAccount, 'profile'> | undefined,
): Buffer | undefined {
  if (rule.drop) return undefined;
  const value =
    rule.fixed ??
    tlvOf(pdu, rule.fromTlv) ??
    (account === undefined ? undefined : rule.ofAccount(account));
  return value !== undefined && fitsTag(rule.tag, value.length) ? value : undefined;
}

/** A TLV of the standard with another length could not be written: it is as good as absent. */
function fitsTag(tag: number, octets: number): boolean {
  const spec = tlvSpec(tag);
  if (spec === undefined) return true;
  if (spec.either === true) return octets === spec.min || octets === spec.max;
  return octets >= spec.min && octets <= spec.max;
}

/** Without these a message is another one: no rule about "others" means them. */
const OF_THE_MESSAGE: ReadonlySet<number> = new Set([
  TLVS.message_payload.tag,
  TLVS.sar_msg_ref_num.tag,
  TLVS.sar_total_segments.tag,
  TLVS.sar_segment_seqnum.tag,
]);
