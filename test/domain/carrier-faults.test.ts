import { describe, expect, it } from 'vitest';
import { compileCarrierFaults } from '../../src/domain/carrier-faults.ts';

const plain = compileCarrierFaults({ byState: {}, byErr: {}, byStatus: {} });
const mapped = compileCarrierFaults({
  byState: { UNDELIV: 'carrier' },
  byErr: { '011': 'platform', A1: 'recipient' },
  byStatus: { '0x0B': 'recipient', '69': 'customer' },
});

describe('ofReceipt', () => {
  it.each([
    ['UNDELIV', 'recipient'],
    ['REJECTD', 'carrier'],
    ['EXPIRED', 'recipient'],
    ['UNKNOWN', 'unknown'],
    ['DELIVRD', 'none'],
  ] as const)('takes %s for the fault of the %s by default', (state, fault) => {
    expect(plain.ofReceipt(state, '001')).toBe(fault);
  });

  it('goes by the err field first, leading zeros or not, then by the state', () => {
    expect(mapped.ofReceipt('UNDELIV', '11')).toBe('platform');
    expect(mapped.ofReceipt('UNDELIV', '0a1')).toBe('recipient');
    expect(mapped.ofReceipt('UNDELIV', '000')).toBe('carrier');
    expect(mapped.ofReceipt('UNDELIV', undefined)).toBe('carrier');
    expect(mapped.ofReceipt('EXPIRED', '000')).toBe('recipient');
  });

  it('finds no fault in a delivered message, whatever its err', () => {
    expect(mapped.ofReceipt('DELIVRD', '011')).toBe('none');
  });
});

describe('nextAfter', () => {
  const next = compileCarrierFaults({
    byState: { UNDELIV: 'next', REJECTD: 'carrier' },
    byErr: { '069': 'next', '070': 'recipient' },
    byStatus: { '0x45': 'next' },
  });

  it('is so for an err or a state that names the next carrier, the err first', () => {
    expect(next.nextAfter('REJECTD', '69')).toBe(true);
    expect(next.nextAfter('UNDELIV', undefined)).toBe(true);
    expect(next.nextAfter('UNDELIV', '70')).toBe(false);
    expect(next.nextAfter('REJECTD', '1')).toBe(false);
    expect(next.nextAfter('DELIVRD', '69')).toBe(false);
    expect(plain.nextAfter('UNDELIV', '69')).toBe(false);
  });

  it('leaves the fault as it would be without that entry', () => {
    expect(next.ofReceipt('UNDELIV', '69')).toBe('recipient');
    expect(next.ofReceipt('REJECTD', '69')).toBe('carrier');
    expect(next.ofStatus(0x45)).toBe('carrier');
  });
});

describe('onStatus', () => {
  it('tries again what says "later", without a limit, unless the resource says otherwise', () => {
    const later = { kind: 'retry', afterMs: undefined, retries: undefined };
    for (const status of [0x14, 0x58, 0x64]) expect(plain.onStatus(status)).toEqual(later);
    const own = compileCarrierFaults({
      byState: {},
      byErr: {},
      byStatus: { '0x58': { retry: 2.5, retries: 4 }, '0x14': 'carrier', '0x45': 'next' },
    });
    expect(own.onStatus(0x58)).toEqual({ kind: 'retry', afterMs: 2_500, retries: 4 });
    expect(own.onStatus(0x14)).toEqual({ kind: 'fault' });
    expect(own.onStatus(0x45)).toEqual({ kind: 'next' });
  });

  it('tries a few times more what speaks of the session', () => {
    // SMPP 3.4 §5.1.3: ESME_RINVBNDSTS, RALYBND, RBINDFAIL, RINVPASWD, RINVSYSID.
    for (const status of [0x04, 0x05, 0x0d, 0x0e, 0x0f])
      expect(plain.onStatus(status)).toEqual({ kind: 'retry', afterMs: undefined, retries: 3 });
  });

  it('takes every other status for the end', () => {
    for (const status of [0x08, 0x0b, 0x45, 0x400])
      expect(plain.onStatus(status).kind).toBe('fault');
  });
});

describe('ofStatus', () => {
  it('takes a permanent status for the carrier’s fault by default, and by the map else', () => {
    expect(plain.ofStatus(0x0b)).toBe('carrier');
    expect(mapped.ofStatus(0x0b)).toBe('recipient');
    expect(mapped.ofStatus(69)).toBe('customer');
  });
});
