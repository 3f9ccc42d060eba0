import { z } from 'zod';
import { quotaCheck, ruleKind } from '../policy-rule.ts';
import { whole } from '../schema-parts.ts';
import { countedShape, keyOfCounted, nameOfCounted } from './counted.ts';

const MESSAGES_MAX = 1_000_000_000;

const schema = z.strictObject({ ...countedShape, messages: whole(1, MESSAGES_MAX) });

/**
 * `caps`: more than so many messages in a time, over all nodes. The time begins with the first message counted; what is
 * not accepted does not count.
 */
export const caps = ruleKind({
  schema,
  actions: ['refuse', 'hold', 'flag', 'suspend'],
  compile(counted, name) {
    const { per, messages: limit, withinSeconds } = counted;
    return quotaCheck(
      {
        rule: nameOfCounted('caps', name, counted),
        of: 'messages',
        limit,
        withinSeconds,
        keyOf: (message) => keyOfCounted(counted, message),
        amountOf: ({ messages }) => messages,
      },
      {
        refusal: {
          key: 'capReached',
          detail: `more than ${limit} messages in ${withinSeconds} s for one ${per}`,
        },
      },
    );
  },
});
