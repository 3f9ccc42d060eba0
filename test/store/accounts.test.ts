import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Credits, parseCredits } from '../../src/domain/money.ts';
import { findAccount, listAccounts, setAccountStatus } from '../../src/store/accounts.ts';
import { readConfigVersion } from '../../src/store/config-version.ts';
import { topUp } from '../../src/store/postings.ts';
import { LedgerTraffic } from './ledger-traffic.ts';

const money = (text: string) => parseCredits(text) as Credits;
let traffic: LedgerTraffic;
beforeAll(async () => {
  traffic = await LedgerTraffic.start();
});
afterAll(() => traffic.stop());

describe('listAccounts', () => {
  it('lists by name from a name on', async () => {
    expect((await listAccounts(traffic.pool, '', 10)).map((row) => row.name)).toEqual([
      'acme',
      'pays-later',
    ]);
    expect((await listAccounts(traffic.pool, 'acme', 10)).map((row) => row.name)).toEqual([
      'pays-later',
    ]);
    expect((await listAccounts(traffic.pool, '', 1)).map((row) => row.name)).toEqual(['acme']);
  });
});

describe('setAccountStatus', () => {
  const change = { name: 'acme', reason: 'spam', actor: 'test' };

  it('refuses the submits of a suspended account from the next batch on', async () => {
    const before = await readConfigVersion(traffic.pool);
    expect(await setAccountStatus(traffic.pool, { ...change, status: 'suspended' })).toEqual({
      ok: true,
      changed: true,
      forfeited: 0n,
    });
    expect(await traffic.accept({ account: 'acme' })).toEqual([]);
    expect(await readConfigVersion(traffic.pool)).toBe(before + 1);
    expect(await findAccount(traffic.pool, 'acme')).toMatchObject({
      status: 'suspended',
      statusReason: 'spam',
    });
  });

  it('changes nothing when the status stands already', async () => {
    const before = await readConfigVersion(traffic.pool);
    expect(await setAccountStatus(traffic.pool, { ...change, status: 'suspended' })).toEqual({
      ok: true,
      changed: false,
      forfeited: 0n,
    });
    expect(await readConfigVersion(traffic.pool)).toBe(before);
  });

  it('lets a resumed account send again', async () => {
    await setAccountStatus(traffic.pool, { ...change, status: 'active' });
    expect(await traffic.accept({ account: 'acme' })).toHaveLength(1);
  });

  it('never brings a terminated account back', async () => {
    await setAccountStatus(traffic.pool, { ...change, status: 'terminated' });
    expect(await setAccountStatus(traffic.pool, { ...change, status: 'active' })).toEqual({
      refused: 'terminated',
    });
    expect(
      await topUp(traffic.pool, {
        account: 'acme',
        reference: 'z',
        actor: 'test',
        credits: money('1'),
      }),
    ).toEqual({
      refused: 'terminated',
    });
  });

  it('says when there is no such account', async () => {
    expect(
      await setAccountStatus(traffic.pool, { ...change, name: 'nobody', status: 'active' }),
    ).toEqual({
      refused: 'noSuchAccount',
    });
  });
});
