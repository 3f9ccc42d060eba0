/**
 * SMPP's times: 3.4 §7.1.1, "YYMMDDhhmmsstnnp". Absolute with p = '+' or '-' (nn quarter hours
 * before or behind UTC, t tenths of a second), relative with p = 'R'.
 */

const FORMAT = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d)(\d\d)([-+R])$/;
const MINUTE_MS = 60_000;
/** The offset is stated in quarters of an hour, at most 48 of them (3.4 §7.1.1.1). */
const QUARTER_MS = 15 * MINUTE_MS;
const MAX_QUARTERS = 48;
/** A relative time states days as a calendar does. */
const MAX_RELATIVE_DAYS = 31;

/**
 * The moment a schedule_delivery_time or validity_period means, in Unix ms. An empty one (the
 * NULL of the specification: now, or the SMSC's default) is undefined. Years are 2000-2099.
 * Relative years and months are calendar ones, counted from `nowMs` in UTC.
 */
export function parseSmppTime(text: string, nowMs: number): number | undefined | 'malformed' {
  if (text === '') return undefined;
  const match = FORMAT.exec(text);
  if (match === null) return 'malformed';
  const [years, months, days, hours, minutes, seconds, tenths, quarters] = match
    .slice(1, 9)
    .map(Number) as Eight;
  if (match[9] === 'R') {
    const now = new Date(nowMs);
    return (
      addMonths(now, years * 12 + months) +
      ((days * 24 + hours) * 60 + minutes) * MINUTE_MS +
      seconds * 1000
    );
  }
  const local = utcMs(2000 + years, months, days, hours, minutes, seconds);
  if (local === undefined || quarters > MAX_QUARTERS) return 'malformed';
  const offset = quarters * QUARTER_MS;
  return local + tenths * 100 + (match[9] === '+' ? -offset : offset);
}

/** An absolute time in UTC, to a tenth of a second. @param ms Unix ms within 2000-2099. */
export function formatAbsoluteTime(ms: number): string {
  const date = new Date(ms);
  const tenth = Math.floor(date.getUTCMilliseconds() / 100);
  return `${compactDate(ms)}${two(date.getUTCSeconds())}${tenth}00+`;
}

/**
 * A relative time in days, hours, minutes and seconds. Rounded up to a second, at least one second
 * (all zeros would mean the SMSC's default) and at most 31 days, which is cut silently: no carrier
 * keeps a message longer.
 */
export function formatRelativeTime(durationMs: number): string {
  const whole = Math.min(Math.max(1, Math.ceil(durationMs / 1000)), MAX_RELATIVE_DAYS * 86_400);
  if (whole === lastRelative.seconds) return lastRelative.text;
  const days = Math.floor(whole / 86_400);
  const hours = Math.floor(whole / 3600) % 24;
  const minutes = Math.floor(whole / 60) % 60;
  const text = `0000${two(days)}${two(hours)}${two(minutes)}${two(whole % 60)}000R`;
  lastRelative = { seconds: whole, text };
  return text;
}

/** "YYMMDDhhmm" in UTC, as receipts state dates (3.4 appendix B). */
export function compactDate(ms: number): string {
  const minute = Math.floor(ms / MINUTE_MS);
  if (minute === lastCompact.minute) return lastCompact.text;
  const date = new Date(ms);
  const text =
    two(date.getUTCFullYear() % 100) +
    two(date.getUTCMonth() + 1) +
    two(date.getUTCDate()) +
    two(date.getUTCHours()) +
    two(date.getUTCMinutes());
  lastCompact = { minute, text };
  return text;
}

/** Unix ms of a UTC wall clock; undefined when there is no such day or time (month 1-12). */
export function utcMs(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
): number | undefined {
  if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59)
    return undefined;
  if (day > 28 && day > daysIn(year, month)) return undefined;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** Receipts and submits of one moment have the same times: the last one written is kept. */
let lastCompact = { minute: Number.NaN, text: '' };
let lastRelative = { seconds: Number.NaN, text: '' };

type Eight = [number, number, number, number, number, number, number, number];

/** Keeps the day where the month has it, else the month's last. */
function addMonths(from: Date, count: number): number {
  if (count === 0) return from.getTime();
  const moved = new Date(from);
  moved.setUTCDate(1);
  moved.setUTCMonth(from.getUTCMonth() + count);
  const last = daysIn(moved.getUTCFullYear(), moved.getUTCMonth() + 1);
  moved.setUTCDate(Math.min(from.getUTCDate(), last));
  return moved.getTime();
}

function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}
