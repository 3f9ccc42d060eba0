import { describe, expect, it } from 'vitest';
import { saltOf } from '../../src/domain/password-hash.ts';
import {
  DUMMY_HASH,
  findMatch,
  hashPassword,
  verifyPassword,
} from '../../src/gateway/credentials.ts';

const PEPPER = Buffer.alloc(32, 7);

describe('hashPassword', () => {
  it('takes a salt of its own each time, and that of the hash beside it', async () => {
    const [one, two] = [await hashPassword('a', PEPPER), await hashPassword('a', PEPPER)];
    expect(saltOf(one)).not.toBe(saltOf(two));
    const beside = await hashPassword('b', PEPPER, one);
    expect(saltOf(beside)).toBe(saltOf(one));
    expect(beside).not.toBe(one);
    expect(await verifyPassword('b', beside, PEPPER)).toBe(true);
  });

  it('does not take the salt of a hash of another cost, or of what is none', async () => {
    const cheap = (await hashPassword('a', PEPPER)).replace('$2048$', '$1024$');
    for (const beside of [cheap, 'nonsense', '']) {
      const hash = await hashPassword('b', PEPPER, beside);
      expect(saltOf(hash)).not.toBe(saltOf(beside));
      expect(await verifyPassword('b', hash, PEPPER)).toBe(true);
    }
  });
});

describe('findMatch', () => {
  it('tells which hash a password matches, under one salt or several', async () => {
    const now = await hashPassword('now', PEPPER);
    for (const before of [
      await hashPassword('before', PEPPER, now),
      await hashPassword('before', PEPPER),
    ]) {
      expect(await findMatch('now', [now, before], PEPPER)).toBe(now);
      expect(await findMatch('before', [now, before], PEPPER)).toBe(before);
      expect(await findMatch('other', [now, before], PEPPER)).toBeUndefined();
    }
  });

  it('matches nothing with the dummy or with what is no hash', async () => {
    for (const stored of [DUMMY_HASH, 'nonsense', '', 'scrypt$2048$8$1$AA$AA'])
      expect(await findMatch('', [stored], PEPPER)).toBeUndefined();
  });
});
