/** Turns a wall clock, read as if it were UTC (Unix ms), into the moment it means. */
export type ToUtc = (wallMs: number) => number;

const MINUTE_MS = 60_000;
/** Zones change their offset on the hour, or on the half hour: within one quarter it is the same. */
const QUARTER_MS = 900_000;
/** Quarters of an hour remembered; receipts state the last minutes, seldom the last days. */
const REMEMBERED_MAX = 1_000;

/** Whether `zone` is "utc", an offset such as "+05:30", or a zone that this runtime knows ("Asia/Riyadh"). */
export function isTimeZone(zone: string): boolean {
  if (zone === 'utc' || offsetOf(zone) !== undefined) return true;
  // Intl takes any offset; those of the world are whole quarters of an hour.
  if (/^[+-]/.test(zone)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

/**
 * The clock of a zone; undefined for UTC, where there is nothing to do. A wall clock that a change of summer time
 * skips or repeats is read by the offset before the change.
 * @throws RangeError for what `isTimeZone` refuses
 */
export function compileTimeZone(zone: string): ToUtc | undefined {
  if (zone === 'utc') return undefined;
  const offset = offsetOf(zone);
  if (offset !== undefined) return (wallMs) => wallMs - offset;
  const offsets = zoneOffsets(zone);
  // The offset at the moment meant: guessed at the wall clock itself, then once more there.
  return (wallMs) => wallMs - offsets(wallMs - offsets(wallMs));
}

function offsetOf(zone: string): number | undefined {
  const match = /^([+-])(0[0-9]|1[0-4]):(00|15|30|45)$/.exec(zone);
  if (match === null) return undefined;
  const ms = (Number(match[2]) * 60 + Number(match[3])) * MINUTE_MS;
  return match[1] === '-' ? -ms : ms;
}

/** The zone's offset at a moment; asking Intl takes microseconds, so each quarter of an hour is asked once. */
function zoneOffsets(zone: string): (atMs: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  });
  const known = new Map<number, number>();
  return (atMs) => {
    const quarter = Math.floor(atMs / QUARTER_MS) * QUARTER_MS;
    const found = known.get(quarter);
    if (found !== undefined) return found;
    const parts = new Map(format.formatToParts(quarter).map(({ type, value }) => [type, value]));
    const part = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.get(type));
    const wall = Date.UTC(
      part('year'),
      part('month') - 1,
      part('day'),
      part('hour'),
      part('minute'),
    );
    if (known.size >= REMEMBERED_MAX) known.clear();
    known.set(quarter, wall - quarter);
    return wall - quarter;
  };
}
