import type { CatalogAccount } from '../domain/catalog.ts';
import { formatRelativeTime, parseSmppTime } from '../smpp/smpp-time.ts';

/**
 * Until when a message may be sent: its validity_period (SMPP 3.4 §5.2.16), the account's default where it
 * has none, never beyond the account's maximum.
 * @returns unix ms; undefined when the time is malformed or has passed
 */
export function validUntil(
  validityPeriod: string,
  account: Pick<CatalogAccount, 'validityDefaultMs' | 'validityMaxMs'>,
  nowMs: number,
): number | undefined {
  if (validityPeriod === '') return nowMs + account.validityDefaultMs;
  const asked = parseSmppTime(validityPeriod, nowMs);
  if (typeof asked !== 'number' || asked <= nowMs) return undefined;
  return Math.min(asked, nowMs + account.validityMaxMs);
}

/** The validity that is left, as a relative time for the carrier; at least one second. */
export function validityLeft(validUntilMs: number, nowMs: number): string {
  return formatRelativeTime(Math.max(1_000, validUntilMs - nowMs));
}
