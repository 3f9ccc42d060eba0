import { isHostUnit, isLink } from './host-names.ts';
import { phonesIn } from './text-phones.ts';

/** What of a text leads somewhere else. */
export interface TextLinks {
  /** Names of hosts, lower case, without "www."; of a scheme's own kind what stands there ("resolve" of "tg://resolve"). */
  readonly hosts: readonly string[];
  /** Digits of numbers to call, as they stand; "+" and "00" are dropped. */
  readonly phones: readonly string[];
}

/** Links of one text that are looked at: more fit into no message that a person reads. */
const LINKS_MAX = 200;

/** The hosts and telephone numbers of a text. Linear in it. @param wantPhones false: no number is looked for */
export function linksIn(text: string, wantPhones = true): TextLinks {
  if (!mayLead(text)) return NO_LINKS;
  const written = asWritten(text);
  const hosts = new Set<string>();
  // What nobody sees may stand within a name, or end one.
  const isHidden = UNSEEN.test(written);
  if (isHidden) addHosts(written.replace(UNSEEN_ALL, ' '), hosts);
  const seen = isHidden ? written.replace(UNSEEN_ALL, '') : written;
  addHosts(seen, hosts);
  return { hosts: [...hosts], phones: wantPhones ? phonesIn(seen, LINKS_MAX) : [] };
}

const NO_LINKS: TextLinks = { hosts: [], phones: [] };

/** Fewer digits are no number to call. */
const DIGITS_MIN = 5;

/** Most texts have no full stop between letters, no "://" and no five digits: they cost one look. */
function mayLead(text: string): boolean {
  let digits = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) {
      if (unit >= 0x30 && unit <= 0x39) digits += 1;
      else if (unit === 0x2e) {
        if (text.charCodeAt(at + 1) > 0x20) return true;
      } else if (unit === 0x3a) {
        const next = text.charCodeAt(at + 1);
        if (next === 0x2f || next === 0x5c) return true;
      } else if (unit === 0x5b || unit === 0x28 || unit === 0x7b) {
        if (DOT_STARTS.has(text[at + 1] ?? '')) return true;
      }
    } else if ((unit >= 0x660 && unit < 0x66a) || (unit >= 0x6f0 && unit < 0x6fa)) digits += 1;
    // Styles of letters, digits and full stops are from here on, but for soft hyphens, which stand beside others of these.
    else if (unit >= 0x2000 && !PLAIN.has(unit)) return true;
  }
  return digits >= DIGITS_MIN;
}

/** Quotation marks, dashes, three dots and bullets. */
const PLAIN = new Set([
  0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x20ac, 0x2116,
]);

/** A full stop in brackets, or its name: how a link is written so that it is not found. */
const BRACKETED_ALL = /[[({] ?(?:\.|dot|точка|نقطة) ?[\])}]/giu;
/** Shown as nothing: format characters, what varies a character, marks over Latin letters and digits, tatweel, fillers. */
const UNSEEN = /[\p{Cf}\p{Script=Inherited}\u0640\u115f\u1160\u3164\u2800]/u;
const UNSEEN_ALL = /[\p{Cf}\p{Script=Inherited}\u0640\u115f\u1160\u3164\u2800]/gu;
/** What begins it. */
const DOT_STARTS = new Set(' .dDтТن');
const OTHER_SIGNS = /[\\⁄∕⧸。]|[[({] ?[.dтن]/iu;

/** The text in plain letters, with one kind of full stop and of slash. */
function asWritten(text: string): string {
  const plain = text.normalize('NFKC');
  if (!OTHER_SIGNS.test(plain)) return plain;
  return plain
    .replaceAll('。', '.')
    .replace(BRACKETED_ALL, '.')
    .replaceAll('\\@', ' ') // to some what follows is the host, to others a path
    .replace(/[\\⁄∕⧸]/g, '/');
}

/** Walks from full stop to full stop and from scheme to scheme; what lies between is never looked at twice. */
function addHosts(text: string, hosts: Set<string>): void {
  let stop = text.indexOf('.');
  let scheme = text.indexOf(':/');
  for (let at = 0; (stop >= 0 || scheme >= 0) && hosts.size < LINKS_MAX; ) {
    if (scheme >= 0 && (stop < 0 || scheme < stop)) at = addAfterScheme(text, scheme, hosts);
    else at = addAround(text, at, stop, hosts);
    if (stop >= 0 && stop < at) stop = text.indexOf('.', at);
    if (scheme >= 0 && scheme < at) scheme = text.indexOf(':/', at);
  }
}

/** "http://" and every other scheme: what follows is a host whatever its name. Returns where it ends. */
function addAfterScheme(text: string, colon: number, hosts: Set<string>): number {
  let start = colon + 1;
  while (text[start] === '/') start += 1;
  // Browsers take "http:/host" for "http://host".
  if (start === colon + 2 && !/https?$/i.test(text.slice(Math.max(0, colon - 5), colon)))
    return colon + 2;
  let end = start;
  while (end < text.length && !AFTER_AUTHORITY.has(text[end] ?? '')) end += 1;
  const first = start + text.slice(start, end).lastIndexOf('@') + 1;
  const authority = percentFree(text.slice(first, end));
  const host = authority.slice(0, hostEnd(authority, 0));
  if (host !== '') addHost(host.toLowerCase(), hosts);
  else if (authority.startsWith('[')) addHost(authority.toLowerCase(), hosts);
  return pathEnd(text, Math.max(first + hostEnd(text.slice(first, end), 0), colon + 2));
}

const AFTER_AUTHORITY = new Set('/?# \t\n\r\u00a0<>"\'«»،؛|');

/** As browsers read the name of a host. */
function percentFree(authority: string): string {
  if (!authority.includes('%')) return authority;
  try {
    return decodeURIComponent(authority);
  } catch {
    return authority;
  }
}

/** The name around a full stop that has none before it. Returns where what belongs to it ends. */
function addAround(text: string, floor: number, stop: number, hosts: Set<string>): number {
  let start = stop;
  while (start > floor && isHostUnit(text.charCodeAt(start - 1))) start -= 1;
  const end = hostEnd(text, start);
  if (start === stop || end <= stop) return stop + 1;
  const before = text[start - 1];
  if (text[end] === '@' && isHostUnit(text.charCodeAt(end + 1))) return end + 1;
  const isMail = before === '@' && isHostUnit(text.charCodeAt(start - 2));
  const after = pathEnd(text, end);
  const name = text.slice(start, end);
  const link = isLink(name, { text, end, isSure: isMail, hasPath: after > end });
  if (link === undefined) return end;
  for (const host of link) addHost(host, hosts);
  return after;
}

/** Where a row of names with single full stops between them ends. */
function hostEnd(text: string, start: number): number {
  let end = start;
  while (end < text.length) {
    const unit = text.charCodeAt(end);
    const isStop = unit === 0x2e && end > start && isHostUnit(text.charCodeAt(end + 1));
    if (!isStop && !isHostUnit(unit)) break;
    end += 1;
  }
  return end;
}

/** Where the port, path, query and fragment behind a host end; its own end: it has none. */
function pathEnd(text: string, end: number): number {
  let at = text[end] === '.' ? end + 1 : end;
  const next = text.charCodeAt(at + 1);
  const first = text[at];
  const isPath =
    first === '/' ||
    (first === ':' && next >= 0x30 && next <= 0x39) ||
    ((first === '?' || first === '#') && isHostUnit(next));
  if (!isPath) return end;
  while (at < text.length && !AFTER_PATH.has(text[at] ?? '')) {
    if (text[at] === ':' && text[at + 1] === '/') break;
    at += 1;
  }
  return at;
}

/** What a link does not go over: another may begin behind it. */
const AFTER_PATH = new Set(' \t\n\r\u00a0,;|<>"\'«»،؛()[]{}…');

function addHost(host: string, hosts: Set<string>): void {
  if (hosts.size < LINKS_MAX) hosts.add(host.startsWith('www.') ? host.slice(4) : host);
}
