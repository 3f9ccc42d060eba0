import { describe, expect, it } from 'vitest';
import { compileCatalog } from '../../src/domain/compile-catalog.ts';
import { readStoredSpec, type StoredResources } from '../../src/domain/resources.ts';
import { applied, EXAMPLE, hide, MINIMAL, parsed, rowsOf } from './resource-samples.ts';

async function storedOf(text: string): Promise<StoredResources> {
  return rowsOf(await applied(parsed(text)));
}

describe('compileCatalog', () => {
  it('compiles the documented example', async () => {
    const catalog = compileCatalog(await storedOf(EXAMPLE));
    const bind = catalog.binds.get('acme');
    const account = catalog.accountsByName.get('acme');
    expect(bind).toMatchObject({
      id: 100,
      passwordHash: hide('secret'),
      bindsMax: 8,
      windowMax: 100,
      segmentsPerSecond: 1000,
      burst: 1000,
    });
    expect(bind?.account).toBe(account);
    expect(bind?.allowFrom?.contains('127.0.0.1')).toBe(true);
    expect(bind?.allowFrom?.contains('127.0.0.2')).toBe(false);
    expect(account).toMatchObject({
      id: 1,
      status: 'active',
      lane: 1,
      validityDefaultMs: 48 * 3_600_000,
      validityMaxMs: 168 * 3_600_000,
      segmentsPerSecond: 2000,
      receipts: { text: true, tlv: true, idBase: 'decimal', utcOffsetMinutes: 0 },
      statusFor: { insufficientCredit: 0x401 },
    });
    expect(account?.tariff.priceFor('79161234567')).toBe(6_450n);
    expect(account?.terms).toMatchObject({
      name: 'platform-fault-only',
      version: 1,
      topUpMinimum: 0n,
    });
    const carrier = [...catalog.carriers.values()][0];
    expect(carrier).toMatchObject({
      name: 'sim',
      sealedPassword: hide('gw'),
      receiptGraceMs: 24 * 3_600_000,
      onUnknownOutcome: { waitMs: 30_000, then: 'resend' },
    });
    const query = { network: undefined, account: account?.id, sender: '', trafficClass: '' };
    expect(
      catalog.routes.find({ msisdn: '966512345678', atMs: 0, ...query })?.candidates,
    ).toMatchObject([{ carrier: carrier?.id, weight: 1, priority: 1 }]);
  });

  it('has the four classes and the open policy without being told', async () => {
    const lanes = ['otp', 'transactional', 'promotional', 'personal'].map(async (name) => {
      const catalog = compileCatalog(
        await storedOf(MINIMAL.replace('terms: none', `terms: none, trafficClass: ${name}`)),
      );
      expect(catalog.accountsByName.get('acme')?.policy).toMatchObject({
        name: 'open',
        isOpen: true,
      });
      return catalog.accountsByName.get('acme')?.lane;
    });
    expect(await Promise.all(lanes)).toEqual([0, 1, 2, 1]);
  });

  it('lets a file change the lane of a class that exists', async () => {
    const catalog = compileCatalog(
      await storedOf(`${MINIMAL}classes: {transactional: {lane: bulk}}\n`),
    );
    expect(catalog.accountsByName.get('acme')?.lane).toBe(2);
  });

  it('takes absent allowFrom for any address, an empty one for none, and one second’s worth for the burst', async () => {
    const open = compileCatalog(await storedOf(MINIMAL)).binds.get('acme');
    const closed = compileCatalog(
      await storedOf(
        MINIMAL.replace(
          'password: secret',
          'password: secret, allowFrom: [], segmentsPerSecond: 7',
        ),
      ),
    );
    expect(open?.allowFrom).toBeUndefined();
    expect(closed.binds.get('acme')?.allowFrom?.contains('127.0.0.1')).toBe(false);
    expect(closed.binds.get('acme')?.burst).toBe(7);
  });

  it('reads a former password with its end, and certificates', async () => {
    const bindOf = async (more: string) => {
      const text = MINIMAL.replace('password: secret', `password: secret${more}`);
      return compileCatalog(await storedOf(text)).binds.get('acme');
    };
    expect(await bindOf('')).toMatchObject({ former: undefined, certificates: undefined });
    const bind = await bindOf(
      `, formerPassword: old, formerPasswordUntil: "2026-12-01T03:00:00+03:00", certificates: ["${'AB:'.repeat(31)}CD"]`,
    );
    expect(bind?.former).toEqual({ passwordHash: hide('old'), untilMs: Date.UTC(2026, 11, 1) });
    expect([...(bind?.certificates ?? [])]).toEqual([`${'ab'.repeat(31)}cd`]);
    expect((await bindOf(', certificates: []'))?.certificates?.size).toBe(0);
  });

  it('reads receipt dates of another offset', async () => {
    const offset = async (dates: string) => {
      const text = MINIMAL.replace(
        'terms: none',
        `terms: none, receipts: {format: tlv, dates: "${dates}"}`,
      );
      return compileCatalog(await storedOf(text)).accountsByName.get('acme')?.receipts;
    };
    expect(await offset('+03:00')).toMatchObject({
      text: false,
      tlv: true,
      idBase: 'decimal',
      utcOffsetMinutes: 180,
    });
    expect((await offset('-04:30'))?.utcOffsetMinutes).toBe(-270);
  });

  it('throws when a stored resource refers to one that is not there', async () => {
    const stored = await storedOf(MINIMAL);
    expect(() => compileCatalog({ ...stored, tariffs: [] })).toThrow(
      'account acme refers to t, which is not stored',
    );
    expect(() => compileCatalog({ ...stored, carriers: [] })).toThrow(
      'route "" refers to sim, which is not stored',
    );
  });

  it('compiles 10,000 accounts in well under two seconds', async () => {
    const stored = await storedOf(MINIMAL);
    const [row] = stored.accounts;
    if (row === undefined) throw new Error('one account must be stored');
    const accounts = Array.from({ length: 10_000 }, (_, id) => ({
      ...row,
      id,
      name: `a${id}`,
      spec: {
        ...row.spec,
        name: `a${id}`,
        binds: row.spec.binds.map((bind) => ({ ...bind, systemId: `s${id}` })),
      },
      bindIds: new Map([[`s${id}`, id]]),
    }));
    const start = process.cpuUsage();
    expect(compileCatalog({ ...stored, accounts }).binds.size).toBe(10_000);
    expect(process.cpuUsage(start).user).toBeLessThan(4_000_000);
  });
});

describe('readStoredSpec', () => {
  it('fills in what is newer than the stored spec', () => {
    expect(readStoredSpec('terms', {})).toMatchObject({
      chargeOn: 'submit',
      refundAutomatic: ['platform'],
    });
  });

  it('gives every stored spec back as it is, through JSON', async () => {
    for (const { spec } of (await storedOf(EXAMPLE)).accounts) {
      expect(readStoredSpec('accounts', JSON.parse(JSON.stringify(spec)))).toEqual(spec);
    }
  });

  it('throws for what no version of ours has written', () => {
    expect(() => readStoredSpec('classes', { lane: 'slow' })).toThrow();
  });
});
