/** OIDs of the element types (pg_type.dat). */
const oids = { bytea: 17, int8: 20, int2: 21, int4: 23, text: 25, timestamptz: 1184 } as const;

/** PostgreSQL counts from 2000-01-01T00:00:00Z. */
const postgresEpochMs = 946_684_800_000n;

/** Octets before the elements: dimensions, null flag, OID, length, lower bound (array_recv). */
const headerOctets = 20;

/** An int8[] in PostgreSQL's binary format; a Buffer parameter of pg goes out as it is. */
export function int8Array(values: readonly bigint[]): Buffer {
  return fixed('int8', 8, values, (buffer, value, at) => buffer.writeBigInt64BE(value, at));
}

/** An int4[]. */
export function int4Array(values: readonly number[]): Buffer {
  return fixed('int4', 4, values, (buffer, value, at) => buffer.writeInt32BE(value, at));
}

/** An int2[]. */
export function int2Array(values: readonly number[]): Buffer {
  return fixed('int2', 2, values, (buffer, value, at) => buffer.writeInt16BE(value, at));
}

/** A timestamptz[] from unix milliseconds. */
export function timestampArray(values: readonly number[]): Buffer {
  return fixed('timestamptz', 8, values, (buffer, value, at) =>
    buffer.writeBigInt64BE((BigInt(Math.floor(value)) - postgresEpochMs) * 1000n, at),
  );
}

/** A bytea[]. */
export function byteaArray(values: readonly Buffer[]): Buffer {
  return variable('bytea', values);
}

/** A text[] of ASCII; null stays null. */
export function textArray(values: readonly (string | null)[]): Buffer {
  return variable(
    'text',
    values.map((value) => (value === null ? null : Buffer.from(value, 'latin1'))),
  );
}

function fixed<Value>(
  type: keyof typeof oids,
  octets: number,
  values: readonly Value[],
  write: (buffer: Buffer, value: Value, at: number) => void,
): Buffer {
  const buffer = Buffer.allocUnsafe(headerOctets + values.length * (4 + octets));
  header(buffer, type, values.length, false);
  let at = headerOctets;
  for (const value of values) {
    buffer.writeInt32BE(octets, at);
    write(buffer, value, at + 4);
    at += 4 + octets;
  }
  return buffer;
}

function variable(type: keyof typeof oids, values: readonly (Buffer | null)[]): Buffer {
  const octets = values.reduce((sum, value) => sum + 4 + (value?.length ?? 0), 0);
  const buffer = Buffer.allocUnsafe(headerOctets + octets);
  header(buffer, type, values.length, values.includes(null));
  let at = headerOctets;
  for (const value of values) {
    buffer.writeInt32BE(value === null ? -1 : value.length, at);
    at += 4;
    if (value !== null) at += value.copy(buffer, at);
  }
  return buffer;
}

function header(buffer: Buffer, type: keyof typeof oids, length: number, hasNull: boolean): void {
  buffer.writeInt32BE(1, 0);
  buffer.writeInt32BE(hasNull ? 1 : 0, 4);
  buffer.writeInt32BE(oids[type], 8);
  buffer.writeInt32BE(length, 12);
  buffer.writeInt32BE(1, 16);
}
