import { ALPHABETS } from './words/alphabets.ts';
import { characterOf, FOLDED_MASK, KIND_UNIT, NOTHING } from './words/characters.ts';

/** What of a text leads somewhere else. */
export interface TextLinks {
  /** Names of hosts, lower case, without "www.". */
  readonly hosts: readonly string[];
  /** Digits of numbers to call, as they stand; "+" and "00" are dropped. */
  readonly phones: readonly string[];
}

/** Links of one text that are looked at: more fit into no message that a person reads. */
const LINKS_MAX = 200;
/** A telephone number: E.164 has 15 digits, and fewer than 9 may be a code, a price or a date. */
const PHONE_DIGITS_MIN = 9;
const PHONE_DIGITS_MAX = 15;

/** Hosts that only lead on to others. */
export const SHORTENERS: readonly string[] = [
  ...[
    'bit.ly',
    'tinyurl.com',
    'goo.gl',
    't.co',
    'ow.ly',
    'is.gd',
    'v.gd',
    'buff.ly',
    'rebrand.ly',
    'cutt.ly',
  ],
  ...[
    'shorturl.at',
    'rb.gy',
    't.ly',
    'bl.ink',
    'tiny.cc',
    's.id',
    'clck.ru',
    'vk.cc',
    'u.to',
    'goo.su',
    'qps.ru',
  ],
  ...[
    'lnkd.in',
    'db.tt',
    'adf.ly',
    'shorte.st',
    'soo.gd',
    'x.co',
    'tr.im',
    'cli.re',
    'surl.li',
    'dub.sh',
    'short.io',
  ],
  ...[
    'urlz.fr',
    'kutt.it',
    'trib.al',
    'mcaf.ee',
    'snip.ly',
    'tny.im',
    'cut.ly',
    'l.ead.me',
    'linktr.ee',
    'wa.link',
  ],
];

/** Endings under which a bare "name.ending" is a host without "http" before it. Two letters need a path behind them. */
const ENDINGS = new Set(
  'com net org info biz xyz top online site shop store app dev club vip live link click icu pro bet casino win loan work fun space website tech mobi name asia cloud page life world today news digital рф срб عرب السعودية'.split(
    ' ',
  ),
);
/** Countries' endings that SMS links are under most, and that are no word of a language after a full stop. */
const COUNTRY_ENDINGS = new Set(
  'ru sa ae pk kw qa bh om jo eg iq ly gl gd cc tk ml ga cf gq co io uk us de fr tr ir su by kz uz cn jp kr'.split(
    ' ',
  ),
);

/** The hosts and telephone numbers of a text. Linear in it. */
export function linksIn(text: string): TextLinks {
  const hosts: string[] = [];
  for (const token of text.split(/[\s<>()"'«»،؛]+/u)) {
    if (!token.includes('.') && !token.includes('。')) continue;
    const host = hostOf(token);
    if (host !== undefined && hosts.length < LINKS_MAX && !hosts.includes(host)) hosts.push(host);
  }
  return { hosts, phones: phonesIn(text) };
}

/** A host as it looks: letters of other scripts and digits that pass for Latin letters are those. */
export function skeletonOf(host: string): string {
  let skeleton = '';
  for (const char of host) {
    const character = characterOf(char.codePointAt(0) ?? 0);
    if (((character / KIND_UNIT) | 0) === NOTHING) continue;
    const folded = character & FOLDED_MASK;
    const readings = ALPHABETS.latin.readings(folded);
    // A digit's first reading is itself, its second the letter that it passes for.
    const code = folded < 0x3a ? (readings[1] ?? readings[0]) : readings[0];
    skeleton += code === undefined ? char : ALPHABETS.latin.letter(code);
  }
  return skeleton.replaceAll('rn', 'm').replaceAll('vv', 'w').replaceAll('i', 'l');
}

/** Whether a host is the other or a subdomain of it. */
export function isUnder(host: string, domain: string): boolean {
  return host === domain || host.endsWith(`.${domain}`);
}

/**
 * Whether a host passes for a domain without being under it: looks the same, has one letter more, less or other, or
 * has its name as a part ("acme-bank.example-login.com").
 */
export function looksLike(host: string, domain: string): boolean {
  if (isUnder(host, domain)) return false;
  const [seen, real] = [skeletonOf(host), skeletonOf(domain)];
  if (seen === real || seen.endsWith(`.${real}`)) return true;
  const name = real.slice(0, real.lastIndexOf('.'));
  if (name.length < NAME_MIN) return false;
  return seen
    .split('.')
    .some(
      (label) =>
        label.split('-').join('').includes(name.split('-').join('')) || isNear(label, name),
    );
}

/** Names shorter than that are near too many others. */
const NAME_MIN = 5;

/** One letter more, less or other. */
function isNear(one: string, other: string): boolean {
  if (Math.abs(one.length - other.length) > 1 || one === '') return false;
  let start = 0;
  while (start < one.length && one[start] === other[start]) start += 1;
  const [rest, more] = one.length < other.length ? [one, other] : [other, one];
  if (rest.length === more.length) return rest.slice(start + 1) === more.slice(start + 1);
  return rest.slice(start) === more.slice(start + 1);
}

function hostOf(token: string): string | undefined {
  const plain = token.normalize('NFKC').replaceAll('。', '.').toLowerCase();
  const scheme = plain.indexOf('://');
  const rest = scheme < 0 ? plain : plain.slice(scheme + 3);
  const end = rest.search(/[/?#:]/);
  const authority = end < 0 ? rest : rest.slice(0, end);
  const host = trimmed(authority.slice(authority.lastIndexOf('@') + 1));
  const labels = host.split('.');
  const last = labels.at(-1) ?? '';
  if (labels.length < 2 || labels.some((label) => label === '')) return undefined;
  const sure = scheme >= 0 || host.startsWith('www.');
  const path = end >= 0 && rest[end] === '/';
  const known = ENDINGS.has(last) || last.startsWith('xn--') || COUNTRY_ENDINGS.has(last);
  if (!sure && !known && !(path && /^\p{L}{2,}$/u.test(last))) return undefined;
  return host.startsWith('www.') ? host.slice(4) : host;
}

/** Without punctuation of the sentence around it. */
function trimmed(host: string): string {
  let [start, end] = [0, host.length];
  const isName = (at: number) => /[\p{L}\p{N}]/u.test(host[at] ?? '');
  while (start < end && !isName(start)) start += 1;
  while (end > start && !isName(end - 1)) end -= 1;
  return host.slice(start, end);
}

/** Rows of digits, with the signs between that numbers are written with. */
function phonesIn(text: string): string[] {
  const phones: string[] = [];
  let digits = '';
  for (let at = 0; at <= text.length; at++) {
    const digit = digitAt(text, at);
    if (digit !== '') digits += digit;
    else if (
      !(digits !== '' && BETWEEN_DIGITS.has(text[at] ?? '') && digitAt(text, at + 1) !== '')
    ) {
      const number = digits.startsWith('00') ? digits.slice(2) : digits;
      if (
        number.length >= PHONE_DIGITS_MIN &&
        number.length <= PHONE_DIGITS_MAX &&
        phones.length < LINKS_MAX
      )
        phones.push(number);
      digits = '';
    }
  }
  return phones;
}

const BETWEEN_DIGITS = new Set(' -.()');

/** ASCII, Arabic and Persian digits. */
function digitAt(text: string, at: number): string {
  const unit = text.charCodeAt(at);
  for (const zero of [0x30, 0x660, 0x6f0, 0xff10])
    if (unit >= zero && unit < zero + 10) return String(unit - zero);
  return '';
}
