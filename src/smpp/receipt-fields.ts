import { utcMs } from './smpp-time.ts';

/** What a receipt's text states: 3.4 appendix B. A field that is absent is undefined, one without a value is ''. */
export interface ReceiptText {
  id: string | undefined;
  sub: string | undefined;
  dlvrd: string | undefined;
  /** As written. Wall clock of the carrier, of no stated zone. */
  submitDate: string | undefined;
  doneDate: string | undefined;
  /** Upper case. */
  stat: string | undefined;
  err: string | undefined;
  /** Latin-1: one character an octet, so that it compares with what was sent. */
  text: string | undefined;
}

/** Of a receipt that states nothing. */
export function noFields(): ReceiptText {
  return {
    id: undefined,
    sub: undefined,
    dlvrd: undefined,
    submitDate: undefined,
    doneDate: undefined,
    stat: undefined,
    err: undefined,
    text: undefined,
  };
}

/**
 * Reads `key:value` fields in any order and case; unknown ones are skipped, of a repeated one the
 * first counts. A value goes to the next white space, so that an id may have any other character.
 * `text` goes to the end, and what looks like fields in it is the message's, except when `stat`
 * has not come yet: then they are the receipt's too (seen: "text: stat:DELIVRD").
 */
export function parseReceiptText(receipt: string): ReceiptText {
  const fields = noFields();
  const end = endWithoutNuls(receipt);
  let colon = receipt.indexOf(':');
  while (colon >= 0 && colon < end) {
    const from = colon + 1;
    const key = keyBefore(receipt, colon);
    let next = from;
    if (key === 'text') {
      fields.text ??= receipt.slice(from, end);
      if (fields.stat !== undefined) return fields;
    } else if (key !== undefined) {
      const start = valueStart(receipt, from, end);
      next = valueEnd(receipt, start, end);
      if (fields[key] === undefined) {
        const value = receipt.slice(start, next);
        fields[key] = key === 'stat' ? value.toUpperCase() : value;
      }
    }
    colon = receipt.indexOf(':', next);
  }
  return fields;
}

/**
 * A receipt's date as UTC in Unix ms: YYMMDDhhmm, YYMMDDhhmmss, YYYYMMDDhhmm or YYYYMMDDhhmmss.
 * Twelve digits are read as the second form where that is a date. Years 70-99 are the 1900s.
 * Undefined for anything else ("0000000000" is no date).
 */
export function parseReceiptDate(date: string | undefined): number | undefined {
  if (date === undefined || !isDigits(date)) return undefined;
  const length = date.length;
  if (length === 10 || length === 12) {
    const year = twoDigits(date, 0);
    const ms = dateMs(year < 70 ? 2000 + year : 1900 + year, date, 2);
    if (ms !== undefined) return ms;
  }
  if (length !== 12 && length !== 14) return undefined;
  return dateMs(twoDigits(date, 0) * 100 + twoDigits(date, 2), date, 4);
}

function endWithoutNuls(text: string): number {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 0) end--;
  return end;
}

/** The field whose name ends right before the colon. */
function keyBefore(receipt: string, colon: number): keyof ReceiptText | undefined {
  let start = colon;
  while (start > 0 && isLetter(receipt.charCodeAt(start - 1))) start--;
  if (start > 0 && isJoiner(receipt.charCodeAt(start - 1)) && !isWord(receipt, start, 'date'))
    return undefined;
  switch (colon - start) {
    case 2:
      return isWord(receipt, start, 'id') ? 'id' : undefined;
    case 3:
      if (isWord(receipt, start, 'sub')) return 'sub';
      return isWord(receipt, start, 'err') ? 'err' : undefined;
    case 4:
      if (isWord(receipt, start, 'stat')) return 'stat';
      if (isWord(receipt, start, 'text')) return 'text';
      return isWord(receipt, start, 'date') ? dateKeyBefore(receipt, start) : undefined;
    case 5:
      return isWord(receipt, start, 'dlvrd') ? 'dlvrd' : undefined;
    case 8:
      return isWord(receipt, start, 'donedate') ? 'doneDate' : undefined;
    case 10:
      return isWord(receipt, start, 'submitdate') ? 'submitDate' : undefined;
    default:
      return undefined;
  }
}

/** "submit date", "done date", also joined by an underscore. */
function dateKeyBefore(receipt: string, date: number): 'submitDate' | 'doneDate' | undefined {
  let end = date;
  while (end > 0 && (isSpace(receipt.charCodeAt(end - 1)) || receipt[end - 1] === '_')) end--;
  let start = end;
  while (start > 0 && isLetter(receipt.charCodeAt(start - 1))) start--;
  if (end - start === 6 && isWord(receipt, start, 'submit')) return 'submitDate';
  return end - start === 4 && isWord(receipt, start, 'done') ? 'doneDate' : undefined;
}

/** Compares without regard to case; `word` is lower case letters. */
function isWord(receipt: string, start: number, word: string): boolean {
  for (let index = 0; index < word.length; index++) {
    if ((receipt.charCodeAt(start + index) | 0x20) !== word.charCodeAt(index)) return false;
  }
  return true;
}

function isLetter(code: number): boolean {
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x7a;
}

function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}

/** A digit, '_', '-' or '.': what goes before it makes another name ("network_id:"). */
function isJoiner(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || code === 0x5f || code === 0x2d || code === 0x2e;
}

/** "id: 123" has its value behind the space; "id: sub:001" has none. */
function valueStart(receipt: string, from: number, end: number): number {
  if (from >= end || !isSpace(receipt.charCodeAt(from))) return from;
  const next = valueEnd(receipt, from + 1, end);
  const candidate = receipt.slice(from + 1, next);
  return /^(submit|done)$/i.test(candidate) || candidate.includes(':') ? from : from + 1;
}

function valueEnd(receipt: string, start: number, end: number): number {
  let next = start;
  while (next < end && !isSpace(receipt.charCodeAt(next))) next++;
  return next;
}

function isDigits(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x30 || code > 0x39) return false;
  }
  return true;
}

function twoDigits(text: string, at: number): number {
  return (text.charCodeAt(at) - 0x30) * 10 + text.charCodeAt(at + 1) - 0x30;
}

/** Month, day, hour, minute and, where there are digits left, second from `at` on. */
function dateMs(year: number, date: string, at: number): number | undefined {
  const month = twoDigits(date, at);
  const day = twoDigits(date, at + 2);
  const second = date.length > at + 8 ? twoDigits(date, at + 8) : 0;
  return utcMs(year, month, day, twoDigits(date, at + 4), twoDigits(date, at + 6), second);
}
