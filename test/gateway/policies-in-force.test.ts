import { describe, expect, it } from 'vitest';
import { policySchema } from '../../src/domain/policy-schema.ts';
import { compileWords } from '../../src/domain/words/compile-words.ts';
import { PoliciesInForce } from '../../src/gateway/policies-in-force.ts';

const words = await compileWords([], async () => {});
const lists = await compileWords(
  [{ name: 'en', language: 'en', category: 'x', words: 'casino' }],
  async () => {},
);

function stored(name: string, version: number, ...rules: object[]) {
  return { id: 1, name, version, spec: policySchema.parse({ rules }) };
}

describe('of', () => {
  it('takes what is there, and compiles what changed and what word lists may be in', async () => {
    const inForce = new PoliciesInForce();
    const [a, b] = [stored('a', 1), stored('b', 1, { bannedWords: { words: ['casino'] } })];
    const first = await inForce.of({ policies: [a, b] }, words);
    expect([...first.keys()].slice(-2)).toEqual(['a', 'b']);
    const changed = { ...stored('b', 2), spec: a.spec };
    const second = await inForce.of({ policies: [a, changed] }, words);
    expect(second.get('a')).toBe(first.get('a'));
    expect(second.get('b')?.isOpen).toBe(true);
    const third = await inForce.of({ policies: [a] }, lists);
    expect(third.has('b')).toBe(false);
    expect(third.get('a')).not.toBe(first.get('a'));
    const again = await inForce.of({ policies: [stored('b', 2, { optOut: {} })] }, lists);
    expect(again.get('b')?.isOpen).toBe(false);
  });

  it('lets other work go on while it compiles as many words and patterns as a rule may have', async () => {
    const many = (amount: number, suffix: string) =>
      Array.from({ length: amount }, (_, i) => `w${(i * 7_919) % 1_000_003}${suffix}`);
    const policies = [
      stored('words', 1, { bannedWords: { words: many(200_000, '') } }),
      stored('patterns', 1, { expression: { contains: many(5_000, 'x'.repeat(28)) } }),
      stored('templates', 1, {
        template: { templates: many(5_000, ' {digits:6}').map((text) => ({ text })) },
      }),
    ];
    for (const policy of policies) {
      let turns = 0;
      let done = false;
      const count = () => {
        turns++;
        if (!done) setImmediate(count);
      };
      setImmediate(count);
      await new PoliciesInForce().of({ policies: [policy] }, words);
      done = true;
      expect(turns, policy.name).toBeGreaterThan(3);
    }
  });
});
