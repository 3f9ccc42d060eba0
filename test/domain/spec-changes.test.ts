import { describe, expect, it } from 'vitest';
import { fieldChangeText, specChanges } from '../../src/domain/spec-changes.ts';

const texts = (before: object, after: object) => specChanges(before, after).map(fieldChangeText);

describe('specChanges', () => {
  it('is empty for the same in another order', () => {
    expect(specChanges({ a: 1, b: ['x', 'y'] }, { b: ['y', 'x'], a: 1 })).toEqual([]);
  });

  it('compares members of lists by their system_id or name', () => {
    const before = {
      binds: [
        { systemId: 'a', windowMax: 1 },
        { systemId: 'b', windowMax: 1 },
      ],
    };
    const after = {
      binds: [
        { systemId: 'b', windowMax: 2 },
        { systemId: 'c', windowMax: 1, passwordHash: 'h' },
      ],
    };
    expect(texts(before, after)).toEqual([
      'binds[a] {"systemId":"a","windowMax":1} removed',
      'binds[b].windowMax 1 -> 2',
      'binds[c] {"systemId":"c","windowMax":1} added',
    ]);
  });

  it('counts long lists in place of printing them', () => {
    const words = Array.from({ length: 100 }, (_, i) => `w${i}`);
    expect(texts({ words: [] }, { words })).toEqual(['words 100 entries added']);
  });

  it('tells the password and the former one apart', () => {
    const before = { passwordHash: 'old', formerPasswordHash: 'older' };
    const after = { password: 'new', formerPassword: 'old' };
    expect(texts(before, after)).toEqual(['password changed', 'formerPassword changed']);
    expect(texts({ binds: [] }, { binds: [{ systemId: 'a', formerPasswordHash: 'h' }] })).toEqual([
      'binds[a] {"systemId":"a"} added',
    ]);
  });

  it('tells of a secret and of a profile only that they changed', () => {
    const before = { passwordHash: 'old', profile: { email: 'a@example.com' } };
    const after = { password: 'new', profile: { email: 'b@example.com', phone: '1' } };
    expect(texts(before, after)).toEqual([
      'password changed',
      'profile.email changed',
      'profile.phone changed',
    ]);
  });
});
