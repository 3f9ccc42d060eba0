import { z } from 'zod';
import { ruleKind } from '../policy-rule.ts';

const SEGMENTS_MAX = 255; // the count of parts is one octet (3GPP TS 23.040 §9.2.3.24.1)
const CHARACTERS_MAX = 65_535; // of a message_payload

const schema = z
  .strictObject({
    maxSegments: z.int().min(1).max(SEGMENTS_MAX).optional(),
    maxCharacters: z.int().min(1).max(CHARACTERS_MAX).optional(),
  })
  .refine(({ maxSegments, maxCharacters }) => (maxSegments ?? maxCharacters) !== undefined, {
    error: 'needs maxSegments or maxCharacters',
  });

/** `length`: a message of more segments or characters (code points). */
export const length = ruleKind({
  schema,
  actions: ['refuse', 'hold', 'rewrite', 'flag'],
  // How many segments it has says each of them.
  readsWhole: ({ maxCharacters }) => maxCharacters !== undefined,
  compile({ maxSegments = SEGMENTS_MAX, maxCharacters }, name) {
    const found = {
      refusal: { key: 'contentRefused', detail: `the text is longer than rule ${name} allows` },
    } as const;
    return ({ segments, text }) => {
      if (segments > maxSegments) return found;
      // Code points are UTF-16 units at the most, and half of them at the least.
      if (maxCharacters === undefined || text.length <= maxCharacters) return undefined;
      return [...text].length > maxCharacters ? found : undefined;
    };
  },
});
