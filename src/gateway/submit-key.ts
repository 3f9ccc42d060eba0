import { hash } from 'node:crypto';
import type { Dedupe } from '../domain/catalog.ts';
import { MalformedMessage, messageOctets } from '../smpp/message.ts';
import type { SubmitSm } from '../smpp/pdu.ts';
import { octetsTlv } from '../smpp/tlv.ts';

/**
 * What a repetition of this submit_sm is known by: 32 octets over the fields that the account compares. It is asked for
 * before rules rewrite it.
 * @returns undefined: the account compares none
 */
export function submitKeyOf(
  pdu: SubmitSm,
  destination: string,
  dedupe: Dedupe | undefined,
): Buffer | undefined {
  if (dedupe === undefined) return undefined;
  const octets = messageOctets(pdu);
  const values: Record<Dedupe['by'][number], string> = {
    user_message_reference: octetsTlv(pdu, 'user_message_reference')?.toString('hex') ?? '',
    source: `${pdu.source_addr_ton} ${pdu.source_addr}`,
    destination,
    text: `${pdu.data_coding} ${octets instanceof MalformedMessage ? '' : octets.toString('hex')}`,
  };
  return hash('sha256', JSON.stringify(dedupe.by.map((field) => values[field])), 'buffer');
}
