import {
  ESME_RINVCMDLEN,
  ESME_RINVDLNAME,
  ESME_RINVDSTADR,
  ESME_RINVEXPIRY,
  ESME_RINVMSGID,
  ESME_RINVMSGLEN,
  ESME_RINVNUMDESTS,
  ESME_RINVPARLEN,
  ESME_RINVPASWD,
  ESME_RINVSCHED,
  ESME_RINVSERTYP,
  ESME_RINVSRCADR,
  ESME_RINVSYSID,
  ESME_RINVSYSTYP,
} from './status.ts';

/**
 * A mandatory field of a PDU. `max` of a cstring counts its NUL, as the specification's
 * tables do; `status` is the command_status that answers a malformed one.
 */
export type FieldSpec =
  | { readonly name: string; readonly type: 'int8' | 'int32'; readonly status: number }
  | {
      readonly name: string;
      readonly type: 'cstring';
      readonly max: number;
      readonly status: number;
    }
  /** One octet of length, then that many octets: sm_length with short_message. */
  | { readonly name: string; readonly type: 'octets8'; readonly status: number }
  /** One octet of count, then that many addresses: number_of_dests with dest_address. */
  | { readonly name: string; readonly type: 'dests'; readonly status: number }
  /** One octet of count, then that many failures: no_unsuccess with unsuccess_sme. */
  | { readonly name: string; readonly type: 'unsuccess'; readonly status: number };

/** A cstring's spec alone, for the readers and writers. */
export type CStringSpec = Extract<FieldSpec, { type: 'cstring' }>;

/** One destination of submit_multi: an SME address (dest_flag 1) or a distribution list (2). */
export type DestAddress =
  | { dest_flag: 1; dest_addr_ton: number; dest_addr_npi: number; destination_addr: string }
  | { dest_flag: 2; dl_name: string };

/** One entry of submit_multi_resp's unsuccess_sme. */
export interface UnsuccessSme {
  dest_addr_ton: number;
  dest_addr_npi: number;
  destination_addr: string;
  error_status_code: number;
}

/** The TypeScript value of a field, by its type. */
export interface FieldValues {
  int8: number;
  int32: number;
  cstring: string;
  octets8: Buffer;
  dests: DestAddress[];
  unsuccess: UnsuccessSme[];
}

// Lengths: SMPP 3.4 §4 and §5.2. A single octet that is missing means that the PDU ended early,
// which is a matter of command_length.
const int8 = <N extends string>(name: N) =>
  ({ name, type: 'int8', status: ESME_RINVCMDLEN }) as const;
const cstring = <N extends string>(name: N, max: number, status: number) =>
  ({ name, type: 'cstring', max, status }) as const;

export const SYSTEM_ID = cstring('system_id', 16, ESME_RINVSYSID);
export const PASSWORD = cstring('password', 9, ESME_RINVPASWD);
export const SYSTEM_TYPE = cstring('system_type', 13, ESME_RINVSYSTYP);
export const INTERFACE_VERSION = int8('interface_version');
export const ADDR_TON = int8('addr_ton');
export const ADDR_NPI = int8('addr_npi');
/** No status of its own in the specification. */
export const ADDRESS_RANGE = cstring('address_range', 41, ESME_RINVPARLEN);
export const SERVICE_TYPE = cstring('service_type', 6, ESME_RINVSERTYP);
export const SOURCE_ADDR_TON = int8('source_addr_ton');
export const SOURCE_ADDR_NPI = int8('source_addr_npi');
export const SOURCE_ADDR = cstring('source_addr', 21, ESME_RINVSRCADR);
/** data_sm and alert_notification allow 65 (3.4 §4.7.1, §4.12.1). */
export const LONG_SOURCE_ADDR = cstring('source_addr', 65, ESME_RINVSRCADR);
export const DEST_ADDR_TON = int8('dest_addr_ton');
export const DEST_ADDR_NPI = int8('dest_addr_npi');
export const DESTINATION_ADDR = cstring('destination_addr', 21, ESME_RINVDSTADR);
export const LONG_DESTINATION_ADDR = cstring('destination_addr', 65, ESME_RINVDSTADR);
export const ESME_ADDR_TON = int8('esme_addr_ton');
export const ESME_ADDR_NPI = int8('esme_addr_npi');
export const ESME_ADDR = cstring('esme_addr', 65, ESME_RINVDSTADR);
export const ESM_CLASS = int8('esm_class');
export const PROTOCOL_ID = int8('protocol_id');
export const PRIORITY_FLAG = int8('priority_flag');
/** 1 or 17 octets; whether a time of another length means anything is for smpp-time.ts. */
export const SCHEDULE_DELIVERY_TIME = cstring('schedule_delivery_time', 17, ESME_RINVSCHED);
export const VALIDITY_PERIOD = cstring('validity_period', 17, ESME_RINVEXPIRY);
export const FINAL_DATE = cstring('final_date', 17, ESME_RINVPARLEN);
export const REGISTERED_DELIVERY = int8('registered_delivery');
export const REPLACE_IF_PRESENT_FLAG = int8('replace_if_present_flag');
export const DATA_CODING = int8('data_coding');
export const SM_DEFAULT_MSG_ID = int8('sm_default_msg_id');
/** 0-254 octets in 3.4, 0-255 in 5.0 §4.7.28: 255 is read and written. */
export const SHORT_MESSAGE = {
  name: 'short_message',
  type: 'octets8',
  status: ESME_RINVMSGLEN,
} as const;
export const MESSAGE_ID = cstring('message_id', 65, ESME_RINVMSGID);
export const MESSAGE_STATE = int8('message_state');
export const ERROR_CODE = int8('error_code');
export const DEST_ADDRESS = {
  name: 'dest_address',
  type: 'dests',
  status: ESME_RINVNUMDESTS,
} as const;
export const UNSUCCESS_SME = {
  name: 'unsuccess_sme',
  type: 'unsuccess',
  status: ESME_RINVCMDLEN,
} as const;
/** Inside dest_address only. */
export const DL_NAME = cstring('dl_name', 21, ESME_RINVDLNAME);
