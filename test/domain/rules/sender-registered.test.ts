import { describe, expect, it } from 'vitest';
import type { SenderRegistration } from '../../../src/domain/policy-rule.ts';
import { ACCOUNT, ruleOf } from './judge-rule.ts';

const APPROVED: SenderRegistration = {
  status: 'approved',
  trafficClass: '',
  country: '',
  operator: '',
  fromMs: 0,
  untilMs: Number.POSITIVE_INFINITY,
};

/** Why a sender with these registrations is refused. */
function refusal(
  registrations: readonly Partial<SenderRegistration>[],
  input: object = {},
  spec: object = {},
): string | undefined {
  const judge = ruleOf(
    { senderRegistered: spec },
    {
      registrationsOf: (account, sender) =>
        account === ACCOUNT && sender === 'ACME'
          ? registrations.map((one) => ({ ...APPROVED, ...one }))
          : [],
      networkOf: () => '42001',
    },
  );
  const { refused } = judge(input);
  if (refused !== undefined) expect(refused.refusal.key).toBe('senderRefused');
  return refused?.refusal.detail;
}

describe('senderRegistered', () => {
  it('passes approved senders and refuses all others', () => {
    expect(refusal([{}])).toBeUndefined();
    expect(refusal([])).toMatch(/not registered/);
    expect(refusal([{}], { sender: 'OTHER' })).toMatch(/not registered/);
    expect(refusal([{ status: 'pending' }])).toMatch(/not approved/);
    expect(refusal([{ status: 'blocked' }, {}])).toMatch(/blocked/);
  });

  it.each([
    [{ trafficClass: 'promotional' }, { trafficClass: 'otp' }],
    [{ country: 'SA' }, { country: 'PK' }],
    [{ operator: '42001' }, { operator: '42003' }],
    [{ operator: '420' }, { operator: '410' }],
    [{ untilMs: Date.parse('2027-01-01') }, { untilMs: Date.parse('2026-01-01') }],
    [{ fromMs: Date.parse('2026-01-01') }, { fromMs: Date.parse('2027-01-01') }],
  ])('passes %j and refuses %j', (fitting, other) => {
    expect(refusal([fitting])).toBeUndefined();
    expect(refusal([other])).toMatch(/not registered for/);
  });

  it('wants the suffix of a class, and for no other class', () => {
    const spec = { suffixes: { promotional: '-AD' }, registry: false };
    expect(refusal([], { sender: 'ACME-AD' }, spec)).toBeUndefined();
    expect(refusal([], { sender: 'ACME' }, spec)).toMatch(/ends with -AD/);
    expect(refusal([], { sender: 'ACME', trafficClass: 'otp' }, spec)).toBeUndefined();
    expect(refusal([], { sender: 'ACME-AD', trafficClass: 'otp' }, spec)).toMatch(/for class/);
  });

  it.each(['ACME-ad', 'Acme-Ad', 'ACME-AD '])('sees the suffix of a class in %j too', (sender) => {
    const spec = { suffixes: { promotional: '-AD' }, registry: false };
    expect(refusal([], { sender }, spec)).toBeUndefined();
    expect(refusal([], { sender, trafficClass: 'otp' }, spec)).toMatch(/-AD is for class/);
  });

  it.each(['ad-Acme', ' Ad-ACME'])('sees the prefix of a class in %j too', (sender) => {
    const spec = { prefixes: { promotional: 'AD-' }, registry: false };
    expect(refusal([], { sender }, spec)).toBeUndefined();
    expect(refusal([], { sender, trafficClass: 'otp' }, spec)).toMatch(/AD- is for class/);
  });

  it('takes one affix in two cases for one', () => {
    const spec = { suffixes: { promotional: '-AD', awareness: '-ad' }, registry: false };
    const of = (trafficClass: string) => refusal([], { sender: 'ACME-Ad', trafficClass }, spec);
    expect([of('promotional'), of('awareness')]).toEqual([undefined, undefined]);
    expect(of('otp')).toMatch(/-AD is for class/);
  });

  it('takes senders of digits as they are where it may', () => {
    const sender = '966500000001';
    expect(refusal([], { sender }, { numeric: 'allowed' })).toBeUndefined();
    expect(refusal([], { sender })).toMatch(/not registered/);
  });
});
