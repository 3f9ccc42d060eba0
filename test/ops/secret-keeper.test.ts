import { describe, expect, it } from 'vitest';
import { testSecrets } from './ops-bench.ts';

describe('createSecretKeeper', () => {
  it('matches what an older key sealed after a rotation, and nothing without that key', async () => {
    const sealed = testSecrets(['old key']).seal('gw');
    expect(await testSecrets(['new key', 'old key']).matches('gw', sealed)).toBe(true);
    expect(await testSecrets(['new key']).matches('gw', sealed)).toBe(false);
  });

  it('matches hashed and sealed secrets with the clear one and no other', async () => {
    const secrets = testSecrets();
    const hash = await secrets.hash('secret');
    expect(await secrets.matches('secret', hash)).toBe(true);
    expect(await secrets.matches('secreT', hash)).toBe(false);
    const sealed = secrets.seal('secret');
    expect(await secrets.matches('secret', sealed)).toBe(true);
    expect(await secrets.matches('secre', sealed)).toBe(false);
    expect(await secrets.matches('secret', 'nonsense')).toBe(false);
  });
});
