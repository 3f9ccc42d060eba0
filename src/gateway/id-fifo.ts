import type { MessageId } from '../domain/ids.ts';

/** Ids in one chunk: some 8 KiB, small enough to free often, large enough that its overhead is nothing. */
const CHUNK_IDS = 4_096;
/** Octets of one id at most: 7 for the milliseconds (44 bits with sign and flag, 7 an octet), 4 for the rest (24 bits). */
const ID_OCTETS_MAX = 11;
/** Octets that a chunk begins with; it doubles until it is full, then it is cut to what it holds. */
const FIRST_OCTETS = 256;
/** Below the milliseconds an id has 10 bits of node and 12 of sequence (domain/ids.ts). */
const LOW_BITS = 22;
const LOW_MASK = (1 << LOW_BITS) - 1;
const SEQUENCE_MASK = (1 << 12) - 1;
/** Milliseconds of an id that stand in the upper half of its 64 bits: 2^32 / 2^22 of them are one there. */
const MS_PER_HIGH = 1_024;

/** Some ids, in the order in which they came, each as what differs from the one before. */
interface Chunk {
  octets: Uint8Array;
  used: number;
  count: number;
  smallest: MessageId;
}

/**
 * A first-in first-out list of message ids at some 2 octets each: ten million queued messages cost 20 MB.
 *
 * Ids rise mostly, and by little. The one that is most likely after another is its next sequence number in the same
 * millisecond, or sequence 0 of the same node in a later one; of such an id only the milliseconds in between are
 * written, in one octet below 32 of them. Any other is written whole, so to speak: also how far its low bits are from
 * that guess. Both numbers are zigzag varints; the lowest bit of the first says whether the second follows.
 */
export class IdFifo {
  #chunks: Chunk[] = [];
  #length = 0;
  /** What the last id written was. */
  #lastMs = 0;
  #lastLow = 0;
  /** How far the first chunk is read, and what the last id read was. */
  #reader = new Reader();
  /** The smallest of the first chunk's ids that are left, for so many read; computed again when it is asked for. */
  #firstFloor: MessageId | undefined;
  #firstFloorAt = -1;

  /** Ids held. */
  get length(): number {
    return this.#length;
  }

  /** Octets that hold them. */
  get octets(): number {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.octets.length, 0);
  }

  /** The smallest id held. (Adopted messages are older than those before them, so the first id need not be it.) */
  floor(): MessageId | undefined {
    const [first] = this.#chunks;
    if (first === undefined) return undefined;
    let floor = this.#floorOfFirst(first);
    for (let at = 1; at < this.#chunks.length; at++) {
      const smallest = this.#chunks[at]?.smallest;
      if (smallest !== undefined && smallest < floor) floor = smallest;
    }
    return floor;
  }

  push(id: MessageId): void {
    let last = this.#chunks.at(-1);
    if (last === undefined || last.count === CHUNK_IDS) {
      if (last !== undefined) last.octets = last.octets.slice(0, last.used);
      last = { octets: new Uint8Array(FIRST_OCTETS), used: 0, count: 0, smallest: id };
      this.#chunks.push(last);
      // Each chunk begins anew, so that one can be read without those before it.
      this.#lastMs = 0;
      this.#lastLow = 0;
    }
    if (last.used + ID_OCTETS_MAX > last.octets.length) {
      const grown = new Uint8Array(last.octets.length * 2);
      grown.set(last.octets);
      last.octets = grown;
    }
    this.#write(last, id);
    last.count++;
    if (id < last.smallest) last.smallest = id;
    if (this.#chunks.length === 1) this.#firstFloorAt = -1;
    this.#length++;
  }

  /** Takes up to `most` ids, first in first out. */
  take(most: number): MessageId[] {
    const taken: MessageId[] = [];
    const reader = this.#reader;
    let first = this.#chunks[0];
    while (first !== undefined && taken.length < most) {
      taken.push(reader.next(first));
      if (reader.read === first.count) {
        this.#chunks.shift();
        reader.restart();
        this.#firstFloorAt = -1;
        first = this.#chunks[0];
      }
    }
    this.#length -= taken.length;
    return taken;
  }

  #floorOfFirst(first: Chunk): MessageId {
    const { read } = this.#reader;
    if (read === 0) return first.smallest;
    if (this.#firstFloor === undefined || this.#firstFloorAt !== read) {
      const ahead = this.#reader.copy();
      let floor = ahead.next(first);
      while (ahead.read < first.count) {
        const id = ahead.next(first);
        if (id < floor) floor = id;
      }
      this.#firstFloor = floor;
      this.#firstFloorAt = read;
    }
    return this.#firstFloor;
  }

  #write(chunk: Chunk, id: MessageId): void {
    BITS.setBigInt64(0, id, true);
    const lower = BITS.getUint32(0, true);
    const ms = BITS.getInt32(4, true) * MS_PER_HIGH + (lower >>> LOW_BITS);
    const low = lower & LOW_MASK;
    const later = ms - this.#lastMs;
    const off = low - guessLow(this.#lastLow, later);
    let at = writeVarint(chunk.octets, chunk.used, zigzag(later) * 2 + (off === 0 ? 0 : 1));
    if (off !== 0) at = writeVarint(chunk.octets, at, zigzag(off));
    chunk.used = at;
    this.#lastMs = ms;
    this.#lastLow = low;
  }
}

/** Where in a chunk one reads. */
class Reader {
  /** Ids read. */
  read = 0;
  #at = 0;
  #ms = 0;
  #low = 0;

  /** Before the first id of a chunk. */
  restart(): void {
    this.read = 0;
    this.#at = 0;
    this.#ms = 0;
    this.#low = 0;
  }

  copy(): Reader {
    const copy = new Reader();
    copy.read = this.read;
    copy.#at = this.#at;
    copy.#ms = this.#ms;
    copy.#low = this.#low;
    return copy;
  }

  /** The next id of a chunk that has one. */
  next(chunk: Chunk): MessageId {
    const first = this.#varint(chunk.octets);
    const later = unzigzag(Math.floor(first / 2));
    const guess = guessLow(this.#low, later);
    this.#low = first % 2 === 0 ? guess : guess + unzigzag(this.#varint(chunk.octets));
    this.#ms += later;
    this.read++;
    BITS.setUint32(0, (this.#ms << LOW_BITS) | this.#low, true);
    BITS.setInt32(4, Math.floor(this.#ms / MS_PER_HIGH), true);
    return BITS.getBigInt64(0, true) as MessageId;
  }

  #varint(octets: Uint8Array): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const octet = octets[this.#at++] ?? 0;
      value += (octet & 0x7f) * scale;
      if (octet < 0x80) return value;
      scale *= 0x80;
    }
  }
}

/** An id taken apart, and put together: without a BigInt for each part. */
const BITS = new DataView(new ArrayBuffer(8));

/** The likeliest low bits after these, so many milliseconds later. */
function guessLow(low: number, later: number): number {
  return later === 0 ? low + 1 : low & ~SEQUENCE_MASK;
}

/** 0, -1, 1, -2 ... as 0, 1, 2, 3 ...; the numbers have up to 43 bits, so no bit operations. */
function zigzag(n: number): number {
  return n < 0 ? -2 * n - 1 : 2 * n;
}

function unzigzag(n: number): number {
  return n % 2 === 0 ? n / 2 : -(n + 1) / 2;
}

/** Writes a number of up to 53 bits in groups of 7, the lowest first. @returns where it ends */
function writeVarint(octets: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value;
  while (rest >= 0x80) {
    octets[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  octets[at++] = rest;
  return at;
}
