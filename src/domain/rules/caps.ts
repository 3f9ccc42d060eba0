import { z } from 'zod';
import { ruleKind } from '../policy-rule.ts';
import { RecentKeys } from '../recent-keys.ts';
import { whole } from '../schema-parts.ts';

const SECONDS_MAX = 604_800; // a week
const MESSAGES_MAX = 1_000_000_000;
/** Recipients or prefixes of an account that are counted, some 60 octets each; beyond it the oldest begin anew. */
const KEYS_MAX = 50_000;

const schema = z.strictObject({
  /** What is counted by itself: each recipient, each prefix of so many digits, or all messages of the account. */
  per: z.enum(['recipient', 'prefix', 'account', 'sender']),
  prefixDigits: whole(1, 15).default(5),
  messages: whole(1, MESSAGES_MAX),
  /** From the first message counted on. */
  withinSeconds: whole(1, SECONDS_MAX).default(86_400),
});

/**
 * `caps`: more than so many messages in a time. What is counted is the node's own, lost with it, and begins anew when
 * the time is over; refused messages count as well.
 */
export const caps = ruleKind({
  schema,
  actions: ['refuse', 'hold', 'flag', 'suspend'],
  compile({ per, prefixDigits, messages, withinSeconds }, name) {
    const found = {
      refusal: {
        key: 'capReached',
        detail: `more than ${messages} messages in ${withinSeconds} s for one ${per}`,
      },
    } as const;
    return ({ accountId, destination, sender, atMs }, facts) => {
      const keys = facts.remembered(`caps ${name}`, accountId, () => new RecentKeys(KEYS_MAX));
      const what =
        per === 'recipient'
          ? destination
          : per === 'prefix'
            ? destination.slice(0, prefixDigits)
            : per === 'sender'
              ? sender
              : '';
      return keys.countUp(what, atMs, withinSeconds * 1_000) > messages ? found : undefined;
    };
  },
});
