import { describe, expect, it } from 'vitest';
import { accountId } from '../../src/domain/ids.ts';
import { credits } from '../../src/domain/money.ts';
import { compilePolicy } from '../../src/domain/policy.ts';
import { policySchema } from '../../src/domain/policy-schema.ts';
import { ReplayQuotas } from '../../src/gateway/replay-quotas.ts';

const MESSAGE = {
  account: 'acme',
  destination: '966512345678',
  sender: 'BANK',
  trafficClass: 'otp',
  messages: 1,
  atMs: 0,
  price: credits(50_000n),
};

function policyOf(rule: object) {
  return compilePolicy('test', 1, policySchema.parse({ rules: [{ name: 'cap', ...rule }] }));
}

describe('ReplayQuotas', () => {
  it.each([
    { per: 'recipient', other: { destination: '966512345679' } },
    { per: 'prefix', other: { destination: '966522345678' } },
    { per: 'country', other: { destination: '92300123456' } },
    { per: 'sender', other: { sender: 'OTHER' } },
  ])('counts each $per by itself, and anew when the time is over', ({ per, other }) => {
    const policy = policyOf({ caps: { per, messages: 3, withinSeconds: 60 } });
    const quotas = new ReplayQuotas();
    const isOver = (atMs: number, fields = {}) =>
      quotas.take(accountId(7), policy, { ...MESSAGE, ...fields }, atMs).over.size > 0;
    for (let atMs = 0; atMs < 3; atMs++) expect(isOver(atMs)).toBe(false);
    expect(isOver(59_999)).toBe(true);
    expect(isOver(59_999, other)).toBe(false);
    expect(isOver(60_000)).toBe(false);
  });

  it('counts money to the last unit, and not what was given back', () => {
    const policy = policyOf({ spend: { per: 'account', credits: '0.1', withinSeconds: 60 } });
    const quotas = new ReplayQuotas();
    const take = (account = 7) => quotas.take(accountId(account), policy, MESSAGE, 0);
    take().giveBack(false);
    expect(take().over.size).toBe(0);
    expect(take().over.size).toBe(0);
    expect(take().over.size).toBe(1);
    expect(take(8).over.size).toBe(0);
    // A refusal that is charged.
    take(9).giveBack(true);
    take(9).giveBack(true);
    expect(take(9).over.size).toBe(1);
  });
});
