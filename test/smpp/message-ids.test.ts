import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type IdForm,
  type IdForms,
  readId,
  responseKey,
  spellings,
} from '../../src/smpp/message-ids.ts';
import { idPairs } from './golden.ts';

const AUTO: IdForms = { response: 'auto', receipt: 'auto' };
const TEXT: IdForms = { response: 'text', receipt: 'text' };

function forms(response: IdForm, receipt: IdForm): IdForms {
  return { response, receipt };
}

/** Under which reading a receipt's id means that of a submit_sm_resp; undefined: under none. */
function reading(response: string, receipt: string, by: IdForms): string | undefined {
  const key = responseKey(response, by);
  return readId(receipt, by).find((one) => one.key === key)?.reading;
}

describe('readId', () => {
  it.each(idPairs.map((pair) => [pair.submit_resp, pair.receipt, pair.source] as const))(
    'lets %s and %s meet under auto (%s)',
    (response, receipt) => {
      expect(reading(response, receipt, AUTO)).toBeDefined();
    },
  );

  it('lets the golden pairs meet under the bases that their carriers use', () => {
    expect(reading('33E95179', '870928761', forms('hex', 'decimal'))).toBe('hexToDecimal');
    expect(reading('39f99dd5', '0972660181', forms('hex', 'decimal'))).toBe('hexToDecimal');
    expect(reading('00B8BE19', 'B8BE19', forms('hex', 'hex'))).toBe('same');
    expect(reading('870928761', '33E95179', forms('decimal', 'hex'))).toBe('decimalToHex');
  });

  it('keeps text as it is', () => {
    expect(responseKey('00aB', TEXT)).toBe('00aB');
    expect(readId('00aB', TEXT)).toEqual([{ reading: 'same', key: '00aB' }]);
    expect(reading('00aB', '00ab', TEXT)).toBeUndefined();
  });

  it('gives each reading that 12345678 can have, and one where its base is known', () => {
    // 0xbc614e is 12345678; 0x12345678 is 305419896.
    expect(readId('12345678', AUTO)).toEqual([
      { reading: 'same', key: '12345678' },
      { reading: 'hexToDecimal', key: 'bc614e' },
      { reading: 'decimalToHex', key: '305419896' },
    ]);
    expect(readId('12345678', forms('hex', 'decimal'))).toEqual([
      { reading: 'hexToDecimal', key: 'bc614e' },
    ]);
    expect(readId('12345678', forms('decimal', 'decimal'))).toEqual([
      { reading: 'same', key: '12345678' },
    ]);
  });

  it.each([
    ['0012ab', '12AB', forms('hex', 'hex')],
    ['0x12ab', '12AB', forms('hex', 'hex')],
    ['12ab', '0X0012AB', AUTO],
    ['0000000007', '7', forms('decimal', 'decimal')],
    ['7', '00000000000000000007', AUTO],
    ['0', '000', AUTO],
    ['sar-2347-1eedf843', 'SAR-2347-1EEDF843', AUTO],
  ])('does not mind zeros, case and 0x: %s and %s', (response, receipt, by) => {
    expect(reading(response, receipt, by)).toBe('same');
    expect(spellings(responseKey(response, by), receipt, by)).toContain(response);
  });

  it('takes what is no number in its base as text', () => {
    expect(reading('D3B0-A', 'd3b0-a', forms('hex', 'decimal'))).toBe('same');
    expect(reading('74e02ee1-4e2f', '74e02ee1-4e2f', forms('hex', 'decimal'))).toBe('same');
  });

  it('has no key for an empty id', () => {
    for (const form of ['text', 'decimal', 'hex', 'auto'] as const)
      expect(readId('', forms(form, form))).toEqual([]);
    expect(readId('  ', AUTO)).toEqual([]);
    expect(responseKey('', TEXT)).toBe('');
    expect(responseKey(' ', AUTO)).toBe('');
  });

  it('is exact over all 64 bits, and text beyond them', () => {
    const both = forms('hex', 'decimal');
    expect(reading('FFFFFFFFFFFFFFFF', '18446744073709551615', both)).toBe('hexToDecimal');
    expect(reading('FFFFFFFFFFFFFFFF', '18446744073709551614', both)).toBeUndefined();
    expect(reading('10000000000000000', '18446744073709551616', both)).toBeUndefined();
    const hash = 'b756c4f97aa2e1e67377dffc5e2f7d9b';
    expect(reading(hash, hash.toUpperCase(), AUTO)).toBe('same');
  });

  it('finds any number that was written in the other base, and its spelling in the store', () => {
    const value = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    fc.assert(
      fc.property(value, fc.boolean(), fc.nat(16), (number, upper, width) => {
        const digits = number.toString(16).padStart(width, '0');
        const response = upper ? digits.toUpperCase() : digits;
        expect(reading(response, `00${number}`, forms('hex', 'decimal'))).toBeDefined();
        const found = readId(`${number}`, AUTO).find(
          ({ key }) => key === responseKey(response, AUTO),
        );
        expect(spellings(found?.key ?? '', '', AUTO)).toContain(response);
      }),
      { seed: 14 },
    );
  });
});

describe('spellings', () => {
  it('of an id that is taken as text is that id alone', () => {
    expect(spellings('00AbC', '00AbC', TEXT)).toEqual(['00AbC']);
  });

  it('are few: what the store is asked for with each receipt', () => {
    const all = readId('870928761', AUTO).flatMap(({ key }) => spellings(key, key, AUTO));
    expect(all.length).toBeLessThanOrEqual(60);
  });
});
