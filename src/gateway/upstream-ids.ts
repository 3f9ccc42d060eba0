import type { CatalogCarrier, UpstreamIdForm } from '../domain/catalog.ts';
import { idKeys } from '../smpp/receipt-text.ts';

/** Widths to which carriers fill hexadecimal and decimal ids with zeros: 32 and 64 bits, and ten digits. */
const HEX_WIDTHS = [0, 8, 16];
const DECIMAL_WIDTHS = [0, 10];

/**
 * The ways in which a carrier may have written, in its submit_sm_resp, the id that a receipt names: what the
 * store is asked for, since it keeps ids as they came.
 */
export function spellings(
  receiptId: string,
  carrier: Pick<CatalogCarrier, 'ids'>,
): readonly string[] {
  const { response, receipt } = carrier.ids;
  if (response === 'text' && receipt === 'text') return [receiptId];
  const ways = new Set([receiptId, ...idKeys(receiptId, receipt)]);
  for (const key of idKeys(receiptId, receipt)) {
    if (!/^\d{1,20}$/.test(key)) continue;
    for (const way of numberSpellings(BigInt(key), response)) ways.add(way);
  }
  return [...ways];
}

function numberSpellings(value: bigint, form: UpstreamIdForm): string[] {
  const ways: string[] = [];
  if (form !== 'decimal') {
    const hex = value.toString(16);
    for (const width of HEX_WIDTHS)
      ways.push(hex.padStart(width, '0'), hex.toUpperCase().padStart(width, '0'));
  }
  if (form !== 'hex') {
    for (const width of DECIMAL_WIDTHS) ways.push(value.toString().padStart(width, '0'));
  }
  return ways;
}
