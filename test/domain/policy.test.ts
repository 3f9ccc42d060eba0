import { describe, expect, it } from 'vitest';
import { compilePolicy } from '../../src/domain/policy.ts';
import { policySchema } from '../../src/domain/policy-schema.ts';

const input = (text: string) => ({ text, sender: 'ACME', destination: '966512345678' });
const policy = (rules: unknown[]) => compilePolicy('p', 2, policySchema.parse({ rules }));

describe('judge', () => {
  it('passes everything without rules', () => {
    expect(policy([]).judge(input('casino'))).toEqual({ pass: true });
  });

  it('refuses a banned word as contentRefused, and does not repeat the word', () => {
    const verdict = policy([{ name: 'gambling', bannedWords: { words: ['casino'] } }]).judge(
      input('our Casino'),
    );
    expect(verdict).toMatchObject({
      pass: false,
      rule: 'gambling',
      refusal: { key: 'contentRefused' },
    });
    expect(JSON.stringify(verdict)).not.toMatch(/casino/i);
  });

  it('lets the first rule that refuses decide, named by its kind where it has no name', () => {
    const two = policy([
      { bannedWords: { words: ['lottery'] } },
      { name: 'second', bannedWords: { words: ['casino', 'lottery'] } },
    ]);
    expect(two.judge(input('lottery'))).toMatchObject({ rule: 'bannedWords' });
    expect(two.judge(input('casino'))).toMatchObject({ rule: 'second' });
  });
});
