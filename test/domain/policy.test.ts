import { describe, expect, it } from 'vitest';
import { accountId } from '../../src/domain/ids.ts';
import { compilePolicy, PASS, type PolicyVerdict } from '../../src/domain/policy.ts';
import { notesOf } from '../../src/domain/policy-notes.ts';
import type { PolicyFacts, PolicyInput } from '../../src/domain/policy-rule.ts';
import { policySchema } from '../../src/domain/policy-schema.ts';
import { facts, NOBODY } from './facts.ts';

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

/** What a policy of these rules makes of a message that differs from INPUT in some ways. */
function judged(
  rules: unknown[],
  input: Partial<PolicyInput> = {},
  facts: PolicyFacts = NOBODY,
): PolicyVerdict {
  const policy = compilePolicy('p', 2, policySchema.parse({ rules }));
  return policy.judge({ ...INPUT, ...input }, facts);
}

const casino = { name: 'gambling', bannedWords: { words: ['casino'] } };

describe('judge', () => {
  it('passes everything without rules', () => {
    expect(judged([], { text: 'casino' })).toBe(PASS);
  });

  it('refuses a banned word as contentRefused, and does not repeat the word', () => {
    const verdict = judged([casino], { text: 'our Casino' });
    expect(verdict.refused).toMatchObject({
      rule: 'gambling',
      refusal: { key: 'contentRefused' },
      suspends: false,
    });
    expect(JSON.stringify(verdict.refused)).not.toMatch(/casino/i);
  });

  it('lets the first rule that refuses decide, named by its kind where it has no name', () => {
    const two = [
      { bannedWords: { words: ['lottery'] } },
      { name: 'second', bannedWords: { words: ['casino', 'lottery'] } },
    ];
    expect(judged(two, { text: 'lottery' }).refused?.rule).toBe('bannedWords');
    expect(judged(two, { text: 'lottery' }).hits).toEqual([
      { rule: 'bannedWords', action: 'refuse' },
    ]);
    expect(judged(two, { text: 'casino' }).refused?.rule).toBe('second');
  });

  it('refuses by a status and a reason of the rule', () => {
    const rule = { ...casino, status: 0x45, reason: 'GAMBLING-1' };
    expect(judged([rule], { text: 'casino' }).refused).toMatchObject({
      status: 0x45,
      refusal: { key: 'contentRefused', detail: 'GAMBLING-1' },
    });
  });

  it('only counts what a rule in monitor finds, and goes on', () => {
    const rules = [
      { ...casino, mode: 'monitor' },
      { name: 'second', bannedWords: { words: ['win'] } },
    ];
    const verdict = judged(rules, { text: 'win at the casino' });
    expect(verdict.hits).toEqual([
      { rule: 'gambling', action: 'monitor' },
      { rule: 'second', action: 'refuse' },
    ]);
    expect(judged(rules, { text: 'the casino' })).toMatchObject({ refused: undefined });
  });

  it('flags and goes on', () => {
    const rules = [
      { ...casino, action: 'flag' },
      { name: 'second', bannedWords: { words: ['win'] } },
    ];
    expect(judged(rules, { text: 'win at the casino' })).toMatchObject({
      refused: { rule: 'second' },
      hits: [{ rule: 'gambling', action: 'flag' }, { rule: 'second' }],
    });
  });

  it.each([
    [['Acme'], ['ACME', 'acme', 'aCmE ', 'ACMEE', 'BACME'], 3],
    [['aC*', 'Shop'], ['ACME', 'acme', 'SHOP', 'Shop1', 'BAC'], 3],
    [['*'], ['ACME', '', '966500000001'], 3],
  ])('applies a rule by sender, whatever its case: when %j', (senders, sent, first) => {
    const rule = { ...casino, when: { senders } };
    const applied = sent.map((sender) => judged([rule], { text: 'casino', sender }).refused?.rule);
    expect(applied).toEqual(sent.map((_, nth) => (nth < first ? 'gambling' : undefined)));
  });

  it.each([
    ['account', { accounts: ['acme'] }, { account: 'other' }],
    ['class', { classes: ['promotional'] }, { trafficClass: 'otp' }],
    ['sender', { senders: ['ACME'] }, { sender: 'ACMEE' }],
    ['beginning of the sender', { senders: ['AC*'] }, { sender: 'BAC' }],
    ['prefix of the number', { prefixes: ['966', '7'] }, { destination: '4479' }],
    // 1 January 1970 was a Thursday; 00:00 UTC is 03:00 in Riyadh.
    [
      'hour of the clock',
      { hours: { timeZone: 'Asia/Riyadh', days: ['thu'], times: ['22:00-03:30', '03:00-03:30'] } },
      { atMs: 30 * 60_000 },
    ],
    ['end', { until: '1970-01-01T03:00:01+03:00' }, { atMs: 1_000 }],
    ['beginning', { from: '1970-01-01T00:00:00Z' }, { atMs: -1 }],
  ])('applies a rule by %s', (_what, when, other) => {
    const rule = { ...casino, when };
    expect(judged([rule], { text: 'casino' }).refused?.rule).toBe('gambling');
    expect(judged([rule], { text: 'casino', ...other })).toBe(PASS);
  });

  it('applies a rule only where all of its conditions hold', () => {
    const rule = { ...casino, when: { accounts: ['acme'], classes: ['otp'] } };
    expect(judged([rule], { text: 'casino' })).toBe(PASS);
    expect(judged([rule], { text: 'casino', trafficClass: 'otp' }).refused).toBeDefined();
  });

  it('asks for the opt-out of this account, number, sender and class', () => {
    const asked: unknown[][] = [];
    const optedOut = (...of: unknown[]) => asked.push(of) === 1;
    expect(judged([{ optOut: {} }], {}, facts({ optedOut })).refused?.refusal.key).toBe('optedOut');
    expect(asked).toEqual([[7, '966512345678', 'ACME', 'promotional']]);
  });
});

describe('hours in front of other rules', () => {
  const byDay = { hours: { timeZone: 'UTC', times: ['09:00-21:00'] }, action: 'defer' };
  const notOnFridays = {
    name: 'fridays',
    hours: {
      timeZone: 'UTC',
      times: ['00:00-24:00'],
      days: ['sat', 'sun', 'mon', 'tue', 'wed', 'thu'],
    },
  };
  const at = (time: string) => ({ atMs: Date.parse(time) });

  it('have them asked of the time that they defer to', () => {
    // A Thursday and a Wednesday.
    const late = judged([byDay, notOnFridays], at('2026-03-05T22:00:00Z'));
    expect(late.refused?.rule).toBe('fridays');
    const early = judged([byDay, notOnFridays], at('2026-03-04T22:00:00Z'));
    expect(early.refused).toBeUndefined();
    expect(early.notBeforeMs).toBe(Date.parse('2026-03-05T09:00:00Z'));
  });

  it('are asked of a schedule in place of the present', () => {
    const goesAtMs = Date.parse('2026-03-05T22:00:00Z');
    const scheduled = judged([byDay], { ...at('2026-03-05T12:00:00Z'), goesAtMs });
    expect(scheduled.notBeforeMs).toBe(Date.parse('2026-03-06T09:00:00Z'));
    expect(judged([byDay], at('2026-03-05T12:00:00Z'))).toBe(PASS);
  });
});

describe('notesOf', () => {
  it('says what rules did about a message that goes on, and until when one defers it', () => {
    const rules = [
      { ...casino, mode: 'monitor' },
      { ...casino, action: 'rewrite', rewrite: { mask: '*' } },
      { hours: { times: ['09:00-21:00'], timeZone: 'utc' }, action: 'defer' },
      { ...casino, action: 'flag' },
    ];
    const notes = notesOf(judged(rules, { text: 'a casino' }));
    expect(notes?.map(({ event, rule, reason }) => [event, rule, reason])).toEqual([
      ['monitored', 'gambling', undefined],
      ['rewritten', 'gambling', undefined],
      // Flagging sees what was rewritten, and finds nothing.
      ['deferred', 'hours', 'not before 1970-01-01T09:00:00.000Z'],
    ]);
    expect(notesOf(judged(rules, { text: 'a letter', atMs: 10 * 3_600_000 }))).toBeUndefined();
  });
});

describe('policySchema', () => {
  const problem = (rule: unknown) => {
    const parsed = policySchema.safeParse({ rules: [rule] });
    return parsed.success ? undefined : parsed.error.issues[0]?.message;
  };

  it('wants exactly one kind', () => {
    expect(problem({ name: 'x' })).toContain('needs exactly one kind');
    expect(problem({ ...casino, optOut: {} })).toContain('needs exactly one kind');
  });

  it('refuses a fifth rule about duplicates by its name, whatever it applies to', () => {
    const rules = [1, 2, 3, 4, 5].map((nth) => ({
      name: `twice${nth}`,
      duplicates: { withinSeconds: nth },
      when: { accounts: [`a${nth}`] },
    }));
    expect(policySchema.safeParse({ rules: rules.slice(0, 4) }).success).toBe(true);
    const { error } = policySchema.safeParse({ rules: [casino, ...rules] });
    expect(error?.issues).toMatchObject([
      {
        path: ['rules', 5, 'duplicates'],
        message: expect.stringMatching(/^rule "twice5" is the 5th .* at most 4 duplicates rules/),
      },
    ]);
  });

  it('refuses an action that the kind cannot do', () => {
    expect(problem({ ...casino, action: 'defer' })).toBe(
      'must be one that bannedWords can do: refuse, hold, rewrite, flag, suspend',
    );
    expect(problem({ optOut: {}, action: 'defer' })).toContain('must be one that optOut can do');
  });

  it('wants to be told how a rule rewrites, and rewrites what can be sent', () => {
    const rewriting = (rewrite: unknown) => problem({ ...casino, action: 'rewrite', rewrite });
    expect(rewriting(undefined)).toContain('whose action is rewrite');
    expect(problem({ ...casino, rewrite: { mask: '*' } })).toContain('whose action is rewrite');
    expect(rewriting({})).toContain('needs one of');
    expect(rewriting({ mask: 'x' })).toContain('one sign');
    expect(rewriting({ text: 'a', mask: '*' })).toContain('beside text');
    expect(rewriting({ sender: 'TwelveLetters' })).toContain('11 characters');
    expect(rewriting({ sender: '{sender}-AD' })).toBeUndefined();
  });

  it('charges only what is refused, by a receipt', () => {
    expect(problem({ ...casino, charged: true })).toBeUndefined();
    expect(problem({ ...casino, charged: true, answer: 'status' })).toContain('is not charged');
    expect(problem({ ...casino, charged: true, action: 'hold' })).toContain('the action refuse');
    expect(problem({ ...casino, answer: 'receipt', status: 0x45 })).toContain('by a receipt');
    expect(problem({ duplicates: {}, answer: 'receipt' })).toContain('by a status');
  });

  it('wants conditions of time that can hold', () => {
    const when = { from: '2026-12-01T00:00:00Z', until: '2026-12-01T00:00:00Z' };
    expect(problem({ ...casino, when })).toBe('must be after from');
    expect(problem({ ...casino, when: { from: 'tomorrow' } })).toContain('must be a time such as');
    expect(problem({ ...casino, when: { hours: { timeZone: 'Mars' } } })).toContain('Asia/Karachi');
  });

  it('counts only what is refused or held against an account', () => {
    expect(problem({ ...casino, action: 'flag', violation: true })).toContain('can count against');
    expect(problem({ ...casino, violation: true })).toBeUndefined();
    expect(problem({ ...casino, action: 'hold', violation: true })).toBeUndefined();
  });
});
