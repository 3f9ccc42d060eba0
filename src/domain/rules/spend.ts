import { z } from 'zod';
import { parseCredits } from '../money.ts';
import { quotaCheck, ruleKind } from '../policy-rule.ts';
import { money } from '../schema-parts.ts';
import { countedShape, keyOfCounted, nameOfCounted } from './counted.ts';

/** Micro-credits that a JavaScript number counts exactly, less a margin for sums: nine thousand million credits. */
const CREDITS_MAX = 9_000_000_000_000_000n;

const schema = z.strictObject({
  ...countedShape,
  credits: money.refine(
    (text) => microOf(text) > 0n && microOf(text) <= CREDITS_MAX,
    'must be more than 0 and at most 9000000000',
  ),
});

/**
 * `spend`: more than so much money in a time, over all nodes. Counted is the price at accept, charged or reserved; what
 * is given back later was spent all the same, and so is what a refusal costs (`charged`). What is not accepted was not.
 */
export const spend = ruleKind({
  schema,
  actions: ['refuse', 'hold', 'flag', 'suspend'],
  compile(counted, name) {
    const { per, credits, withinSeconds } = counted;
    return quotaCheck(
      {
        rule: nameOfCounted('spend', name, counted),
        of: 'credits',
        limit: Number(microOf(credits)),
        withinSeconds,
        keyOf: (message) => keyOfCounted(counted, message),
        amountOf: ({ price }) => Number(price),
      },
      {
        refusal: {
          key: 'capReached',
          detail: `more than ${credits} credits in ${withinSeconds} s for one ${per}`,
        },
      },
    );
  },
});

function microOf(text: string): bigint {
  const parsed = parseCredits(text);
  if (typeof parsed !== 'bigint') throw new Error(`checked money ${text} ${parsed.error}`);
  return parsed;
}
