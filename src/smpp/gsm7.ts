/**
 * The GSM 7-bit default alphabet with its extension table: 3GPP TS 23.038 §6.2.1 and §6.2.1.1.
 * On SMPP one septet travels in one octet ("unpacked"); packing (§6.1.2.1) is here for peers and
 * tools that need it. National language tables are named by a user data header: national-gsm7.ts.
 */

/** The escape to the extension table. */
export const GSM7_ESCAPE = 0x1b;

/** Index = septet. 0x1b is the escape and stands for a space when it is alone (§6.2.1). */
export const GSM7_BASIC =
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ' +
  ' !"#¤%&\'()*+,-./0123456789:;<=>?' +
  '¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§' +
  '¿abcdefghijklmnopqrstuvwxyzäöñüà';

/** Septet behind an escape and its character. */
const EXTENSION: readonly (readonly [number, string])[] = [
  [0x0a, '\f'],
  [0x14, '^'],
  [0x28, '{'],
  [0x29, '}'],
  [0x2f, '\\'],
  [0x3c, '['],
  [0x3d, '~'],
  [0x3e, ']'],
  [0x40, '|'],
  [0x65, '€'],
];

/** Index = the septet behind an escape; undefined: the table has none. */
export const GSM7_EXTENDED: readonly (string | undefined)[] = Array.from(
  { length: 128 },
  (_, septet) => EXTENSION.find(([code]) => code === septet)?.[1],
);

/** Character code to septet, with 0x1b00 added for the extension table; 0xffff: not in the alphabet. */
const SEPTETS: Uint16Array = septetsByCode();

/** 1 for octets that mean the same in Latin-1, so that plain text needs no table. */
const SAME_AS_LATIN1: Uint8Array = Uint8Array.from({ length: 256 }, (_, octet) =>
  octet < 128 && octet !== GSM7_ESCAPE && GSM7_BASIC.charCodeAt(octet) === octet ? 1 : 0,
);

/**
 * The text of unpacked septets. An unknown extension is the basic table's character, a lone
 * escape is a space (both TS 23.038 §6.2.1), an octet over 0x7f is U+FFFD. Never throws.
 */
export function decodeGsm7(octets: Buffer): string {
  let plain = 0;
  while (plain < octets.length && SAME_AS_LATIN1[octets[plain] as number] === 1) plain++;
  let text = octets.toString('latin1', 0, plain);
  for (let index = plain; index < octets.length; index++) {
    const octet = octets[index] as number;
    if (octet > 0x7f) text += '\ufffd';
    else if (octet !== GSM7_ESCAPE || index + 1 === octets.length)
      text += GSM7_BASIC[octet] as string;
    else {
      const next = octets[++index] as number;
      text += next > 0x7f ? '\ufffd' : (GSM7_EXTENDED[next] ?? (GSM7_BASIC[next] as string));
    }
  }
  return text;
}

/** How many septets a text takes; -1 when a character is not in the alphabet. */
export function gsm7Length(text: string): number {
  let length = 0;
  for (let index = 0; index < text.length; index++) {
    const septet = SEPTETS[text.charCodeAt(index)] as number;
    if (septet === NONE) return -1;
    length += septet > 0xff ? 2 : 1;
  }
  return length;
}

/** The index (UTF-16) of the first character that the alphabet does not have, -1 when it has all. */
export function gsm7Misfit(text: string): number {
  for (let index = 0; index < text.length; index++) {
    if (SEPTETS[text.charCodeAt(index)] === NONE) return index;
  }
  return -1;
}

/** Unpacked septets; undefined when a character is not in the alphabet (see `gsm7Misfit`). */
export function encodeGsm7(text: string): Buffer | undefined {
  const length = gsm7Length(text);
  if (length < 0) return undefined;
  const octets = Buffer.allocUnsafe(length);
  let position = 0;
  for (let index = 0; index < text.length; index++) {
    const septet = SEPTETS[text.charCodeAt(index)] as number;
    if (septet > 0xff) octets[position++] = GSM7_ESCAPE;
    octets[position++] = septet & 0x7f;
  }
  return octets;
}

/**
 * Packs septets, 8 into 7 octets, least significant bit first. `fillBits` zero bits go in front
 * (0-6: what puts the text on a septet boundary behind a UDH, TS 23.040 §9.2.3.24).
 */
export function packSeptets(septets: Buffer, fillBits = 0): Buffer {
  const packed = Buffer.alloc(Math.ceil((septets.length * 7 + fillBits) / 8));
  let bit = fillBits;
  for (const septet of septets) {
    const at = bit >> 3;
    const value = (septet & 0x7f) << (bit & 7);
    packed[at] = (packed[at] as number) | (value & 0xff);
    if (value > 0xff) packed[at + 1] = value >> 8;
    bit += 7;
  }
  return packed;
}

/**
 * Unpacks septets. Without `count` as many as fit; seven octets may hold eight septets or seven
 * and seven zero bits, so that only the sender's count tells a last '@' from filling.
 */
export function unpackSeptets(packed: Buffer, count?: number, fillBits = 0): Buffer {
  const fitting = Math.max(0, Math.floor((packed.length * 8 - fillBits) / 7));
  const septets = Buffer.alloc(count === undefined ? fitting : Math.min(count, fitting));
  for (let index = 0; index < septets.length; index++) {
    const bit = fillBits + index * 7;
    const low = packed[bit >> 3] as number;
    const high = packed[(bit >> 3) + 1] ?? 0;
    septets[index] = (((high << 8) | low) >> (bit & 7)) & 0x7f;
  }
  return septets;
}

const NONE = 0xffff;

function septetsByCode(): Uint16Array {
  const table = new Uint16Array(0x10000).fill(0xffff);
  for (let septet = 0; septet < GSM7_BASIC.length; septet++) {
    if (septet !== GSM7_ESCAPE) table[GSM7_BASIC.charCodeAt(septet)] = septet;
  }
  for (const [septet, character] of EXTENSION) table[character.charCodeAt(0)] = 0x1b00 | septet;
  return table;
}
