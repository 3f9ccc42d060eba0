import type { CatalogAccount, CatalogCarrier } from '../domain/catalog.ts';
import { checkSender } from '../domain/sender-id.ts';
import { newPdu, type SubmitSm } from '../smpp/pdu.ts';
import { splitPdu } from '../smpp/segmentation.ts';
import { wantsNotifications } from './delivery.ts';
import { DEFAULT_ALPHABET, type Message } from './message.ts';
import { applyQuirks, applySegmentQuirks, dropOtherTlvs } from './upstream-quirks.ts';
import { validityLeft } from './validity.ts';

/** registered_delivery upstream: a receipt for success and failure (SMPP 3.4 §5.2.17), unless the carrier has none. */
const RECEIPT_ALWAYS = 1;
/** ...and intermediate notifications, only where the customer wants them. */
const NOTIFICATIONS = 0x10;
/** What of a message its submit_sm is made of. */
export type Upstream = Pick<
  Message,
  'id' | 'submit' | 'destination' | 'segments' | 'validUntilMs' | 'registeredDelivery'
> & { readonly owner: Pick<CatalogAccount, 'profile'> };

/** TON international, NPI E.164 (SMPP 3.4 §5.2.5, §5.2.6): our destinations are E.164 digits. */
const TON_INTERNATIONAL = 1;
const NPI_E164 = 1;

/**
 * The submit_sm of each segment as the carrier gets it: the customer's own, with the destination in E.164,
 * the validity that is left, and a receipt always asked for; then what this carrier wants otherwise
 * (upstream-quirks.ts). `each` is called once a segment, in order.
 * @param dropsOthers the carrier knows no optional parameters: none goes that it does not itself ask for
 */
export function upstreamParts(
  message: Upstream,
  carrier: Pick<CatalogCarrier, 'receipts' | 'longMessages' | 'quirks'>,
  nowMs: number,
  dropsOthers: boolean,
  each: (pdu: SubmitSm, segment: number, parts: number) => void,
): void {
  const own = message.submit;
  if (own === undefined) throw new Error('a message to be sent has its submit_sm');
  const pdu = newPdu('submit_sm', 0);
  pdu.service_type = own.service_type;
  const sender = checkSender(own.source_addr, own.source_addr_ton, own.source_addr_npi);
  if ('malformed' in sender) throw new Error('an accepted message has a well-formed sender');
  pdu.source_addr_ton = sender.ton;
  pdu.source_addr_npi = sender.npi;
  pdu.source_addr = sender.addr;
  pdu.dest_addr_ton = TON_INTERNATIONAL;
  pdu.dest_addr_npi = NPI_E164;
  pdu.destination_addr = message.destination;
  pdu.esm_class = own.esm_class;
  pdu.protocol_id = own.protocol_id;
  pdu.priority_flag = own.priority_flag;
  pdu.validity_period = validityLeft(message.validUntilMs, nowMs);
  pdu.registered_delivery = registeredDelivery(message, carrier);
  pdu.replace_if_present_flag = own.replace_if_present_flag;
  pdu.data_coding = own.data_coding;
  pdu.sm_default_msg_id = own.sm_default_msg_id;
  pdu.short_message = own.short_message;
  pdu.tlvs = own.tlvs;
  const { quirks } = carrier;
  if (quirks !== undefined) applyQuirks(pdu, message, quirks);
  if (dropsOthers && pdu.tlvs !== undefined) dropOtherTlvs(pdu, quirks?.tlvs);
  // The usual case, spared a copy: one segment that already is a short_message.
  const isUsual = own.tlvs === undefined || own.short_message.length > 0;
  if (message.segments === 1 && isUsual && quirks === undefined) return each(pdu, 1, 1);
  // The same reference whenever and by whichever node a segment is sent again.
  const parts = splitPdu(pdu, carrier.longMessages, Number(message.id & 0xffffn), DEFAULT_ALPHABET);
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i];
    if (part === undefined) continue;
    if (quirks !== undefined) applySegmentQuirks(part, quirks);
    each(part, i + 1, parts.length);
  }
}

function registeredDelivery(
  message: Upstream,
  { receipts, quirks }: Pick<CatalogCarrier, 'receipts' | 'quirks'>,
): number {
  if (!receipts) return 0;
  const notifies = wantsNotifications(message.registeredDelivery);
  if (quirks === undefined) return notifies ? RECEIPT_ALWAYS | NOTIFICATIONS : RECEIPT_ALWAYS;
  return notifies ? quirks.registeredDelivery.notifications : quirks.registeredDelivery.receipt;
}
