import {
  type CStringSpec,
  DESTINATION_ADDR,
  type DestAddress,
  DL_NAME,
  type UnsuccessSme,
} from './fields.ts';
import { NO_OCTETS, PduError } from './pdu.ts';
import {
  ESME_RINVCMDLEN,
  ESME_RINVDESTFLAG,
  ESME_RINVPARLEN,
  ESME_RINVTLVSTREAM,
} from './status.ts';
import { TLVS_MAX, type Tlv, type TlvSpec, tlvName, tlvSpec } from './tlv.ts';

/**
 * Reads the fields of one PDU after the other, never beyond its end. One object serves every
 * decode (decoding is synchronous), so that no cursor is allocated for a PDU.
 * Every method throws PduError (recoverable) with the field's status.
 */
export class PduReader {
  #buf: Buffer = NO_OCTETS;
  #position = 0;
  #end = 0;
  #commandId = 0;
  #sequenceNumber = 0;

  /** Starts on the body of a PDU; the header's values go into the errors. */
  begin(buf: Buffer, start: number, end: number, commandId: number, sequenceNumber: number): void {
    this.#buf = buf;
    this.#position = start;
    this.#end = end;
    this.#commandId = commandId;
    this.#sequenceNumber = sequenceNumber;
  }

  /** Lets go of the buffer, so that this object does not keep it alive. */
  finish(): void {
    this.#buf = NO_OCTETS;
  }

  int8(): number {
    const position = this.#position;
    if (position >= this.#end)
      this.fail(ESME_RINVCMDLEN, 'the PDU ends before its mandatory fields');
    this.#position = position + 1;
    return this.#buf[position] as number;
  }

  int32(): number {
    const position = this.#position;
    if (position + 4 > this.#end)
      this.fail(ESME_RINVCMDLEN, 'the PDU ends before its mandatory fields');
    this.#position = position + 4;
    return this.#buf.readUInt32BE(position);
  }

  /** A C-octet string of at most `spec.max` octets with its NUL. */
  cstring(spec: CStringSpec): string {
    const buf = this.#buf;
    const start = this.#position;
    const limit = start + spec.max < this.#end ? start + spec.max : this.#end;
    let nul = start;
    while (nul < limit && buf[nul] !== 0) nul++;
    if (nul === limit) this.#failCString(spec, start);
    this.#position = nul + 1;
    return nul === start ? '' : buf.toString('latin1', start, nul);
  }

  /** sm_length and short_message: a view. */
  octets8(status: number): Buffer {
    const length = this.int8();
    const start = this.#position;
    const end = start + length;
    if (end > this.#end) this.fail(status, `a length of ${length} goes beyond the PDU`);
    this.#position = end;
    return length === 0 ? NO_OCTETS : this.#buf.subarray(start, end);
  }

  /** Every TLV up to the end of the PDU, in order; undefined when there is none. */
  tlvs(): Tlv[] | undefined {
    if (this.#position === this.#end) return undefined;
    const buf = this.#buf;
    const tlvs: Tlv[] = [];
    while (this.#position < this.#end) {
      const start = this.#position + 4;
      if (start > this.#end) this.fail(ESME_RINVTLVSTREAM, 'the PDU ends inside the head of a TLV');
      const tag = buf.readUInt16BE(start - 4);
      const length = buf.readUInt16BE(start - 2);
      const end = start + length;
      if (end > this.#end) this.fail(ESME_RINVTLVSTREAM, `TLV ${tlvName(tag)} goes beyond the PDU`);
      const spec = tlvSpec(tag);
      if (spec !== undefined && !fits(spec, length)) {
        this.fail(ESME_RINVPARLEN, `TLV ${tlvName(tag)} has ${length} octets`);
      }
      // One of a fixed length ends where its NUL is: readers that go by the NUL would lose their place.
      if (spec?.type === 'cstring' && spec.min > 0 && buf.indexOf(0, start) !== end - 1)
        this.fail(ESME_RINVPARLEN, `TLV ${tlvName(tag)} has its NUL elsewhere`);
      if (tlvs.length === TLVS_MAX) this.fail(ESME_RINVTLVSTREAM, `more than ${TLVS_MAX} TLVs`);
      tlvs.push({ tag, value: length === 0 ? NO_OCTETS : buf.subarray(start, end) });
      this.#position = end;
    }
    return tlvs;
  }

  /** No octet may be left. */
  end(): void {
    if (this.#position !== this.#end) {
      this.fail(ESME_RINVCMDLEN, `${this.#end - this.#position} octets after the last field`);
    }
  }

  /** number_of_dests and dest_address: at least one (3.4 §4.5.1). */
  dests(status: number): DestAddress[] {
    const count = this.int8();
    if (count === 0) this.fail(status, 'number_of_dests is 0');
    const dests: DestAddress[] = [];
    for (let index = 0; index < count; index++) dests.push(this.#dest());
    return dests;
  }

  /** no_unsuccess and unsuccess_sme. */
  unsuccess(): UnsuccessSme[] {
    const count = this.int8();
    const failures: UnsuccessSme[] = [];
    for (let index = 0; index < count; index++) {
      failures.push({
        dest_addr_ton: this.int8(),
        dest_addr_npi: this.int8(),
        destination_addr: this.cstring(DESTINATION_ADDR),
        error_status_code: this.int32(),
      });
    }
    return failures;
  }

  fail(status: number, message: string): never {
    throw new PduError('recoverable', status, message, this.#commandId, this.#sequenceNumber);
  }

  #dest(): DestAddress {
    const flag = this.int8();
    if (flag === 1) {
      return {
        dest_flag: 1,
        dest_addr_ton: this.int8(),
        dest_addr_npi: this.int8(),
        destination_addr: this.cstring(DESTINATION_ADDR),
      };
    }
    if (flag === 2) return { dest_flag: 2, dl_name: this.cstring(DL_NAME) };
    this.fail(ESME_RINVDESTFLAG, `dest_flag is ${flag}`);
  }

  #failCString(spec: CStringSpec, start: number): never {
    if (start >= this.#end) this.fail(ESME_RINVCMDLEN, `the PDU ends before ${spec.name}`);
    this.fail(spec.status, `${spec.name} has no NUL in its ${spec.max} octets`);
  }
}

/** Whether a TLV may have this length. */
function fits(spec: TlvSpec, length: number): boolean {
  if (length === spec.min || length === spec.max) return true;
  return length > spec.min && length < spec.max && spec.either !== true;
}
