import { z } from 'zod';
import { START_WORDS, STOP_WORDS } from '../opt-out-words.ts';
import { ruleKind } from '../policy-rule.ts';

const WORDS_MAX = 500; // every language of the world has some ten
const WORD_LENGTH_MAX = 100;

const words = z.array(z.string().min(1).max(WORD_LENGTH_MAX)).max(WORDS_MAX);

const schema = z.strictObject({
  stopWords: words.default([...STOP_WORDS]),
  startWords: words.default([...START_WORDS]),
});

/**
 * `optOut`: subscribers who send one of `stopWords` get no more messages of the account until they send one of
 * `startWords`; messages to numbers on the opt-out list are found: of the account or of all accounts, of the sender, of
 * the class.
 */
export const optOut = ruleKind({
  schema,
  actions: ['refuse', 'hold', 'flag', 'suspend'],
  asksAgain: true,
  compile() {
    const found = {
      refusal: { key: 'optedOut', detail: 'the recipient has opted out' },
    } as const;
    return ({ accountId, destination, sender, trafficClass }, facts) =>
      facts.optedOut(accountId, destination, sender, trafficClass) ? found : undefined;
  },
});
