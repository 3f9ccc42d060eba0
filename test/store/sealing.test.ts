import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SEALED_NUMBER_OCTETS, SealError, Sealing } from '../../src/store/sealing.ts';

const [older = Buffer.alloc(0), newer = Buffer.alloc(0)] = [randomBytes(32), randomBytes(32)];
const numbers = ['1', '4915112345678', '966500000001', '999999999999999'];

describe('otherTextHashes', () => {
  const text = 'said 7 duplicates\0ACME\x0049151\0hello';

  it('are what the text has at a node with another key in front; none while there is one key', () => {
    const [before, after] = [[older], [newer, older]].map((keys) => new Sealing(keys, randomBytes));
    expect(after?.otherTextHashes(text)).toEqual([before?.textHash(text)]);
    expect(before?.otherTextHashes(text)).toEqual([]);
    expect(after?.textHash(text)).not.toEqual(before?.textHash(text));
  });
});

describe('sealNumbers', () => {
  const sealing = new Sealing([newer, older], randomBytes);

  it('seals each by itself: any of them opens alone', () => {
    const sealed = sealing.sealNumbers(numbers);
    expect(sealed.length).toBe(numbers.length * SEALED_NUMBER_OCTETS);
    const at = (nth: number) => sealed.subarray(nth * SEALED_NUMBER_OCTETS);
    const each = numbers.map((_, nth) => at(nth).subarray(0, SEALED_NUMBER_OCTETS));
    expect(each.map((one) => sealing.openNumber(one))).toEqual(numbers);
  });

  it('opens what an older key sealed, and nothing of a key that is gone', () => {
    const sealed = new Sealing([older], randomBytes).sealNumbers(['49151']);
    expect(sealing.openNumber(sealed)).toBe('49151');
    expect(() => new Sealing([newer], randomBytes).openNumber(sealed)).toThrow(SealError);
  });

  it('opens a number that was sealed as a record', () => {
    expect(sealing.openNumber(sealing.sealRecord(Buffer.from('49151')))).toBe('49151');
  });

  it('refuses a block of which any bit was changed', () => {
    const sealed = sealing.sealNumbers(['4915112345678']);
    for (let bit = 4 * 8; bit < SEALED_NUMBER_OCTETS * 8; bit++) {
      const changed = Buffer.from(sealed);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => sealing.openNumber(changed)).toThrow(SealError);
    }
  });

  it('takes digits alone', () => {
    for (const wrong of ['', '+49151', '4915A', '1234567890123456'])
      expect(() => sealing.sealNumbers([wrong])).toThrow(RangeError);
  });
});
