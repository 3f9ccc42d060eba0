/** How long to wait between attempts, in ms. */
export interface BackoffOptions {
  /** Before the second attempt. */
  readonly firstMs: number;
  /** Never longer than this. */
  readonly maxMs: number;
}

/**
 * Half a second is over before a restarting carrier is; 30 s keeps a dead one from being hammered
 * and is still short against an operator's patience.
 */
export const BACKOFF_DEFAULTS: BackoffOptions = { firstMs: 500, maxMs: 30_000 };

/**
 * The wait after `failures` failures in a row: doubled each time up to the limit, and a random half of
 * it taken off, so that many binds (and nodes) do not come back in step.
 * @param random 0 to below 1
 */
export function backoffMs(failures: number, options: BackoffOptions, random: number): number {
  // 2^30 ms is 12 days: beyond any limit, and no overflow.
  const whole = Math.min(
    options.maxMs,
    options.firstMs * 2 ** Math.min(Math.max(0, failures - 1), 30),
  );
  return whole / 2 + (whole / 2) * random;
}
