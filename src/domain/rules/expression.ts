import { z } from 'zod';
import { compileAutomaton, type Pattern, placesOf, STATES_MAX } from '../automaton.ts';
import { foldText } from '../fold-text.ts';
import type { PolicyInput } from '../policy-rule.ts';
import { ruleKind } from '../policy-rule.ts';
import { beginningWith, containing, template, wildcard } from '../text-patterns.ts';

const PATTERNS_MAX = 5_000;
const PATTERN_CHARS_MAX = 1_000;

const patterns = z.array(z.string().min(1).max(PATTERN_CHARS_MAX)).max(PATTERNS_MAX).default([]);

const schema = z
  .strictObject({
    field: z.enum(['text', 'sender', 'destination']).default('text'),
    /** Somewhere in the field, also inside words. */
    contains: patterns,
    prefix: patterns,
    /** The whole field: `*` any characters, `?` one. */
    wildcard: patterns,
    /** The whole field: `{digits:4-8}` and other variables. */
    template: patterns,
  })
  .superRefine((data, ctx) => {
    const all = [...data.contains, ...data.prefix, ...data.wildcard, ...data.template];
    if (all.length === 0) ctx.addIssue({ code: 'custom', message: 'needs at least one pattern' });
    data.template.forEach((text, index) => {
      const read = template(text);
      if ('error' in read)
        ctx.addIssue({ code: 'custom', path: ['template', index], message: read.error });
    });
    // A variable of 1,600 characters is 1,600 places; one letter may be eighteen when it is folded.
    let places = 0;
    for (const pattern of patternsOf(data)) places += placesOf(pattern);
    if (places > STATES_MAX)
      ctx.addIssue({ code: 'custom', message: `has more than ${STATES_MAX} places` });
  });

/** `expression`: one of these patterns is in a field, whatever the case or the compatibility form of its letters. */
export const expression = ruleKind({
  schema,
  actions: ['refuse', 'hold', 'rewrite', 'flag', 'suspend'],
  readsWhole: ({ field }) => field === 'text',
  *compile({ field, ...given }, name) {
    const automaton = yield* compileAutomaton(patternsOf(given));
    const found = {
      refusal: { key: 'contentRefused', detail: `rule ${name} refuses this ${field}` },
    } as const;
    return (input: PolicyInput) =>
      automaton.matches(foldText(input[field])).length > 0 ? found : undefined;
  },
});

type Patterns = Readonly<
  Record<'contains' | 'prefix' | 'wildcard' | 'template', readonly string[]>
>;

/** One after the other, as they are asked for. */
function* patternsOf(given: Patterns): Iterable<Pattern> {
  for (const text of given.contains) yield containing(foldText(text));
  for (const text of given.prefix) yield beginningWith(foldText(text));
  for (const text of given.wildcard) yield wildcard(foldText(text));
  for (const text of given.template) {
    const read = template(foldText(text));
    if (!('error' in read)) yield read;
  }
}
