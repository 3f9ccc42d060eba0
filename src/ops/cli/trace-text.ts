import { z } from 'zod';

const endpoint = z.object({ address: z.string(), port: z.int() });

/** A line of type `pdu` of GET /v1/trace. */
export const pduLineSchema = z.looseObject({
  at: z.string(),
  session: z.int(),
  direction: z.enum(['in', 'out']),
  local: endpoint,
  peer: endpoint,
  command: z.string(),
  status: z.string(),
  sequence: z.int(),
  octets: z.int(),
  fields: z.record(z.string(), z.unknown()),
  tlvs: z.array(z.object({ name: z.string(), value: z.unknown() })),
  error: z.string().optional(),
  hex: z.string(),
});
export type PduLine = z.infer<typeof pduLineSchema>;

/**
 * A PDU on one line: time (UTC), `<` from the peer or `>` to it, session, command, status of responses, sequence,
 * addresses as ton/npi:number, then every field that says something, then TLVs by name.
 */
export function pduText(line: PduLine): string {
  const { fields } = line;
  const time = line.at.slice('YYYY-MM-DDT'.length, -1);
  const isResponse = line.command.endsWith('_resp') || line.command === 'generic_nack';
  const words = [
    time,
    line.direction === 'in' ? '<' : '>',
    `#${line.session}`,
    line.command,
    ...(isResponse || line.status !== 'ESME_ROK' ? [line.status] : []),
    `seq=${line.sequence}`,
    ...addressWords(fields),
    ...Object.entries(fields).flatMap(([name, value]) => fieldWords(name, value)),
    ...line.tlvs.map(({ name, value }) => `${name}=${valueText(value)}`),
    ...(line.error === undefined ? [] : [`MALFORMED ${line.error}, ${line.octets} octets`]),
  ];
  return printable(words.join(' '));
}

const ADDRESSES = [
  { name: 'from', ton: 'source_addr_ton', npi: 'source_addr_npi', number: 'source_addr' },
  { name: 'to', ton: 'dest_addr_ton', npi: 'dest_addr_npi', number: 'destination_addr' },
  { name: 'esme', ton: 'esme_addr_ton', npi: 'esme_addr_npi', number: 'esme_addr' },
] as const;
const ADDRESS_FIELDS: ReadonlySet<string> = new Set(
  ADDRESSES.flatMap(({ ton, npi, number }) => [ton, npi, number]),
);
/** Shown as bits are read. */
const HEX_FIELDS: ReadonlySet<string> = new Set([
  'esm_class',
  'data_coding',
  'interface_version',
  'registered_delivery',
]);

function addressWords(fields: PduLine['fields']): string[] {
  return ADDRESSES.filter(({ number }) => number in fields).map(
    ({ name, ton, npi, number }) =>
      `${name}=${String(fields[ton])}/${String(fields[npi])}:${String(fields[number])}`,
  );
}

/** Zeros and empty strings say nothing. */
function fieldWords(name: string, value: unknown): string[] {
  if (ADDRESS_FIELDS.has(name) || value === 0 || value === '') return [];
  if (HEX_FIELDS.has(name) && typeof value === 'number')
    return [`${name}=0x${value.toString(16).padStart(2, '0')}`];
  return [`${name}=${valueText(value)}`];
}

const messageSchema = z.strictObject({ octets: z.int(), text: z.string().optional() });

function valueText(value: unknown): string {
  const message = messageSchema.safeParse(value);
  if (message.success) {
    const { octets, text } = message.data;
    return text === undefined ? `(${octets} octets)` : `(${octets}) ${JSON.stringify(text)}`;
  }
  if (typeof value === 'string') return /^[^\s"]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value);
}

/** A peer's octets must not steer the terminal: control characters (C0, DEL, C1) as \xNN. */
function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
