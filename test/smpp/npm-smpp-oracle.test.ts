import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePdu, encodeOne, PduWriter } from '../../src/smpp/codec.ts';
import type { FieldSpec } from '../../src/smpp/fields.ts';
import { COMMANDS, type CommandName, newPdu, type Pdu } from '../../src/smpp/pdu.ts';
import { TLVS, type TlvName } from '../../src/smpp/tlv.ts';
import { commandNames } from './arbitrary-pdu.ts';

/** What of npm `smpp` (an implementation that is not ours) is used here. */
interface Oracle {
  PDU: new (
    command: string | Buffer,
    fields?: Record<string, unknown>,
  ) => Record<string, unknown> & {
    toBuffer(): Buffer;
  };
}
const oracle = createRequire(import.meta.url)('smpp') as Oracle;

/** Its names where they differ from the specification's. */
const TLV_NAMES: Partial<Record<TlvName, string>> = { destination_port: 'dest_port' };

/**
 * Left out of the comparison, for what npm `smpp` makes of them: it turns times into Date and
 * messages into text (its own interpretation), writes alert_on_message_delivery always as one
 * octet, and wraps the TLVs of broadcasts and callbacks in objects.
 */
const UNCOMPARED_TLVS =
  /^(callback_.*|broadcast_.*|billing_identification|alert_on_message_delivery|message_payload|dest_addr_np_country)$/;
const TIMES = /(_time|_period|_date)$/;

const ascii = (max: number): fc.Arbitrary<string> =>
  fc
    .array(fc.integer({ min: 0x20, max: 0x7e }), { maxLength: max })
    .map((codes) => String.fromCharCode(...codes));
const octet = fc.integer({ min: 0, max: 255 });
const octets = (min: number, max: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: min, maxLength: max }).map((values) => Buffer.from(values));

function fieldFor(field: FieldSpec): fc.Arbitrary<unknown> {
  switch (field.type) {
    case 'int8':
      return octet;
    case 'int32':
      return fc.integer({ min: 0, max: 0xffffffff });
    case 'cstring':
      if (TIMES.test(field.name))
        return fc.constantFrom('', '261122141124000+', '000001020304000R');
      return ascii(field.max - 1);
    case 'octets8':
      return octets(0, 254);
    case 'dests':
      return fc.array(
        fc.oneof(
          fc.record({ dest_addr_ton: octet, dest_addr_npi: octet, destination_addr: ascii(20) }),
          fc.record({ dl_name: ascii(20) }),
        ),
        { minLength: 1, maxLength: 4 },
      );
    case 'unsuccess':
      return fc.array(
        fc.record({
          dest_addr_ton: octet,
          dest_addr_npi: octet,
          destination_addr: ascii(20),
          error_status_code: fc.integer({ min: 0, max: 0xffffffff }),
        }),
        { maxLength: 4 },
      );
  }
}

const tlvFor = fc
  .constantFrom(...(Object.keys(TLVS) as TlvName[]).filter((name) => !UNCOMPARED_TLVS.test(name)))
  .chain((name): fc.Arbitrary<[TlvName, unknown]> => {
    const { type, max, min } = TLVS[name];
    if (type === 'int')
      return fc.integer({ min: 0, max: 256 ** max - 1 }).map((value) => [name, value]);
    if (type === 'cstring') return ascii(max - 1).map((value) => [name, value]);
    // ms_validity has one octet or four.
    const most = 'either' in TLVS[name] ? min : Math.min(max, 40);
    return octets(min, most).map((value) => [name, value]);
  });

function fieldsFor(command: CommandName): fc.Arbitrary<Record<string, unknown>> {
  const fields: readonly FieldSpec[] = COMMANDS[command].fields;
  return fc.record(Object.fromEntries(fields.map((field) => [field.name, fieldFor(field)])));
}

describe('npm smpp as an oracle', () => {
  for (const command of commandNames) {
    const hasTlvs = COMMANDS[command].tlvs;
    // A TLV that has the name of a field (message_state in query_sm_resp) would hide it there.
    const withoutNamesakes = (tlvs: [TlvName, unknown][]) =>
      tlvs.filter(([name]) => !COMMANDS[command].fields.some((field) => field.name === name));
    const given = fc.record({
      fields: fieldsFor(command),
      tlvs: fc
        .uniqueArray(tlvFor, { maxLength: hasTlvs ? 4 : 0, selector: ([name]) => name })
        .map(withoutNamesakes),
      sequence: fc.integer({ min: 1, max: 0x7fffffff }),
    });

    it(`writes a ${command} that we read with the same values and write back the same`, () => {
      fc.assert(
        fc.property(given, ({ fields, tlvs, sequence }) => {
          const theirs = theirPdu(command, fields, tlvs, sequence).toBuffer();
          const read = decodePdu(theirs, 0, theirs.length);
          expect(read).toMatchObject({ command, sequence_number: sequence, command_status: 0 });
          for (const [name, value] of Object.entries(fields)) {
            expect(withoutFlags(read[name as keyof Pdu]), name).toEqual(value);
          }
          expect(read.tlvs?.length ?? 0).toBe(tlvs.length);
          expect(encodeOne(read, new PduWriter())).toEqual(theirs);
        }),
        { numRuns: 40, seed: 20260104 },
      );
    });

    it(`reads the ${command} that we write`, () => {
      fc.assert(
        fc.property(given, ({ fields, tlvs, sequence }) => {
          const theirs = theirPdu(command, fields, tlvs, sequence).toBuffer();
          const ours = Object.assign(
            newPdu(command, sequence),
            decodePdu(theirs, 0, theirs.length),
          );
          const read = new oracle.PDU(encodeOne(ours, new PduWriter()));
          expect(read).toMatchObject({ command, sequence_number: sequence });
          for (const [name, value] of Object.entries(fields)) {
            if (!TIMES.test(name) && name !== 'short_message')
              expect(read[name], name).toEqual(value);
          }
          for (const [name, value] of tlvs)
            expect(normal(read[TLV_NAMES[name] ?? name]), name).toEqual(normal(value));
        }),
        { numRuns: 25, seed: 20260105 },
      );
    });
  }
});

function theirPdu(
  command: CommandName,
  fields: Record<string, unknown>,
  tlvs: [TlvName, unknown][],
  sequence: number,
): InstanceType<Oracle['PDU']> {
  const options: Record<string, unknown> = {
    sequence_number: sequence,
    ...structuredBuffers(fields),
  };
  for (const [name, value] of tlvs) options[TLV_NAMES[name] ?? name] = value;
  return new oracle.PDU(command, options);
}

/** It changes the objects it is given. */
function structuredBuffers(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      Buffer.isBuffer(value) ? Buffer.from(value) : value,
    ]),
  );
}

/** Our destinations carry the wire's dest_flag; theirs do not. */
function withoutFlags(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return value.map((entry: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(entry).filter(([name]) => name !== 'dest_flag')),
  );
}

/** It reads octet TLVs partly as strings. */
function normal(value: unknown): unknown {
  return Buffer.isBuffer(value) ? value.toString('ascii') : value;
}
