import { describe, expect, it } from 'vitest';
import { REFUSAL_KEYS, statusOf } from '../../src/domain/refusal.ts';

describe('statusOf', () => {
  // The table "SMPP towards customers" of the interface.
  it.each([
    ['tooManyBinds', 0x05],
    ['throttled', 0x58],
    ['queueFull', 0x14],
    ['insufficientCredit', 0x401],
    ['expiredCredit', 0x402],
    ['accountSuspended', 0x403],
    ['destinationSuspended', 0x404],
    ['contentRefused', 0x405],
    ['optedOut', 0x406],
    ['noConsent', 0x407],
    ['senderRefused', 0x0a],
    ['outsideHours', 0x409],
    ['recipientPattern', 0x40a],
    ['duplicate', 0x40b],
    ['classRefused', 0x40c],
    ['capReached', 0x40d],
    ['missingTlv', 0xc3],
    ['noRoute', 0x0b],
    ['storeUnavailable', 0x08],
  ] as const)('answers %s with its status', (key, status) => {
    expect(statusOf(key, {})).toBe(status);
  });

  it('takes the account’s own status where it has one, and for that key only', () => {
    expect(statusOf('insufficientCredit', { insufficientCredit: 0x4ff })).toBe(0x4ff);
    expect(statusOf('expiredCredit', { insufficientCredit: 0x4ff })).toBe(0x402);
  });

  it('knows each key once', () => {
    expect(REFUSAL_KEYS.length).toBe(19);
    expect(new Set(REFUSAL_KEYS).size).toBe(19);
  });
});
