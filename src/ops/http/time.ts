import { z } from 'zod';

const SHAPE = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d))?$/i;
const FAULT =
  'must be a time such as 2026-12-01T08:00:00Z or 2026-12-01T11:00:00+03:00, or a day (UTC)';

/**
 * A moment in a query or a body: ISO 8601 with its zone, so that nobody's clock is guessed; a day alone begins at 00:00
 * UTC. A "+" that a URL made a blank is taken as what it was.
 */
export const time = z.string(FAULT).transform((text, context): Date => {
  const iso = text.replace(/ (\d\d:?\d\d)$/, '+$1');
  const at = new Date(iso);
  if (SHAPE.test(iso) && !Number.isNaN(at.getTime()) && isDay(iso)) return at;
  context.addIssue({ code: 'custom', message: FAULT });
  return z.NEVER;
});

/** JavaScript takes 30 February for 2 March. */
function isDay(iso: string): boolean {
  const day = iso.slice(0, 10);
  const at = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(day);
}
