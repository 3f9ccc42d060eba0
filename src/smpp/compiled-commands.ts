import type { PduWriter } from './codec.ts';
import { DESTINATION_ADDR, type FieldSpec, type FieldValues } from './fields.ts';
import { COMMANDS, type CommandName } from './pdu.ts';
import type { PduReader } from './pdu-reader.ts';

/** A command's row of COMMANDS made into what the codec loops over. */
export interface CompiledCommand {
  readonly name: CommandName;
  readonly id: number;
  readonly names: readonly string[];
  readonly readers: readonly FieldReader[];
  readonly writers: readonly FieldWriter[];
  readonly tlvs: boolean;
  /** The most octets its mandatory fields take. */
  readonly maxOctets: number;
}

/** A function that reads one field; what the command tables are compiled into. */
export type FieldReader = (reader: PduReader) => unknown;

/** The reader of a field, chosen once at load. */
export function fieldReader(field: FieldSpec): FieldReader {
  switch (field.type) {
    case 'int8':
      return (reader) => reader.int8();
    case 'int32':
      return (reader) => reader.int32();
    case 'cstring':
      return (reader) => reader.cstring(field);
    case 'octets8':
      return (reader) => reader.octets8(field.status);
    case 'dests':
      return (reader) => reader.dests(field.status);
    case 'unsuccess':
      return (reader) => reader.unsuccess();
  }
}

/** A function that writes one field; what the command tables are compiled into. */
export type FieldWriter = (writer: PduWriter, value: unknown) => void;

/** The writer of a field, chosen once at load. The casts mirror FieldValues, which types the PDU. */
export function fieldWriter(field: FieldSpec): FieldWriter {
  switch (field.type) {
    case 'int8':
      return (writer, value) => writer.int8(value as FieldValues['int8']);
    case 'int32':
      return (writer, value) => writer.int32(value as FieldValues['int32']);
    case 'cstring':
      return (writer, value) => writer.cstring(field, value as FieldValues['cstring']);
    case 'octets8':
      return (writer, value) => writer.octets8(value as FieldValues['octets8'], field.status);
    case 'dests':
      return (writer, value) => writer.dests(value as FieldValues['dests']);
    case 'unsuccess':
      return (writer, value) => writer.unsuccess(value as FieldValues['unsuccess']);
  }
}

function compileCommands(): Readonly<Record<CommandName, CompiledCommand>> {
  const compiled: Partial<Record<CommandName, CompiledCommand>> = {};
  for (const [key, spec] of Object.entries(COMMANDS)) {
    const name = key as CommandName;
    const fields: readonly FieldSpec[] = spec.fields;
    compiled[name] = {
      name,
      id: spec.id,
      names: fields.map((field) => field.name),
      readers: fields.map(fieldReader),
      writers: fields.map(fieldWriter),
      tlvs: spec.tlvs,
      maxOctets: fields.reduce((sum, field) => sum + maxOctetsOf(field), 0),
    };
  }
  return compiled as Record<CommandName, CompiledCommand>;
}

function maxOctetsOf(field: FieldSpec): number {
  switch (field.type) {
    case 'int8':
      return 1;
    case 'int32':
      return 4;
    case 'cstring':
      return field.max;
    case 'octets8':
      return 256;
    // One octet of count, then 255 times dest_flag, ton, npi and an address.
    case 'dests':
      return 1 + 255 * (3 + DESTINATION_ADDR.max);
    // 255 times ton, npi, an address and a status.
    case 'unsuccess':
      return 1 + 255 * (6 + DESTINATION_ADDR.max);
  }
}

/** Every command, compiled once at load. */
export const COMPILED: Readonly<Record<CommandName, CompiledCommand>> = compileCommands();

/** The same by command_id. */
export const COMPILED_BY_ID: ReadonlyMap<number, CompiledCommand> = new Map(
  Object.values(COMPILED).map((command) => [command.id, command]),
);
