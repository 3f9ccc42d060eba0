import { normaliseDestination } from '../domain/msisdn.ts';
import { checkSender } from '../domain/sender-id.ts';
import type { PduOf, SubmitSm } from '../smpp/pdu.ts';
import type { Message } from './message.ts';

/** The operations on a message that was submitted before. */
export type ManagePdu = PduOf<'query_sm' | 'cancel_sm' | 'replace_sm'>;

type Source = Pick<SubmitSm, 'source_addr' | 'source_addr_ton' | 'source_addr_npi'>;
type Destination = Pick<SubmitSm, 'destination_addr' | 'dest_addr_ton' | 'dest_addr_npi'>;

/**
 * Whether an operation names the sender of a message (SMPP 3.4 §4.8.1: "must match that supplied in the original
 * request"). An empty source_addr is not given, as §4.9.1 has it beside a message_id. TON and NPI are not compared beyond
 * what they make of the address: clients leave them out. A message whose content was erased has no sender to compare.
 */
export function namesSender(message: Message, pdu: Source): boolean {
  return (
    pdu.source_addr === '' || message.submit === undefined || sameSender(ownSource(message), pdu)
  );
}

/** The sender that the customer gave a message, whatever rules made of it. */
export function ownSource({ echo }: Pick<Message, 'echo'>): Source {
  return echo.own ?? echo;
}

/** Whether two PDUs have the same sender; none at all is one, too. */
export function sameSender(one: Source, other: Source): boolean {
  return addressOf(one) === addressOf(other);
}

/** Whether an operation names the destination of a message; an empty one is not given. */
export function namesDestination(message: Message, pdu: Destination): boolean {
  if (pdu.destination_addr === '' || message.submit === undefined) return true;
  return msisdnOf(pdu) === message.destination;
}

/** E.164 digits of a destination, undefined when it is malformed. */
export function msisdnOf(pdu: Destination): string | undefined {
  const { destination_addr: addr, dest_addr_ton: ton, dest_addr_npi: npi } = pdu;
  const destination = normaliseDestination(addr, ton, npi);
  return 'msisdn' in destination ? destination.msisdn : undefined;
}

function addressOf({ source_addr: addr, source_addr_ton: ton, source_addr_npi: npi }: Source) {
  const sender = checkSender(addr, ton, npi);
  // As given: with TON 0 or 1 a client may say letters for what it submitted under TON 5.
  return 'malformed' in sender ? addr : sender.addr;
}
