import { PduError } from './pdu.ts';
import { ESME_RINVCMDLEN } from './status.ts';

/** Where one whole PDU lies: `buf[start..end)`, command_length included. */
export interface Frame {
  buf: Buffer;
  start: number;
  end: number;
}

/** command_length, command_id, command_status, sequence_number: 3.4 §3.2. */
export const HEADER_OCTETS = 16;

/** The first allocation for a PDU that came in pieces: more than most PDUs have. */
const FIRST_ALLOCATION_OCTETS = 512;

/**
 * Cuts a stream of octets into PDUs.
 *
 *   push(chunk) ──> next() ──> Frame ... next() ──> undefined: push the next chunk
 *                     └──> throws PduError (fatal): the stream is lost, every later next() throws it again
 *
 * A PDU that lies wholly in one chunk is given as a place in that chunk, without a copy. One that
 * straddles chunks is gathered in a buffer of its own, which grows with what has come and never
 * beyond the PDU (a peer that announces 70,000 octets and sends five costs 512). So the memory
 * held is the rest of one chunk plus one PDU of at most `maxPduOctets`.
 *
 * What is read from a frame (short_message, TLV values) are views into it. They stay right as
 * long as they are held, but they hold the whole socket chunk (up to 64 KiB) alive: what outlives
 * the turn must be copied with `Buffer.from(view)`, or be text.
 */
export class PduFramer {
  #maxPduOctets: number;
  readonly #frame: Frame = { buf: EMPTY, start: 0, end: 0 };
  #chunk: Buffer = EMPTY;
  #position = 0;
  /** The beginning of a PDU whose rest has not come; `#partial[0..#partialLength)`. */
  #partial: Buffer = EMPTY;
  #partialLength = 0;
  #partials = 0;
  #error: PduError | undefined;

  /** @param maxPduOctets the greatest command_length accepted; over it the stream is lost. */
  constructor(maxPduOctets: number) {
    this.#maxPduOctets = maxPduOctets;
  }

  /** Another limit for the PDUs that begin from here on. */
  setMax(maxPduOctets: number): void {
    this.#maxPduOctets = maxPduOctets;
  }

  /** Number of the PDU that was begun and has not ended, 0: none. Numbers repeat after 2^31 of them. */
  get partial(): number {
    return this.#partialLength === 0 ? 0 : this.#partials;
  }

  /** Octets held that no frame has given out yet. */
  get pendingOctets(): number {
    return this.#partialLength + this.#chunk.length - this.#position;
  }

  /** Adds what the socket gave. The chunk is kept, not copied, until its frames are taken. */
  push(chunk: Buffer): void {
    const left = this.#chunk.length - this.#position;
    // Left-overs only when the caller stopped taking frames half way; then one copy.
    this.#chunk = left === 0 ? chunk : Buffer.concat([this.#chunk.subarray(this.#position), chunk]);
    this.#position = 0;
  }

  /**
   * The next whole PDU, undefined when more octets are needed. The object is reused: read it
   * before the next call.
   * @throws PduError (fatal) when command_length is below 16 or over the limit.
   */
  next(): Frame | undefined {
    if (this.#error !== undefined) throw this.#error;
    if (this.#partialLength > 0) return this.#nextFromPartial();
    const available = this.#chunk.length - this.#position;
    if (available >= 4) {
      const length = this.#lengthAt(this.#chunk, this.#position, available);
      if (available >= length) return this.#give(length);
    }
    if (available > 0) this.#keepRest(available);
    this.#chunk = EMPTY;
    this.#position = 0;
    return undefined;
  }

  #give(length: number): Frame {
    const frame = this.#frame;
    frame.buf = this.#chunk;
    frame.start = this.#position;
    this.#position += length;
    frame.end = this.#position;
    return frame;
  }

  #keepRest(available: number): void {
    this.#partial = Buffer.allocUnsafeSlow(Math.max(FIRST_ALLOCATION_OCTETS, available));
    this.#chunk.copy(this.#partial, 0, this.#position);
    this.#partialLength = available;
    this.#partials = (this.#partials & 0x7fffffff) + 1;
  }

  #nextFromPartial(): Frame | undefined {
    if (this.#partialLength < 4) this.#take(4);
    if (this.#partialLength >= 4) {
      const length = this.#lengthAt(this.#partial, 0, this.#partialLength);
      this.#take(length);
      if (this.#partialLength === length) {
        const frame = this.#frame;
        frame.buf = this.#partial;
        frame.start = 0;
        frame.end = length;
        // A new buffer next time: views into this one may still be held.
        this.#partial = EMPTY;
        this.#partialLength = 0;
        return frame;
      }
    }
    this.#chunk = EMPTY;
    this.#position = 0;
    return undefined;
  }

  /** Moves octets from the chunk until the partial PDU has `length` of them or the chunk is used up. */
  #take(length: number): void {
    const count = Math.min(length - this.#partialLength, this.#chunk.length - this.#position);
    const needed = this.#partialLength + count;
    if (needed > this.#partial.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(Math.max(length, needed), 2 * needed));
      this.#partial.copy(grown, 0, 0, this.#partialLength);
      this.#partial = grown;
    }
    this.#chunk.copy(this.#partial, this.#partialLength, this.#position, this.#position + count);
    this.#position += count;
    this.#partialLength = needed;
  }

  #lengthAt(buf: Buffer, at: number, available: number): number {
    const length = buf.readUInt32BE(at);
    if (length >= HEADER_OCTETS && length <= this.#maxPduOctets) return length;
    // The nack repeats what the header said where the header has come, else 0 (3.4 §4.3).
    const whole = available >= HEADER_OCTETS;
    this.#error = new PduError(
      'fatal',
      ESME_RINVCMDLEN,
      `command_length ${length} is not between ${HEADER_OCTETS} and ${this.#maxPduOctets}`,
      whole ? buf.readUInt32BE(at + 4) : 0,
      whole ? buf.readUInt32BE(at + 12) : 0,
    );
    this.#chunk = EMPTY;
    this.#position = 0;
    this.#partial = EMPTY;
    this.#partialLength = 0;
    throw this.#error;
  }
}

const EMPTY: Buffer = Buffer.alloc(0);
