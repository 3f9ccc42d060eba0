import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Credits, parseCredits } from '../../src/domain/money.ts';
import { findAccount } from '../../src/store/accounts.ts';
import { readBalance } from '../../src/store/ledger-read.ts';
import { postByOperator, topUp } from '../../src/store/postings.ts';
import { reconcile } from '../../src/store/reconcile.ts';
import { LedgerTraffic } from './ledger-traffic.ts';

const money = (text: string) => parseCredits(text) as Credits;
let traffic: LedgerTraffic;
beforeAll(async () => {
  traffic = await LedgerTraffic.start();
});
afterAll(() => traffic.stop());

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

describe('reconcile', () => {
  it('leaves a ledger that reconciles after all of the above', async () => {
    expect(await reconcile(traffic.pool)).toMatchObject({ ok: true });
  });
});
