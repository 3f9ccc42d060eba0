import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normaliseDestination } from '../../src/domain/msisdn.ts';

describe('normaliseDestination', () => {
  it.each([
    ['966512345678', 1, 1],
    ['966512345678', 0, 0],
    ['+966512345678', 1, 1],
    ['00966512345678', 1, 1],
    // Kannel's default for digits without "+" (docs/interop.md).
    ['966512345678', 2, 1],
  ])('takes %s (TON %i, NPI %i) as international digits', (addr, ton, npi) => {
    expect(normaliseDestination(addr, ton, npi)).toEqual({ msisdn: '966512345678' });
  });

  it.each([
    ['', 1, 1, 'the destination has 0 digits, not 7 to 15'],
    ['123456', 1, 1, 'the destination has 6 digits, not 7 to 15'],
    ['1234567890123456', 1, 1, 'the destination has 16 digits, not 7 to 15'],
    ['0512345678', 1, 1, 'the destination is not in international form'],
    ['000966512345', 1, 1, 'the destination is not in international form'],
    ['96651234567a', 1, 1, 'the destination has characters other than digits'],
    ['966 512345678', 1, 1, 'the destination has characters other than digits'],
    ['++966512345678', 1, 1, 'the destination has characters other than digits'],
    ['٩٦٦٥١٢٣٤٥٦٧٨', 1, 1, 'the destination has characters other than digits'],
    ['0512345678', 2, 1, 'the destination is not in international form'],
    ['966512345678', 3, 1, 'dest_addr_ton is none of 0, 1 (international) and 2'],
    ['966512345678', 5, 0, 'dest_addr_ton is none of 0, 1 (international) and 2'],
    ['966512345678', 1, 8, 'dest_addr_npi is neither 0 nor 1 (E.164)'],
  ])('calls "%s" (TON %i, NPI %i) malformed, with the reason', (addr, ton, npi, malformed) => {
    expect(normaliseDestination(addr, ton, npi)).toEqual({ malformed });
  });

  it('gives 7 to 15 digits without a leading zero, or a reason, for any text', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.stringMatching(/^[0-9+]{0,20}$/)),
        fc.nat(7),
        fc.nat(20),
        (addr, ton, npi) => {
          const result = normaliseDestination(addr, ton, npi);
          if ('msisdn' in result) expect(result.msisdn).toMatch(/^[1-9][0-9]{6,14}$/);
          else expect(result.malformed).not.toBe('');
        },
      ),
    );
  });
});
