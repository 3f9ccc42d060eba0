import {
  COMPILED,
  COMPILED_BY_ID,
  type CompiledCommand,
  type FieldReader,
  type FieldWriter,
} from './compiled-commands.ts';
import type { CStringSpec, DestAddress, UnsuccessSme } from './fields.ts';
import * as f from './fields.ts';
import { HEADER_OCTETS } from './framing.ts';
import {
  COMMANDS,
  type CommandName,
  type DeliverSm,
  newPdu,
  type Pdu,
  PduError,
  RESPONSE_BIT,
  type ResponsePdu,
  type SubmitSm,
} from './pdu.ts';
import { PduReader } from './pdu-reader.ts';
import {
  ESME_RINVCMDID,
  ESME_RINVCMDLEN,
  ESME_RINVDESTFLAG,
  ESME_RINVNUMDESTS,
  ESME_RINVPARLEN,
  ESME_RTLVNOTALLWD,
} from './status.ts';
import { type Tlv, tlvName, tlvSpec } from './tlv.ts';

/**
 * Decodes the PDU in `buf[start..end)`. Its octet strings are views into `buf`.
 *
 * Strict: a field over its length, a string without NUL, an sm_length or TLV beyond the PDU, a
 * TLV of a wrong length, octets left over, all are refused with the field's standard status.
 * Tolerated, because carriers and customers do it: a positive response to bind, submit_sm, data_sm and
 * deliver_sm without a body (refused, an accepted message would be an unknown outcome and sent again, a
 * receipt returned for ever); an error response without a body; an error
 * response whose body is malformed (it is dropped: the status is what counts, and losing it would
 * make the submit an unknown outcome); sequence numbers over 0x7fffffff and 0; a non-empty
 * message_id in deliver_sm_resp; the TLV lengths named in tlv.ts; any standard TLV in any PDU.
 *
 * @throws PduError recoverable, with ESME_RINVCMDID for a command_id of no version; fatal when
 * command_length is not the length given.
 */
export function decodePdu(buf: Buffer, start: number, end: number): Pdu {
  const octets = end - start;
  if (octets < HEADER_OCTETS || end > buf.length || buf.readUInt32BE(start) !== octets) {
    throw new PduError(
      'fatal',
      ESME_RINVCMDLEN,
      'command_length is not the length of the PDU',
      0,
      0,
    );
  }
  const commandId = buf.readUInt32BE(start + 4);
  const status = buf.readUInt32BE(start + 8);
  const sequenceNumber = buf.readUInt32BE(start + 12);
  READER.begin(buf, start + HEADER_OCTETS, end, commandId, sequenceNumber);
  try {
    if (commandId === SUBMIT_SM) return readSm(newPdu('submit_sm', sequenceNumber), status);
    if (commandId === DELIVER_SM) return readSm(newPdu('deliver_sm', sequenceNumber), status);
    const command = COMPILED_BY_ID.get(commandId);
    if (command === undefined)
      READER.fail(ESME_RINVCMDID, `command_id 0x${commandId.toString(16)}`);
    if (commandId >= RESPONSE_BIT) return readResponse(command, sequenceNumber, status, octets);
    return readByTable(command, sequenceNumber, status);
  } finally {
    READER.finish();
  }
}

/**
 * Writes a PDU behind what the writer holds. Its `command_id` is taken from its `command`.
 * @throws PduError when a field does not fit; nothing of the PDU is written then.
 */
export function encodePdu(writer: PduWriter, pdu: Pdu): void {
  const command = COMPILED[pdu.command];
  writer.begin(command.id, pdu.command_status, pdu.sequence_number);
  try {
    if (pdu.command === 'submit_sm' || pdu.command === 'deliver_sm') writeSm(writer, pdu);
    else if (pdu.command === 'submit_sm_resp' || pdu.command === 'deliver_sm_resp') {
      if (!pdu.bodyOmitted) {
        writer.reserve(command.maxOctets);
        writer.cstring(f.MESSAGE_ID, pdu.message_id);
        writer.tlvs(pdu.tlvs);
      }
    } else writeByTable(writer, command, pdu);
  } catch (error) {
    writer.abandon();
    throw error;
  }
  writer.end();
}

/** The octets of one PDU, for callers that write rarely. */
export function encodeOne(pdu: Pdu, writer: PduWriter): Buffer {
  encodePdu(writer, pdu);
  return writer.take();
}

const READER: PduReader = new PduReader();
const SUBMIT_SM = COMMANDS.submit_sm.id;
const DELIVER_SM = COMMANDS.deliver_sm.id;
/** Responses that say nothing without their body: the answer to a question, or which destinations failed. */
const BODY_SAYS_ALL: ReadonlySet<CommandName> = new Set([
  'query_sm_resp',
  'submit_multi_resp',
  'broadcast_sm_resp',
  'query_broadcast_sm_resp',
]);
const SM_MAX_OCTETS = COMPILED.submit_sm.maxOctets;

/**
 * submit_sm and deliver_sm, written out so that every store has one shape and place. The fields
 * are the table's; golden PDUs and npm smpp hold their order to the specification.
 */
function readSm<P extends SubmitSm | DeliverSm>(pdu: P, status: number): P {
  const reader = READER;
  pdu.command_status = status;
  pdu.service_type = reader.cstring(f.SERVICE_TYPE);
  pdu.source_addr_ton = reader.int8();
  pdu.source_addr_npi = reader.int8();
  pdu.source_addr = reader.cstring(f.SOURCE_ADDR);
  pdu.dest_addr_ton = reader.int8();
  pdu.dest_addr_npi = reader.int8();
  pdu.destination_addr = reader.cstring(f.DESTINATION_ADDR);
  pdu.esm_class = reader.int8();
  pdu.protocol_id = reader.int8();
  pdu.priority_flag = reader.int8();
  pdu.schedule_delivery_time = reader.cstring(f.SCHEDULE_DELIVERY_TIME);
  pdu.validity_period = reader.cstring(f.VALIDITY_PERIOD);
  pdu.registered_delivery = reader.int8();
  pdu.replace_if_present_flag = reader.int8();
  pdu.data_coding = reader.int8();
  pdu.sm_default_msg_id = reader.int8();
  pdu.short_message = reader.octets8(f.SHORT_MESSAGE.status);
  pdu.tlvs = reader.tlvs();
  return pdu;
}

function readResponse(
  command: CompiledCommand,
  sequenceNumber: number,
  status: number,
  octets: number,
): Pdu {
  if (octets > HEADER_OCTETS) {
    try {
      if (command.name === 'submit_sm_resp' || command.name === 'deliver_sm_resp') {
        const pdu = newPdu(command.name, sequenceNumber);
        pdu.command_status = status;
        pdu.message_id = READER.cstring(f.MESSAGE_ID);
        pdu.tlvs = READER.tlvs();
        return pdu;
      }
      return readByTable(command, sequenceNumber, status);
    } catch (error) {
      if (status === 0 || !(error instanceof PduError)) throw error;
    }
  }
  if (status === 0 && octets === HEADER_OCTETS && BODY_SAYS_ALL.has(command.name))
    READER.fail(ESME_RINVCMDLEN, `a positive ${command.name} without its body`);
  const pdu = newPdu(command.name, sequenceNumber) as ResponsePdu;
  pdu.command_status = status;
  pdu.bodyOmitted = command.readers.length > 0;
  return pdu;
}

function readByTable(command: CompiledCommand, sequenceNumber: number, status: number): Pdu {
  const pdu: Pdu = newPdu(command.name, sequenceNumber);
  pdu.command_status = status;
  // The table that names these fields is the one the types come from.
  const fields = pdu as unknown as Record<string, unknown>;
  const { names, readers } = command;
  for (let index = 0; index < readers.length; index++) {
    fields[names[index] as string] = (readers[index] as FieldReader)(READER);
  }
  if (command.tlvs) pdu.tlvs = READER.tlvs();
  else READER.end();
  return pdu;
}

function writeSm(writer: PduWriter, pdu: SubmitSm | DeliverSm): void {
  writer.reserve(SM_MAX_OCTETS);
  writer.cstring(f.SERVICE_TYPE, pdu.service_type);
  writer.int8(pdu.source_addr_ton);
  writer.int8(pdu.source_addr_npi);
  writer.cstring(f.SOURCE_ADDR, pdu.source_addr);
  writer.int8(pdu.dest_addr_ton);
  writer.int8(pdu.dest_addr_npi);
  writer.cstring(f.DESTINATION_ADDR, pdu.destination_addr);
  writer.int8(pdu.esm_class);
  writer.int8(pdu.protocol_id);
  writer.int8(pdu.priority_flag);
  writer.cstring(f.SCHEDULE_DELIVERY_TIME, pdu.schedule_delivery_time);
  writer.cstring(f.VALIDITY_PERIOD, pdu.validity_period);
  writer.int8(pdu.registered_delivery);
  writer.int8(pdu.replace_if_present_flag);
  writer.int8(pdu.data_coding);
  writer.int8(pdu.sm_default_msg_id);
  writer.octets8(pdu.short_message, f.SHORT_MESSAGE.status);
  writer.tlvs(pdu.tlvs);
}

function writeByTable(writer: PduWriter, command: CompiledCommand, pdu: Pdu): void {
  if ('bodyOmitted' in pdu && pdu.bodyOmitted) return;
  writer.reserve(command.maxOctets);
  const fields = pdu as unknown as Record<string, unknown>;
  const { names, writers } = command;
  for (let index = 0; index < writers.length; index++) {
    (writers[index] as FieldWriter)(writer, fields[names[index] as string]);
  }
  if (pdu.tlvs !== undefined && !command.tlvs)
    writer.fail(ESME_RTLVNOTALLWD, `${command.name} takes no TLV`);
  writer.tlvs(pdu.tlvs);
}

/** One slab holds some hundreds of PDUs: enough for a turn's writes in one piece. */
const SLAB_OCTETS = 64 * 1024;
/** Up to here a loop in JavaScript beats the call into the runtime (measured, Node 24). */
const LOOP_OCTETS = 24;

/**
 * A growable buffer that PDUs are written into one behind the other. `take` hands over what was
 * written since the last take; writing goes on behind it in the same slab, so that nothing is
 * copied and what was handed over stays untouched until the socket has sent it.
 */
export class PduWriter {
  #buf: Buffer = Buffer.allocUnsafeSlow(SLAB_OCTETS);
  #from = 0;
  #position = 0;
  #pduStart = 0;
  #commandId = 0;
  #sequenceNumber = 0;

  /** Octets written and not taken. */
  get length(): number {
    return this.#position - this.#from;
  }

  /** What was written since the last take: yours; empty when nothing was. */
  take(): Buffer {
    const taken = this.#buf.subarray(this.#from, this.#position);
    this.#from = this.#position;
    return taken;
  }

  /** Starts a PDU: its header with a command_length to come. */
  begin(commandId: number, commandStatus: number, sequenceNumber: number): void {
    this.reserve(16);
    const buf = this.#buf;
    const start = this.#position;
    this.#pduStart = start;
    this.#commandId = commandId;
    this.#sequenceNumber = sequenceNumber;
    buf.writeUInt32BE(commandId, start + 4);
    buf.writeUInt32BE(commandStatus, start + 8);
    buf.writeUInt32BE(sequenceNumber, start + 12);
    this.#position = start + 16;
  }

  /** Ends a PDU: writes its command_length. */
  end(): void {
    this.#buf.writeUInt32BE(this.#position - this.#pduStart, this.#pduStart);
  }

  /** Drops the PDU that was begun and not ended. */
  abandon(): void {
    this.#position = this.#pduStart;
  }

  /** Makes room for so many octets. Every method for a field relies on it; `tlvs` makes its own. */
  reserve(octets: number): void {
    if (this.#position + octets <= this.#buf.length) return;
    const length = this.#position - this.#from;
    const grown = Buffer.allocUnsafeSlow(Math.max(SLAB_OCTETS, 2 * (length + octets)));
    this.#buf.copy(grown, 0, this.#from, this.#position);
    this.#pduStart -= this.#from;
    this.#buf = grown;
    this.#from = 0;
    this.#position = length;
  }

  int8(value: number): void {
    if (value < 0 || value > 255) this.fail(ESME_RINVPARLEN, `${value} is not one octet`);
    this.#buf[this.#position++] = value;
  }

  int32(value: number): void {
    this.#position = this.#buf.writeUInt32BE(value, this.#position);
  }

  /** A C-octet string and its NUL. @throws PduError when it is longer than `spec.max`, or has a NUL or a character over U+00FF. */
  cstring(spec: CStringSpec, text: string): void {
    const length = text.length;
    if (length >= spec.max) this.fail(spec.status, `${spec.name} of ${length} octets is too long`);
    const buf = this.#buf;
    let position = this.#position;
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index);
      if (code === 0 || code > 255)
        this.fail(spec.status, `${spec.name} has a character that is no octet`);
      buf[position++] = code;
    }
    buf[position] = 0;
    this.#position = position + 1;
  }

  /** Octets behind one octet of length. */
  octets8(value: Buffer, status: number): void {
    if (value.length > 255)
      this.fail(status, `${value.length} octets do not fit one octet of length`);
    this.#buf[this.#position++] = value.length;
    this.#octets(value);
  }

  /** Every TLV in order. @throws PduError when a standard one has a length outside its rule. */
  tlvs(tlvs: Tlv[] | undefined): void {
    if (tlvs === undefined) return;
    for (const tlv of tlvs) {
      const { tag, value } = tlv;
      const spec = tlvSpec(tag);
      if (value.length > (spec?.max ?? 0xffff) || value.length < (spec?.min ?? 0)) {
        this.fail(ESME_RINVPARLEN, `TLV ${tlvName(tag)} of ${value.length} octets`);
      }
      this.reserve(4 + value.length);
      const buf = this.#buf;
      const position = this.#position;
      buf.writeUInt16BE(tag, position);
      buf.writeUInt16BE(value.length, position + 2);
      this.#position = position + 4;
      this.#octets(value);
    }
  }

  dests(dests: readonly DestAddress[]): void {
    if (dests.length === 0 || dests.length > 255) {
      this.fail(ESME_RINVNUMDESTS, `number_of_dests of ${dests.length}`);
    }
    this.int8(dests.length);
    for (const dest of dests) {
      this.int8(dest.dest_flag);
      if (dest.dest_flag === 1) {
        this.int8(dest.dest_addr_ton);
        this.int8(dest.dest_addr_npi);
        this.cstring(f.DESTINATION_ADDR, dest.destination_addr);
      } else if (dest.dest_flag === 2) {
        this.cstring(f.DL_NAME, dest.dl_name);
      } else {
        this.fail(ESME_RINVDESTFLAG, 'dest_flag is neither 1 nor 2');
      }
    }
  }

  unsuccess(failures: readonly UnsuccessSme[]): void {
    if (failures.length > 255) this.fail(ESME_RINVNUMDESTS, `no_unsuccess of ${failures.length}`);
    this.int8(failures.length);
    for (const failure of failures) {
      this.int8(failure.dest_addr_ton);
      this.int8(failure.dest_addr_npi);
      this.cstring(f.DESTINATION_ADDR, failure.destination_addr);
      this.int32(failure.error_status_code);
    }
  }

  fail(status: number, message: string): never {
    throw new PduError('recoverable', status, message, this.#commandId, this.#sequenceNumber);
  }

  #octets(value: Buffer): void {
    const length = value.length;
    const buf = this.#buf;
    const position = this.#position;
    if (length > LOOP_OCTETS) value.copy(buf, position);
    else
      for (let index = 0; index < length; index++) buf[position + index] = value[index] as number;
    this.#position = position + length;
  }
}
