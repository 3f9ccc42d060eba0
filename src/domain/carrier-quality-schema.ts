import { z } from 'zod';

/** Keys of a carrier for the signals that its receipts are not what they say. */
export const carrierQualityShape = {
  quality: z
    .strictObject({
      /**
       * DELIVRD sooner after the submit_sm_resp is no handset's: paging one and handing it a message takes seconds
       * (3GPP TS 23.040 §3). 0: nothing is too soon, for a carrier that is none (an application, a simulator).
       */
      quickReceiptSeconds: z
        .number()
        .min(0, 'must not be negative')
        .max(60, 'must be at most 60')
        .default(1),
    })
    .default({ quickReceiptSeconds: 1 }),
} as const;
