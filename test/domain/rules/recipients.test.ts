import { describe, expect, it } from 'vitest';
import { accountId } from '../../../src/domain/ids.ts';
import { policySchema } from '../../../src/domain/policy-schema.ts';
import { refusedBy, ruleOf } from './judge-rule.ts';

describe('consent', () => {
  it('finds numbers without consent for the class', () => {
    const asked: unknown[][] = [];
    const hasConsent = (...of: unknown[]) => asked.push(of) > 1;
    const judge = ruleOf({ consent: {} }, { hasConsent });
    expect(refusedBy(judge())).toBe('noConsent');
    expect(refusedBy(judge())).toBeUndefined();
    expect(asked[0]).toEqual([7, '966512345678', 'promotional', 0]);
  });
});

describe('when.countries', () => {
  it('limits a rule to recipients of some countries', () => {
    const judge = ruleOf({ consent: {}, when: { countries: ['SA', 'CA'] } });
    expect(refusedBy(judge())).toBe('noConsent');
    expect(refusedBy(judge({ destination: '14165550101' }))).toBe('noConsent');
    expect(refusedBy(judge({ destination: '12125550101' }))).toBeUndefined();
    expect(refusedBy(judge({ destination: '99912345678' }))).toBeUndefined();
  });
});

describe('suspendedDestinations', () => {
  const rule = (one: object) => ({
    suspendedDestinations: { destinations: [{ reason: 'no registration', ...one }] },
  });
  const PAKISTAN = { destination: '923001234567' };

  it.each([{ prefix: '92' }, { country: 'PK' }, { network: '41001' }, { network: '410' }])(
    'finds a number of %j, and no other',
    (what) => {
      const networkOf = (number: string) => (number.startsWith('92300') ? '41001' : undefined);
      const judge = ruleOf(rule(what), { networkOf });
      expect(refusedBy(judge(PAKISTAN))).toBe('destinationSuspended');
      expect(refusedBy(judge())).toBeUndefined();
    },
  );

  it('finds the countries of an MCC where no network is known, and those of its other codes', () => {
    const of = (network: string, destination: string) =>
      refusedBy(ruleOf(rule({ network }))({ destination }));
    expect(of('410', '923001234567')).toBe('destinationSuspended');
    expect(of('432', '923001234567')).toBeUndefined();
    // India has 404 to 406; 425 serves two countries; 250 is Russia, not Kazakhstan.
    expect(of('405', '919812345678')).toBe('destinationSuspended');
    expect(of('425', '972501234567')).toBe('destinationSuspended');
    expect(of('425', '970591234567')).toBe('destinationSuspended');
    expect(of('250', '77011234567')).toBeUndefined();
    expect(of('41001', '923001234567')).toBeUndefined();
  });

  it('holds from its beginning to its end', () => {
    const judge = ruleOf(
      rule({ prefix: '92', from: '2026-03-01T00:00:00+05:00', until: '2026-04-01T00:00:00Z' }),
    );
    const at = (text: string) => refusedBy(judge({ ...PAKISTAN, atMs: Date.parse(text) }));
    expect(at('2026-02-28T18:59:59Z')).toBeUndefined();
    expect(at('2026-02-28T19:00:00Z')).toBe('destinationSuspended');
    expect(at('2026-03-31T23:59:59Z')).toBe('destinationSuspended');
    expect(at('2026-04-01T00:00:00Z')).toBeUndefined();
  });

  it('holds a shorter prefix beside a longer one whose time is over', () => {
    const destinations = [
      { prefix: '92', reason: 'all' },
      { prefix: '92300', reason: 'one', until: '2026-01-01T00:00:00Z' },
    ];
    const judge = ruleOf({ suspendedDestinations: { destinations } });
    expect(judge(PAKISTAN).refused?.refusal.detail).toContain('all');
  });

  it('says the reason and the reference of the order', () => {
    const judge = ruleOf(rule({ country: 'PK', order: 'PTA 12/2026' }));
    expect(judge(PAKISTAN).refused?.refusal.detail).toContain('no registration (PTA 12/2026)');
  });

  it.each([{}, { prefix: '92', country: 'PK' }, { country: 'pk' }, { network: '4100' }])(
    'is not written as %j',
    (one) => {
      expect(policySchema.safeParse({ rules: [rule(one)] }).success).toBe(false);
    },
  );
});

describe('classes', () => {
  it('finds messages of a class that is not allowed', () => {
    const judge = ruleOf({ classes: { allowed: ['otp', 'transactional'] } });
    expect(refusedBy(judge())).toBe('classRefused');
    expect(refusedBy(judge({ trafficClass: 'otp' }))).toBeUndefined();
  });
});

describe('duplicates', () => {
  it('finds the same text to the same recipient within the time', () => {
    const judge = ruleOf({ duplicates: { withinSeconds: 60 } });
    const at = (atMs: number, input: object = {}) => refusedBy(judge({ atMs, ...input }));
    expect(at(0)).toBeUndefined();
    expect(at(59_999)).toBe('duplicate');
    expect(at(1_000, { text: 'hello!' })).toBeUndefined();
    expect(at(1_000, { destination: '966512345679' })).toBeUndefined();
    expect(at(1_000, { sender: 'OTHER' })).toBeUndefined();
    expect(at(1_000, { accountId: accountId(8) })).toBeUndefined();
    expect(at(60_000)).toBeUndefined();
  });

  it.each([
    ['letter case', 'Hello There'],
    ['blanks', '  hello\t there\r\n'],
    ['blanks of other scripts', 'hello\u00a0\u3000there'],
    ['what nobody sees', 'he\u200bllo there\ufe0f'],
    ['full width', 'ｈello there'],
  ])('finds a text that differs in %s only', (_what, text) => {
    const judge = ruleOf({ duplicates: {} });
    expect(refusedBy(judge({ text: 'hello there' }))).toBeUndefined();
    expect(refusedBy(judge({ text }))).toBe('duplicate');
    expect(refusedBy(judge({ text: 'hellothere' }))).toBeUndefined();
  });

  it('finds the same sender in another case', () => {
    const judge = ruleOf({ duplicates: {} });
    expect(refusedBy(judge())).toBeUndefined();
    expect(refusedBy(judge({ sender: 'Acme ' }))).toBe('duplicate');
  });

  it('does not take what parts of one message say for another', () => {
    const judge = ruleOf({ duplicates: { anySender: true } });
    expect(refusedBy(judge({ destination: '966512345678', text: '9' }))).toBeUndefined();
    expect(refusedBy(judge({ destination: '96651234567', text: '89' }))).toBeUndefined();
    expect(refusedBy(judge({ sender: 'OTHER', text: '9' }))).toBe('duplicate');
  });
});

describe('closedPrefixes', () => {
  it('lets an account only where it was allowed to', () => {
    const judge = ruleOf({ closedPrefixes: { open: ['966'], allowed: { known: ['92', '88'] } } });
    const sent = (account: string, destination: string) =>
      refusedBy(judge({ account, destination })) === undefined;
    expect([sent('new', '966512345678'), sent('new', '923001234567')]).toEqual([true, false]);
    expect([sent('known', '923001234567'), sent('known', '79161234567')]).toEqual([true, false]);
  });
});
