import { describe, expect, it } from 'vitest';
import { diffResources } from '../../src/domain/resource-diff.ts';
import {
  secretPairs,
  suggestSecret,
  withHashedPasswords,
  withSealedPassword,
} from '../../src/domain/resource-secrets.ts';
import { applied, hide, MINIMAL, parsed } from './resource-samples.ts';

describe('secretPairs', () => {
  it('lists exactly what a diff asks its matcher about', async () => {
    const stored = await applied(parsed(MINIMAL));
    const asked: (readonly [string, string])[] = [];
    diffResources(stored, parsed(MINIMAL), (clear, hash) => {
      asked.push([clear, hash]);
      return false;
    });
    expect(secretPairs(stored, parsed(MINIMAL))).toEqual(asked);
    expect(asked).toEqual([
      ['secret', hide('secret')],
      ['gw', hide('gw')],
    ]);
  });
});

describe('withHashedPasswords', () => {
  it('replaces clear and generated passwords and leaves stored ones alone', async () => {
    const file = parsed(`tariffs: {t: {}}
terms: {m: {}}
accounts:
  - name: a
    tariff: t
    terms: m
    binds: [{systemId: x, password: clear}, {systemId: y, password: {generate: true}}, {systemId: z, passwordHash: kept}]`);
    const account = file.accounts?.get('a');
    if (account === undefined) throw new Error('the account must parse');
    const hashed = await withHashedPasswords(
      account,
      async (secret, systemId) => `${systemId}:${JSON.stringify(secret)}`,
    );
    expect(hashed.binds.map(({ passwordHash }) => passwordHash)).toEqual([
      'x:"clear"',
      'y:{"generate":true}',
      'kept',
    ]);
    expect(JSON.stringify(hashed.binds.map(Object.keys))).not.toContain('"password"');
  });
});

describe('withSealedPassword', () => {
  it('replaces a clear password', () => {
    const carrier = parsed(MINIMAL).carriers?.get('sim');
    if (carrier === undefined) throw new Error('the carrier must parse');
    const sealed = withSealedPassword(carrier, hide);
    expect(sealed).toMatchObject({ sealedPassword: hide('gw') });
    expect(Object.keys(sealed)).not.toContain('password');
    expect(withSealedPassword(sealed, () => 'again')).toEqual(sealed);
  });
});

describe('suggestSecret', () => {
  it('makes eight characters that people do not mix up', () => {
    let seed = 0;
    const secret = suggestSecret((below) => {
      seed += 7;
      return seed % below;
    });
    expect(secret).toMatch(/^[2-9A-HJ-NP-Za-km-z]{8}$/);
  });
});
