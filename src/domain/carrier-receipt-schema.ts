import { z } from 'zod';
import { hours, name } from './schema-parts.ts';

/** Other carriers that one shares its receipts with: as many resources as one SMSC account is sensibly cut into. */
const SHARING_MAX = 20;

/** How a carrier's receipts are matched with messages, beside `ids`, `matchDestination` and the like. */
export const carrierReceiptShape = {
  receiptAddresses: z.enum(['swapped', 'asSent']).default('swapped'),
  oneReceipt: z.boolean().default(false),
  segmentsWaitHours: hours.optional(),
  receiptsWith: z.array(name).max(SHARING_MAX, `must be at most ${SHARING_MAX}`).default([]),
};
