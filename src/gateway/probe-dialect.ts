import { messageStateName } from '../domain/message-state.ts';
import { stateOfWord } from '../smpp/message-state.ts';
import { parseReceiptDate } from '../smpp/receipt-fields.ts';
import { parseReceipt } from '../smpp/receipt-text.ts';
import { intTlv } from '../smpp/tlv.ts';
import {
  asDeliver,
  type IdForms,
  isIntermediate,
  meets,
  type Pairing,
  receiptTlvs,
  type Say,
} from './probe-pairing.ts';
import type { ProbeReceipt } from './probe-seen.ts';
import { type LearntDate, learnDate } from './probe-text.ts';

/** esm_class bits 5-2 (SMPP 3.4 §5.2.12). */
const MESSAGE_TYPE = 0x3c;
const RECEIPT_TYPE = 0x04;
const NOTIFICATION_TYPE = 0x20;

/** How its texts differ from appendix B, as the keys of receiptDialect. */
export function dialectOf(
  pairings: readonly Pairing[],
  ids: IdForms | undefined,
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
export function marksOf(
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

/** Whether a receipt is read whole without any dialect. */
function isStandard(receipt: ProbeReceipt): boolean {
  const read = parseReceipt(asDeliver(receipt));
  if (read === undefined) return true; // its mark is what it lacks
  return (read.id ?? read.idTlv) !== undefined && read.state !== undefined;
}
