import type { FieldSpec } from '../../src/smpp/fields.ts';
import { COMMANDS, type CommandName } from '../../src/smpp/pdu.ts';
import { TLVS, type TlvSpec } from '../../src/smpp/tlv.ts';
import type { Random } from './random.ts';

/** A valid PDU in its parts, so that a mutation can reach each of them. Written without our encoder. */
export interface Draft {
  commandId: number;
  status: number;
  sequence: number;
  /** The mandatory fields in wire order, each as its octets (a length with what it counts). */
  fields: Buffer[];
  tlvs: DraftTlv[];
}

/** A TLV; `length` is what its length field says. */
export interface DraftTlv {
  tag: number;
  length: number;
  value: Buffer;
}

/** Every operation there is, requests and responses of all versions. */
export const OPERATIONS = Object.keys(COMMANDS) as CommandName[];
/** Sequence numbers at the edges of SMPP 3.4 §3.2: 0, the first, the last, and those that are not allowed. */
const ODD_SEQUENCES = [0, 1, 0x7ffffffe, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];
const TLV_SPECS = Object.values(TLVS);

/** What a draft shall be like. */
export interface DraftTaste {
  /** Destinations of messages: digits, # becomes a digit. */
  readonly destination: string;
}

/** A valid PDU of this operation: half of them as a customer would send it, half with anything the tables allow. */
export function draftOf(operation: CommandName, random: Random, taste: DraftTaste): Draft {
  const { id, fields, tlvs } = COMMANDS[operation];
  const specs: readonly FieldSpec[] = fields;
  const usual = random.chance(0.5);
  return {
    commandId: id,
    status: id >= 0x80000000 && random.chance(0.3) ? random.pick([0x58, 0x14, 0x08, 0x401]) : 0,
    sequence: random.chance(0.1) ? random.pick(ODD_SEQUENCES) : 1 + random.below(5_000),
    fields: specs.map((spec) => (usual ? usualField(spec, random, taste) : anyField(spec, random))),
    tlvs: tlvs && random.chance(0.4) ? someTlvs(random) : [],
  };
}

/** The octets, with the true command_length. */
export function assemble(draft: Draft): Buffer {
  const tlvs = draft.tlvs.flatMap(({ tag, length, value }) => [
    Buffer.from([tag >> 8, tag & 0xff, length >> 8, length & 0xff]),
    value,
  ]);
  const octets = Buffer.concat([Buffer.alloc(16), ...draft.fields, ...tlvs]);
  octets.writeUInt32BE(octets.length, 0);
  octets.writeUInt32BE(draft.commandId, 4);
  octets.writeUInt32BE(draft.status, 8);
  octets.writeUInt32BE(draft.sequence, 12);
  return octets;
}

/** A header alone. */
export function headerOnly(commandId: number, status: number, sequence: number): Buffer {
  return assemble({ commandId, status, sequence, fields: [], tlvs: [] });
}

/** A C-octet string. */
export function cstring(text: string): Buffer {
  return Buffer.from(`${text}\0`, 'latin1');
}

/** A bind request, SMPP 3.4 §4.1. */
export function bindDraft(
  operation: 'bind_receiver' | 'bind_transmitter' | 'bind_transceiver',
  systemId: string,
  password: string,
  version: number,
  sequence = 1,
): Draft {
  const fields = [cstring(systemId), cstring(password), cstring(''), Buffer.of(version, 0, 0)];
  const { id: commandId } = COMMANDS[operation];
  return { commandId, status: 0, sequence, fields: [...fields, cstring('')], tlvs: [] };
}

function usualField(spec: FieldSpec, random: Random, taste: DraftTaste): Buffer {
  switch (spec.name) {
    case 'destination_addr':
      return cstring(taste.destination.replaceAll('#', () => String(random.below(10))));
    case 'source_addr':
      return cstring('Shop');
    case 'source_addr_ton':
      return Buffer.of(5);
    case 'dest_addr_ton':
    case 'dest_addr_npi':
      return Buffer.of(1);
    case 'registered_delivery':
      return Buffer.of(random.below(2));
    case 'data_coding':
      return Buffer.of(random.pick([0, 0, 0, 3, 4, 8]));
    case 'interface_version':
      return Buffer.of(random.pick([0x33, 0x34, 0x50]));
    case 'message_id':
    case 'system_id':
      return cstring(String(random.below(1_000_000)));
    default:
      break;
  }
  switch (spec.type) {
    case 'int8':
      return Buffer.of(0);
    case 'int32':
      return Buffer.alloc(4);
    case 'cstring':
      return cstring('');
    case 'octets8':
      return counted(Buffer.from('hello '.repeat(1 + random.below(20)), 'latin1'));
    case 'dests':
      return Buffer.concat([Buffer.of(1, 1, 1, 1), cstring('79501234567')]);
    case 'unsuccess':
      return Buffer.of(0);
  }
}

function anyField(spec: FieldSpec, random: Random): Buffer {
  switch (spec.type) {
    case 'int8':
      return random.octets(1);
    case 'int32':
      return random.octets(4);
    case 'cstring':
      return cstring(text(random, random.below(spec.max)));
    case 'octets8':
      return counted(random.octets(random.below(256)));
    case 'dests': {
      const count = 1 + random.below(5);
      return Buffer.concat([
        Buffer.of(count),
        ...Array.from({ length: count }, () => dest(random)),
      ]);
    }
    case 'unsuccess': {
      const count = random.below(4);
      const entry = () => Buffer.concat([Buffer.of(1, 1), cstring('7950'), random.octets(4)]);
      return Buffer.concat([Buffer.of(count), ...Array.from({ length: count }, entry)]);
    }
  }
}

function dest(random: Random): Buffer {
  return random.chance(0.8)
    ? Buffer.concat([Buffer.of(1, 1, 1), cstring(text(random, random.below(21)))])
    : Buffer.concat([Buffer.of(2), cstring(text(random, random.below(21)))]);
}

function someTlvs(random: Random): DraftTlv[] {
  return Array.from({ length: 1 + random.below(5) }, () => {
    if (random.chance(0.2))
      return tlv(0x1400 + random.below(0x2c00), random.octets(random.below(60)));
    const { tag, type, min, max, either }: TlvSpec = random.pick(TLV_SPECS);
    const between = min + random.below(Math.min(max, 200) - min + 1);
    const length = either === true ? random.pick([min, max]) : between;
    // A C-octet string with its NUL, as the specification has it.
    const value = type === 'cstring' ? cstring(text(random, Math.max(0, length - 1))) : undefined;
    return tlv(tag, value ?? random.octets(length));
  });
}

/** A TLV whose length is true. */
export function tlv(tag: number, value: Buffer): DraftTlv {
  return { tag, length: value.length, value };
}

function counted(octets: Buffer): Buffer {
  return Buffer.concat([Buffer.of(octets.length), octets]);
}

/** No NUL in it. */
function text(random: Random, length: number): string {
  let made = '';
  while (made.length < length) made += String.fromCharCode(1 + random.below(255));
  return made;
}
