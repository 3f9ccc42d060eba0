import { describe, expect, it } from 'vitest';
import { selfSigned } from '../../src/bench/self-signed.ts';
import { diffLines, diffResources } from '../../src/domain/resource-diff.ts';
import { exportResources, parseResources } from '../../src/domain/resource-file.ts';
import type { ResourceFile, ResourceSet } from '../../src/domain/resources.ts';
import { applied, MINIMAL, matches, parsed } from './resource-samples.ts';

const own = selfSigned('gateway.test');
const other = selfSigned('other.test');

/** The small file with these keys of its carrier. */
function withLink(keys: object): string {
  const carrier = { name: 'sim', host: 'a.example', port: 2775, systemId: 'gw', password: 'gw' };
  return MINIMAL.replace(
    / {2}- \{name: sim, host.*\n/,
    `  - ${JSON.stringify({ ...carrier, ...keys })}\n`,
  );
}

function faultsOf(keys: object): string[] {
  const result = parseResources(withLink(keys));
  return 'errors' in result ? result.errors.map((error) => JSON.stringify(error)) : [];
}

function changes(stored: ResourceSet, next: ResourceFile): string[] {
  const diff = diffResources(stored, next, matches);
  if ('errors' in diff) throw new Error(JSON.stringify(diff.errors));
  return diffLines(diff.ok);
}

const FULL = {
  hosts: [{ host: 'b.example', port: 2776 }],
  tls: { ca: other.cert, serverName: 'smsc.example', cert: own.cert, key: own.key },
  systemType: 'SMPP',
  interfaceVersion: 3.4,
  addressRange: { ton: 1, npi: 1, range: '^7000' },
  burst: 50,
  enquireLinkSeconds: 20,
  responseSeconds: 10,
  connectSeconds: 5,
  reconnect: { firstSeconds: 1, maxSeconds: 60 },
};

describe('the connection of a carrier', () => {
  it('is stored with its key sealed, and applying the same again, or what was exported, changes nothing', async () => {
    const file = parsed(withLink(FULL));
    const stored = await applied(file);
    const text = JSON.stringify([...stored.carriers.values()]);
    expect(text).toContain('sealedKey');
    expect(text).not.toContain(own.key.split('\n')[1]);
    expect(changes(stored, file)).toEqual([]);
    expect(changes(stored, parsed(exportResources(stored)))).toEqual([]);
  });

  it('keeps the sealed password of an outbind', async () => {
    const outbind = { listenPort: 2790, allowFrom: ['192.0.2.0/24'], password: 'knock' };
    const file = parsed(withLink({ outbind }));
    const stored = await applied(file);
    expect(stored.carriers.get('sim')?.outbind).toMatchObject({ bindAs: 'receiver' });
    expect(stored.carriers.get('sim')?.outbind).not.toHaveProperty('password');
    expect(changes(stored, file)).toEqual([]);
    expect(changes(stored, parsed(exportResources(stored)))).toEqual([]);
  });

  it('reads the version as a number or a text', () => {
    for (const version of [3.3, 3.4, 5, '3.3', '3.4', '5.0'])
      expect(faultsOf({ interfaceVersion: version })).toEqual([]);
    expect(faultsOf({ interfaceVersion: 4 })).toHaveLength(1);
  });

  it.each([
    ['a key without its certificate', { tls: { key: own.key } }],
    ['a certificate without its key', { tls: { cert: own.cert } }],
    ['the key of another certificate', { tls: { cert: own.cert, key: other.key } }],
    ['a key that is none', { tls: { cert: own.cert, key: 'hush-hush' } }],
    ['a ca that is none', { tls: { ca: 'not PEM' } }],
    ['both a key and a sealed one', { tls: { cert: own.cert, key: own.key, sealedKey: 'x' } }],
    ['outbind under tls', { tls: {}, outbind: { listenPort: 1, allowFrom: ['192.0.2.1'] } }],
    ['outbind for anybody', { outbind: { listenPort: 1, allowFrom: [] } }],
    ['nine further addresses', { addresses: Array(9).fill({ host: 'a', port: 1 }) }],
    ['a shorter longest wait', { reconnect: { firstSeconds: 5, maxSeconds: 1 } }],
    ['a system_type of 13 octets', { systemType: 'thirteenchars' }],
    ['an unknown key', { tls: { insecure: true } }],
  ])('refuses %s, and never repeats a secret', (_name, keys) => {
    const faults = faultsOf(keys);
    expect(faults.length).toBeGreaterThan(0);
    expect(faults.join()).not.toContain('hush-hush');
    expect(faults.join()).not.toContain(own.key.split('\n')[1]);
  });
});
