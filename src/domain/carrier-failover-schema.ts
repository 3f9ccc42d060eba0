import { z } from 'zod';
import { fault, whole } from './schema-parts.ts';

/*
 * What a carrier's resource says of failures: whose they are, what is tried again, and when another carrier is.
 */

/** A day: longer than any carrier's answer "later" means, and than an operator waits for a link. */
const SECONDS_MAX = 86_400;
/** Sooner than a tenth of a second is a flood: the wait of a "try again later" is looked at ten times a second. */
const RETRY_SECONDS_LEAST = 0.1;
const RETRIES_MAX = 1_000;

const seconds = z
  .number(`must be a number of seconds, at most ${SECONDS_MAX}`)
  .min(0, 'must not be negative')
  .max(SECONDS_MAX, `must be at most ${SECONDS_MAX}`);

const retry = z.strictObject({
  retry: z
    .number('must be a number of seconds')
    .min(RETRY_SECONDS_LEAST, `must be at least ${RETRY_SECONDS_LEAST}`)
    .max(SECONDS_MAX, `must be at most ${SECONDS_MAX}`),
  retries: whole(0, RETRIES_MAX).optional(),
});

/** A fault class ends the message (or segment); `next` tries the next carrier of its route first. */
const ofReceipt = z.union([fault, z.literal('next')], {
  error: 'must be platform, carrier, recipient, customer or next',
});
const ofStatus = z.union([fault, z.literal('next'), retry], {
  error: 'must be platform, carrier, recipient, customer, next or {retry: seconds, retries: N}',
});

const faults = z
  .strictObject({
    byState: z
      .partialRecord(z.enum(['UNDELIV', 'REJECTD', 'EXPIRED', 'DELETED', 'UNKNOWN']), ofReceipt)
      .default({}),
    byErr: z.record(z.string().min(1).max(8), ofReceipt).default({}),
    byStatus: z
      .record(
        z.string().regex(/^(0x[0-9a-fA-F]{1,8}|[0-9]{1,10})$/, 'must be a command_status'),
        ofStatus,
      )
      .default({}),
  })
  .default({ byState: {}, byErr: {}, byStatus: {} });

const onUnknownOutcome = z
  .strictObject({
    waitSeconds: seconds.default(30),
    then: z.enum(['resend', 'expire']).default('resend'),
    giveUpAfterSeconds: seconds.optional(),
  })
  .default({ waitSeconds: 30, then: 'resend' });

/** Keys of a carrier. */
export const carrierFailoverShape = {
  /**
   * Half a second: a carrier that cuts its last session and takes the next bind at once (the first try comes after a
   * quarter to half a second) keeps its queue; beyond it the first message is on another carrier within a second.
   */
  failoverAfterSeconds: seconds.default(0.5),
  onUnknownOutcome,
  faults,
};
