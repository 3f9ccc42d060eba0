import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type IdBase, idKeys } from '../../src/smpp/receipt-text.ts';
import { idPairs } from './golden.ts';

describe('idKeys', () => {
  it.each(idPairs.map((pair) => [pair.submit_resp, pair.receipt, pair.source] as const))(
    'lets %s and %s meet under auto (%s)',
    (response, receipt) => {
      expect(meet(response, 'auto', receipt, 'auto')).toBe(true);
    },
  );

  it('lets the golden pairs meet under the bases that their carriers use', () => {
    expect(meet('33E95179', 'hex', '870928761', 'decimal')).toBe(true);
    expect(meet('39f99dd5', 'hex', '0972660181', 'decimal')).toBe(true);
    expect(meet('00B8BE19', 'hex', 'B8BE19', 'hex')).toBe(true);
    expect(meet('10C8F40D', 'hex', '281605133', 'decimal')).toBe(true);
  });

  it('keeps text as it is, in one key', () => {
    expect(idKeys('00aB', 'text')).toEqual(['00aB']);
    expect(meet('00aB', 'text', '00ab', 'text')).toBe(false);
  });

  it('takes what is no number in its base as text', () => {
    expect(idKeys('74e02ee1-4e2f', 'decimal')).toEqual(['74e02ee1-4e2f']);
    expect(meet('D3B0-A', 'hex', 'd3b0-a', 'hex')).toBe(true);
  });

  it('has no key for an empty id', () => {
    for (const base of ['text', 'decimal', 'hex', 'auto'] as const) {
      expect(idKeys('', base)).toEqual([]);
      expect(idKeys('  ', base)).toEqual([]);
    }
  });

  it('is exact over 53 bits', () => {
    expect(idKeys('FFFFFFFFFFFFFFFF', 'hex')).toEqual(['18446744073709551615']);
    expect(meet('FFFFFFFFFFFFFFFF', 'hex', '18446744073709551614', 'decimal')).toBe(false);
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.boolean(),
        fc.nat(4),
        (value, upper, zeros) => {
          const digits = '0'.repeat(zeros) + value.toString(16);
          const hexId = upper ? digits.toUpperCase() : digits;
          expect(meet(hexId, 'hex', `00${value}`, 'decimal')).toBe(true);
          expect(meet(hexId, 'auto', `${value}`, 'auto')).toBe(true);
        },
      ),
      { seed: 14 },
    );
  });

  it('takes hashes beyond 64 bits as text, whatever their case under auto', () => {
    const hash = 'b756c4f97aa2e1e67377dffc5e2f7d9b';
    expect(meet(hash, 'hex', hash.toUpperCase(), 'hex')).toBe(true);
    expect(meet(hash, 'auto', hash.toUpperCase(), 'auto')).toBe(true);
    expect(idKeys('9'.repeat(64), 'decimal')).toEqual(['9'.repeat(64)]);
  });

  it('reads 0x', () => {
    expect(idKeys('0x1F', 'hex')).toEqual(['31']);
  });
});

function meet(first: string, firstBase: IdBase, second: string, secondBase: IdBase): boolean {
  const keys = new Set(idKeys(first, firstBase));
  return idKeys(second, secondBase).some((key) => keys.has(key));
}
