import { plainLatin } from './lookalike-hosts.ts';
import { TOP_LEVEL_DOMAINS } from './top-level-domains.ts';

/** Where a name stands in its text. */
export interface NamePlace {
  readonly text: string;
  /** The offset behind the name. */
  readonly end: number;
  /** It is a host for certain: of a mail address. */
  readonly isSure: boolean;
  /** A port, a path or a query stands behind it. */
  readonly hasPath: boolean;
}

/**
 * The hosts that a name with full stops may be, lower case: mostly itself, and without what of other scripts is written
 * right before or behind it ("اضغطbit.ly"). Undefined: it is a sentence without a blank behind its full stop, an
 * abbreviation, an amount, a date, the name of a file.
 */
export function isLink(name: string, place: NamePlace): readonly string[] | undefined {
  if (!place.hasPath && isNumber(name.slice(name.lastIndexOf('.') + 1))) return undefined;
  const labels = name.toLowerCase().split('.');
  const last = labels.at(-1) ?? '';
  if (isNumber(last)) return isAddress(labels) && place.hasPath ? [labels.join('.')] : undefined;
  const cut = cutAtScript(last);
  const ending = knownEnding(last, place) ? last : knownEnding(cut, place) ? cut : undefined;
  const isWeb = labels[0] === 'www';
  if (ending === undefined && !isWeb && !(place.hasPath && mayBeEnding(name, last)))
    return undefined;
  if (!isWeb && !place.isSure && !place.hasPath && isInnocent(name, labels, ending ?? last, place))
    return undefined;
  const host = [...labels.slice(0, -1), ending ?? last].join('.');
  const first = labels[0] ?? '';
  const tail = afterScript(first);
  return tail === first ? [host] : [host, tail + host.slice(first.length)];
}

/** A letter, a mark, a digit or "-": what names of hosts are made of. "_" is in none that is sold. */
export function isHostUnit(unit: number): boolean {
  if (unit < 0x80)
    return (
      (unit >= 0x61 && unit <= 0x7a) ||
      (unit >= 0x41 && unit <= 0x5a) ||
      (unit >= 0x30 && unit <= 0x39) ||
      unit === 0x2d
    );
  if (!(unit < 0x10000)) return false;
  const known = UNITS[unit] ?? 0;
  if (known !== 0) return known === 1;
  const isOne = LETTER.test(String.fromCharCode(unit));
  UNITS[unit] = isOne ? 1 : 2;
  return isOne;
}

const LETTER = /^[\p{L}\p{M}\p{N}]$/u;
/** By unit of UTF-16: 0 not asked for yet, 1 is one, 2 is none. */
const UNITS = new Uint8Array(0x10000);

/** Endings without owners that may be had, and endings of files: nothing leads there but with a path. */
const CLOSED_ENDINGS = new Set('call now open pay read save like got here play zip mov'.split(' '));

/** Endings that begin sentences, too, or go on with one; "id" and "no" stand before numbers. */
const WORD_ENDINGS = new Set(
  (
    'ad ae am as at auto bank be best bet bid bio book box boo buy by cab cafe camera camp care cars cash cheap check ' +
    'city claims clinic click close club contact credit deals delivery direct discount do download dot email events ' +
    'exchange express fail family fast final find fit food free fund get gift gifts gives giving go gold good group ' +
    'guide help hot hotel house how id if in insurance insure is it join just land limited link live loan loans love ' +
    'market me med meet money my network news next no off one ong online only or order page parts party pass phone ' +
    'place please plus post press prime promo qa rent repair report rest review rip run safe sale school search ' +
    'secure security select services sex shop show smile so social store style support taxi team tel tickets tips to ' +
    'today top total trade training travel us vet video vip visa vote wait watch we web win work you your ' +
    'сайт онлайн москва дети'
  ).split(' '),
);

/** Endings that are units or money behind an amount. */
const UNIT_ENDINGS = new Set(
  'am pm kg mg ml cm km mm gb sr rs tl kr lb pk pt st pc pa ft sq in'.split(' '),
);

/** Abbreviations that a name or a number is written to without a blank. */
const ABBREVIATIONS = new Set(
  (
    'mr mrs ms dr prof eng st sr jr rs no ref tel ph mob fax inv acct ac vs etc ext dept appt min max approx qty amt bal ' +
    'incl excl txn trx г ул д кв руб тел стр корп обл р пр'
  ).split(' '),
);

/** Whether a bare name is what people write that means no host. */
function isInnocent(
  name: string,
  labels: readonly string[],
  ending: string,
  place: NamePlace,
): boolean {
  if (CLOSED_ENDINGS.has(ending)) return true;
  const before = labels.at(-2) ?? '';
  // "5.kg", "1.Top up", "500.in", "250.SR"; "888.ru" and "777.casino" are hosts.
  if (isNumber(before))
    return before.length < 3 || WORD_ENDINGS.has(ending) || UNIT_ENDINGS.has(ending);
  // "9a.m.to", "P.O.Box"; "t.co" and "x.com" are hosts, and "u.to" unless the text goes on.
  if (before.length === 1 && labels.slice(0, -1).every((label) => label.length < 3))
    return labels.length > 2 || (WORD_ENDINGS.has(ending) && goesOn(place.text, place.end));
  // With a number before it, too: "2026г.Москва".
  if (ABBREVIATIONS.has(before.replace(/^[0-9]{1,9}/, ''))) return true;
  return isSentence(name, ending, place);
}

/** "now.In case", "Txn.ID 123", "الدفع.قطر الوطنية": the ending is a word, begins as a sentence does, and the text goes on. */
function isSentence(name: string, ending: string, { text, end }: NamePlace): boolean {
  if (!goesOn(text, end)) return false;
  const word = name.slice(name.length - ending.length);
  const isCased = word.toUpperCase() !== word.toLowerCase();
  if (!isCased) return word.charCodeAt(0) > 0x5ff;
  if (!WORD_ENDINGS.has(ending)) return false;
  const isCapital = word[0] !== word[0]?.toLowerCase();
  const lastBefore = name[name.length - ending.length - 2] ?? '';
  if (!isCapital || lastBefore !== lastBefore.toLowerCase()) return false;
  return word.slice(1) === word.slice(1).toLowerCase() || ending === 'id' || ending === 'no';
}

/** Whether a blank, or a colon, and another word or number follow. */
function goesOn(text: string, end: number): boolean {
  let at = end;
  if (text[at] === ':' || text[at] === '.') at += 1;
  if (text[at] === ' ') at += 1;
  return at > end && isHostUnit(text.charCodeAt(at));
}

/** @param ending lower case */
function knownEnding(ending: string, { hasPath }: NamePlace): boolean {
  if (TOP_LEVEL_DOMAINS.has(ending) || ending.startsWith('xn--')) return true;
  return hasPath && !isAscii(ending) && TOP_LEVEL_DOMAINS.has(plainLatin(ending));
}

/** An ending that is newer than our list: small letters alone, behind a name of two or more. */
function mayBeEnding(name: string, last: string): boolean {
  const before = name.length - last.length - 1;
  return /^\p{L}[\p{L}\p{M}\p{N}]+$/u.test(last) && name.endsWith(last) && before > 1;
}

function isNumber(label: string): boolean {
  for (let at = 0; at < label.length; at++) {
    const unit = label.charCodeAt(at);
    if (unit < 0x30 || unit > 0x39) return false;
  }
  return true;
}

/** IPv4 in four decimal numbers. */
function isAddress(labels: readonly string[]): boolean {
  return labels.length === 4 && labels.every((label) => isNumber(label) && Number(label) < 256);
}

function isAscii(label: string): boolean {
  for (let at = 0; at < label.length; at++) if (label.charCodeAt(at) > 0x7f) return false;
  return true;
}

/** The part of ASCII that a label begins with. */
function cutAtScript(label: string): string {
  let end = 0;
  while (end < label.length && label.charCodeAt(end) < 0x80) end += 1;
  return label.slice(0, end);
}

/** The part of ASCII that a label ends with; the label where that is none. */
function afterScript(label: string): string {
  let start = label.length;
  while (start > 0 && label.charCodeAt(start - 1) < 0x80) start -= 1;
  return start === label.length ? label : label.slice(start);
}
