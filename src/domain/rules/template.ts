import { z } from 'zod';
import { compileAutomaton, type Pattern, placesOf, STATES_MAX } from '../automaton.ts';
import { type PolicyInput, ruleKind, type TlvInput } from '../policy-rule.ts';
import { template as readTemplate } from '../text-patterns.ts';

const TEMPLATES_MAX = 5_000;
const TEMPLATE_CHARS_MAX = 2_000; // a message of ten segments and its variables' names
const ID_CHARS_MAX = 64;

const one = z.strictObject({
  id: z.string().min(1).max(ID_CHARS_MAX).optional(),
  text: z
    .string()
    .min(1)
    .max(TEMPLATE_CHARS_MAX)
    .superRefine((text, ctx) => {
      const read = readTemplate(text);
      if ('error' in read) ctx.addIssue({ code: 'custom', message: read.error });
    }),
});

const schema = z
  .strictObject({
    templates: z.array(one).min(1).max(TEMPLATES_MAX),
    /** The TLV in which the sender names his template's id, as 0x1401 in India: then it must be of that template. */
    idTlv: z.int().min(0).max(0xffff).optional(),
  })
  .superRefine(({ templates }, ctx) => {
    let places = 0;
    for (const pattern of patternsOf(templates)) places += placesOf(pattern);
    if (places > STATES_MAX)
      ctx.addIssue({
        code: 'custom',
        path: ['templates'],
        message: `have ${places} places, a character each and of a variable its longest: more than ${STATES_MAX}`,
      });
  })
  .refine(
    ({ templates, idTlv }) => idTlv === undefined || templates.every(({ id }) => id !== undefined),
    {
      path: ['templates'],
      error: 'need an id each where idTlv is given',
    },
  );

/** `template`: a text that is of none of the registered templates. Letters count as they are, case too. */
export const template = ruleKind({
  schema,
  actions: ['refuse', 'hold', 'rewrite', 'flag'],
  readsWhole: () => true,
  *compile({ templates, idTlv }, name) {
    const automaton = yield* compileAutomaton(patternsOf(templates));
    const found = {
      refusal: { key: 'contentRefused', detail: `the text is of no template of rule ${name}` },
    } as const;
    return (input: PolicyInput) => {
      // What is of a template is seen of the whole alone.
      if (!input.isWhole) return undefined;
      const matching = automaton.matches(input.text, idTlv !== undefined);
      if (idTlv === undefined) return matching.length > 0 ? undefined : found;
      const named = textOfTlv(input.tlvs, idTlv);
      return matching.some((index) => templates[index]?.id === named) ? undefined : found;
    };
  },
});

/** One after the other, as they are asked for. */
function* patternsOf(templates: readonly { readonly text: string }[]): Iterable<Pattern> {
  for (const { text } of templates) {
    const read = readTemplate(text);
    if (!('error' in read)) yield read;
  }
}

/** A TLV as text, without the NUL that a C-Octet String ends with; undefined: it is not there. */
export function textOfTlv(tlvs: readonly TlvInput[] | undefined, tag: number): string | undefined {
  const value = tlvs?.find((tlv) => tlv.tag === tag)?.value;
  if (value === undefined) return undefined;
  const text = value.toString('latin1');
  return text.endsWith('\0') ? text.slice(0, -1) : text;
}
