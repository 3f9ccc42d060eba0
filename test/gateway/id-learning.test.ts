import { describe, expect, it } from 'vitest';
import { carrierId } from '../../src/domain/ids.ts';
import { IdLearning } from '../../src/gateway/id-learning.ts';
import type { IdReading } from '../../src/smpp/message-ids.ts';

const A = carrierId(1);
const B = carrierId(2);

function taught(...readings: [IdReading, number][]): IdLearning {
  const learning = new IdLearning();
  for (const [reading, times] of readings)
    for (let i = 0; i < times; i++) learning.learn(A, 'text', reading);
  return learning;
}

describe('IdLearning', () => {
  it('knows a reading after five matches, of that carrier and that place alone', () => {
    expect(taught(['hexToDecimal', 4]).reading(A, 'text')).toBeUndefined();
    const learning = taught(['hexToDecimal', 5]);
    expect(learning.reading(A, 'text')).toBe('hexToDecimal');
    expect(learning.reading(A, 'tlv')).toBeUndefined();
    expect(learning.reading(B, 'text')).toBeUndefined();
    expect(learning.view(A)).toEqual([
      {
        source: 'text',
        reading: 'hexToDecimal',
        evidence: { same: 0, hexToDecimal: 5, decimalToHex: 0 },
      },
    ]);
  });

  it('knows nothing while the evidence is divided', () => {
    expect(taught(['same', 8], ['hexToDecimal', 1]).reading(A, 'text')).toBeUndefined();
    expect(taught(['same', 9], ['hexToDecimal', 1]).reading(A, 'text')).toBe('same');
  });

  it('follows a carrier that changes its base, however long it had the other', () => {
    const learning = taught(['same', 100_000]);
    for (let i = 0; i < 6; i++) learning.learn(A, 'text', 'hexToDecimal');
    expect(learning.reading(A, 'text')).toBeUndefined();
    for (let i = 0; i < 200; i++) learning.learn(A, 'text', 'hexToDecimal');
    expect(learning.reading(A, 'text')).toBe('hexToDecimal');
  });
});
