import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { accountId } from '../../src/domain/ids.ts';
import { OptOutSet } from '../../src/gateway/opt-out-set.ts';

const [A, B] = [accountId(1), accountId(2)];

function hash(n: number): Buffer {
  return createHash('md5').update(String(n)).digest();
}

describe('OptOutSet', () => {
  it('holds what was added and not deleted, account by account', () => {
    const set = new OptOutSet();
    const model = new Set<number>();
    for (let step = 0; step < 60_000; step++) {
      const n = (step * 7_919) % 20_011;
      if (step % 3 === 2) {
        set.delete(A, hash(n));
        model.delete(n);
      } else {
        expect(set.add(A, hash(n))).toBe(true);
        model.add(n);
      }
    }
    expect(set.size).toBe(model.size);
    for (let n = 0; n < 20_011; n++) expect(set.has(A, hash(n))).toBe(model.has(n));
    for (let n = 0; n < 1_000; n++) expect(set.has(B, hash(n))).toBe(false);
  });

  it('takes 32 MiB for a million numbers', () => {
    const set = new OptOutSet();
    const octets = Buffer.alloc(16);
    for (let n = 0; n < 1_000_000; n++) {
      octets.writeUInt32BE(Math.imul(n, 0x9e3779b1) >>> 0, 0);
      octets.writeUInt32BE(n, 12);
      octets[15] = 1;
      octets.writeUInt32BE(n, 4);
      set.add(A, octets);
    }
    expect(set.size).toBe(1_000_000);
    expect(set.octets).toBe(32 * 1024 * 1024);
  });
});
