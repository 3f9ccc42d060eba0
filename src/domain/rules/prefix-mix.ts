import { z } from 'zod';
import { ruleKind, signalCheck } from '../policy-rule.ts';
import { judgeShare, part, signalShape } from '../traffic-signals.ts';

const schema = z.strictObject({
  ...signalShape,
  /** The share of the account's traffic that a prefix must have gained. */
  rise: part.default(0.2),
});

/**
 * `prefixMix`: a message to a prefix that suddenly has far more of the account's traffic than it usually has: a stolen
 * bind, traffic that is inflated for a share of its price.
 */
export const prefixMix = ruleKind({
  schema,
  actions: ['flag', 'hold', 'refuse', 'suspend'],
  compile(spec, name) {
    const { prefixDigits, withinSeconds, historyHours, lastsSeconds } = spec;
    return signalCheck(
      {
        rule: `prefixMix ${name}`,
        prefixDigits,
        classes: undefined,
        withinSeconds,
        settleSeconds: 0,
        historyHours,
        lastsSeconds,
        judge: (now, before) => judgeShare(now, before, spec),
      },
      {
        refusal: {
          key: 'capReached',
          detail: 'much more traffic to this destination than the account usually has',
        },
      },
    );
  },
});
