import { describe, expect, it } from 'vitest';
import { withProfiles } from '../../src/domain/carrier-profile.ts';
import { exportResources, parseResources } from '../../src/domain/resource-file.ts';
import { emptyResourceSet } from '../../src/domain/resources.ts';
import { carrierProfiles } from '../../src/ops/carrier-profiles.ts';

const FULL = { host: '127.0.0.1', port: 2775, systemId: 'gw' };

/** Carriers as a file has them. */
const file = (...carriers: object[]): string =>
  JSON.stringify({
    carriers: carriers.map((keys, i) => ({ name: `c${i}`, ...FULL, password: 'gw', ...keys })),
  });

function carriersOf(text: string) {
  const parsed = parseResources(text, { profiles: carrierProfiles() });
  if ('errors' in parsed) throw new Error(JSON.stringify(parsed.errors));
  return [...(parsed.ok.carriers ?? new Map()).values()];
}

describe('carrierProfiles', () => {
  it.each([...carrierProfiles().keys()])('%s gives keys that a carrier may have', (name) => {
    const [carrier] = carriersOf(file({ profile: name }));
    expect(carrier?.profile).toBe(name);
  });

  it.each([...carrierProfiles()])('%s names its sources, each with its day', (_, profile) => {
    for (const { url, read } of profile.sources) {
      expect(url).toMatch(/^https?:\/\/[^ ]+$/);
      expect(Date.parse(read)).toBeLessThan(Date.UTC(2027, 0));
    }
  });

  it('has what the documents of providers say', () => {
    const [nvia, telesign, clickatell] = carriersOf(
      file({ profile: 'nvia' }, { profile: 'telesign' }, { profile: 'clickatell' }),
    );
    expect(nvia?.dataCodings).toEqual({ '0x00': 1 });
    expect(telesign?.tlvs[0]).toMatchObject({ tag: 0x1414, type: 'cstring', required: true });
    expect(clickatell?.receiptDialect?.err.from).toBe('tlv');
  });
});

describe('withProfiles', () => {
  it('lets the carrier’s own keys count, group by group, and lists as a whole', () => {
    const [carrier] = carriersOf(
      file({
        profile: 'smpp-3.3',
        ids: { receipt: 'text' },
        otherTlvs: 'pass',
        receiptDialect: { timeZone: 'Asia/Riyadh', dates: ['YYYYMMDDhhmmss'] },
      }),
    );
    expect(carrier?.ids).toEqual({ response: 'hex', receipt: 'text' });
    expect(carrier?.otherTlvs).toBe('pass');
    expect(carrier?.receiptDialect).toMatchObject({
      read: 'text',
      timeZone: 'Asia/Riyadh',
      dates: ['YYYYMMDDhhmmss'],
    });
  });

  it('tells the known ones where a name is unknown, with its line', () => {
    const parsed = parseResources(
      'carriers:\n  - name: a\n    host: h\n    port: 1\n    systemId: s\n    password: p\n    profile: nope\n',
      { profiles: carrierProfiles() },
    );
    expect(parsed).toMatchObject({
      errors: [
        { line: 7, key: 'carriers[0].profile', message: expect.stringContaining('jasmin, ') },
      ],
    });
  });

  it('changes nothing of what export wrote, even where the profile has changed since', () => {
    const stored = carriersOf(file({ profile: 'smpp-3.3' })).map(({ password: _, ...carrier }) => ({
      ...carrier,
      sealedPassword: 'sealed',
    }));
    const text = exportResources({
      ...emptyResourceSet(),
      carriers: new Map(stored.map((carrier) => [carrier.name, carrier])),
    });
    const changed = new Map(carrierProfiles());
    const former = changed.get('smpp-3.3');
    if (former === undefined) throw new Error('it is shipped');
    changed.set('smpp-3.3', { ...former, carrier: { ...former.carrier, serviceType: 'NEW' } });
    const parsed = parseResources(text, { profiles: changed });
    expect('ok' in parsed && [...(parsed.ok.carriers ?? []).values()]).toEqual(stored);
  });

  it('and so for a carrier with every quirk there is', () => {
    const every = {
      profile: 'sinch',
      defaultAlphabet: 'ascii',
      unwritable: 'replace',
      dataCodings: { '0x03': '0x00', '8': 24 },
      addresses: {
        countryCode: '966',
        destination: { national: { ton: 2, format: 'national', strip: '966', add: '00' } },
        source: { international: { format: '00' }, none: { ton: 0 } },
      },
      senders: { map: [{ from: '0*', to: '007' }], allowed: ['0?'], fallback: '0123' },
      segmentsMax: 3,
      tlvs: [
        { name: 'a', tag: '0x1400', type: 'integer2', value: 7 },
        { name: 'b', tag: 0x1401, direction: 'deliver', drop: true },
      ],
      registeredDelivery: { receipt: '0x03' },
      priorities: { '0': 3 },
      receiptDialect: {
        fields: { id: ['reference no'] },
        columns: { separator: ';', fields: ['id', '-', 'stat'] },
        dates: ['epoch'],
        timeZone: '+03:00',
        states: { '7': 'UNDELIV' },
        err: { base: 'hex' },
      },
      receiptMarks: { final: ['0x04', 0], text: true },
    };
    const [first] = carriersOf(file(every));
    if (first === undefined) throw new Error('it is a carrier');
    const { password: _, ...rest } = first;
    const stored = { ...rest, sealedPassword: 'sealed' };
    const text = exportResources({
      ...emptyResourceSet(),
      carriers: new Map([[stored.name, stored]]),
    });
    expect(carriersOf(text)).toEqual([stored]);
  });

  it('leaves what is no file of carriers alone', () => {
    for (const odd of [null, 3, [], { carriers: 'x' }, { carriers: [null, 3, { profile: 4 }] }])
      expect(withProfiles(odd, carrierProfiles()).unknown).toEqual([]);
  });
});
