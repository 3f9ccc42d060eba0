import type { MessageId } from '../domain/ids.ts';
import type { SubmitSm } from '../smpp/pdu.ts';
import { intTlv, makeIntTlv, TLVS } from '../smpp/tlv.ts';

/** Odd constants of 16 bits that spread what differs by one over all of them (2^16 divided by the golden ratio, and two primes). */
const SPREAD = [40_503, 30_011, 51_437] as const;

/**
 * The user_message_reference under which we send a segment to a carrier that repeats it in receipts: 16 bits made of
 * message, segment and attempt, so that whoever finds the submit unanswered knows it, after a restart as well. Two
 * open ones have the same by chance once in 65,536; a receipt then fits both and settles neither.
 */
export function referenceOf(key: {
  readonly id: MessageId;
  readonly segment: number;
  readonly attempt: number;
}): number {
  const { id, segment, attempt } = key;
  // Node and sequence are the low 22 bits; milliseconds the rest (domain/ids.ts).
  const low = Number(id & 0x3fffffn);
  const ms = Number((id >> 22n) & 0xffffn);
  return (
    (low +
      (low >>> 16) +
      Math.imul(ms, SPREAD[0]) +
      Math.imul(segment, SPREAD[1]) +
      Math.imul(attempt, SPREAD[2])) &
    0xffff
  );
}

/** Puts our reference into a submit_sm in place of the customer's own, which his receipt gets back (delivery.ts). */
export function setReference(pdu: SubmitSm, reference: number): void {
  const { tag } = TLVS.user_message_reference;
  const others = pdu.tlvs?.filter((tlv) => tlv.tag !== tag) ?? [];
  pdu.tlvs = [...others, makeIntTlv('user_message_reference', reference)];
}

/** The customer's own reference; undefined when he gave none. */
export function customersReference(pdu: SubmitSm): number | undefined {
  return pdu.tlvs === undefined ? undefined : intTlv(pdu, 'user_message_reference');
}
