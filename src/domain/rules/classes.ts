import { z } from 'zod';
import { ruleKind } from '../policy-rule.ts';
import { name } from '../schema-parts.ts';

const CLASSES_MAX = 100; // providers have four to ten

const schema = z.strictObject({ allowed: z.array(name).max(CLASSES_MAX) });

/** `classes`: a message whose traffic class is none of `allowed`. */
export const classes = ruleKind({
  schema,
  actions: ['refuse', 'hold', 'rewrite', 'flag', 'suspend'],
  compile({ allowed }) {
    const names = new Set(allowed);
    return ({ trafficClass }) =>
      names.has(trafficClass)
        ? undefined
        : {
            refusal: {
              key: 'classRefused',
              detail: `traffic of class ${trafficClass} is not allowed`,
            },
          };
  },
});
