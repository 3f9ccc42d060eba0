import { z } from 'zod';
import { ruleKind } from '../policy-rule.ts';
import { whole } from '../schema-parts.ts';

const SECONDS_MAX = 86_400; // a day: what is said again tomorrow is another message
/** Such rules of one policy: the store answers of each by a bit, in half an octet a message (sql/0060_said_texts.sql). */
export const DUPLICATES_MAX = 4;

const schema = z.strictObject({
  withinSeconds: whole(1, SECONDS_MAX).default(300),
  /** Whether the same text of another sender is the same message. */
  anySender: z.boolean().default(false),
});

/**
 * `duplicates`: a text that the same recipient was sent by this account a short time ago, over all nodes: messages that
 * were accepted count, whatever became of them. Of a long message it is the whole text. A message without a text that
 * can be read is like no other.
 */
export const duplicates = ruleKind({
  schema,
  actions: ['refuse', 'hold', 'flag', 'suspend'],
  readsWhole: () => true,
  compile({ withinSeconds, anySender }, name) {
    const found = {
      refusal: { key: 'duplicate', detail: `the same message was sent within ${withinSeconds} s` },
    } as const;
    return ({ accountId, destination, sender, text, isWhole, atMs }, facts) => {
      if (!isWhole || text === '') return undefined;
      const from = anySender ? '' : sender;
      const rule = `duplicates ${name}`;
      const said = facts.said(accountId, rule, withinSeconds, atMs, from, destination, text);
      if (typeof said === 'boolean') return said ? found : undefined;
      return { ...found, ifSaid: said };
    };
  },
});
