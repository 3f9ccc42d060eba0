import { decodeGsm7, encodeGsm7, gsm7Misfit } from './gsm7.ts';

/** How octets become characters. `octets`: binary, no characters. */
export type Alphabet =
  | 'gsm7'
  | 'ascii'
  | 'latin1'
  | 'octets'
  | 'ucs2'
  | 'iso-8859-5'
  | 'iso-8859-8'
  | 'shift_jis'
  | 'iso-2022-jp'
  | 'euc-jp'
  | 'euc-kr';

/** What data_coding 0, "SMSC default alphabet", means to a peer; a carrier's or customer's setting. */
export type DefaultAlphabet = 'gsm7' | 'ascii' | 'latin1';

/** What a data_coding says. */
export interface DataCoding {
  /** 'default' is replaced by the peer's default alphabet. */
  readonly alphabet: Alphabet | 'default';
  /** 0 is flash (shown at once, not stored), 1 the phone, 2 the SIM, 3 the terminal equipment. */
  readonly messageClass: 0 | 1 | 2 | 3 | undefined;
  /** TS 23.042 compression: the text cannot be read. */
  readonly compressed: boolean;
  /** The message waiting groups 1100, 1101 and 1110. */
  readonly messageWaiting: boolean;
}

/** Encoded text, or the first character (UTF-16 index) that the alphabet does not have. */
export type EncodedText = { octets: Buffer } | { misfit: string; index: number };

/**
 * Reads a data_coding. 0-14 are SMPP's own list (3.4 §5.2.19); above, the groups of 3GPP TS
 * 23.038 §4 hold. Reserved values are the default alphabet, as TS 23.038 asks of receivers.
 */
export function parseDataCoding(dataCoding: number): DataCoding {
  return TABLE[dataCoding & 0xff] as DataCoding;
}

/** The alphabet of a data_coding, with the peer's default in the place of 'default'. */
export function alphabetOf(dataCoding: number, defaultAlphabet: DefaultAlphabet): Alphabet {
  const { alphabet } = parseDataCoding(dataCoding);
  return alphabet === 'default' ? defaultAlphabet : alphabet;
}

/**
 * The text of octets without UDH. Never throws: what is no character is U+FFFD. Binary and
 * compressed octets are read as Latin-1, one character an octet.
 */
export function decodeText(
  octets: Buffer,
  dataCoding: number,
  defaultAlphabet: DefaultAlphabet,
): string {
  if (octets.length === 0) return '';
  const coding = parseDataCoding(dataCoding);
  if (coding.compressed) return octets.toString('latin1');
  const alphabet = coding.alphabet === 'default' ? defaultAlphabet : coding.alphabet;
  switch (alphabet) {
    case 'gsm7':
      return decodeGsm7(octets);
    case 'ascii':
      return decodeAscii(octets);
    case 'latin1':
    case 'octets':
      return octets.toString('latin1');
    case 'ucs2':
      return decodeUcs2(octets);
    default:
      return decoderOf(alphabet).decode(octets);
  }
}

/**
 * The octets of a text, without UDH and uncut. UTF-16BE for UCS-2, so that characters beyond the
 * basic plane are surrogate pairs, as every handset reads them. Lone surrogates are U+FFFD.
 * Multi-octet alphabets (Japanese, Korean) cannot be written; every non-ASCII character is a misfit.
 */
export function encodeText(
  text: string,
  dataCoding: number,
  defaultAlphabet: DefaultAlphabet,
): EncodedText {
  const alphabet = alphabetOf(dataCoding, defaultAlphabet);
  switch (alphabet) {
    case 'gsm7': {
      const octets = encodeGsm7(text);
      return octets === undefined ? misfitAt(text, gsm7Misfit(text)) : { octets };
    }
    case 'ucs2':
      return { octets: Buffer.from(text.toWellFormed(), 'utf16le').swap16() };
    case 'latin1':
    case 'octets':
      return encodeBelow(text, 0x100);
    case 'iso-8859-5':
    case 'iso-8859-8':
      return encodeByTable(text, singleOctetTable(alphabet));
    default:
      return encodeBelow(text, 0x80);
  }
}

/** The data_coding that carries a text in the fewest segments: 0 where GSM 7-bit has it all, else 8 (UCS-2). */
export function smallestDataCoding(text: string): 0 | 8 {
  return gsm7Misfit(text) < 0 ? 0 : 8;
}

const REPLACEMENT = '\ufffd';

/** SMPP 3.4 §5.2.19. 9 (pictograms) and the reserved 11 and 12 hold octets of no known meaning. */
const SMPP_ALPHABETS: readonly (Alphabet | 'default')[] = [
  'default',
  'ascii',
  'octets',
  'latin1',
  'octets',
  'shift_jis',
  'iso-8859-5',
  'iso-8859-8',
  'ucs2',
  'octets',
  'iso-2022-jp',
  'default',
  'default',
  'euc-jp',
  'euc-kr',
  'default',
];

/** Bits 3 and 2 of the general groups (TS 23.038 §4); the fourth is reserved. */
const GSM_ALPHABETS: readonly (Alphabet | 'default')[] = ['default', 'octets', 'ucs2', 'default'];
const CLASSES = [0, 1, 2, 3] as const;

const TABLE: readonly DataCoding[] = Array.from({ length: 256 }, (_, value) =>
  Object.freeze(describe(value)),
);

function describe(value: number): DataCoding {
  const group = value >> 4;
  const plain = { messageClass: undefined, compressed: false, messageWaiting: false } as const;
  if (group === 0) return { ...plain, alphabet: SMPP_ALPHABETS[value] ?? 'default' };
  // 00xx: general; 01xx: marked for automatic deletion, coded the same.
  if (group < 8) {
    return {
      alphabet: GSM_ALPHABETS[(value >> 2) & 3] ?? 'default',
      messageClass: (value & 0x10) === 0 ? undefined : CLASSES[value & 3],
      compressed: (value & 0x20) !== 0,
      messageWaiting: false,
    };
  }
  // 1100 and 1101: message waiting in the default alphabet; 1110: in UCS-2.
  if (group === 0xc || group === 0xd)
    return { ...plain, alphabet: 'default', messageWaiting: true };
  if (group === 0xe) return { ...plain, alphabet: 'ucs2', messageWaiting: true };
  // 1111: bit 2 tells the default alphabet from 8-bit data.
  if (group === 0xf) {
    const alphabet = (value & 4) === 0 ? 'default' : 'octets';
    return { ...plain, alphabet, messageClass: CLASSES[value & 3] };
  }
  return { ...plain, alphabet: 'default' };
}

function decodeAscii(octets: Buffer): string {
  let plain = 0;
  while (plain < octets.length && (octets[plain] as number) < 0x80) plain++;
  let text = octets.toString('latin1', 0, plain);
  for (let index = plain; index < octets.length; index++) {
    const octet = octets[index] as number;
    text += octet < 0x80 ? String.fromCharCode(octet) : REPLACEMENT;
  }
  return text;
}

function decodeUcs2(octets: Buffer): string {
  const even = octets.length & ~1;
  const swapped = Buffer.from(octets.subarray(0, even)).swap16();
  const text = swapped.toString('utf16le').toWellFormed();
  return even === octets.length ? text : text + REPLACEMENT;
}

function encodeBelow(text: string, limit: number): EncodedText {
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) >= limit) return misfitAt(text, index);
  }
  return { octets: Buffer.from(text, 'latin1') };
}

function encodeByTable(text: string, table: ReadonlyMap<string, number>): EncodedText {
  const octets = Buffer.allocUnsafe(text.length);
  for (let index = 0; index < text.length; index++) {
    const octet = table.get(text[index] as string);
    if (octet === undefined) return misfitAt(text, index);
    octets[index] = octet;
  }
  return { octets };
}

function misfitAt(text: string, index: number): EncodedText {
  return { misfit: String.fromCodePoint(text.codePointAt(index) ?? 0xfffd), index };
}

type TableAlphabet = Exclude<Alphabet, 'gsm7' | 'ascii' | 'latin1' | 'octets' | 'ucs2'>;
type Decoder = InstanceType<typeof TextDecoder>;
const DECODERS = new Map<TableAlphabet, Decoder>();
const SINGLE_OCTET_TABLES = new Map<TableAlphabet, ReadonlyMap<string, number>>();

/** Made at first use: rare alphabets, from the runtime's tables. */
function decoderOf(alphabet: TableAlphabet): Decoder {
  const known = DECODERS.get(alphabet);
  if (known !== undefined) return known;
  const decoder = new TextDecoder(alphabet);
  DECODERS.set(alphabet, decoder);
  return decoder;
}

function singleOctetTable(alphabet: TableAlphabet): ReadonlyMap<string, number> {
  const known = SINGLE_OCTET_TABLES.get(alphabet);
  if (known !== undefined) return known;
  const table = new Map<string, number>();
  for (let octet = 0; octet < 256; octet++) {
    const character = decoderOf(alphabet).decode(Buffer.from([octet]));
    if (character !== REPLACEMENT) table.set(character, octet);
  }
  SINGLE_OCTET_TABLES.set(alphabet, table);
  return table;
}
