import { z } from 'zod';
import { foldWording } from '../fold-text.ts';
import { ruleKind } from '../policy-rule.ts';
import { whole } from '../schema-parts.ts';
import { foldSender } from '../sender-id.ts';

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
 * were accepted count, whatever became of them. Letter case and blanks make no other message, of sender and text alike;
 * octets are compared as they are. Of a long message it is the whole text. A message without a text is like no other.
 */
export const duplicates = ruleKind({
  schema,
  actions: ['refuse', 'hold', 'flag', 'suspend'],
  readsWhole: () => true,
  compile({ withinSeconds, anySender }, name) {
    const found = {
      refusal: { key: 'duplicate', detail: `the same message was sent within ${withinSeconds} s` },
    } as const;
    const rule = `duplicates ${name}`;
    return ({ accountId, destination, sender, text, isOctets, isWhole, atMs }, facts) => {
      if (!isWhole || text === '') return undefined;
      const from = anySender ? '' : foldSender(sender);
      const wording = isOctets === true ? text : foldWording(text);
      const said = facts.said(accountId, rule, withinSeconds, atMs, from, destination, wording);
      if (typeof said === 'boolean') return said ? found : undefined;
      return { ...found, ifSaid: said };
    };
  },
});
