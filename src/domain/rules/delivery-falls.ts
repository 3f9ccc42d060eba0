import { z } from 'zod';
import { ruleKind, signalCheck } from '../policy-rule.ts';
import { name, whole } from '../schema-parts.ts';
import { judgeYield, part, signalShape } from '../traffic-signals.ts';

const CLASSES_MAX = 100;
const SETTLE_SECONDS_MAX = 86_400;

const schema = z.strictObject({
  ...signalShape,
  /** Receipts, or codes that the customer says were entered (`POST /v1/accounts/{name}/conversions`). */
  of: z.enum(['delivery', 'conversion']).default('delivery'),
  /** What counts: one-time passwords are to arrive. */
  classes: z.array(name).min(1).max(CLASSES_MAX).default(['otp']),
  /** Receipts, or confirmations, are waited for so long. */
  settleSeconds: whole(0, SETTLE_SECONDS_MAX).default(600),
  /** So much less of it is delivered, or confirmed, than usual. */
  fall: part.default(0.3),
  /** Less than that is too little, whatever is usual. */
  below: part.optional(),
});

/**
 * `deliveryFalls`: a message to a prefix where far less of the account's traffic is delivered than usual, or fewer codes are
 * entered: numbers that nobody reads, made up to inflate traffic. The latter sees numbers that are delivered to, too.
 */
export const deliveryFalls = ruleKind({
  schema,
  actions: ['flag', 'hold', 'refuse', 'suspend'],
  compile(spec, ruleName) {
    const { prefixDigits, classes, withinSeconds, settleSeconds, historyHours, lastsSeconds } =
      spec;
    return signalCheck(
      {
        // Apart, also where two rules have one name: what one finds is not for the other.
        rule: `deliveryFalls ${ruleName}${spec.of === 'delivery' ? '' : ` ${spec.of}`}`,
        prefixDigits,
        classes,
        withinSeconds,
        settleSeconds,
        historyHours,
        lastsSeconds,
        judge: (now, before) => judgeYield(spec.of, now, before, spec),
      },
      {
        refusal: {
          key: 'capReached',
          detail: DETAILS[spec.of],
        },
      },
    );
  },
});

const DETAILS = {
  delivery: 'much less of the traffic to this destination is delivered than usual',
  conversion: 'much fewer codes sent to this destination are entered than usual',
} as const;
