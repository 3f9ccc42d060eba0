import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { accountId } from '../../../src/domain/ids.ts';
import { compilePolicy } from '../../../src/domain/policy.ts';
import type { PolicyInput } from '../../../src/domain/policy-rule.ts';
import { policySchema } from '../../../src/domain/policy-schema.ts';
import { compileWords } from '../../../src/domain/words/compile-words.ts';

const INPUT: PolicyInput = {
  text: 'hello',
  sender: 'ACME',
  destination: '966512345678',
  accountId: accountId(7),
  account: 'acme',
  trafficClass: 'promotional',
  segments: 1,
  isWhole: true,
  tlvs: undefined,
  atMs: 0,
};
const words = await compileWords(
  [{ name: 'en', language: 'en', category: 'x', words: '[gambling]\ncasino\n[adult]\nporn' }],
  async () => {},
);

/** The key of the refusal, or undefined when the rule lets it pass. */
function refusal(rule: unknown, input: Partial<PolicyInput>): string | undefined {
  const policy = compilePolicy('p', 1, policySchema.parse({ rules: [rule] }), { words });
  const facts = { optedOut: () => false } as unknown as Parameters<typeof policy.judge>[1];
  return policy.judge({ ...INPUT, ...input }, facts).refused?.refusal.key;
}
const problem = (rule: unknown) =>
  policySchema.safeParse({ rules: [rule] }).error?.issues[0]?.message;

describe('words', () => {
  it('finds words of its lists, of its categories alone', () => {
    const rule = { words: { lists: ['en'], categories: ['gambling'] } };
    expect(refusal(rule, { text: 'a c@sino' })).toBe('contentRefused');
    expect(refusal(rule, { text: 'porn' })).toBeUndefined();
    expect(refusal({ words: { lists: ['en'] } }, { text: 'porn' })).toBe('contentRefused');
    expect(refusal({ words: { lists: ['other'] } }, { text: 'porn' })).toBeUndefined();
  });
});

describe('links', () => {
  it.each([
    ['Pay at https://evil.example/x', true],
    ['Pay at ACME.com/pay.', false],
    ['Pay at pay.acme.com', false],
    ['evilacme.com', true],
    ['At 9.30. See you.Then', false],
    ['mail me@shop.ru', true],
    ['evil.ninja', true],
    ['evil.me', true],
    ['http://evil/x', true],
    ['1.2.3.4/x', true],
    ['tg://resolve?domain=evil', true],
    ['http://evil.com\\@acme.com/x', true],
    ['http://acme.com@evil.com/x', true],
    ['now:evil.com/x', true],
    ['http://acme.com/x', false],
    ['Pay now:acme.com/x,then wait.Thanks', false],
  ])('with an allow-list judges "%s"', (text, found) => {
    const rule = { links: { allow: ['acme.com'] } };
    expect(refusal(rule, { text })).toBe(found ? 'contentRefused' : undefined);
  });

  it.each([
    ['bit.ly/abc', true],
    ['HTTP://BIT.LY/abc', true],
    ['habit.lyrics', false],
    ['Details:bit.ly/abc', true],
    ['Click👉bit.ly/abc', true],
    ['http:\\\\bit.ly\\abc', true],
    ['bit.\u200bly/abc', true],
    ['bit[.]ly/abc', true],
    ['b\u0456t.ly/abc', true], // і of Cyrillic
    ['bitly/abc', false],
  ])('with shorteners judges "%s"', (text, found) => {
    expect(refusal({ links: { shorteners: true } }, { text })).toBe(
      found ? 'contentRefused' : undefined,
    );
  });

  it.each([
    ['acmebаnk.com', true], // а of Cyrillic
    ['acmebank.top', true],
    ['acmebamk.com', true],
    ['acrnebank.com', true],
    ['acmebank-login.com', true],
    ['acmebank.com.evil.top', true],
    ['login.acmebank.com', false],
    ['weather.com', false],
  ])('knows whether %s passes for acmebank.com', (host, found) => {
    expect(refusal({ links: { lookalikesOf: ['acmebank.com'] } }, { text: `see ${host}/` })).toBe(
      found ? 'contentRefused' : undefined,
    );
  });

  it.each([
    ['alrajhibank.com.sa.evil.io', true],
    ['alrajhi-bank.top', true],
    ['alrajhibnk.com.sa', true],
    ['alrajihbank.com.sa', true],
    ['alrajhibank-sa.com', true],
    ['alrajhibank.top', true],
    ['alrajhi.bank', true],
    ['a1rajhibank.com.sa', true],
    ['alrajhibnk-login.com', true],
    ['hsbc.co.uk.login.ru', true],
    ['hsbc-co-uk.ru', true],
    ['hsbc-login.ru', true],
    ['moi-sa.com', true],
    ['moi.gov.sa.evil.io', true],
    ['www.alrajhibank.com.sa', false],
    ['online.hsbc.co.uk', false],
    ['hsbc.com', false], // of the list itself
    ['moi.gov.ae', false],
    ['moi.gov.sa', false],
    ['portal.ahli.com', false],
    ['rajhi.com.sa', false],
    ['noon.com.sa', false],
    ['bbc.co.uk', false],
  ])('knows whether %s passes for one under a two-part ending', (host, found) => {
    const lookalikesOf = [
      ...['alrajhibank.com.sa', 'hsbc.co.uk', 'hsbc.com', 'moi.gov.sa', 'alahli.com'],
    ];
    expect(refusal({ links: { lookalikesOf } }, { text: `see http://${host}/` })).toBe(
      found ? 'contentRefused' : undefined,
    );
  });

  it.each([
    ['+7 (900) 123-45-67', true],
    ['+1 (415) 555-2671', true],
    ['8 (800) 555-35-35', true],
    ['88001234', true],
    ['Order 123456789012 of 22.11.2026 14:30, SAR 1,250.00', false],
  ])('without telephone numbers judges "%s"', (text, found) => {
    expect(refusal({ links: { phones: false } }, { text })).toBe(
      found ? 'contentRefused' : undefined,
    );
    expect(refusal({ links: {} }, { text })).toBeUndefined();
  });

  it.each([
    ['call +966 50 123 4567', true],
    ['اتصل ٠٥٠١٢٣٤٥٦٧', true],
    ['code 123456', false],
    ['call +44 20 7946 0958', false],
  ])('with a list of telephone numbers judges "%s"', (text, found) => {
    expect(refusal({ links: { phones: ['4420'] } }, { text })).toBe(
      found ? 'contentRefused' : undefined,
    );
  });
});

describe('length', () => {
  it('counts segments and characters', () => {
    expect(refusal({ length: { maxSegments: 2 } }, { segments: 3 })).toBe('contentRefused');
    expect(refusal({ length: { maxSegments: 2 } }, { segments: 2 })).toBeUndefined();
    expect(refusal({ length: { maxCharacters: 3 } }, { text: '🔥🔥🔥' })).toBeUndefined();
    expect(refusal({ length: { maxCharacters: 3 } }, { text: 'four' })).toBe('contentRefused');
  });
});

describe('template', () => {
  const templates = [
    { id: '1', text: 'Your code is {digits:4-6}.' },
    { id: '2', text: 'Dear {#var#}, {v} is due' },
  ];
  it.each([
    ['Your code is 1234.', true],
    ['Your code is 123.', false],
    ['Your code is 1234567.', false],
    ['Your code is 12a4.', false],
    ['your code is 1234.', false],
    ['Dear , rent is due', true],
    [`Dear ${'x'.repeat(31)}, rent is due`, false],
    ['Dear Ann, rent is due now', false],
  ])('knows whether "%s" is of one', (text, passes) => {
    expect(refusal({ template: { templates } }, { text })).toBe(
      passes ? undefined : 'contentRefused',
    );
  });

  it('wants the template that the TLV names', () => {
    const rule = { template: { templates, idTlv: 0x1401 } };
    const tlvs = (id: string) => [{ tag: 0x1401, value: Buffer.from(`${id}\0`) }];
    const text = 'Your code is 1234.';
    expect(refusal(rule, { text, tlvs: tlvs('1') })).toBeUndefined();
    expect(refusal(rule, { text, tlvs: tlvs('2') })).toBe('contentRefused');
    expect(refusal(rule, { text })).toBe('contentRefused');
  });

  it('refuses variables that it does not know', () => {
    expect(problem({ template: { templates: [{ text: '{regex:.*}' }] } })).toContain('none of');
    expect(problem({ template: { templates: [{ text: 'open {v' }] } })).toContain('no "}"');
  });
});

describe('requiredTlvs', () => {
  const rule = { requiredTlvs: { tlvs: [{ tag: 0x1400, name: 'entity id', values: ['110'] }] } };
  it('wants the TLV, and a registered value in it', () => {
    const tlvs = (value: string) => [{ tag: 0x1400, value: Buffer.from(value) }];
    expect(refusal(rule, { tlvs: tlvs('110\0') })).toBeUndefined();
    expect(refusal(rule, { tlvs: tlvs('111') })).toBe('missingTlv');
    expect(refusal(rule, {})).toBe('missingTlv');
  });
});

describe('expression', () => {
  it.each([
    [{ contains: ['win'] }, 'Twins', true],
    [{ contains: ['win'] }, 'wi n', false],
    [{ prefix: ['dear'] }, 'DEAR all', true],
    [{ prefix: ['dear'] }, 'my dear', false],
    [{ wildcard: ['win * now?'] }, 'Win 5000 now!', true],
    [{ wildcard: ['win * now?'] }, 'win now!', false],
    [{ template: ['pin {digits:4}'] }, 'PIN 1234', true],
    [{ template: ['pin {digits:4}'] }, 'pin 12345', false],
    [{ wildcard: ['a.c'] }, 'abc', false],
    [{ wildcard: ['(a+)+$'] }, 'aaaa', false],
  ])('by %j finds in "%s": %s', (expression, text, found) => {
    expect(refusal({ expression }, { text })).toBe(found ? 'contentRefused' : undefined);
  });

  it('looks at the sender or the destination as well', () => {
    const rule = { expression: { field: 'sender', wildcard: ['*bank*'] } };
    expect(refusal(rule, { sender: 'MyBank' })).toBe('contentRefused');
    expect(refusal(rule, { sender: 'ACME', text: 'bank' })).toBeUndefined();
  });

  it('has a limit on its size', () => {
    const template = Array.from({ length: 200 }, () => '{text:1-1600}');
    expect(problem({ expression: { template } })).toContain('places');
  });

  it('is linear: what stalls a backtracking search does not stall it', () => {
    const rule = { expression: { wildcard: [`${'*a'.repeat(200)}b`] } };
    const start = process.cpuUsage();
    expect(refusal(rule, { text: 'a'.repeat(10_000) })).toBeUndefined();
    expect(process.cpuUsage(start).user).toBeLessThan(2_000_000);
  });
});

describe('src/domain/rules', () => {
  it('builds no RegExp from data', () => {
    const domain = join(import.meta.dirname, '../../../src/domain');
    const beside = [
      ...['automaton.ts', 'text-patterns.ts', 'policy.ts', 'text-links.ts', 'text-phones.ts'],
      ...['host-names.ts', 'lookalike-hosts.ts', 'number-context.ts'],
    ];
    const files = [
      ...['rules', 'words'].flatMap((folder) =>
        readdirSync(join(domain, folder)).map((name) => join(domain, folder, name)),
      ),
      ...beside.map((name) => join(domain, name)),
    ];
    expect(files.length).toBeGreaterThan(20);
    for (const file of files) expect(readFileSync(file, 'utf8'), file).not.toMatch(/\bRegExp\(/);
  });
});

describe('patterns of more places than an automaton has', () => {
  it('are refused when they are applied, whatever they are folded to', () => {
    const templates = Array.from({ length: 120 }, (_, i) => ({ text: `${i} {digits:1-1600}` }));
    expect(problem({ template: { templates } })).toBeUndefined();
    const twice = [...templates, ...templates];
    expect(problem({ template: { templates: twice } })).toMatch(/places.*more than 200000$/);
    // U+FDFA is eighteen letters in NFKC (UnicodeData.txt).
    const contains = Array.from({ length: 12 }, () => '\uFDFA'.repeat(1_000));
    expect(problem({ expression: { contains: contains.slice(0, 11) } })).toBeUndefined();
    expect(problem({ expression: { contains } })).toBe('has more than 200000 places');
  });
});
