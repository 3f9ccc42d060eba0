import { z } from 'zod';
import { ruleKind } from '../policy-rule.ts';
import { name } from '../schema-parts.ts';
import { category } from '../word-list-schema.ts';

const LISTS_MAX = 100; // one a language and category of each of some sources
const CATEGORIES_MAX = 50;

const schema = z.strictObject({
  /** Names of `wordLists`. */
  lists: z.array(name).min(1, 'must name at least one list').max(LISTS_MAX),
  /** Only words of these categories; absent: of all. */
  categories: z.array(category).min(1).max(CATEGORIES_MAX).optional(),
});

/**
 * `words`: a text that has a word of these lists, in disguise or inflected too, never inside another word. All rules of
 * this kind share one reading of the text.
 */
export const words = ruleKind({
  schema,
  actions: ['refuse', 'hold', 'rewrite', 'flag', 'suspend'],
  readsWhole: () => true,
  compile({ lists, categories }, ruleName, { words: compiled }) {
    const named = new Set(lists);
    const wanted = categories && new Set(categories);
    const found = {
      refusal: {
        key: 'contentRefused',
        detail: `the text has a word that rule ${ruleName} refuses`,
      },
    } as const;
    return (input) => {
      for (const each of compiled.foundIn(input.text))
        if (named.has(each.list) && (wanted === undefined || wanted.has(each.category)))
          return found;
      return undefined;
    };
  },
});
