import { z } from 'zod';
import type { UpstreamIdForm } from '../domain/catalog.ts';
import { messageStateName } from '../domain/message-state.ts';
import { compileReceiptDialect, type ReceiptDialect } from '../domain/receipt-dialect.ts';
import { receiptDialect as dialectShape } from '../domain/receipt-dialect-schema.ts';
import { decodeGsm7, unpackSeptets } from '../smpp/gsm7.ts';
import { MESSAGE_STATES, stateOfWord } from '../smpp/message-state.ts';
import { newPdu } from '../smpp/pdu.ts';
import { parseReceiptDate } from '../smpp/receipt-fields.ts';
import { idKeys, parseReceipt } from '../smpp/receipt-text.ts';
import { ESME_RINVEXPIRY, ESME_ROK, statusName } from '../smpp/status.ts';
import { intTlv, textTlv, tlvName } from '../smpp/tlv.ts';
import type { ProbePurpose, ProbeReceipt, ProbeSeen, ProbeSubmit } from './probe-seen.ts';
import { type LearntDate, type LearntText, learnDate, learnText } from './probe-text.ts';

/** What was seen, in words; `key` is the carrier's key that it is about, '' for none. */
export interface Finding {
  readonly key: string;
  readonly seen: string;
}

/** What a probe makes of what it saw. */
export interface ProbeFindings {
  readonly findings: readonly Finding[];
  /** Keys of the carrier that differ from the defaults. */
  readonly proposal: Readonly<Record<string, unknown>>;
  /** Receipts that the proposal reads and matches by itself, of all. */
  readonly verified: { readonly receipts: number; readonly of: number };
}

/** A receipt beside its message, and what its text was found to say. */
interface Pairing {
  readonly receipt: ProbeReceipt;
  readonly submit: ProbeSubmit;
  readonly octets: Octets;
  readonly text: LearntText | undefined;
  readonly idTlv: string | undefined;
}

type Octets = ReceiptDialect['octets'];

/** esm_class bits 5-2 (SMPP 3.4 §5.2.12). */
const MESSAGE_TYPE = 0x3c;
const RECEIPT_TYPE = 0x04;
const NOTIFICATION_TYPE = 0x20;

/** Proposes a profile for a carrier from what a probe saw of it. Pure; says only what was seen. */
export function probeFindings(seen: ProbeSeen): ProbeFindings {
  const findings: Finding[] = [];
  const proposal: Record<string, unknown> = {};
  const say = (key: string, text: string) => void findings.push({ key, seen: text });
  bindFindings(seen, say);
  submitFindings(seen.submits, proposal, say);
  const pairings = seen.receipts.flatMap((receipt) => paired(receipt, seen.submits) ?? []);
  receiptFindings(seen, pairings, say);
  const ids = idForms(pairings);
  if (ids !== undefined) {
    say('ids', `the answers have ${ids.response} ids, the receipts ${ids.receipt}`);
    if (ids.response !== 'text' || ids.receipt !== 'text') proposal.ids = ids;
  } else if (pairings.length > 0) say('ids', 'no base makes the ids of answers and receipts meet');
  const dialect = dialectOf(pairings, ids, say);
  if (Object.keys(dialect).length > 0) proposal.receiptDialect = dialect;
  const marks = marksOf(pairings, dialect, say);
  if (marks !== undefined) proposal.receiptMarks = marks;
  const echoed = pairings.filter(
    ({ receipt, submit }) =>
      intTlv(receiptTlvs(receipt), 'user_message_reference') === submit.reference,
  );
  if (pairings.length > 0 && echoed.length === pairings.length) {
    proposal.echoesUserMessageReference = true;
    say('echoesUserMessageReference', 'every receipt repeats user_message_reference');
  }
  const verified = { receipts: verify(pairings, proposal), of: seen.receipts.length };
  return { findings, proposal, verified };
}

type Say = (key: string, seen: string) => void;

function bindFindings(seen: ProbeSeen, say: Say): void {
  const version = seen.scInterfaceVersion;
  say(
    '',
    version === undefined
      ? 'the bind was answered without sc_interface_version'
      : `the bind was answered with sc_interface_version 0x${version.toString(16)}`,
  );
  say('', `enquire_link was ${seen.enquireLinkAnswered ? '' : 'not '}answered`);
}

/** What it took and refused, and what to send in its place. */
function submitFindings(
  submits: readonly ProbeSubmit[],
  proposal: Record<string, unknown>,
  say: Say,
): void {
  const taken = new Map<ProbePurpose, boolean>();
  for (const [purpose, parts] of Map.groupBy(submits, ({ purpose }) => purpose)) {
    const refused = parts.find(({ answer }) => answer?.status !== ESME_ROK);
    taken.set(purpose, refused === undefined);
    const how = refused?.answer === undefined ? 'unanswered' : statusName(refused.answer.status);
    say(KEY_OF[purpose], `${WORDS[purpose]}: ${refused === undefined ? 'accepted' : how}`);
  }
  // Without the plain one nothing else says anything about its own kind.
  if (taken.get('plain') !== true) return;
  if (taken.get('udh') === false) {
    const style = (['sar', 'payload'] as const).find((purpose) => taken.get(purpose) === true);
    if (style !== undefined) proposal.longMessages = style;
  }
  const validity = submits.find(({ purpose }) => purpose === 'validity')?.answer?.status;
  if (validity === ESME_RINVEXPIRY) proposal.validity = 'none';
  if (taken.get('notifications') === false)
    proposal.registeredDelivery = { receipt: 1, notifications: 1 };
}

const KEY_OF: Readonly<Record<ProbePurpose, string>> = {
  plain: '',
  ucs2: 'dataCodings',
  validity: 'validity',
  notifications: 'registeredDelivery',
  udh: 'longMessages',
  sar: 'longMessages',
  payload: 'longMessages',
};
const WORDS: Readonly<Record<ProbePurpose, string>> = {
  plain: 'a plain message',
  ucs2: 'UCS-2 (data_coding 8)',
  validity: 'a relative validity_period',
  notifications: 'registered_delivery 0x11',
  udh: 'two parts with a UDH',
  sar: 'two parts with sar_*',
  payload: 'a long message_payload',
};

/** The message that a receipt is about, by its id in any base, its reference, or the text that it repeats. */
function paired(receipt: ProbeReceipt, submits: readonly ProbeSubmit[]): Pairing[] | undefined {
  const pdu = receiptTlvs(receipt);
  const idTlv = textTlv(pdu, 'receipted_message_id')?.trim() || undefined;
  const reference = intTlv(pdu, 'user_message_reference');
  for (const submit of submits) {
    const answered = submit.answer?.messageId ?? '';
    const isId = (word: string) => sameId(word, answered);
    const from = { ...submit, receivedAtMs: receipt.atMs, isId };
    for (const form of OCTETS) {
      const isGsm7 = form === 'auto' && OF_GSM7.test(textOf(receipt, form));
      const octets = isGsm7 ? 'gsm7' : form;
      const text = learnText(textOf(receipt, octets), from);
      if (text !== undefined) return [{ receipt, submit, octets, text, idTlv }];
    }
    const isByTlv = (idTlv !== undefined && isId(idTlv)) || reference === submit.reference;
    if (isByTlv) return [{ receipt, submit, octets: 'auto', text: undefined, idTlv }];
  }
  return undefined;
}

/** The message that a receipt ends; undefined for one of an intermediate state, and for one of no message. */
export function endsWith(
  receipt: ProbeReceipt,
  submits: readonly ProbeSubmit[],
): ProbeSubmit | undefined {
  const [pairing] = paired(receipt, submits) ?? [];
  return pairing === undefined || isIntermediate(pairing) ? undefined : pairing.submit;
}

const OCTETS: readonly Octets[] = ['auto', 'latin1', 'ucs2', 'ucs2le', 'gsm7-packed'];
/** Control characters are letters of GSM 7-bit: "_" is 0x11 (3GPP TS 23.038 §6.2.1). */
const OF_GSM7 = /[\x01-\x08\x0b\x0c\x0e-\x1f]/;

/** Whether two ids can be one, in whatever base each is written. */
export function sameId(one: string, other: string): boolean {
  if (one === '' || other === '') return false;
  const keys = new Set(idKeys(one, 'auto'));
  return idKeys(other, 'auto').some((key) => keys.has(key));
}

/** The text of a receipt under one reading of its octets. */
export function textOf({ octets, dataCoding }: ProbeReceipt, form: Octets): string {
  const even = octets.subarray(0, octets.length & ~1);
  switch (form) {
    case 'auto':
      return (dataCoding & 0x0c) === 0x08 && octets[0] === 0
        ? Buffer.from(even).swap16().toString('utf16le')
        : octets.toString('latin1');
    case 'latin1':
      return octets.toString('latin1');
    case 'gsm7':
      return decodeGsm7(octets);
    case 'ucs2':
      return Buffer.from(even).swap16().toString('utf16le');
    case 'ucs2le':
      return even.toString('utf16le');
    case 'gsm7-packed':
      return decodeGsm7(unpackSeptets(octets));
  }
}

function receiptFindings(seen: ProbeSeen, pairings: readonly Pairing[], say: Say): void {
  const { receipts } = seen;
  if (receipts.length === 0) return say('receipts', 'no receipt came');
  const list = (values: Iterable<string>) => [...new Set(values)].join(', ');
  say('', `receipts came on: ${list(receipts.map(({ bind }) => bind))}`);
  say('', `as ${list(receipts.map(({ command }) => command))}`);
  say('', `with esm_class ${list(receipts.map(({ esmClass }) => hex(esmClass)))}`);
  say('', `with data_coding ${list(receipts.map(({ dataCoding }) => hex(dataCoding)))}`);
  const early = receipts.filter((receipt) => receipt.early).length;
  say('', `${early} of ${receipts.length} came before the answer to their message`);
  const tags = list(receipts.flatMap(({ tlvs }) => tlvs.map(({ tag }) => tlvName(tag))));
  say('', tags === '' ? 'without TLVs' : `with the TLVs ${tags}`);
  if (receipts.some(({ inPayload }) => inPayload)) say('', 'their text is in message_payload');
  const states = list(pairings.map((pairing) => stateWord(pairing) ?? 'none'));
  say('', `states: ${states}`);
  const intermediate = pairings.filter((pairing) => isIntermediate(pairing)).length;
  if (intermediate > 0) say('finalStates', `${intermediate} of an intermediate state`);
}

/** The first pair of bases under which every receipt names its message. */
function idForms(
  pairings: readonly Pairing[],
): { response: UpstreamIdForm; receipt: UpstreamIdForm } | undefined {
  const known = pairings.filter(({ submit }) => submit.answer !== undefined);
  if (known.length === 0) return undefined;
  const forms = ID_FORMS.find(([response, receipt]) =>
    known.every((pairing) => {
      const keys = new Set(idKeys(pairing.submit.answer?.messageId ?? '', response));
      return [pairing.idTlv, pairing.text?.id].some(
        (id) => id !== undefined && idKeys(id, receipt).some((key) => keys.has(key)),
      );
    }),
  );
  return forms && { response: forms[0], receipt: forms[1] };
}

const ID_FORMS: readonly (readonly [UpstreamIdForm, UpstreamIdForm])[] = [
  ['text', 'text'],
  ['decimal', 'decimal'],
  ['hex', 'hex'],
  ['hex', 'decimal'],
  ['decimal', 'hex'],
  ['auto', 'auto'],
];

/** How its texts differ from appendix B, as the keys of receiptDialect. */
function dialectOf(
  pairings: readonly Pairing[],
  ids: ReturnType<typeof idForms>,
  say: Say,
): Record<string, unknown> {
  const dialect: Record<string, unknown> = {};
  const octets = pairings.find((pairing) => pairing.octets !== 'auto')?.octets;
  if (octets !== undefined) dialect.octets = octets;
  const fields: Record<string, string[]> = {};
  for (const { text } of pairings)
    for (const [field, name] of Object.entries(text?.fields ?? {}))
      if (!fields[field]?.includes(name)) fields[field] = [...(fields[field] ?? []), name];
  if (Object.keys(fields).length > 0) dialect.fields = fields;
  const columns = pairings.find(({ text }) => text?.columns !== undefined)?.text?.columns;
  if (columns !== undefined) dialect.columns = columns;
  Object.assign(dialect, datesOf(pairings, say), statesOf(pairings, say));
  const wrongTlv = pairings.some(
    ({ idTlv, submit, text }) =>
      idTlv !== undefined && text !== undefined && !meets(idTlv, submit, ids),
  );
  if (wrongTlv) {
    dialect.read = 'text';
    say('receiptDialect.read', 'receipted_message_id is another id than the answer’s');
  }
  const network = pairings.find(({ receipt }) =>
    receipt.tlvs.some(({ tag }) => tag === NETWORK_ERROR_CODE),
  );
  if (network !== undefined && network.text?.err === undefined && !wrongTlv)
    dialect.err = { from: 'tlv' };
  // Names that are known only to a reader of dialects: "status", "error".
  const needsReader = pairings.some(
    ({ receipt, text }) => text !== undefined && !isStandard(receipt),
  );
  return needsReader && Object.keys(dialect).length === 0 ? { read: 'any' } : dialect;
}

const NETWORK_ERROR_CODE = 0x0423;

function meets(id: string, { answer }: ProbeSubmit, ids: ReturnType<typeof idForms>): boolean {
  if (ids === undefined) return true;
  const keys = new Set(idKeys(answer?.messageId ?? '', ids.response));
  return idKeys(id, ids.receipt).some((key) => keys.has(key));
}

/** Formats and zone of its dates, where they are not those of appendix B in UTC. */
function datesOf(pairings: readonly Pairing[], say: Say): Record<string, unknown> {
  const learnt: LearntDate[] = [];
  let needsFormats = false;
  for (const { text, submit, receipt } of pairings) {
    for (const date of [text?.submitDate, text?.doneDate]) {
      const found =
        date === undefined
          ? undefined
          : learnDate(date, { sentAtMs: submit.sentAtMs, receivedAtMs: receipt.atMs });
      if (date === undefined || found === undefined) continue;
      learnt.push(found);
      needsFormats ||= parseReceiptDate(date) === undefined || found.format.startsWith('DD');
    }
  }
  if (learnt.length === 0) return {};
  const formats = [...new Set(learnt.map(({ format }) => format))];
  const zones = [...new Set(learnt.flatMap(({ quarters }) => quarters ?? []))];
  say(
    'receiptDialect.dates',
    `dates: ${formats.join(', ')}, ${zones.map(zoneText).join(', ') || 'with their zone'}`,
  );
  const [zone = 0] = zones;
  return {
    ...(needsFormats && { dates: formats }),
    ...(zones.length > 1 ? { timeZone: 'learnt' } : zone !== 0 && { timeZone: zoneText(zone) }),
  };
}

/** "+05:30"; "utc" for none. */
function zoneText(quarters: number): string {
  if (quarters === 0) return 'utc';
  const minutes = Math.abs(quarters) * 15;
  const two = (value: number) => String(value).padStart(2, '0');
  return `${quarters < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** Words of no known meaning: what message_state says beside them, else delivered, as the number of a test should be. */
function statesOf(pairings: readonly Pairing[], say: Say): Record<string, unknown> {
  const states: Record<string, string> = {};
  for (const { text, receipt } of pairings) {
    const word = text?.stat;
    if (word === undefined || word === '' || stateOfWord(word) !== undefined) continue;
    if (/^[0-9]$/.test(word) && messageStateName(Number(word)) === 'DELIVRD') continue;
    const stated = intTlv(receiptTlvs(receipt), 'message_state');
    states[word] = (stated === undefined ? undefined : messageStateName(stated)) ?? 'DELIVRD';
    if (stated === undefined)
      say('receiptDialect.states', `${word} is taken for DELIVRD: check that the message arrived`);
  }
  return Object.keys(states).length === 0 ? {} : { states };
}

/** esm_class values of its receipts, where they are not 0x04 and 0x20. */
function marksOf(
  pairings: readonly Pairing[],
  dialect: Readonly<Record<string, unknown>>,
  say: Say,
): Record<string, unknown> | undefined {
  const finals = new Set<number>();
  const intermediates = new Set<number>();
  let byText = false;
  for (const pairing of pairings) {
    const type = pairing.receipt.esmClass & MESSAGE_TYPE;
    // A TLV that names the message marks a receipt by itself.
    if (type === 0) byText ||= pairing.idTlv === undefined || dialect.read === 'text';
    else (isIntermediate(pairing) ? intermediates : finals).add(type);
  }
  const isUsual =
    !finals.has(NOTIFICATION_TYPE) && [...finals].every((type) => type === RECEIPT_TYPE);
  const usualOnTheWay = [...intermediates].every(
    (type) => type === NOTIFICATION_TYPE || type === RECEIPT_TYPE,
  );
  if (byText) say('receiptMarks', 'receipts are plain messages: only their text tells');
  if (isUsual && usualOnTheWay && !byText) return undefined;
  finals.add(RECEIPT_TYPE);
  for (const type of finals) intermediates.delete(type);
  if (!finals.has(NOTIFICATION_TYPE)) intermediates.add(NOTIFICATION_TYPE);
  return {
    final: [...finals].sort((a, b) => a - b),
    intermediate: [...intermediates].sort((a, b) => a - b),
    ...(byText && { text: true }),
  };
}

/** The state of a receipt in words: of its TLV, else of its text. */
function stateWord({ receipt, text }: Pairing): string | undefined {
  const stated = intTlv(receiptTlvs(receipt), 'message_state');
  const known = stated ?? (text?.stat === undefined ? undefined : stateOfWord(text.stat));
  return (known === undefined ? undefined : messageStateName(known)) ?? text?.stat;
}

function isIntermediate({ receipt, text }: Pairing): boolean {
  const stated = intTlv(receiptTlvs(receipt), 'message_state');
  const state = stated ?? (text?.stat === undefined ? undefined : stateOfWord(text.stat));
  return (
    state === MESSAGE_STATES.ENROUTE ||
    state === MESSAGE_STATES.ACCEPTED ||
    state === MESSAGE_STATES.SCHEDULED
  );
}

/** Whether a receipt is read whole without any dialect. */
function isStandard(receipt: ProbeReceipt): boolean {
  const read = parseReceipt(asDeliver(receipt));
  if (read === undefined) return true; // its mark is what it lacks
  return (read.id ?? read.idTlv) !== undefined && read.state !== undefined;
}

/** How many receipts are read, with a state and their message's id, by nothing but the proposal. */
function verify(pairings: readonly Pairing[], proposal: Readonly<Record<string, unknown>>): number {
  const spec = proposedDialect.parse(proposal);
  const dialect: ReceiptDialect | undefined = compileReceiptDialect(spec);
  const ids = (proposal.ids ?? { response: 'text', receipt: 'text' }) as {
    response: UpstreamIdForm;
    receipt: UpstreamIdForm;
  };
  return pairings.filter(({ receipt, submit }) => {
    const read = parseReceipt(asDeliver(receipt), dialect);
    const known = [read?.idTlv, read?.id].filter((id) => id !== undefined);
    return read?.state !== undefined && known.some((id) => meets(id, submit, ids));
  }).length;
}

const proposedDialect = z.object(dialectShape);

function asDeliver({ esmClass, dataCoding, octets, tlvs, inPayload }: ProbeReceipt) {
  const pdu = newPdu('deliver_sm', 1);
  pdu.esm_class = esmClass;
  pdu.data_coding = dataCoding;
  if (!inPayload) pdu.short_message = octets;
  pdu.tlvs = [...tlvs];
  return pdu;
}

function receiptTlvs({ tlvs }: ProbeReceipt) {
  return { tlvs: [...tlvs] };
}

function hex(octet: number): string {
  return `0x${octet.toString(16).padStart(2, '0')}`;
}
