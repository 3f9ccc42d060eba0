import type { CatalogAccount } from '../domain/catalog.ts';
import { formatRelativeTime, parseSmppTime } from '../smpp/smpp-time.ts';
import * as status from '../smpp/status.ts';

/** When a message may be sent. */
export interface SubmitTimes {
  /** Unix ms after which it is never sent. */
  readonly validUntilMs: number;
  /** Unix ms before which it is not sent; 0: at once. */
  readonly releaseAtMs: number;
}

type Limits = Pick<CatalogAccount, 'validityDefaultMs' | 'validityMaxMs'>;

/**
 * The times of a submit_sm: schedule_delivery_time and validity_period (SMPP 3.4 §5.2.15, §5.2.16), both counted
 * from now. Without a validity_period the account's default begins when it is to be sent. Never beyond the account's
 * maximum. A schedule that has passed is none.
 * @returns the specification's status for a malformed time, a validity that is over, or a schedule beyond it
 */
export function submitTimes(
  pdu: { readonly schedule_delivery_time: string; readonly validity_period: string },
  account: Limits,
  nowMs: number,
): SubmitTimes | { readonly status: number } {
  let releaseAtMs = 0;
  if (pdu.schedule_delivery_time !== '') {
    const asked = parseSmppTime(pdu.schedule_delivery_time, nowMs);
    if (typeof asked !== 'number') return { status: status.ESME_RINVSCHED };
    if (asked > nowMs) releaseAtMs = asked;
  }
  const validUntilMs = validUntil(pdu.validity_period, account, nowMs, releaseAtMs || nowMs);
  if (validUntilMs === undefined) return { status: status.ESME_RINVEXPIRY };
  return releaseAtMs >= validUntilMs
    ? { status: status.ESME_RINVSCHED }
    : { validUntilMs, releaseAtMs };
}

/**
 * Until when a message may be sent: its validity_period, the account's default where it has none, never beyond the
 * account's maximum.
 * @param fromMs when the default begins
 * @returns unix ms; undefined when the time is malformed or has passed
 */
export function validUntil(
  validityPeriod: string,
  account: Limits,
  nowMs: number,
  fromMs: number = nowMs,
): number | undefined {
  const mostMs = nowMs + account.validityMaxMs;
  if (validityPeriod === '') return Math.min(fromMs + account.validityDefaultMs, mostMs);
  const asked = parseSmppTime(validityPeriod, nowMs);
  if (typeof asked !== 'number' || asked <= nowMs) return undefined;
  return Math.min(asked, mostMs);
}

/** The validity that is left, as a relative time for the carrier; at least one second. */
export function validityLeft(validUntilMs: number, nowMs: number): string {
  return formatRelativeTime(Math.max(1_000, validUntilMs - nowMs));
}
