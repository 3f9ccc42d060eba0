import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { NumberHashTable, VALUE_MAX } from '../../src/gateway/number-hash-table.ts';

const hash = (n: number): Buffer => createHash('md5').update(String(n)).digest();
const LIMITS = { slotsMax: 2 ** 16, loadMax: 0.6 };

describe('NumberHashTable', () => {
  it('holds the last value of each number that was set and not deleted', () => {
    const table = new NumberHashTable(LIMITS);
    const model = new Map<number, number>();
    for (let step = 0; step < 60_000; step++) {
      const n = (step * 7_919) % 20_011;
      if (step % 3 === 2) {
        table.delete(0, hash(n));
        model.delete(n);
      } else {
        const value = 1 + ((step * 31) % VALUE_MAX);
        expect(table.set(0, hash(n), value)).toBe(true);
        model.set(n, value);
      }
    }
    expect(table.size).toBe(model.size);
    for (let n = 0; n < 20_011; n++) expect(table.get(0, hash(n))).toBe(model.get(n) ?? 0);
    for (let n = 0; n < 1_000; n++) expect(table.get(1, hash(n))).toBe(0);
  });

  it('reads a hash in the midst of others', () => {
    const table = new NumberHashTable(LIMITS);
    const page = Buffer.concat([hash(1), hash(2), hash(3)]);
    table.set(0, page, 7, 16);
    expect(table.get(0, hash(2))).toBe(7);
    expect(table.get(0, page, 32)).toBe(0);
    table.delete(0, page, 16);
    expect(table.size).toBe(0);
  });

  it('refuses what is over its limit, and still changes what it has', () => {
    const table = new NumberHashTable({ slotsMax: 4_096, loadMax: 0.5 });
    let taken = 0;
    for (let n = 0; n < 3_000; n++) if (table.set(0, hash(n), 1)) taken++;
    expect(taken).toBe(2_048);
    expect(table.size).toBe(2_048);
    expect(table.set(0, hash(2_999), 1)).toBe(false);
    expect(table.set(0, hash(5), 9)).toBe(true);
    expect(table.get(0, hash(5))).toBe(9);
    table.delete(0, hash(6));
    expect(table.set(0, hash(2_999), 3)).toBe(true);
  });
});
