import { PduError } from './pdu.ts';
import { ESME_RINVPARLEN } from './status.ts';

/** An optional parameter as it stands on the wire; `value` without its tag and length. */
export interface Tlv {
  tag: number;
  value: Buffer;
}

/**
 * One row: the tag, how the value is read, and its least and greatest length in octets.
 * `int` is big-endian. `cstring` lengths count the NUL.
 */
export interface TlvSpec {
  readonly tag: number;
  readonly type: 'int' | 'cstring' | 'octets' | 'flag';
  readonly min: number;
  readonly max: number;
  /** True: `min` or `max` octets, nothing between. */
  readonly either?: true;
}

const int = (tag: number, octets: number) =>
  ({ tag, type: 'int', min: octets, max: octets }) as const;
const cstring = (tag: number, min: number, max: number) =>
  ({ tag, type: 'cstring', min, max }) as const;
const octets = (tag: number, min: number, max: number) =>
  ({ tag, type: 'octets', min, max }) as const;

/** TLVs that one PDU may have: four times as many as there are standard ones. 17,000 empty ones fit 70,000 octets. */
export const TLVS_MAX = 255;

/** The greatest length a TLV can state (two octets of length). */
const ANY = 0xffff;

/**
 * Every TLV of SMPP 3.4 §5.3.2 and SMPP 5.0 §4.8.4. Where the two versions differ in length
 * both are read. Tolerance towards carriers: a cstring TLV of variable length may come without its
 * NUL and may be empty, source_telematics_id may have two octets (one in 3.4 §5.3.2.8; clients of
 * 5.0 §4.8.4.61 send two), node ids may have fewer than six (seen: 5).
 */
export const TLVS = {
  dest_addr_subunit: int(0x0005, 1),
  dest_network_type: int(0x0006, 1),
  dest_bearer_type: int(0x0007, 1),
  dest_telematics_id: int(0x0008, 2),
  source_addr_subunit: int(0x000d, 1),
  source_network_type: int(0x000e, 1),
  source_bearer_type: int(0x000f, 1),
  source_telematics_id: { tag: 0x0010, type: 'int', min: 1, max: 2 },
  qos_time_to_live: int(0x0017, 4),
  payload_type: int(0x0019, 1),
  additional_status_info_text: cstring(0x001d, 0, 256),
  receipted_message_id: cstring(0x001e, 0, 65),
  ms_msg_wait_facilities: int(0x0030, 1),
  privacy_indicator: int(0x0201, 1),
  source_subaddress: octets(0x0202, 2, 23),
  dest_subaddress: octets(0x0203, 2, 23),
  user_message_reference: int(0x0204, 2),
  user_response_code: int(0x0205, 1),
  source_port: int(0x020a, 2),
  destination_port: int(0x020b, 2),
  sar_msg_ref_num: int(0x020c, 2),
  language_indicator: int(0x020d, 1),
  sar_total_segments: int(0x020e, 1),
  sar_segment_seqnum: int(0x020f, 1),
  sc_interface_version: int(0x0210, 1),
  callback_num_pres_ind: int(0x0302, 1),
  callback_num_atag: octets(0x0303, 0, 65),
  number_of_messages: int(0x0304, 1),
  callback_num: octets(0x0381, 4, 19),
  dpf_result: int(0x0420, 1),
  set_dpf: int(0x0421, 1),
  ms_availability_status: int(0x0422, 1),
  network_error_code: octets(0x0423, 3, 3),
  message_payload: octets(0x0424, 0, ANY),
  delivery_failure_reason: int(0x0425, 1),
  more_messages_to_send: int(0x0426, 1),
  message_state: int(0x0427, 1),
  congestion_state: int(0x0428, 1),
  ussd_service_op: int(0x0501, 1),
  broadcast_channel_indicator: int(0x0600, 1),
  broadcast_content_type: octets(0x0601, 3, 3),
  broadcast_content_type_info: octets(0x0602, 1, 255),
  broadcast_message_class: int(0x0603, 1),
  broadcast_rep_num: int(0x0604, 2),
  broadcast_frequency_interval: octets(0x0605, 3, 3),
  broadcast_area_identifier: octets(0x0606, 1, ANY),
  broadcast_error_status: int(0x0607, 4),
  broadcast_area_success: int(0x0608, 1),
  broadcast_end_time: cstring(0x0609, 17, 17),
  broadcast_service_group: octets(0x060a, 1, 255),
  billing_identification: octets(0x060b, 1, 1024),
  source_network_id: cstring(0x060d, 0, 65),
  dest_network_id: cstring(0x060e, 0, 65),
  source_node_id: octets(0x060f, 1, 6),
  dest_node_id: octets(0x0610, 1, 6),
  dest_addr_np_resolution: int(0x0611, 1),
  dest_addr_np_information: octets(0x0612, 10, 10),
  dest_addr_np_country: octets(0x0613, 1, 5),
  display_time: int(0x1201, 1),
  sms_signal: int(0x1203, 2),
  // One octet in 3.4 §5.3.2.27, four in 5.0 §4.8.4.41.
  ms_validity: { tag: 0x1204, type: 'octets', min: 1, max: 4, either: true },
  alert_on_message_delivery: { tag: 0x130c, type: 'flag', min: 0, max: 1 },
  its_reply_type: int(0x1380, 1),
  its_session_info: octets(0x1383, 2, 2),
} as const satisfies Record<string, TlvSpec>;

/** The name of a standard TLV. */
export type TlvName = keyof typeof TLVS;

type NamesOfType<T extends TlvSpec['type']> = {
  [N in TlvName]: (typeof TLVS)[N]['type'] extends T ? N : never;
}[TlvName];
/** TLVs whose value is a number. */
export type IntTlvName = NamesOfType<'int'>;
/** TLVs whose value is a C-octet string. */
export type TextTlvName = NamesOfType<'cstring'>;
/** TLVs whose value is read by nobody here. */
export type OctetsTlvName = NamesOfType<'octets' | 'flag'>;

const BY_TAG: ReadonlyMap<number, TlvSpec> = new Map(
  Object.values(TLVS).map((spec) => [spec.tag, spec]),
);
const NAME_BY_TAG: ReadonlyMap<number, string> = new Map(
  Object.entries(TLVS).map(([name, spec]) => [spec.tag, name]),
);

/** What the table says of a tag; undefined for a TLV of no standard, which is kept as it is. */
export function tlvSpec(tag: number): TlvSpec | undefined {
  return BY_TAG.get(tag);
}

/** The name of a tag for logs: the standard's, else "0x" and four hex digits. */
export function tlvName(tag: number): string {
  return NAME_BY_TAG.get(tag) ?? `0x${tag.toString(16).padStart(4, '0')}`;
}

/** Something that carries TLVs: every Pdu. */
export interface WithTlvs {
  readonly tlvs: Tlv[] | undefined;
}

/** The value of the first TLV with this tag: a view that lives as long as its PDU's buffer. */
export function tlvOf(pdu: WithTlvs, tag: number): Buffer | undefined {
  const tlvs = pdu.tlvs;
  if (tlvs === undefined) return undefined;
  for (const tlv of tlvs) if (tlv.tag === tag) return tlv.value;
  return undefined;
}

/** The number in a TLV, undefined when it is absent. */
export function intTlv(pdu: WithTlvs, name: IntTlvName): number | undefined {
  const value = tlvOf(pdu, TLVS[name].tag);
  if (value === undefined || value.length === 0 || value.length > 4) return undefined;
  return value.readUIntBE(0, value.length);
}

/** The text (latin1) of a C-octet string TLV up to its NUL, undefined when it is absent. */
export function textTlv(pdu: WithTlvs, name: TextTlvName): string | undefined {
  const value = tlvOf(pdu, TLVS[name].tag);
  if (value === undefined) return undefined;
  const nul = value.indexOf(0);
  return value.toString('latin1', 0, nul < 0 ? value.length : nul);
}

/** The octets of a TLV, undefined when it is absent; an own view, not a copy. */
export function octetsTlv(pdu: WithTlvs, name: TlvName): Buffer | undefined {
  return tlvOf(pdu, TLVS[name].tag);
}

/** Builds a TLV that holds a number in as many octets as its standard says. */
export function makeIntTlv(name: IntTlvName, value: number): Tlv {
  const spec = TLVS[name];
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** (8 * spec.min)) {
    throw new PduError('recoverable', ESME_RINVPARLEN, `${name} does not hold ${value}`, 0, 0);
  }
  const octetsOfValue = Buffer.allocUnsafe(spec.min);
  octetsOfValue.writeUIntBE(value, 0, spec.min);
  return { tag: spec.tag, value: octetsOfValue };
}

/** Builds a C-octet string TLV (latin1, NUL added). */
export function makeTextTlv(name: TextTlvName, text: string): Tlv {
  const spec = TLVS[name];
  if (text.length + 1 > spec.max || text.includes('\0')) {
    throw new PduError(
      'recoverable',
      ESME_RINVPARLEN,
      `${name} does not hold ${text.length} octets`,
      0,
      0,
    );
  }
  const value = Buffer.allocUnsafe(text.length + 1);
  value.write(text, 0, 'latin1');
  value[text.length] = 0;
  return { tag: spec.tag, value };
}

/** Builds a TLV of raw octets; the octets are kept, not copied. */
export function makeOctetsTlv(name: OctetsTlvName, value: Buffer): Tlv {
  const spec = TLVS[name];
  if (value.length < spec.min || value.length > spec.max) {
    throw new PduError(
      'recoverable',
      ESME_RINVPARLEN,
      `${name} does not hold ${value.length} octets`,
      0,
      0,
    );
  }
  return { tag: spec.tag, value };
}
