import { assemble, cstring, type Draft, tlv } from './drafts.ts';
import type { Random } from './random.ts';

/** What a mutation made. */
export interface Mutated {
  readonly octets: Buffer;
  readonly mutation: string;
  /** Whether its command_length is its length: what follows it can still be read as PDUs. */
  readonly isFramed: boolean;
}

/** Changes the parts of a PDU. */
type PartMutation = (draft: Draft, random: Random) => void;
/** Changes its octets; command_length is made true again afterwards. */
type OctetMutation = (octets: Buffer, random: Random) => Buffer;
/** Changes octets and leaves command_length to lie. */
type LengthMutation = OctetMutation;

const ON_PARTS: Readonly<Record<string, PartMutation>> = {
  none: () => {},
  swappedFields: ({ fields }, random) => {
    if (fields.length < 2) return;
    const [a, b] = [random.below(fields.length), random.below(fields.length)];
    const [first, second] = [fields[a], fields[b]];
    if (first !== undefined && second !== undefined) [fields[a], fields[b]] = [second, first];
  },
  fieldLeftOut: ({ fields }, random) => {
    if (fields.length > 0) fields.splice(random.below(fields.length), 1);
  },
  fieldTwice: ({ fields }, random) => {
    const at = random.below(fields.length || 1);
    const field = fields[at];
    if (field !== undefined) fields.splice(at, 0, field);
  },
  overlongField: ({ fields }, random) => {
    if (fields.length === 0) return;
    fields[random.below(fields.length)] = cstring(
      '9'.repeat(random.pick([9, 17, 21, 66, 300, 5_000])),
    );
  },
  fieldWithoutNul: ({ fields }, random) => {
    const at = random.below(fields.length || 1);
    const field = fields[at];
    if (field !== undefined && field.length > 0) fields[at] = field.subarray(0, field.length - 1);
  },
  // sm_length, number_of_dests, no_unsuccess: the last mandatory field of most operations.
  wrongCount: ({ fields }, random) => {
    const last = fields.at(-1);
    if (last !== undefined && last.length > 0)
      fields[fields.length - 1] = replaced(last, 0, random.below(256));
  },
  tlvTwice: ({ tlvs }, random) => {
    const one = tlvs[random.below(tlvs.length || 1)] ?? tlv(0x0424, random.octets(20));
    tlvs.push(one, one);
  },
  tlvTooLongSaid: ({ tlvs }, random) => {
    const value = random.octets(random.below(10));
    tlvs.push({ tag: 0x0424, length: value.length + 1 + random.below(60_000), value });
  },
  tlvTooShortSaid: ({ tlvs }, random) => {
    tlvs.push({ tag: 0x0204, length: random.below(2), value: random.octets(2) });
  },
  overlongTlv: ({ tlvs }, random) => {
    tlvs.push(
      tlv(random.pick([0x0005, 0x001e, 0x020c, 0x0381, 0x0424, 0x1403]), random.octets(300)),
    );
  },
  hugePayload: ({ tlvs }, random) => {
    tlvs.push(tlv(0x0424, Buffer.alloc(random.pick([1_000, 20_000, 65_535]), 0x41)));
  },
  manyTlvs: ({ tlvs }, random) => {
    for (let n = random.pick([20, 200, 4_000]); n > 0; n--)
      tlvs.push(tlv(0x1400 + random.below(100), Buffer.alloc(0)));
  },
  oddStatus: (draft, random) => {
    draft.status = random.below(0x1_0000_0000);
  },
  oddSequence: (draft, random) => {
    draft.sequence = random.below(0x1_0000_0000);
  },
  otherCommand: (draft, random) => {
    draft.commandId = random.pick([
      0x00, 0x04, 0x05, 0x21, 0x103, 0x0a, 0x777, 0x80000004, 0x80000777, 0xffffffff,
    ]);
  },
};

const ON_OCTETS: Readonly<Record<string, OctetMutation>> = {
  bitFlips: (octets, random) => {
    const flipped = Buffer.from(octets);
    for (let n = 1 + random.below(8); n > 0; n--) {
      const at = 4 + random.below(octets.length - 4);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << random.below(8));
    }
    return flipped;
  },
  randomOctets: (octets, random) => {
    const changed = Buffer.from(octets);
    for (let n = 1 + random.below(4); n > 0; n--)
      changed[4 + random.below(octets.length - 4)] = random.below(256);
    return changed;
  },
  truncated: (octets, random) => octets.subarray(0, 16 + random.below(octets.length - 15)),
  inserted: (octets, random) => {
    const at = 16 + random.below(octets.length - 15);
    return Buffer.concat([
      octets.subarray(0, at),
      random.octets(1 + random.below(8)),
      octets.subarray(at),
    ]);
  },
  cutOut: (octets, random) => {
    const at = 16 + random.below(octets.length - 15);
    return Buffer.concat([octets.subarray(0, at), octets.subarray(at + 1 + random.below(8))]);
  },
  garbageBody: (octets, random) =>
    Buffer.concat([octets.subarray(0, 16), random.octets(random.below(200))]),
  twiceInOne: (octets) => Buffer.concat([octets, octets.subarray(16)]),
};

const ON_LENGTH: Readonly<Record<string, LengthMutation>> = {
  lengthTooSmall: (octets, random) => withLength(octets, random.below(16)),
  lengthTooGreat: (octets, random) =>
    withLength(octets, random.pick([70_001, 0x7fffffff, 0x80000000, 0xffffffff])),
  lengthPlausible: (octets, random) => withLength(octets, 16 + random.below(2 * octets.length)),
  lengthOfMore: (octets, random) => withLength(octets, octets.length + 1 + random.below(60_000)),
  cutWithoutSaying: (octets, random) => octets.subarray(0, random.below(octets.length)),
  garbage: (_octets, random) => random.octets(4 + random.below(300)),
  http: () => Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', 'latin1'),
};

const PART_NAMES = Object.keys(ON_PARTS);
const OCTET_NAMES = Object.keys(ON_OCTETS);
const LENGTH_NAMES = Object.keys(ON_LENGTH);
/** The names of all mutations. */
export const MUTATIONS: readonly string[] = [...PART_NAMES, ...OCTET_NAMES, ...LENGTH_NAMES];
/** Some PDUs get two mutations. */
const TWICE = 0.2;

/** Mutates a valid PDU so that what follows it can still be read. */
export function mutateFramed(draft: Draft, random: Random): Mutated {
  const names: string[] = [];
  if (random.chance(0.5)) names.push(onParts(draft, random));
  let octets = assemble(draft);
  if (names.length === 0 || random.chance(TWICE)) {
    const name = random.pick(OCTET_NAMES);
    names.push(name);
    octets = Buffer.from(ON_OCTETS[name]?.(octets, random) ?? octets);
    octets.writeUInt32BE(octets.length, 0);
  }
  return { octets, mutation: names.join('+'), isFramed: true };
}

/** Mutates it so that the stream's framing is lost, at once or a little later. */
export function mutateFraming(draft: Draft, random: Random): Mutated {
  const mutation = random.pick(LENGTH_NAMES);
  const octets = assemble(draft);
  return { octets: ON_LENGTH[mutation]?.(octets, random) ?? octets, mutation, isFramed: false };
}

function onParts(draft: Draft, random: Random): string {
  const name = random.pick(PART_NAMES);
  ON_PARTS[name]?.(draft, random);
  return name;
}

function replaced(octets: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(octets);
  copy[at] = value;
  return copy;
}

function withLength(octets: Buffer, length: number): Buffer {
  const copy = Buffer.from(octets);
  copy.writeUInt32BE(length, 0);
  return copy;
}
