import type { CatalogCarrier } from '../domain/catalog.ts';
import type { ReceiptFields } from '../smpp/receipt-text.ts';
import type { UnknownOutcome } from '../store/unknown.ts';
import type { Arrival } from './arrival.ts';
import type { Message } from './message.ts';
import { referenceOf } from './message-reference.ts';
import { sentSource } from './upstream-quirks.ts';

/** A receipt's submit date may be this far from the write: carriers state minutes, and queue (docs: invariant 5). */
const SUBMIT_DATE_MS = 90_000;
/** Characters of the text that a receipt repeats. */
const TEXT_CHARACTERS = 20;

/**
 * Whether an orphan receipt can be about this submit_sm: destination and sender as sent, submit date, text, and
 * user_message_reference where the carrier repeats it (one without it then fits none).
 */
export function orphanFits(
  unknown: UnknownOutcome,
  message: Message,
  carrier: Pick<CatalogCarrier, 'echoesUserMessageReference'>,
  arrival: Arrival,
  clockOffsetMs: number | undefined,
): boolean {
  // A message whose content is gone has no number to agree with.
  if (message.destination === '' || !arrival.destination.endsWith(tail(message.destination)))
    return false;
  const sender = sentSource(message.echo, arrival.carrier)?.replace(/^\+/, '');
  if (sender !== undefined && arrival.sender !== '' && arrival.sender.replace(/^\+/, '') !== sender)
    return false;
  if (carrier.echoesUserMessageReference && arrival.fields.userReference !== referenceOf(unknown))
    return false;
  // Only the first segment begins as the message does.
  const texts = unknown.segment > 1 || textFits(arrival.fields.text, message.echo.text);
  return texts && dateFits(arrival.fields, unknown.sinceMs, clockOffsetMs);
}

/** The submit date against the time of the write; while the carrier's zone is not learnt any quarter of an hour will do. */
function dateFits(
  fields: ReceiptFields,
  sinceMs: number,
  clockOffsetMs: number | undefined,
): boolean {
  if (fields.submitDateMs === undefined) return true;
  const off = fields.submitDateMs - sinceMs;
  const zone = clockOffsetMs ?? Math.round(off / QUARTER_MS) * QUARTER_MS;
  return Math.abs(off - zone) <= SUBMIT_DATE_MS;
}

const QUARTER_MS = 900_000;

function textFits(receiptText: string | undefined, messageText: string): boolean {
  if (receiptText === undefined || receiptText.trim() === '') return true;
  const said = receiptText.trim().slice(0, TEXT_CHARACTERS);
  // Characters outside ASCII are written in many ways; only what is plain on both sides can disagree.
  if (/[^\x20-\x7e]/.test(messageText)) return true;
  return messageText.trim().startsWith(said) || said.startsWith(messageText.trim());
}

/** The digits by which numbers are grouped: what a receipt must agree in at least. */
export function tail(destination: string): string {
  return destination.slice(-7);
}
