import { noFields, type ReceiptText } from './receipt-fields.ts';
import { utcMs } from './smpp-time.ts';

/** How one carrier writes its receipts, where that differs from 3.4 appendix B. All of it is data. */
export interface ReceiptDialect {
  /** esm_class bits 5-2 that mark a receipt of a final state, and one of an intermediate state. */
  readonly finalTypes: readonly number[];
  readonly intermediateTypes: readonly number[];
  /** A message of type 0 whose text reads as a receipt is one (see `looksLikeReceipt`). */
  readonly byText: boolean;
  /** `text` and `tlv` leave the other unread. */
  readonly read: 'any' | 'text' | 'tlv';
  /** What the octets are, whatever data_coding says; `auto`: Latin-1, or UTF-16 where it looks so. */
  readonly octets: 'auto' | 'latin1' | 'gsm7' | 'gsm7-packed' | 'ucs2' | 'ucs2le';
  /** Further names of fields, in lower case letters and digits alone. */
  readonly names: ReadonlyMap<string, keyof ReceiptText>;
  /** Fields by their place between separators, '-' for one that is not read; undefined: they have names. */
  readonly columns:
    | { readonly separator: string; readonly fields: readonly (keyof ReceiptText | '-')[] }
    | undefined;
  /** Formats of dates in the order in which they are tried; undefined: those of appendix B. */
  readonly dates: readonly string[] | undefined;
  /** A date without a zone, read as UTC, to the moment it means; undefined: it is UTC. */
  readonly toUtc: ((wallMs: number) => number) | undefined;
  /** message_state of the carrier's own words, in upper case. */
  readonly states: ReadonlyMap<string, number>;
  /** Where err is: in the text, or in network_error_code, alone or behind its network type ("3:27"). */
  readonly errFrom: 'text' | 'tlv' | 'tlv+type';
  readonly errBase: 'decimal' | 'hex';
}

/** A receipt's fields are in its beginning: short_message holds 254 octets, and the repeated text 20 characters. */
const CHARACTERS_MAX = 1_000;
/** "Message submit date": no name that was seen has more words, or characters. */
const NAME_WORDS = 3;
const NAME_CHARACTERS = 40;
/** A date with its zone: "2026-11-22T20:17:22.123456+05:30". */
const DATE_CHARACTERS = 40;

/** Names by which the fields are known without being told, besides those of appendix B. */
const NAMES: ReadonlyMap<string, keyof ReceiptText> = new Map([
  ['id', 'id'],
  ['messageid', 'id'],
  ['msgid', 'id'],
  ['sub', 'sub'],
  ['dlvrd', 'dlvrd'],
  ['submitdate', 'submitDate'],
  ['donedate', 'doneDate'],
  ['stat', 'stat'],
  ['status', 'stat'],
  ['state', 'stat'],
  ['err', 'err'],
  ['error', 'err'],
  ['errorcode', 'err'],
  ['errcode', 'err'],
  ['text', 'text'],
]);

/** A name and its value in the text: `start` of the name, `value` where the value begins. */
interface Found {
  readonly field: keyof ReceiptText;
  readonly start: number;
  readonly value: number;
}

/**
 * Reads `name:value` and `name=value` in any order, case and spacing, between blanks, commas, semicolons, bars,
 * ampersands, quotes or braces. A value goes to the next blank or separator, a date's to the next field. `text` ends
 * the reading once stat has come. Never throws; linear in the first 1,000 characters, the rest is not read.
 */
export function parseDialectText(
  receipt: string,
  { names, columns }: Pick<ReceiptDialect, 'names' | 'columns'>,
): ReceiptText {
  const text = receipt.length > CHARACTERS_MAX ? receipt.slice(0, CHARACTERS_MAX) : receipt;
  const fields = noFields();
  if (columns !== undefined) {
    const values = text.split(columns.separator, columns.fields.length);
    for (const [at, field] of columns.fields.entries())
      if (field !== '-' && values[at] !== undefined) put(fields, field, values[at]);
    return fields;
  }
  let former: Found | undefined;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code !== COLON && code !== EQUALS) continue;
    const found = fieldBefore(text, at, names, former?.value ?? 0);
    if (found === undefined) continue;
    if (former !== undefined) {
      const end = former.field === 'text' ? text.length : found.start;
      put(fields, former.field, text.slice(former.value, end));
    }
    former = found;
    if (found.field === 'text' && fields.stat !== undefined) break;
  }
  if (former !== undefined) put(fields, former.field, text.slice(former.value));
  return fields;
}

/** Whether a field of this name is read without being told what it is. */
export function isKnownName(name: string, field: keyof ReceiptText): boolean {
  return NAMES.get(bare(name)) === field;
}

/** Whether fields of a text without a mark are a receipt's: an id, a state, and one thing more that no person writes. */
export function looksLikeReceipt(fields: ReceiptText, isState: (word: string) => boolean): boolean {
  if (!fields.id || fields.stat === undefined || !isState(fields.stat)) return false;
  return (fields.submitDate ?? fields.doneDate ?? fields.dlvrd ?? fields.err) !== undefined;
}

/**
 * A date in one of the formats, as Unix ms: `iso`, `epoch` (seconds), `epochMs`, or a pattern of YYYY, YY, MM, DD, hh,
 * mm, ss. Undefined for what fits none. A date that states its zone is not given to `toUtc`.
 */
export function parseDialectDate(
  date: string | undefined,
  formats: readonly string[],
  toUtc: ((wallMs: number) => number) | undefined,
): number | undefined {
  if (date === undefined || date.length > DATE_CHARACTERS) return undefined;
  for (const format of formats) {
    if (format === 'epoch' || format === 'epochMs') {
      if (!/^[0-9]{9,14}$/.test(date)) continue;
      const ms = Number(date) * (format === 'epoch' ? 1_000 : 1);
      if (ms < LATEST_MS) return ms;
      continue;
    }
    const zoned = format === 'iso' ? isoMs(date) : undefined;
    if (zoned?.zone !== undefined) return zoned.ms - zoned.zone;
    const wall = format === 'iso' ? zoned?.ms : patternMs(date, format);
    if (wall !== undefined) return toUtc === undefined ? wall : toUtc(wall);
  }
  return undefined;
}

const COLON = 0x3a;
const EQUALS = 0x3d;
/** The year 2100: two digits of a year mean this century. */
const LATEST_MS = Date.UTC(2100, 0);
const MINUTE_MS = 60_000;

/** The field whose name ends right before the separator and begins at or after `from`. */
function fieldBefore(
  text: string,
  separator: number,
  names: ReadonlyMap<string, keyof ReceiptText>,
  from: number,
): Found | undefined {
  let end = separator;
  while (end > from && isBlankOrQuote(text.charCodeAt(end - 1))) end--;
  const least = Math.max(from, end - NAME_CHARACTERS);
  let name = '';
  let best: Found | undefined;
  for (let words = 0; words < NAME_WORDS; words++) {
    let start = end;
    while (start > least && isNamePart(text.charCodeAt(start - 1))) start--;
    if (start === end) break;
    name = bare(text.slice(start, end)) + name;
    const field = names.get(name) ?? NAMES.get(name);
    if (field !== undefined) best = { field, start, value: separator + 1 };
    end = start;
    while (end > least && isBlank(text.charCodeAt(end - 1))) end--;
    if (end === start) break;
  }
  return best;
}

function put(fields: ReceiptText, field: keyof ReceiptText, raw: string): void {
  if (fields[field] !== undefined) return;
  if (field === 'text') {
    fields.text = raw.replace(/\0+$/, '');
    return;
  }
  const isDate = field === 'submitDate' || field === 'doneDate';
  const value = isDate ? dateValue(raw) : firstWord(raw);
  fields[field] = field === 'stat' ? value.toUpperCase() : value;
}

/** A value to the next blank or separator. */
function firstWord(raw: string): string {
  let start = 0;
  while (start < raw.length && isBlankOrQuote(raw.charCodeAt(start))) start++;
  let end = start;
  while (end < raw.length && !isEnd(raw.charCodeAt(end))) end++;
  return raw.slice(start, end);
}

/** A date may have blanks in it unless it is all digits; it goes to the next field, without what separates the two. */
function dateValue(raw: string): string {
  const word = firstWord(raw);
  if (/^[0-9]{8,}$/.test(word)) return word;
  let start = 0;
  let end = Math.min(raw.length, DATE_CHARACTERS + 8);
  while (start < end && isBlankOrQuote(raw.charCodeAt(start))) start++;
  while (end > start && isEnd(raw.charCodeAt(end - 1))) end--;
  return raw.slice(start, end);
}

function bare(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

function isBlank(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}

/** Blank, " or ' */
function isBlankOrQuote(code: number): boolean {
  return isBlank(code) || code === 0x22 || code === 0x27;
}

/** Blank, quote, NUL, and , ; | & { } */
function isEnd(code: number): boolean {
  return (
    isBlankOrQuote(code) ||
    code === 0 ||
    code === 0x2c ||
    code === 0x3b ||
    code === 0x7c ||
    code === 0x26 ||
    code === 0x7b ||
    code === 0x7d
  );
}

/** Letter, digit, _ - . */
function isNamePart(code: number): boolean {
  const lower = code | 0x20;
  return (
    (lower >= 0x61 && lower <= 0x7a) ||
    (code >= 0x30 && code <= 0x39) ||
    code === 0x5f ||
    code === 0x2d ||
    code === 0x2e
  );
}

const ISO =
  /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,]\d{1,9})?)?(?: ?(Z|[+-]\d\d(?::?\d\d)?))?$/i;

function isoMs(
  date: string,
): { readonly ms: number; readonly zone: number | undefined } | undefined {
  const match = ISO.exec(date);
  if (match === null) return undefined;
  const part = (index: number): number => Number(match[index] ?? 0);
  const ms = utcMs(part(1), part(2), part(3), part(4), part(5), part(6));
  return ms === undefined ? undefined : { ms, zone: zoneMs(match[7]) };
}

/** "Z", "+03", "+0300" or "+03:00" in ms; undefined when none is stated. */
function zoneMs(zone: string | undefined): number | undefined {
  if (zone === undefined) return undefined;
  if (zone === 'Z' || zone === 'z') return 0;
  const digits = zone.slice(1).replace(':', '').padEnd(4, '0');
  const ms = (Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2))) * MINUTE_MS;
  return zone.startsWith('-') ? -ms : ms;
}

/** A date by a pattern, token by token; every other character must be itself. */
function patternMs(date: string, pattern: string): number | undefined {
  const parts = { YY: 0, MM: 0, DD: 0, hh: 0, mm: 0, ss: 0 };
  let at = 0;
  let from = 0;
  while (at < pattern.length) {
    const token = pattern.startsWith('YYYY', at) ? 'YYYY' : pattern.slice(at, at + 2);
    if (token === 'YYYY' || token in parts) {
      const digits = date.slice(from, from + token.length);
      if (digits.length !== token.length || !/^[0-9]+$/.test(digits)) return undefined;
      const value = Number(digits);
      if (token === 'YYYY') parts.YY = value;
      else parts[token as keyof typeof parts] = token === 'YY' ? 2000 + value : value;
      at += token.length;
      from += token.length;
    } else if (pattern[at] === date[from]) {
      at++;
      from++;
    } else return undefined;
  }
  if (from !== date.length) return undefined;
  return utcMs(parts.YY, parts.MM, parts.DD, parts.hh, parts.mm, parts.ss);
}
