/**
 * A text without what a handset or a mail relay shows as nothing: tags and comments of HTML; character references
 * become their character. Linear in the text; a text without "<" and "&" is returned as it is.
 */
export function withoutMarkup(text: string): string {
  if (!text.includes('<') && !text.includes('&')) return text;
  let plain = '';
  for (let at = 0; at < text.length; ) {
    const char = text[at] ?? '';
    const end = char === '<' ? endOfTag(text, at) : char === '&' ? endOfReference(text, at) : -1;
    if (end < 0) plain += char;
    else if (char === '&') plain += referred(text.slice(at + 1, end));
    at = end < 0 ? at + 1 : end + 1;
  }
  return plain;
}

/** What stands in tags, for handsets that show them: "<poker>". */
export function tagsOf(text: string): readonly string[] {
  const found: string[] = [];
  for (let at = text.indexOf('<'); at >= 0; at = text.indexOf('<', at + 1)) {
    const end = endOfTag(text, at);
    if (end > 0) found.push(text.slice(at + 1, end));
  }
  return found;
}

/** Longer ones are text between two signs of comparison. */
const TAG_CHARS_MAX = 60;
const REFERENCE_CHARS_MAX = 10;
const NAMED: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
};

/** The offset of its ">"; -1: no tag starts here. */
function endOfTag(text: string, at: number): number {
  const comment = text.startsWith('<!--', at);
  if (!comment && !isTagStart(text.charCodeAt(at + 1))) return -1;
  if (isBox(text, at) && isInRow(text, at)) return -1;
  const length = text.slice(at, at + TAG_CHARS_MAX).indexOf('>');
  return length < 0 ? -1 : at + length;
}

/** "<a>": a tag, but in a row of three or more of them letters in boxes. */
function isBox(text: string, at: number): boolean {
  return text[at] === '<' && text[at + 2] === '>';
}

function isInRow(text: string, at: number): boolean {
  const first = isBox(text, at - 3) ? (isBox(text, at - 6) ? at - 6 : at - 3) : at;
  return isBox(text, first + 3) && isBox(text, first + 6);
}

/** A letter of ASCII, "/" or "!". */
function isTagStart(unit: number): boolean {
  return unit === 0x2f || unit === 0x21 || ((unit | 0x20) >= 0x61 && (unit | 0x20) <= 0x7a);
}

/** The offset of its ";"; -1: no reference starts here. */
function endOfReference(text: string, at: number): number {
  for (let i = at + 1; i <= at + REFERENCE_CHARS_MAX && i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 0x3b) return i > at + 1 ? i : -1;
    const isName =
      unit === 0x23 || (unit >= 0x30 && unit <= 0x39) || ((unit | 0x20) >= 0x61 && unit < 0x7b);
    if (!isName) return -1;
  }
  return -1;
}

/** Names that are not known show as nothing: soft hyphens, joiners, directions. */
function referred(name: string): string {
  if (!name.startsWith('#')) return NAMED[name] ?? '';
  const hex = name[1] === 'x' || name[1] === 'X';
  const point = hex ? Number.parseInt(name.slice(2), 16) : Number.parseInt(name.slice(1), 10);
  return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point) : '';
}
