import { DESTINATION_ADDR, SOURCE_ADDR } from '../smpp/fields.ts';
import { type DataSm, newPdu, type SubmitMulti, type SubmitSm } from '../smpp/pdu.ts';
import { formatRelativeTime } from '../smpp/smpp-time.ts';
import * as status from '../smpp/status.ts';
import { intTlv, TLVS } from '../smpp/tlv.ts';

/**
 * The status that refuses a data_sm whose addresses no submit_sm can have, ESME_ROK for others: data_sm allows 65 octets
 * (SMPP 3.4 §4.7.1), what goes to a carrier, what is stored and what a receipt repeats has 21 (§4.4.1).
 */
export function addressStatus(pdu: DataSm): number {
  if (pdu.source_addr.length >= SOURCE_ADDR.max) return status.ESME_RINVSRCADR;
  return pdu.destination_addr.length >= DESTINATION_ADDR.max
    ? status.ESME_RINVDSTADR
    : status.ESME_ROK;
}

/** A data_sm as the submit_sm that means the same: qos_time_to_live (seconds, SMPP 3.4 §5.3.2.9) is its validity. */
export function submitOfData(pdu: DataSm): SubmitSm {
  const submit = newPdu('submit_sm', pdu.sequence_number);
  submit.service_type = pdu.service_type;
  submit.source_addr_ton = pdu.source_addr_ton;
  submit.source_addr_npi = pdu.source_addr_npi;
  submit.source_addr = pdu.source_addr;
  submit.dest_addr_ton = pdu.dest_addr_ton;
  submit.dest_addr_npi = pdu.dest_addr_npi;
  submit.destination_addr = pdu.destination_addr;
  submit.esm_class = pdu.esm_class;
  submit.registered_delivery = pdu.registered_delivery;
  submit.data_coding = pdu.data_coding;
  const lifeSeconds = intTlv(pdu, 'qos_time_to_live');
  if (lifeSeconds !== undefined && lifeSeconds > 0)
    submit.validity_period = formatRelativeTime(lifeSeconds * 1_000);
  // What the validity became goes to the carrier as such.
  const others = pdu.tlvs?.filter((tlv) => tlv.tag !== TLVS.qos_time_to_live.tag);
  submit.tlvs = others === undefined || others.length === 0 ? undefined : others;
  return submit;
}

/** The submit_sm of each destination of a submit_multi, in order; none when one is a distribution list. */
export function submitsOfMulti(pdu: SubmitMulti): SubmitSm[] {
  const submits: SubmitSm[] = [];
  for (const to of pdu.dest_address) {
    if (to.dest_flag !== 1) return [];
    const { dest_addr_ton, dest_addr_npi, destination_addr } = to;
    submits.push(submitTo(pdu, { dest_addr_ton, dest_addr_npi, destination_addr }));
  }
  return submits;
}

function submitTo(
  pdu: SubmitMulti,
  to: Pick<SubmitSm, 'dest_addr_ton' | 'dest_addr_npi' | 'destination_addr'>,
): SubmitSm {
  const submit = newPdu('submit_sm', pdu.sequence_number);
  submit.service_type = pdu.service_type;
  submit.source_addr_ton = pdu.source_addr_ton;
  submit.source_addr_npi = pdu.source_addr_npi;
  submit.source_addr = pdu.source_addr;
  submit.dest_addr_ton = to.dest_addr_ton;
  submit.dest_addr_npi = to.dest_addr_npi;
  submit.destination_addr = to.destination_addr;
  submit.esm_class = pdu.esm_class;
  submit.protocol_id = pdu.protocol_id;
  submit.priority_flag = pdu.priority_flag;
  submit.schedule_delivery_time = pdu.schedule_delivery_time;
  submit.validity_period = pdu.validity_period;
  submit.registered_delivery = pdu.registered_delivery;
  submit.replace_if_present_flag = pdu.replace_if_present_flag;
  submit.data_coding = pdu.data_coding;
  submit.sm_default_msg_id = pdu.sm_default_msg_id;
  submit.short_message = pdu.short_message;
  submit.tlvs = pdu.tlvs;
  return submit;
}
