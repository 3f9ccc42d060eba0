import { z } from 'zod';
import { ruleKind } from '../policy-rule.ts';
import { textOfTlv } from './template.ts';

const TLVS_MAX = 50;
const VALUES_MAX = 10_000;
const VALUE_CHARS_MAX = 255;

const schema = z.strictObject({
  tlvs: z
    .array(
      z.strictObject({
        tag: z.int('must be a tag from 0 to 65535').min(0).max(0xffff),
        /** What it is called in refusals: "entity id". */
        name: z.string().min(1).max(VALUE_CHARS_MAX).optional(),
        /** Its text must be one of these; absent: anything that is not empty. */
        values: z.array(z.string().min(1).max(VALUE_CHARS_MAX)).min(1).max(VALUES_MAX).optional(),
      }),
    )
    .min(1)
    .max(TLVS_MAX),
});

/** `requiredTlvs`: a message without one of these TLVs, or with another value than those registered. */
export const requiredTlvs = ruleKind({
  schema,
  actions: ['refuse', 'flag'],
  compile({ tlvs }) {
    const required = tlvs.map(({ tag, name = `0x${tag.toString(16)}`, values }) => ({
      tag,
      values: values && new Set(values),
      found: {
        refusal: { key: 'missingTlv', detail: `${name} is missing or not registered` },
      } as const,
    }));
    return (input) => {
      for (const { tag, values, found } of required) {
        const text = textOfTlv(input.tlvs, tag);
        if (text === undefined || text === '' || values?.has(text) === false) return found;
      }
      return undefined;
    };
  },
});
