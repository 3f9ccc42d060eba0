import { z } from 'zod';
import { ruleKind } from '../policy-rule.ts';
import { compileWordList } from '../word-list.ts';

const WORDS_MAX = 200_000; // some ten times the largest word list seen
const WORD_LENGTH_MAX = 100;

const schema = z.strictObject({
  words: z.array(z.string().min(1).max(WORD_LENGTH_MAX)).max(WORDS_MAX),
  /** The rule's own `action` says what is done; earlier files say it here. */
  action: z.literal('refuse').optional(),
});

/** `bannedWords`: a text that has one of these words or phrases, whole, whatever the case. */
export const bannedWords = ruleKind({
  schema,
  actions: ['refuse', 'hold', 'rewrite', 'flag', 'suspend'],
  readsWhole: () => true,
  *compile({ words }, name) {
    const list = yield* compileWordList(words);
    const found = {
      refusal: {
        key: 'contentRefused',
        detail: `the text has a word that rule ${name} refuses`,
      },
    } as const;
    return (input) => (list.foundIn(input.text) ? found : undefined);
  },
});
