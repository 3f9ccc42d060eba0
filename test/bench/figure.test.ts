import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { besideFigure, describeFigures, loadProblems } from '../../src/bench/figure.ts';
import type { LoadResult } from '../../src/bench/load.ts';
import { selfSigned } from '../../src/bench/self-signed.ts';

const whole: LoadResult = {
  accepted: 10,
  refused: {},
  delivered: 10,
  repeated: 0,
  acceptedMs: 1,
  lifecycleMs: 2,
  p50Ms: 1,
  p99Ms: 2,
  maxMs: 3,
};

describe('besideFigure', () => {
  it('reaches its goal within twice the quiet figure and under 50 ms', () => {
    expect(besideFigure('p99', 10, 20).isReached).toBe(true);
    expect(besideFigure('p99', 10, 20.1).isReached).toBe(false);
    expect(besideFigure('p99', 30, 50).isReached).toBe(false);
    expect(besideFigure('p99', 0, 0).isReached).toBe(false);
  });
});

describe('loadProblems', () => {
  it('finds none in a whole run', () => {
    expect(loadProblems('a run', whole)).toEqual([]);
  });

  it('tells everything that makes a run void', () => {
    const broken = { ...whole, broken: 'lost', refused: { '0x58': 1 }, delivered: 9, repeated: 2 };
    expect(loadProblems('a run', broken)).toEqual([
      'a run: lost',
      'a run: refused {"0x58":1}',
      'a run: 1 accepted without a receipt',
      'a run: 2 repeated receipts',
    ]);
  });
});

describe('describeFigures', () => {
  it('says which goals are missed', () => {
    const figures = [
      { name: 'short', goal: 'under 5', measured: '4', isReached: true },
      { name: 'a longer one', goal: 'under 5', measured: '6', isReached: false },
    ];
    expect(describeFigures({ figures, detail: {}, problems: ['void'] })).toBe(
      'short         4 (goal: under 5; reached)\n' +
        'a longer one  6 (goal: under 5; MISSED)\n' +
        'PROBLEM void',
    );
  });
});

describe('selfSigned', () => {
  it('makes certificates that OpenSSL reads, whatever the length of the name', () => {
    for (let length = 1; length <= 64; length += 1) {
      const material = selfSigned('x'.repeat(length));
      expect(() => createSecureContext(material)).not.toThrow();
      expect(new X509Certificate(material.cert).subject).toBe(`CN=${'x'.repeat(length)}`);
    }
  });
});
