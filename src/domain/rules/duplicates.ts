import { z } from 'zod';
import { ruleKind } from '../policy-rule.ts';
import { RecentKeys } from '../recent-keys.ts';
import { whole } from '../schema-parts.ts';

const SECONDS_MAX = 86_400; // a day: what is said again tomorrow is another message
/** Messages of an account that are remembered, some 60 octets each; beyond it the oldest are forgotten. */
const KEYS_MAX = 50_000;

const schema = z.strictObject({
  withinSeconds: whole(1, SECONDS_MAX).default(300),
  /** Whether the same text of another sender is the same message. */
  anySender: z.boolean().default(false),
});

/**
 * `duplicates`: a text that the same recipient was sent by this account a short time ago. What is remembered is the
 * node's own and lost with it; of two nodes each sees its own messages.
 */
export const duplicates = ruleKind({
  schema,
  actions: ['refuse', 'hold', 'flag', 'suspend'],
  compile({ withinSeconds, anySender }, name) {
    const found = {
      refusal: { key: 'duplicate', detail: `the same message was sent within ${withinSeconds} s` },
    } as const;
    return ({ accountId, destination, sender, text, atMs }, facts) => {
      const keys = facts.remembered(
        `duplicates ${name}`,
        accountId,
        () => new RecentKeys(KEYS_MAX),
      );
      const key = keys.keyOf(anySender ? '' : sender, destination, text);
      return keys.countUp(key, atMs, withinSeconds * 1_000) > 1 ? found : undefined;
    };
  },
});
