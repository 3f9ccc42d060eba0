import { describe, expect, it } from 'vitest';
import { compileGlob } from '../../src/domain/glob.ts';

describe('compileGlob', () => {
  it.each([
    ['Shop', 'Shop', true],
    ['Shop', 'shop', false],
    ['SHOP-*', 'SHOP-', true],
    ['SHOP-*', 'SHOP', false],
    ['*', '', true],
    ['?', '', false],
    ['a*b*c', 'aXbXbXc', true],
    ['a*b*c', 'aXbXbX', false],
    ['9665????????', '966500000001', true],
    ['9665????????', '96650000000', false],
    ['.*', 'xy', false],
    ['[a-z]', 'a', false],
  ])('%s on "%s": %s', (pattern, text, fits) => {
    expect(compileGlob(pattern)(text)).toBe(fits);
  });

  it('answers soon to the pattern that is slowest for backtracking matchers', () => {
    const pattern = `${'*a'.repeat(31)}*b`;
    const before = process.cpuUsage();
    for (let i = 0; i < 1_000; i++) compileGlob(pattern)('a'.repeat(20));
    expect(process.cpuUsage(before).user).toBeLessThan(2_000_000);
  });
});
