import { describe, expect, it } from 'vitest';
import { saltOf } from '../../src/domain/password-hash.ts';
import { diffResources } from '../../src/domain/resource-diff.ts';
import {
  secretPairs,
  suggestSecret,
  withHashedPasswords,
  withSealedSecrets,
} from '../../src/domain/resource-secrets.ts';
import { emptyResourceSet, type ResourceSet } from '../../src/domain/resources.ts';
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

describe('a password that changes while the former one is good', () => {
  /** As `scrypt$...`: what stands before the last "$" is the salt. */
  const hashed = (clear: string, salt: string) => `${salt}$${clear}`;
  const same = (clear: string, stored: string) => stored.endsWith(`$${clear}`);
  const bindText = (fields: string) => MINIMAL.replace('password: secret', () => fields);
  const until = 'formerPasswordUntil: 2026-12-01T00:00:00Z';

  /** What is stored after a file was applied to what was stored before; each new salt has a number. */
  async function store(stored: ResourceSet, fields: string): Promise<ResourceSet> {
    let salts = 0;
    const next = parsed(bindText(fields));
    const diff = diffResources(stored, next, same);
    if ('errors' in diff) throw new Error(diff.errors.map((error) => error.message).join());
    const account = diff.ok.result.accounts.get('acme');
    if (account === undefined) throw new Error('acme must be there');
    const spec = await withHashedPasswords(account, async (clear, _, beside) =>
      hashed(String(clear), beside === undefined ? `new${++salts}` : saltOf(beside)),
    );
    return { ...diff.ok.result, accounts: new Map([['acme', spec]]) };
  }

  async function hashes(before: string | undefined, fields: string) {
    const stored =
      before === undefined ? emptyResourceSet() : await store(emptyResourceSet(), before);
    const after = await store(stored, fields);
    const again = diffResources(after, parsed(bindText(fields)), same);
    expect(again).toMatchObject({ ok: { changes: [] } });
    const [bind] = after.accounts.get('acme')?.binds ?? [];
    return [bind?.passwordHash, bind?.formerPasswordHash];
  }

  it.each([
    ['both in clear', undefined, `password: b, formerPassword: a, ${until}`, 'new1$b', 'new1$a'],
    [
      'the stored hash moved',
      'passwordHash: s1$a',
      `password: b, formerPasswordHash: s1$a, ${until}`,
      's1$b',
      's1$a',
    ],
    [
      'the former in clear beside a stored hash',
      'passwordHash: s1$b',
      `passwordHash: s1$b, formerPassword: a, ${until}`,
      's1$b',
      's1$a',
    ],
    [
      'the former in clear beside the same password in clear',
      'passwordHash: s1$b',
      `password: b, formerPassword: a, ${until}`,
      's1$b',
      's1$a',
    ],
    [
      'an old hash beside the same password, stored under another salt',
      'passwordHash: s2$b',
      `password: b, formerPasswordHash: s1$a, ${until}`,
      's1$b',
      's1$a',
    ],
    [
      'the next change',
      `passwordHash: s1$b, formerPasswordHash: s1$a, ${until}`,
      `password: c, formerPassword: b, ${until}`,
      'new1$c',
      'new1$b',
    ],
    [
      'the end of the change',
      `passwordHash: s1$b, formerPasswordHash: s1$a, ${until}`,
      'password: b',
      's1$b',
      undefined,
    ],
  ])('shares its salt: %s', async (_, before, fields, current, former) => {
    expect(await hashes(before, fields)).toEqual([current, former]);
  });

  it('is refused where both come hashed under two salts', async () => {
    const two = `passwordHash: s1$b, formerPasswordHash: s2$a, ${until}`;
    await expect(store(emptyResourceSet(), two)).rejects.toThrow('was not made beside');
  });
});

describe('withSealedSecrets', () => {
  it('replaces a clear password', () => {
    const carrier = parsed(MINIMAL).carriers?.get('sim');
    if (carrier === undefined) throw new Error('the carrier must parse');
    const sealed = withSealedSecrets(carrier, hide);
    expect(sealed).toMatchObject({ sealedPassword: hide('gw') });
    expect(Object.keys(sealed)).not.toContain('password');
    expect(withSealedSecrets(sealed, () => 'again')).toEqual(sealed);
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
