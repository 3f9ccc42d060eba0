import { numberContext } from './number-context.ts';

/** A row of digits. */
interface Group {
  readonly digits: string;
  readonly start: number;
  readonly end: number;
}

/** E.164 has 15 digits. */
const DIGITS_MAX = 15;
/** Without "+" or what else says that it is one, fewer digits are a code, a price or a date. */
const DIGITS_MIN = 9;
/** Of an international number: the shortest have a country code of three digits and five more (Saint Helena, Niue). */
const INTERNATIONAL_MIN = 8;
/** After "call", "тел", "اتصل": short numbers have five digits and more. */
const CALLED_MIN = 5;
/** Signs in a row between the digits of one number: ") ", " - ". */
const BETWEEN_MAX = 3;
const BETWEEN = new Set(' -.()‐–—_*~·•/');
/** What is between the groups of a number that nothing else says is one. */
const PLAIN_BETWEEN = new Set([' ', '-', ') ', ' (', ')', '(', ')-']);

/** The numbers to call in a text. @param countMax of so many; the rest is not looked at */
export function phonesIn(text: string, countMax: number): string[] {
  const phones: string[] = [];
  let row: Group[] = [];
  let at = 0;
  while (at < text.length && phones.length < countMax) {
    if (digitAt(text, at) < 0) {
      at += 1;
      continue;
    }
    const group = groupAt(text, at);
    const last = row.at(-1);
    if (last !== undefined && !isBetween(text, last.end, group.start)) {
      addPhones(text, row, phones);
      row = [];
    }
    row.push(group);
    at = group.end;
  }
  addPhones(text, row, phones);
  return phones.slice(0, countMax);
}

/** The numbers of a row of groups; what is a date, and what is over, ends one. */
function addPhones(text: string, row: readonly Group[], phones: string[]): void {
  if (digitsOf(row) < CALLED_MIN) return;
  const before = phones.length;
  let rest: Group[] = [];
  for (let at = 0; at < row.length; ) {
    const date = isPlus(text, row[at]) ? 0 : dateLength(text, row, at);
    const sure = date > 0 ? undefined : surePhone(text, row, at);
    if (sure !== undefined) phones.push(sure.digits);
    else if (date === 0) {
      rest.push(row[at] as Group);
      at += 1;
      continue;
    }
    if (phones.length === before) addLikely(text, rest, phones);
    rest = [];
    at += date > 0 ? date : (sure?.groups ?? 1);
  }
  if (phones.length === before) addLikely(text, rest, phones);
}

interface Phone {
  readonly digits: string;
  readonly groups: number;
}

function digitsOf(row: readonly Group[]): number {
  let count = 0;
  for (const { digits } of row) count += digits.length;
  return count;
}

/** A number that its form says is one: "+", "00", a trunk prefix, groups as in North America, Russia or France. */
function surePhone(text: string, row: readonly Group[], at: number): Phone | undefined {
  const first = row[at];
  if (first === undefined) return undefined;
  if (isPlus(text, first)) return taken(row, at, INTERNATIONAL_MIN, DIGITS_MAX);
  const { digits } = first;
  if (digits.startsWith('00')) {
    if ((digits[2] ?? '0') === '0' || isPartOfCode(text, first)) return undefined;
    // Groups of four in a row are an account's or a parcel's number, "0044 7911 1234" alone is not.
    if (isCard(row, at) && (at > 0 || numberContext(text, first.start, first.end) === 'record'))
      return undefined;
    const found = taken(row, at, INTERNATIONAL_MIN + 2, DIGITS_MAX + 2);
    return found && { ...found, digits: found.digits.slice(2) };
  }
  const found =
    trunkPhone(text, row, at) ?? russianPhone(text, row, at) ?? groupedPhone(text, row, at);
  if (found === undefined || isPartOfCode(text, first)) return undefined;
  const isNamed = found.groups === 1 && numberContext(text, first.start, first.end) === 'record';
  return isNamed ? undefined : found;
}

/** "0501234567", "042-111-937-671", "(02) 1234 5678", "0 800 500 500", "01 23 45 67 89". */
function trunkPhone(text: string, row: readonly Group[], at: number): Phone | undefined {
  const [first, second] = [row[at], row[at + 1]];
  if (first === undefined || first.digits[0] !== '0') return undefined;
  const { digits } = first;
  if (digits.length === 1 && row.length > at + 2) return taken(row, at, 10, 11);
  if (digits[1] === '0') return undefined;
  if (digits.length === 2) {
    if (second === undefined || !' -)'.includes(text[first.end] ?? '')) return undefined;
    const isYear = second.digits.length === 4 && /^(?:19|20)/.test(second.digits);
    const pairs = row.slice(at, at + 5);
    const isPairs = pairs.length === 5 && pairs.every((each) => each.digits.length === 2);
    if (isYear || (second.digits.length < 3 && !(isPairs && isUniform(text, pairs))))
      return undefined;
    return taken(row, at, DIGITS_MIN, 11);
  }
  // Toll-free numbers have fewer: 0800 1111.
  const isTollFree = digits.startsWith('0800') || digits.startsWith('0808');
  if (digits.length < 3 || isCard(row, at)) return undefined;
  return isAmount(text, first) ? undefined : taken(row, at, isTollFree ? 8 : DIGITS_MIN, 12);
}

/** "8 (800) 555-35-35", "89001234567": 8 or 7, a code that begins with 3, 4, 8 or 9, eleven digits in all. */
function russianPhone(text: string, row: readonly Group[], at: number): Phone | undefined {
  const first = row[at]?.digits ?? '';
  if (first[0] !== '8' && first[0] !== '7') return undefined;
  if (first.length !== 1 && first.length !== 4 && first.length !== 11) return undefined;
  const found = taken(row, at, 11, 11);
  if (found === undefined || !'3489'.includes(found.digits[1] ?? ' ')) return undefined;
  return first.length === 1 && text[row[at]?.end ?? 0] === '.' && found.groups < 4
    ? undefined
    : found;
}

/** "(415) 555-2671", "1-415-555-2671", "415.555.2671". */
function groupedPhone(text: string, row: readonly Group[], at: number): Phone | undefined {
  const offset = row[at]?.digits === '1' ? 1 : 0;
  const [area, exchange, line] = row.slice(at + offset, at + offset + 3);
  if (area?.digits.length !== 3 || exchange?.digits.length !== 3 || line?.digits.length !== 4)
    return undefined;
  if (area.digits[0] === '0' || area.digits[0] === '1' || '01'.includes(exchange.digits[0] ?? ''))
    return undefined;
  if (text.slice(area.start, line.end).includes('/') || text[exchange.end] === ' ')
    return undefined;
  return taken(row, at, 10 + offset, 10 + offset);
}

/** Numbers that have the form of a record's as well: what stands before and behind them says which. */
function addLikely(text: string, row: readonly Group[], phones: string[]): void {
  if (digitsOf(row) < CALLED_MIN) return;
  const whole = row.some(({ digits }) => digits.length >= DIGITS_MIN)
    ? undefined
    : joinedPhone(text, row);
  if (whole !== undefined) {
    phones.push(whole);
    return;
  }
  for (const group of row)
    if (group.digits.length >= CALLED_MIN && isLikely(text, group)) phones.push(group.digits);
}

/** All groups of a row as one number: "966 50 123 4567". */
function joinedPhone(text: string, row: readonly Group[]): string | undefined {
  const [first, last] = [row[0], row.at(-1)];
  if (first === undefined || last === undefined || row.length === 1) return undefined;
  const all = row.map(({ digits }) => digits).join('');
  if (all.length < CALLED_MIN + 2 || all.length > DIGITS_MAX || !isPlainRow(text, row))
    return undefined;
  if (isPartOfCode(text, first) || isCard(row, 0)) return undefined;
  const context = numberContext(text, first.start, last.end);
  if (context === 'called') return all;
  const isNumber = context === 'none' && all.length >= DIGITS_MIN;
  return isNumber && !isThousands(row) && !isHours(row) ? all : undefined;
}

function isLikely(text: string, group: Group): boolean {
  const { digits } = group;
  if (digits.length > DIGITS_MAX || isPartOfCode(text, group) || isAmount(text, group))
    return false;
  const context = numberContext(text, group.start, group.end);
  if (context === 'called') return true;
  if (context !== 'none' || digits.startsWith('00') || digits.endsWith('00000')) return false;
  return digits.length >= DIGITS_MIN || (digits.length === 8 && /^(?:88|18|08)00/.test(digits));
}

/** Groups from one on with so many digits at least, and no more than so many. */
function taken(row: readonly Group[], at: number, min: number, max: number): Phone | undefined {
  let digits = '';
  let next = at;
  for (; next < row.length && digits.length < max; next++) {
    const more = row[next]?.digits ?? '';
    if (digits.length + more.length > max) break;
    digits += more;
  }
  return digits.length < min ? undefined : { digits, groups: next - at };
}

/** "22.11.2026", "2026-11-22", "22/11/26": how many groups the date has; 0: none begins here. */
function dateLength(text: string, row: readonly Group[], at: number): number {
  const [one, two, three] = row.slice(at, at + 3);
  if (one === undefined || two === undefined || three === undefined) return 0;
  const sign = text.slice(one.end, two.start);
  if (!'.-/'.includes(sign) || sign.length !== 1 || text.slice(two.end, three.start) !== sign)
    return 0;
  const isYear = (digits: string) => /^(?:19|20)\d\d$/.test(digits);
  const isDay = ({ digits }: Group) => digits.length < 3 && Number(digits) < 32;
  if (isYear(one.digits) && isDay(two) && isDay(three)) return 3;
  if (!isDay(one) || !isDay(two)) return 0;
  if (isYear(three.digits)) return 3;
  const goesOn = row[at + 3] !== undefined && text[three.end] === sign;
  return three.digits.length === 2 && !goesOn ? 3 : 0;
}

/** Digits of an identifier: letters of Latin capitals right before it, as in "SA03800000" or "TXN2025". */
function isPartOfCode(text: string, { start, end }: Group): boolean {
  const before = text.charCodeAt(start - 1);
  const after = text.charCodeAt(end);
  if (before === 0x23 || before === 0x27) return true;
  const isCapital = before >= 0x41 && before <= 0x5a;
  const isLatinAfter = (after | 0x20) >= 0x61 && (after | 0x20) <= 0x7a && after < 0x80;
  return isCapital || isLatinAfter || (before >= 0x61 && before <= 0x7a && !isWordEnd(text, start));
}

/** Whether the small letters before are a word ("call0501234567"), no code ("x1y2"). */
function isWordEnd(text: string, start: number): boolean {
  let from = start;
  while (from > 0 && start - from < 4 && /[a-z]/i.test(text[from - 1] ?? '')) from -= 1;
  return start - from >= 3;
}

/** Behind a currency's sign, or with three decimals at most. */
function isAmount(text: string, { start, end }: Group): boolean {
  if ('$€£₽₹'.includes(text[start - 1] ?? ' ')) return true;
  if (!'.,٫٬'.includes(text[end] ?? ' ') || digitAt(text, end + 1) < 0) return false;
  return [2, 3, 4].some((count) => digitAt(text, end + count) < 0);
}

/** "1 250 000 000": groups of three behind one of three at most. */
function isThousands(row: readonly Group[]): boolean {
  return row.every(({ digits }, at) => (at === 0 ? digits.length < 4 : digits.length === 3));
}

/** "1234 5678 9012 3456", "PK36 SCBL 0000 0011": three groups of four at least. */
function isCard(row: readonly Group[], at: number): boolean {
  const groups = row.slice(at, at + 3);
  return groups.length > 2 && groups.every(({ digits }) => digits.length === 4);
}

/** "09-12 13-17": no group of more than two digits, some of two. */
function isHours(row: readonly Group[]): boolean {
  return (
    row.every(({ digits }) => digits.length < 3) && row.some(({ digits }) => digits.length === 2)
  );
}

function isPlainRow(text: string, row: readonly Group[]): boolean {
  return row.every(
    ({ end }, at) =>
      row[at + 1] === undefined || PLAIN_BETWEEN.has(text.slice(end, row[at + 1]?.start)),
  );
}

/** Whether the same sign is between all. */
function isUniform(text: string, row: readonly Group[]): boolean {
  const sign = text.slice(row[0]?.end, row[1]?.start);
  return row.every(
    ({ end }, at) => row[at + 1] === undefined || text.slice(end, row[at + 1]?.start) === sign,
  );
}

/** A "+" before it, a blank or bracket between at most; "1+1" is a sum. */
function isPlus(text: string, group: Group | undefined): boolean {
  let at = (group?.start ?? 0) - 1;
  for (const between of ' (') if (text[at] === between) at -= 1;
  if (text[at] === '(') at -= 1;
  return text[at] === '+' && digitAt(text, at - 1) < 0;
}

function isBetween(text: string, from: number, to: number): boolean {
  if (to - from > BETWEEN_MAX) return false;
  for (let at = from; at < to; at++) if (!BETWEEN.has(text[at] ?? '')) return false;
  return true;
}

function groupAt(text: string, start: number): Group {
  let digits = '';
  let end = start;
  for (let digit = digitAt(text, end); digit >= 0; digit = digitAt(text, end)) {
    // What is longer than any number is one group all the same.
    if (digits.length < 64) digits += digit;
    end += 1;
  }
  return { digits, start, end };
}

/** ASCII, Arabic and Persian digits; -1: none. */
function digitAt(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  if (unit >= 0x30 && unit < 0x3a) return unit - 0x30;
  if (unit >= 0x660 && unit < 0x66a) return unit - 0x660;
  return unit >= 0x6f0 && unit < 0x6fa ? unit - 0x6f0 : -1;
}
