import type { CatalogCarrier } from '../domain/catalog.ts';
import { messageId } from '../domain/ids.ts';
import { checkSender } from '../domain/sender-id.ts';
import { encodeGsm7 } from '../smpp/gsm7.ts';
import { newPdu, type SubmitSm } from '../smpp/pdu.ts';
import { segmentsOf } from '../smpp/segmentation.ts';
import { formatRelativeTime } from '../smpp/smpp-time.ts';
import { makeIntTlv, makeOctetsTlv, TLVS } from '../smpp/tlv.ts';
import { DEFAULT_ALPHABET } from './message.ts';
import type { ProbePurpose, ProbeSubmit } from './probe-seen.ts';
import { upstreamParts } from './upstream-pdu.ts';

/** What an operator asks of a probe. */
export interface ProbeRequest {
  /** E.164 digits of a number of his own. */
  readonly to: string;
  /** Sender; '' for none. */
  readonly from: string;
  /** In place of a text of ours; each message begins with it. */
  readonly text: string | undefined;
  /** After the last answer, in ms. */
  readonly waitMs: number;
}

/** So long a message stays valid that is sent to learn whether a carrier takes a validity_period. */
const VALIDITY_MS = 3_600_000;
/** Two parts, and too long for one SMS in any alphabet. */
const LONG_CHARACTERS = 200;
/** A receipt repeats 20 characters at most (SMPP 3.4 appendix B). */
const MARKER_CHARACTERS = 20;
const DATA_CODING_UCS2 = 0x08;
const RECEIPT = 1;
const NOTIFICATIONS = 0x11;
/** user_message_reference of the first message; far from 0, which some carriers fill in themselves. */
const REFERENCE_FROM = 0x5000;

/** In this order: what all carriers take first, so that the rest can be judged by it. */
const PURPOSES: readonly ProbePurpose[] = [
  'plain',
  'ucs2',
  'validity',
  'notifications',
  'udh',
  'sar',
  'payload',
];

/** The test messages, as the carrier's own settings make them: nine submit_sm of seven messages. */
export function probePlan(
  request: ProbeRequest,
  carrier: CatalogCarrier,
  nowMs: number,
): ProbeSubmit[] {
  const submits: ProbeSubmit[] = [];
  for (const [index, purpose] of PURPOSES.entries()) {
    const text = textFor(purpose, index, request.text);
    const submit = submitFor(purpose, text, request);
    const style = purpose === 'sar' || purpose === 'payload' ? purpose : 'udh';
    const segments = segmentsOf(submit, DEFAULT_ALPHABET);
    const message = {
      // The reference of its parts: another for each message.
      id: messageId(BigInt(REFERENCE_FROM + index)),
      submit,
      destination: request.to,
      segments,
      validUntilMs: nowMs + VALIDITY_MS,
      registeredDelivery: RECEIPT,
      owner: { profile: {} },
    };
    upstreamParts(message, { ...carrier, longMessages: style }, nowMs, false, (pdu, part) => {
      const reference = REFERENCE_FROM + submits.length;
      // The parts share what the splitter did not change; each has its own reference.
      pdu.tlvs = [
        ...(pdu.tlvs ?? []).filter(({ tag }) => tag !== TLVS.user_message_reference.tag),
        makeIntTlv('user_message_reference', reference),
      ];
      pdu.registered_delivery = purpose === 'notifications' ? NOTIFICATIONS : RECEIPT;
      pdu.validity_period = purpose === 'validity' ? formatRelativeTime(VALIDITY_MS) : '';
      const marker = text.slice(0, MARKER_CHARACTERS);
      submits.push({ purpose, part, pdu, marker, reference, sentAtMs: 0, answer: undefined });
    });
  }
  return submits;
}

function textFor(purpose: ProbePurpose, index: number, given: string | undefined): string {
  const begin = given ?? `probe ${index + 1} of this route`;
  const isLong = purpose === 'udh' || purpose === 'sar' || purpose === 'payload';
  return isLong ? `${begin} `.repeat(Math.ceil(LONG_CHARACTERS / (begin.length + 1))) : begin;
}

function submitFor(purpose: ProbePurpose, text: string, request: ProbeRequest): SubmitSm {
  const submit = newPdu('submit_sm', 0);
  const sender = checkSender(request.from, 0, 0);
  if (!('malformed' in sender)) {
    submit.source_addr = sender.addr;
    submit.source_addr_ton = sender.ton;
    submit.source_addr_npi = sender.npi;
  }
  const septets = purpose === 'ucs2' ? undefined : encodeGsm7(text);
  if (septets === undefined) submit.data_coding = DATA_CODING_UCS2;
  // U+0416 is in no other alphabet of SMS.
  const wide = purpose === 'ucs2' ? `${text} Ж` : text;
  const octets = septets ?? Buffer.from(wide, 'utf16le').swap16();
  if (octets.length <= SHORT_MESSAGE_OCTETS) submit.short_message = octets;
  else submit.tlvs = [makeOctetsTlv('message_payload', octets)];
  return submit;
}

/** SMPP 3.4 §4.4.1. */
const SHORT_MESSAGE_OCTETS = 254;
