import fc from 'fast-check';
import type { DestAddress, FieldSpec, UnsuccessSme } from '../../src/smpp/fields.ts';
import { COMMANDS, type CommandName, newPdu, type Pdu, RESPONSE_BIT } from '../../src/smpp/pdu.ts';
import { type Tlv, tlvSpec } from '../../src/smpp/tlv.ts';

export const commandNames = Object.keys(COMMANDS) as CommandName[];

/** Any PDU that the tables allow, with standard and unknown TLVs. */
export const arbitraryPdu: fc.Arbitrary<Pdu> = fc
  .constantFrom(...commandNames)
  .chain(arbitraryPduOf);

/** A PDU of one command with every field filled at random within its limits. */
export function arbitraryPduOf(command: CommandName): fc.Arbitrary<Pdu> {
  const spec = COMMANDS[command];
  const fields: readonly FieldSpec[] = spec.fields;
  const values: Record<string, fc.Arbitrary<unknown>> = Object.fromEntries(
    fields.map((field) => [field.name, arbitraryValue(field)]),
  );
  values.command_status = fc.constantFrom(0, 0, 0x58, 0x401);
  values.sequence_number = fc.integer({ min: 0, max: 0xffffffff });
  if (spec.tlvs) values.tlvs = arbitraryTlvs;
  return fc.record(values).map((given) => {
    const pdu = Object.assign(newPdu(command, 0), given);
    // A response with neither fields nor TLVs is a header only, and reads as such.
    const empty = fields.length === 0 || pdu.command_id < RESPONSE_BIT;
    return empty ? pdu : Object.assign(pdu, { bodyOmitted: false });
  });
}

/** Latin-1 without NUL, at most `max` octets. */
export function arbitraryText(max: number): fc.Arbitrary<string> {
  return fc
    .uint8Array({ min: 1, max: 255, maxLength: max })
    .map((octets) => Buffer.from(octets).toString('latin1'));
}

function arbitraryOctets(min: number, max: number): fc.Arbitrary<Buffer> {
  return fc.uint8Array({ minLength: min, maxLength: max }).map((octets) => Buffer.from(octets));
}

const arbitraryTlv: fc.Arbitrary<Tlv> = fc.integer({ min: 1, max: 0x1500 }).chain((tag) => {
  const spec = tlvSpec(tag);
  const max = Math.min(spec?.either === true ? spec.min : (spec?.max ?? 300), 300);
  // A C-octet string of a fixed length ends in its NUL.
  const fixed = spec?.type === 'cstring' && spec.min > 0;
  return arbitraryOctets(spec?.min ?? 0, max).map((value) => {
    if (fixed) value.fill(0x30, 0, value.length - 1)[value.length - 1] = 0;
    return { tag, value };
  });
});

const arbitraryTlvs = fc
  .array(arbitraryTlv, { maxLength: 5 })
  .map((tlvs) => (tlvs.length === 0 ? undefined : tlvs));

function arbitraryValue(field: FieldSpec): fc.Arbitrary<unknown> {
  switch (field.type) {
    case 'int8':
      return fc.integer({ min: 0, max: 255 });
    case 'int32':
      return fc.integer({ min: 0, max: 0xffffffff });
    case 'cstring':
      return arbitraryText(field.max - 1);
    case 'octets8':
      return arbitraryOctets(0, 255);
    case 'dests':
      return fc.array(arbitraryDest, { minLength: 1, maxLength: 5 });
    case 'unsuccess':
      return fc.array(arbitraryUnsuccess, { maxLength: 5 });
  }
}

const octet = fc.integer({ min: 0, max: 255 });
const arbitraryDest: fc.Arbitrary<DestAddress> = fc.oneof(
  fc.record({
    dest_flag: fc.constant(1 as const),
    dest_addr_ton: octet,
    dest_addr_npi: octet,
    destination_addr: arbitraryText(20),
  }),
  fc.record({ dest_flag: fc.constant(2 as const), dl_name: arbitraryText(20) }),
);
const arbitraryUnsuccess: fc.Arbitrary<UnsuccessSme> = fc.record({
  dest_addr_ton: octet,
  dest_addr_npi: octet,
  destination_addr: arbitraryText(20),
  error_status_code: fc.integer({ min: 0, max: 0xffffffff }),
});
