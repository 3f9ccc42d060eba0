import type { FieldSpec, FieldValues } from './fields.ts';
import * as f from './fields.ts';
import type { Tlv } from './tlv.ts';

/** A response is its request with this bit (3.4 §5.1.2). */
export const RESPONSE_BIT = 0x80000000;

interface CommandSpec {
  readonly id: number;
  readonly fields: readonly FieldSpec[];
  /**
   * Whether TLVs may follow. Every response may carry them (5.0's congestion_state), requests
   * that are a header only may not: octets after those are a wrong command_length.
   */
  readonly tlvs: boolean;
}

const SOURCE = [f.SOURCE_ADDR_TON, f.SOURCE_ADDR_NPI, f.SOURCE_ADDR] as const;
const DEST = [f.DEST_ADDR_TON, f.DEST_ADDR_NPI, f.DESTINATION_ADDR] as const;
const BIND = [
  f.SYSTEM_ID,
  f.PASSWORD,
  f.SYSTEM_TYPE,
  f.INTERFACE_VERSION,
  f.ADDR_TON,
  f.ADDR_NPI,
  f.ADDRESS_RANGE,
] as const;
/** What submit_sm, deliver_sm and submit_multi have after the addresses. */
const MESSAGE = [
  f.ESM_CLASS,
  f.PROTOCOL_ID,
  f.PRIORITY_FLAG,
  f.SCHEDULE_DELIVERY_TIME,
  f.VALIDITY_PERIOD,
  f.REGISTERED_DELIVERY,
  f.REPLACE_IF_PRESENT_FLAG,
  f.DATA_CODING,
  f.SM_DEFAULT_MSG_ID,
  f.SHORT_MESSAGE,
] as const;
const SM = [f.SERVICE_TYPE, ...SOURCE, ...DEST, ...MESSAGE] as const;

/**
 * Every PDU: its id and its mandatory fields in wire order. SMPP 3.4 §4, SMPP 5.0 §4 (broadcast_*
 * are 5.0 §4.4 and on). The types below and the codec both come from this table.
 */
export const COMMANDS = {
  bind_receiver: { id: 0x01, fields: BIND, tlvs: true },
  bind_receiver_resp: { id: 0x80000001, fields: [f.SYSTEM_ID], tlvs: true },
  bind_transmitter: { id: 0x02, fields: BIND, tlvs: true },
  bind_transmitter_resp: { id: 0x80000002, fields: [f.SYSTEM_ID], tlvs: true },
  bind_transceiver: { id: 0x09, fields: BIND, tlvs: true },
  bind_transceiver_resp: { id: 0x80000009, fields: [f.SYSTEM_ID], tlvs: true },
  outbind: { id: 0x0b, fields: [f.SYSTEM_ID, f.PASSWORD], tlvs: true },
  unbind: { id: 0x06, fields: [], tlvs: false },
  unbind_resp: { id: 0x80000006, fields: [], tlvs: true },
  enquire_link: { id: 0x15, fields: [], tlvs: false },
  enquire_link_resp: { id: 0x80000015, fields: [], tlvs: true },
  generic_nack: { id: 0x80000000, fields: [], tlvs: true },
  submit_sm: { id: 0x04, fields: SM, tlvs: true },
  submit_sm_resp: { id: 0x80000004, fields: [f.MESSAGE_ID], tlvs: true },
  deliver_sm: { id: 0x05, fields: SM, tlvs: true },
  deliver_sm_resp: { id: 0x80000005, fields: [f.MESSAGE_ID], tlvs: true },
  data_sm: {
    id: 0x103,
    fields: [
      f.SERVICE_TYPE,
      f.SOURCE_ADDR_TON,
      f.SOURCE_ADDR_NPI,
      f.LONG_SOURCE_ADDR,
      f.DEST_ADDR_TON,
      f.DEST_ADDR_NPI,
      f.LONG_DESTINATION_ADDR,
      f.ESM_CLASS,
      f.REGISTERED_DELIVERY,
      f.DATA_CODING,
    ],
    tlvs: true,
  },
  data_sm_resp: { id: 0x80000103, fields: [f.MESSAGE_ID], tlvs: true },
  submit_multi: {
    id: 0x21,
    fields: [f.SERVICE_TYPE, ...SOURCE, f.DEST_ADDRESS, ...MESSAGE],
    tlvs: true,
  },
  submit_multi_resp: { id: 0x80000021, fields: [f.MESSAGE_ID, f.UNSUCCESS_SME], tlvs: true },
  query_sm: { id: 0x03, fields: [f.MESSAGE_ID, ...SOURCE], tlvs: true },
  query_sm_resp: {
    id: 0x80000003,
    fields: [f.MESSAGE_ID, f.FINAL_DATE, f.MESSAGE_STATE, f.ERROR_CODE],
    tlvs: true,
  },
  cancel_sm: { id: 0x08, fields: [f.SERVICE_TYPE, f.MESSAGE_ID, ...SOURCE, ...DEST], tlvs: true },
  cancel_sm_resp: { id: 0x80000008, fields: [], tlvs: true },
  replace_sm: {
    id: 0x07,
    fields: [
      f.MESSAGE_ID,
      ...SOURCE,
      f.SCHEDULE_DELIVERY_TIME,
      f.VALIDITY_PERIOD,
      f.REGISTERED_DELIVERY,
      f.SM_DEFAULT_MSG_ID,
      f.SHORT_MESSAGE,
    ],
    tlvs: true,
  },
  replace_sm_resp: { id: 0x80000007, fields: [], tlvs: true },
  alert_notification: {
    id: 0x102,
    fields: [
      f.SOURCE_ADDR_TON,
      f.SOURCE_ADDR_NPI,
      f.LONG_SOURCE_ADDR,
      f.ESME_ADDR_TON,
      f.ESME_ADDR_NPI,
      f.ESME_ADDR,
    ],
    tlvs: true,
  },
  broadcast_sm: {
    id: 0x111,
    fields: [
      f.SERVICE_TYPE,
      ...SOURCE,
      f.MESSAGE_ID,
      f.PRIORITY_FLAG,
      f.SCHEDULE_DELIVERY_TIME,
      f.VALIDITY_PERIOD,
      f.REPLACE_IF_PRESENT_FLAG,
      f.DATA_CODING,
      f.SM_DEFAULT_MSG_ID,
    ],
    tlvs: true,
  },
  broadcast_sm_resp: { id: 0x80000111, fields: [f.MESSAGE_ID], tlvs: true },
  query_broadcast_sm: { id: 0x112, fields: [f.MESSAGE_ID, ...SOURCE], tlvs: true },
  query_broadcast_sm_resp: { id: 0x80000112, fields: [f.MESSAGE_ID], tlvs: true },
  cancel_broadcast_sm: { id: 0x113, fields: [f.SERVICE_TYPE, f.MESSAGE_ID, ...SOURCE], tlvs: true },
  cancel_broadcast_sm_resp: { id: 0x80000113, fields: [], tlvs: true },
} as const satisfies Record<string, CommandSpec>;

/** The name of a PDU in the specification's words. */
export type CommandName = keyof typeof COMMANDS;
/** The names of PDUs that answer another. */
export type ResponseName = Extract<CommandName, `${string}_resp` | 'generic_nack'>;
/** The names of PDUs that are not answers (alert_notification and outbind have none). */
export type RequestName = Exclude<CommandName, ResponseName>;

type Header<C extends CommandName> = {
  command: C;
  command_id: number;
  command_status: number;
  sequence_number: number;
};
type Body<C extends CommandName> = {
  [F in (typeof COMMANDS)[C]['fields'][number] as F['name']]: FieldValues[F['type']];
};
type Tail<C extends CommandName> = C extends ResponseName
  ? {
      tlvs: Tlv[] | undefined;
      /**
       * Decoding: the response was a header only (usual with an error status), its fields are
       * empty. Encoding: write the header only.
       */
      bodyOmitted: boolean;
    }
  : { tlvs: Tlv[] | undefined };

/** A PDU of one command, with the specification's field names. */
export type PduOf<C extends CommandName> = C extends CommandName
  ? Header<C> & Body<C> & Tail<C>
  : never;
/**
 * Any PDU, told apart by `command`. C-octet strings are strings (latin1), octet strings are
 * views into the buffer that was decoded: copy what outlives the turn (see framing.ts).
 */
export type Pdu = PduOf<CommandName>;
export type SubmitSm = PduOf<'submit_sm'>;
export type SubmitSmResp = PduOf<'submit_sm_resp'>;
export type DeliverSm = PduOf<'deliver_sm'>;
export type DeliverSmResp = PduOf<'deliver_sm_resp'>;
export type SubmitMulti = PduOf<'submit_multi'>;
export type DataSm = PduOf<'data_sm'>;
/** The three bind requests. */
export type BindRequest = PduOf<'bind_receiver' | 'bind_transmitter' | 'bind_transceiver'>;
/** A request of ours or the peer's. */
export type RequestPdu = PduOf<RequestName>;
/** An answer of ours or the peer's. */
export type ResponsePdu = PduOf<ResponseName>;

/** Octets of nothing, shared by every PDU with an empty octet string. Never written to. */
export const NO_OCTETS: Buffer = Buffer.alloc(0);

/**
 * A PDU with every field empty or 0 and status 0; set what it needs. The four frequent PDUs come
 * in one object shape, the same as decodePdu's, so that code which handles them stays fast.
 */
export function newPdu<C extends CommandName>(command: C, sequenceNumber: number): PduOf<C> {
  return emptyPdu(command, sequenceNumber) as PduOf<C>;
}

/** A response to `request` (a header is enough): its name and sequence_number; header only unless filled in. */
export function newResponse<C extends ResponseName>(
  command: C,
  sequenceNumber: number,
  commandStatus: number,
): PduOf<C> {
  const pdu = emptyPdu(command, sequenceNumber) as PduOf<ResponseName>;
  pdu.command_status = commandStatus;
  pdu.bodyOmitted = commandStatus !== 0;
  return pdu as PduOf<C>;
}

/** The response that answers a command_id, undefined when it has none (or is itself a response). */
export function responseNameOf(commandId: number): ResponseName | undefined {
  if (commandId >= RESPONSE_BIT) return undefined;
  return commandNameOf(commandId + RESPONSE_BIT) as ResponseName | undefined;
}

/** The name of a command_id, undefined for one of no version. */
export function commandNameOf(commandId: number): CommandName | undefined {
  return NAMES.get(commandId);
}

/** Whether a PDU is an answer. */
export function isResponse(pdu: Pdu): pdu is ResponsePdu {
  return pdu.command_id >= RESPONSE_BIT;
}

/**
 * The one exception of the wire layer: a PDU that cannot be read or must not be written.
 *
 * `recoverable`: the frame was whole, so the next PDU can be read; answer this one with
 * `commandStatus` (in its own response, or generic_nack where it has none) and go on.
 * `fatal`: the stream's framing is lost (command_length below 16 or over the limit); answer
 * generic_nack and close.
 *
 * `commandId` and `sequenceNumber` are those of the offending header, 0 when it was not read.
 */
export class PduError extends Error {
  readonly kind: 'recoverable' | 'fatal';
  readonly commandStatus: number;
  readonly commandId: number;
  readonly sequenceNumber: number;

  constructor(
    kind: 'recoverable' | 'fatal',
    commandStatus: number,
    message: string,
    commandId: number,
    sequenceNumber: number,
  ) {
    super(message);
    this.name = 'PduError';
    this.kind = kind;
    this.commandStatus = commandStatus;
    this.commandId = commandId;
    this.sequenceNumber = sequenceNumber;
  }
}

const NAMES: ReadonlyMap<number, CommandName> = new Map(
  Object.entries(COMMANDS).map(([name, spec]) => [spec.id, name as CommandName]),
);

function emptyPdu(command: CommandName, sequenceNumber: number): Pdu {
  if (command === 'submit_sm') return emptySm('submit_sm', sequenceNumber);
  if (command === 'deliver_sm') return emptySm('deliver_sm', sequenceNumber);
  if (command === 'submit_sm_resp') return emptySmResp('submit_sm_resp', sequenceNumber);
  if (command === 'deliver_sm_resp') return emptySmResp('deliver_sm_resp', sequenceNumber);
  const spec: CommandSpec = COMMANDS[command];
  const pdu: Record<string, unknown> = {
    command,
    command_id: spec.id,
    command_status: 0,
    sequence_number: sequenceNumber,
  };
  for (const field of spec.fields) pdu[field.name] = emptyValue(field.type);
  pdu.tlvs = undefined;
  if (spec.id >= RESPONSE_BIT) pdu.bodyOmitted = false;
  // The one cast from the table's rows to the types that TypeScript derived from the same table.
  return pdu as unknown as Pdu;
}

function emptyValue(type: FieldSpec['type']): FieldValues[FieldSpec['type']] {
  switch (type) {
    case 'int8':
    case 'int32':
      return 0;
    case 'cstring':
      return '';
    case 'octets8':
      return NO_OCTETS;
    case 'dests':
    case 'unsuccess':
      return [];
  }
}

function emptySm<C extends 'submit_sm' | 'deliver_sm'>(command: C, sequenceNumber: number) {
  return {
    command,
    command_id: COMMANDS[command].id,
    command_status: 0,
    sequence_number: sequenceNumber,
    service_type: '',
    source_addr_ton: 0,
    source_addr_npi: 0,
    source_addr: '',
    dest_addr_ton: 0,
    dest_addr_npi: 0,
    destination_addr: '',
    esm_class: 0,
    protocol_id: 0,
    priority_flag: 0,
    schedule_delivery_time: '',
    validity_period: '',
    registered_delivery: 0,
    replace_if_present_flag: 0,
    data_coding: 0,
    sm_default_msg_id: 0,
    short_message: NO_OCTETS,
    tlvs: undefined,
  };
}

function emptySmResp<C extends 'submit_sm_resp' | 'deliver_sm_resp'>(
  command: C,
  sequenceNumber: number,
) {
  return {
    command,
    command_id: COMMANDS[command].id,
    command_status: 0,
    sequence_number: sequenceNumber,
    message_id: '',
    tlvs: undefined,
    bodyOmitted: false,
  };
}
