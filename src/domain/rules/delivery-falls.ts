import { z } from 'zod';
import { ruleKind, signalCheck } from '../policy-rule.ts';
import { name, whole } from '../schema-parts.ts';
import { judgeDelivery, part, signalShape } from '../traffic-signals.ts';

const CLASSES_MAX = 100;
const SETTLE_SECONDS_MAX = 86_400;

const schema = z.strictObject({
  ...signalShape,
  /** What counts: one-time passwords are to arrive. */
  classes: z.array(name).min(1).max(CLASSES_MAX).default(['otp']),
  /** Receipts are waited for so long. */
  settleSeconds: whole(0, SETTLE_SECONDS_MAX).default(600),
  /** So much less of it is delivered than usual. */
  fall: part.default(0.3),
  /** Less than that is too little, whatever is usual. */
  below: part.optional(),
});

/**
 * `deliveryFalls`: a message to a prefix where far less of the account's traffic is delivered than usual: numbers that
 * nobody reads, made up to inflate traffic.
 */
export const deliveryFalls = ruleKind({
  schema,
  actions: ['flag', 'hold', 'refuse', 'suspend'],
  compile(spec, ruleName) {
    const { prefixDigits, classes, withinSeconds, settleSeconds, historyHours, lastsSeconds } =
      spec;
    return signalCheck(
      {
        rule: `deliveryFalls ${ruleName}`,
        prefixDigits,
        classes,
        withinSeconds,
        settleSeconds,
        historyHours,
        lastsSeconds,
        judge: (now, before) => judgeDelivery(now, before, spec),
      },
      {
        refusal: {
          key: 'capReached',
          detail: 'much less of the traffic to this destination is delivered than usual',
        },
      },
    );
  },
});
