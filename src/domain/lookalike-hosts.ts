import { ALPHABETS } from './words/alphabets.ts';
import { characterOf, FOLDED_MASK, KIND_UNIT, NOTHING } from './words/characters.ts';

/** Whether a host is the other or a subdomain of it. */
export function isUnder(host: string, domain: string): boolean {
  return host === domain || host.endsWith(`.${domain}`);
}

/**
 * Makes what tells whether a host passes for one of some domains without being under any: it looks the same, has one
 * letter more, less, other or exchanged, has the domain's name as a part ("acme-bank.example-login.com"), or the whole
 * domain ("acme.com.sa.example.io", "acme-com-sa.io"). The name of acme.com.sa and of acme.co.uk is "acme".
 *
 * A name of four letters has to stand alone ("acme-login.com"), a shorter one beside a part of its ending
 * ("moi-sa.com", not "moi.gov.ae"). What is under one of the domains passes for none of the others.
 */
export function lookalikesOf(domains: readonly string[]): (host: string) => boolean {
  const reals = domains.map((domain) => {
    const ending = endingParts(domain);
    const seen = skeletonOf(domain.slice(0, domain.length - ending.join('.').length - 1));
    const name = seen.slice(seen.lastIndexOf('.') + 1).replaceAll('-', '');
    const endings = ending.map(skeletonOf);
    return { whole: `.${dotted(skeletonOf(domain))}.`, name, endings };
  });
  return (host) => {
    if (domains.some((domain) => isUnder(host, domain))) return false;
    const ending = endingParts(host).join('.');
    const own = skeletonOf(host.slice(0, Math.max(0, host.length - ending.length - 1)));
    const whole = `.${dotted(skeletonOf(host))}.`;
    const labels = own.replaceAll('-', '').split('.');
    const parts = dotted(own).split('.');
    // From each part on, without what stands between: "alrajhi.bank" has the name of alrajhibank.com.sa.
    const joined = [...parts, ...ending.split('.').map(skeletonOf)];
    const rests = joined.map((_, at) => joined.slice(at, at + PARTS_MAX).join(''));
    return reals.some((real) => {
      if (whole.includes(real.whole)) return true;
      if (real.name.length < NAME_ALONE_MIN)
        return parts.includes(real.name) && real.endings.some((each) => parts.includes(each));
      if (real.name.length < NAME_MIN) return parts.includes(real.name);
      if (rests.some((rest) => rest.startsWith(real.name))) return true;
      if (labels.some((label) => label.includes(real.name) || isNear(label, real.name)))
        return true;
      return real.name.length >= NAME_LONG_MIN && parts.some((part) => isNear(part, real.name));
    });
  };
}

/** So many parts in a row may be one name. */
const PARTS_MAX = 4;
/** Shorter names are near too many others. */
const NAME_MIN = 5;
/** Shorter ones are those of many owners. */
const NAME_ALONE_MIN = 4;
/** Of these a part between hyphens is compared as well, and two exchanged letters count as one. */
const NAME_LONG_MIN = 7;

/** Names under which countries sell names: "com.sa", "co.uk", "gov.sa" (https://publicsuffix.org/list/, the usual ones). */
const SECOND_LEVEL = new Set(
  (
    'ac biz co com edu firm gen go gob gouv gov gub ind inf info ltd me med mil msk name ne net nhs nic nom or org ' +
    'plc pp press pro pub sch spb store tm tv web'
  ).split(' '),
);

/** The labels of a host that nobody may have for himself: "com", or "com" and "sa". */
function endingParts(host: string): readonly string[] {
  const labels = host.split('.');
  const [second = '', last = ''] = labels.slice(-2);
  const isTwo = labels.length > 2 && last.length === 2 && SECOND_LEVEL.has(second);
  return isTwo ? [second, last] : [last];
}

/** A host as it looks: letters of other scripts and digits that pass for Latin letters are those. */
function skeletonOf(host: string): string {
  return latinOf(host, 1).replaceAll('rn', 'm').replaceAll('vv', 'w').replaceAll('i', 'l');
}

/** With the Latin letters that those of other scripts look like; digits as they are. */
export function plainLatin(label: string): string {
  return ASCII.test(label) ? label : latinOf(label, 0);
}

const ASCII = /^[\x20-\x7e]*$/;

/** @param digit which reading a digit has: 0 itself, 1 the letter that it passes for */
function latinOf(host: string, digit: 0 | 1): string {
  let latin = '';
  for (const char of host) {
    const unit = char.charCodeAt(0);
    if (unit >= 0x61 && unit <= 0x7a) {
      latin += char;
      continue;
    }
    const character = characterOf(char.codePointAt(0) ?? 0);
    if (((character / KIND_UNIT) | 0) === NOTHING) continue;
    const folded = character & FOLDED_MASK;
    const readings = ALPHABETS.latin.readings(folded);
    const code = folded < 0x3a ? (readings[digit] ?? readings[0]) : readings[0];
    latin += code === undefined ? char : ALPHABETS.latin.letter(code);
  }
  return latin;
}

function dotted(host: string): string {
  return host.replaceAll('-', '.');
}

/** One letter more, less or other; of long names two exchanged. */
function isNear(one: string, other: string): boolean {
  if (Math.abs(one.length - other.length) > 1 || one === '') return false;
  let start = 0;
  while (start < one.length && one[start] === other[start]) start += 1;
  const [rest, more] = one.length < other.length ? [one, other] : [other, one];
  if (rest.length !== more.length) return rest.slice(start) === more.slice(start + 1);
  if (rest.slice(start + 1) === more.slice(start + 1)) return true;
  const isExchanged = rest[start] === more[start + 1] && rest[start + 1] === more[start];
  const isLong = other.length >= NAME_LONG_MIN;
  return isLong && isExchanged && rest.slice(start + 2) === more.slice(start + 2);
}
