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

describe('ofStatus', () => {
  it('takes a permanent status for the carrier’s fault by default, and by the map else', () => {
    expect(plain.ofStatus(0x0b)).toBe('carrier');
    expect(mapped.ofStatus(0x0b)).toBe('recipient');
    expect(mapped.ofStatus(69)).toBe('customer');
  });
});
