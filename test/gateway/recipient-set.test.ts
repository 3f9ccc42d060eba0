import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { accountId } from '../../src/domain/ids.ts';
import { RecipientSet } from '../../src/gateway/recipient-set.ts';

const [A, B] = [accountId(1), accountId(2)];

function hash(n: number): Buffer {
  return createHash('md5').update(String(n)).digest();
}

describe('RecipientSet', () => {
  it('holds what was added and not deleted, account by account', () => {
    const set = new RecipientSet();
    const model = new Set<number>();
    for (let step = 0; step < 60_000; step++) {
      const n = (step * 7_919) % 20_011;
      if (step % 3 === 2) {
        set.delete(A, 0, hash(n));
        model.delete(n);
      } else {
        expect(set.add(A, 0, hash(n))).toBe(true);
        model.add(n);
      }
    }
    expect(set.size).toBe(model.size);
    for (let n = 0; n < 20_011; n++) expect(set.has(A, 0, hash(n))).toBe(model.has(n));
    for (let n = 0; n < 1_000; n++) expect(set.has(B, 0, hash(n))).toBe(false);
  });

  it('takes 32 MiB for a million numbers', () => {
    const set = new RecipientSet();
    const octets = Buffer.alloc(16);
    for (let n = 0; n < 1_000_000; n++) {
      octets.writeUInt32BE(Math.imul(n, 0x9e3779b1) >>> 0, 0);
      octets.writeUInt32BE(n, 4);
      octets[15] = n % 251;
      set.add(A, 0, octets);
    }
    expect(set.size).toBe(1_000_000);
    expect(set.octets).toBe(32 * 1024 * 1024);
  });

  it('tells the scopes of an account apart', () => {
    const set = new RecipientSet();
    set.add(A, 3, hash(1));
    expect(set.has(A, 3, hash(1))).toBe(true);
    expect(set.has(A, 0, hash(1))).toBe(false);
    expect(set.has(B, 3, hash(1))).toBe(false);
  });
});
