/**
 * How a carrier writes message ids in one place (submit_sm_resp or receipt): as text that is compared as it is, as a
 * decimal or a hexadecimal number, or in a way yet to be learnt.
 */
export type IdForm = 'text' | 'decimal' | 'hex' | 'auto';

/** A carrier's forms in both places. */
export interface IdForms {
  readonly response: IdForm;
  readonly receipt: IdForm;
}

/**
 * In which way a receipt's id can mean the id of a submit_sm_resp: `same` base in both (zeros before it, upper or
 * lower case and 0x aside), or the number written in hexadecimal there and in decimal here, or the other way.
 */
export type IdReading = 'same' | 'hexToDecimal' | 'decimalToHex';

/** One reading of a receipt's id: the key of the submit_sm_resp that it would mean. */
export interface ReadId {
  readonly reading: IdReading;
  readonly key: string;
}

/** Ids are numbers of at most 64 bits; longer ones of digits (hashes) are text. */
const LIMIT = 1n << 64n;
/** Digits that 64 bits have at most; leading zeros may add some, in a message_id of 64 octets. */
const DIGITS_MAX = 64;
/** Widths to which 64-bit numbers are filled with zeros, in hexadecimal and in decimal. */
const HEX_WIDTH_MAX = 16;
const DECIMAL_WIDTH_MAX = 20;
/** Widths of what has 0x before it: as short as can be, 32 and 64 bits. */
const PREFIXED_WIDTHS = [0, 8, 16];

/**
 * The one key under which the id of a submit_sm_resp is kept. Where both forms are text it is the id itself, at no
 * cost. Else ids that differ in case, in zeros before them or in 0x have one key. '' has none: it must match nothing.
 */
export function responseKey(id: string, forms: IdForms): string {
  return isText(forms) ? id : canonical(id);
}

/**
 * The keys that a receipt's id can mean, one for each reading that the forms allow and that gives another key; the
 * same base first. Numbers are exact over all 64 bits.
 */
export function readId(id: string, forms: IdForms): readonly ReadId[] {
  if (isText(forms)) return id === '' ? [] : [{ reading: 'same', key: id }];
  const same = canonical(id);
  if (same === '') return [];
  const readings: ReadId[] = [];
  if (mayBeSame(forms)) readings.push({ reading: 'same', key: same });
  if (may(forms.response, 'hex') && may(forms.receipt, 'decimal'))
    addNumber(readings, 'hexToDecimal', numberOf(id, DECIMAL), 16);
  if (may(forms.response, 'decimal') && may(forms.receipt, 'hex'))
    addNumber(readings, 'decimalToHex', numberOf(id, HEXADECIMAL), 10);
  // What is no number in the base that was promised is text.
  return readings.length > 0 ? readings : [{ reading: 'same', key: same }];
}

/**
 * The ways in which a carrier may have written an id with this key: what a store is asked for that keeps ids as they
 * came. At most some forty.
 * @param asRead the receipt's own spelling
 */
export function spellings(key: string, asRead: string, forms: IdForms): readonly string[] {
  if (isText(forms)) return [key];
  const ways = new Set([asRead, asRead.trim(), key, key.toUpperCase()]);
  if (!HEXADECIMAL.test(key)) return [...ways];
  const isDecimal = DECIMAL.test(key);
  const widest = isDecimal && forms.response !== 'hex' ? DECIMAL_WIDTH_MAX : HEX_WIDTH_MAX;
  for (let width = key.length; width <= widest; width++) addCases(ways, key.padStart(width, '0'));
  if (may(forms.response, 'hex'))
    for (const width of PREFIXED_WIDTHS) addCases(ways, key.padStart(width, '0'), '0x');
  return [...ways];
}

const DECIMAL = /^[0-9]+$/;
const HEXADECIMAL = /^(?:0x)?[0-9a-f]+$/i;
/** The significant digits of a number in either base. */
const SIGNIFICANT = /^(?:0x)?0*([0-9a-f]+)$/;

function isText(forms: IdForms): boolean {
  return forms.response === 'text' && forms.receipt === 'text';
}

function canonical(id: string): string {
  const text = id.trim().toLowerCase();
  return SIGNIFICANT.exec(text)?.[1] ?? text;
}

function may(form: IdForm, base: 'decimal' | 'hex'): boolean {
  return form === base || form === 'auto';
}

/** Only two different bases that are both known exclude it. */
function mayBeSame({ response, receipt }: IdForms): boolean {
  return response === receipt || !isNumber(response) || !isNumber(receipt);
}

function isNumber(form: IdForm): boolean {
  return form === 'decimal' || form === 'hex';
}

/** The value of an id in a base; undefined when it is no number of at most 64 bits in it. */
function numberOf(id: string, base: RegExp): bigint | undefined {
  const text = id.trim();
  if (text.length > DIGITS_MAX || !base.test(text)) return undefined;
  const digits = base === DECIMAL ? text : `0x${text.replace(/^0x/i, '')}`;
  const value = BigInt(digits);
  return value < LIMIT ? value : undefined;
}

function addNumber(
  readings: ReadId[],
  reading: IdReading,
  value: bigint | undefined,
  radix: 10 | 16,
): void {
  if (value === undefined) return;
  const key = value.toString(radix);
  if (!readings.some((other) => other.key === key)) readings.push({ reading, key });
}

function addCases(ways: Set<string>, digits: string, prefix = ''): void {
  ways.add(prefix + digits);
  ways.add(prefix + digits.toUpperCase());
}
