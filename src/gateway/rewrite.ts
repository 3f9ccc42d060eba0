import { checkSender } from '../domain/sender-id.ts';
import { writeText } from '../smpp/default-alphabet.ts';
import type { SubmitSm } from '../smpp/pdu.ts';
import { malformedMessage } from '../smpp/segmentation.ts';
import { DEFAULT_ALPHABET } from './message.ts';
import { type OwnFields, ownFieldsOf } from './own-fields.ts';

/** What rules made of a message. */
export interface Rewrite {
  readonly text: string | undefined;
  readonly sender: string | undefined;
}

/**
 * Writes text and sender that rules gave a message into its submit_sm: the text in its own alphabet, or in UCS-2 where
 * that lacks a character.
 * @returns what its customer had said; 'unchanged'; or 'tooLong': of more than 255 segments
 */
export function rewriteSubmit(
  pdu: SubmitSm,
  { text, sender }: Rewrite,
): OwnFields | 'unchanged' | 'tooLong' {
  if (text === undefined && sender === undefined) return 'unchanged';
  const own = ownFieldsOf(pdu);
  if (sender !== undefined) setSender(pdu, sender);
  if (text === undefined) return own;
  writeText(pdu, text);
  return malformedMessage(pdu, DEFAULT_ALPHABET) === undefined ? own : 'tooLong';
}

function setSender(pdu: SubmitSm, sender: string): void {
  const checked = checkSender(sender, TON_UNKNOWN, pdu.source_addr_npi);
  if ('malformed' in checked) throw new Error('rules check the senders that they make');
  pdu.source_addr = checked.addr;
  pdu.source_addr_ton = checked.ton;
  pdu.source_addr_npi = checked.npi;
}

/** SMPP 3.4 §5.2.5: letters tell themselves, and what digits are the carrier's `addresses` say. */
const TON_UNKNOWN = 0;
