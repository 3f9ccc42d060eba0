import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Credits, parseCredits } from '../../src/domain/money.ts';
import {
  findAccount,
  listAccounts,
  postByOperator,
  setAccountStatus,
  topUp,
} from '../../src/store/accounts.ts';
import { readConfigVersion } from '../../src/store/config-version.ts';
import { readBalance } from '../../src/store/ledger-read.ts';
import { reconcile } from '../../src/store/reconcile.ts';
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

describe('topUp', () => {
  const wanted = { account: 'acme', reference: 'invoice 7', actor: 'test', credits: money('5') };

  it('adds once however often and however many at a time it is asked for', async () => {
    const results = await Promise.all(Array.from({ length: 6 }, () => topUp(traffic.pool, wanted)));
    expect(results.filter((result) => 'existing' in result && !result.existing)).toHaveLength(1);
    expect(new Set(results.map((result) => 'entry' in result && result.entry)).size).toBe(1);
    expect((await readBalance(traffic.pool, 'acme'))?.credits).toBe(money('15'));
  });

  it('refuses the same reference with another amount, or of another kind', async () => {
    expect(await topUp(traffic.pool, { ...wanted, credits: money('5.000001') })).toEqual({
      refused: 'otherPosting',
    });
    const penalty = { ...wanted, kind: 'penalty', amount: money('-5'), reason: 'x' } as const;
    expect(await postByOperator(traffic.pool, penalty)).toEqual({ refused: 'otherPosting' });
  });

  it('takes the same reference for another account', async () => {
    expect(await topUp(traffic.pool, { ...wanted, account: 'pays-later' })).toMatchObject({
      existing: false,
    });
  });

  it('moves the expiry as the terms say, a year by default', async () => {
    const account = await findAccount(traffic.pool, 'acme');
    const days = ((account?.expiresAt?.getTime() ?? 0) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(364.9);
    expect(days).toBeLessThan(365.1);
  });

  it('takes away what expired before it adds', async () => {
    await traffic.pool.query(
      "update balance set expires_at = now() - interval '1 day' where account = 2 and side = 0",
    );
    await topUp(traffic.pool, {
      ...wanted,
      account: 'pays-later',
      reference: 'late',
      credits: money('3'),
    });
    expect((await readBalance(traffic.pool, 'pays-later'))?.credits).toBe(money('3'));
    const { rows } = await traffic.pool.query(
      "select amount, cause from ledger_entry where kind = 'expiry'",
    );
    expect(rows).toEqual([{ amount: -15_000_000n, cause: 'creditExpired' }]);
  });

  it('refuses what the terms call too little', async () => {
    const set = (minimum: string) =>
      traffic.pool.query(
        "update resource set spec = spec || jsonb_build_object('topUpMinimum', $1::text) where name = 'submit'",
        [minimum],
      );
    await set('2.5');
    const little = { ...wanted, reference: 'little', credits: money('2.499999') };
    expect(await topUp(traffic.pool, little)).toEqual({ refused: 'belowMinimum', minimum: '2.5' });
    expect(await topUp(traffic.pool, { ...little, credits: money('2.5') })).toMatchObject({
      existing: false,
    });
    await set('0');
  });

  it('refuses an account that is not there', async () => {
    expect(await topUp(traffic.pool, { ...wanted, account: 'nobody' })).toEqual({
      refused: 'noSuchAccount',
    });
  });
});

describe('postByOperator', () => {
  it('may take the balance below zero, once a reference', async () => {
    const penalty = {
      account: 'pays-later',
      reference: 'case 1',
      actor: 'test',
      kind: 'penalty',
      amount: money('-100'),
      reason: 'spam',
    } as const;
    const first = await postByOperator(traffic.pool, penalty);
    expect(await postByOperator(traffic.pool, penalty)).toEqual({ ...first, existing: true });
    expect((await readBalance(traffic.pool, 'pays-later'))?.credits).toBe(money('-97'));
    expect(await traffic.accept({ account: 'pays-later' })).toEqual([]);
  });
});

describe('setAccountStatus', () => {
  const change = { name: 'acme', reason: 'spam', actor: 'test' };

  it('refuses the submits of a suspended account from the next batch on', async () => {
    const before = await readConfigVersion(traffic.pool);
    expect(await setAccountStatus(traffic.pool, { ...change, status: 'suspended' })).toEqual({
      ok: true,
      changed: true,
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

  it('leaves a ledger that reconciles after all of the above', async () => {
    expect(await reconcile(traffic.pool)).toMatchObject({ ok: true });
  });
});
