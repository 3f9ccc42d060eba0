import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Credits, formatCredits, parseCredits } from '../../src/domain/money.ts';
import { readBalance, readBalances, readStatement } from '../../src/store/ledger-read.ts';
import { postByOperator, topUp } from '../../src/store/postings.ts';
import { LedgerTraffic } from './ledger-traffic.ts';

const money = (text: string) => parseCredits(text) as Credits;
let traffic: LedgerTraffic;
beforeAll(async () => {
  traffic = await LedgerTraffic.start();
  const messages = await traffic.accept(
    { account: 'acme', segments: 2 },
    { account: 'pays-later', segments: 4 },
  );
  await traffic.sent(messages);
  await traffic.settle(messages.slice(0, 1), 'UNDELIV');
  const posting = { account: 'acme', actor: 'test' };
  await topUp(traffic.pool, { ...posting, reference: 'a', credits: money('2.5') });
  await postByOperator(traffic.pool, {
    ...posting,
    reference: 'b',
    kind: 'penalty',
    amount: money('-1'),
    reason: 'spam',
  });
});
afterAll(() => traffic.stop());

describe('readBalance', () => {
  it('adds both sides up', async () => {
    expect(await readBalance(traffic.pool, 'acme')).toMatchObject({
      credits: money('11.5'),
      reserved: 0n,
      available: money('11.5'),
    });
  });

  it('takes what is reserved from what is available', async () => {
    expect(await readBalance(traffic.pool, 'pays-later')).toMatchObject({
      credits: money('10'),
      reserved: money('0.2'),
      available: money('9.8'),
    });
  });

  it('is undefined for an account that is not there', async () => {
    expect(await readBalance(traffic.pool, 'nobody')).toBeUndefined();
  });
});

describe('readBalances', () => {
  it('has every account', async () => {
    expect([...(await readBalances(traffic.pool)).keys()].toSorted()).toEqual([
      'acme',
      'pays-later',
    ]);
  });
});

describe('readStatement', () => {
  const all = {
    accountId: 1,
    from: new Date(0),
    to: new Date(Date.now() + 60_000),
    limit: 100,
    after: undefined,
  };

  it('runs from the opening credits to the closing ones, entry by entry', async () => {
    const page = await readStatement(traffic.pool, all);
    expect(
      page.entries.map((e) => [e.kind, formatCredits(e.amount), formatCredits(e.balance)]),
    ).toEqual([
      ['top_up', '10', '10'],
      ['charge', '-0.1', '9.9'],
      ['refund', '0.1', '10'],
      ['top_up', '2.5', '12.5'],
      ['penalty', '-1', '11.5'],
    ]);
    expect([page.opening, page.closing]).toEqual([0n, money('11.5')]);
    expect(page.entries[4]).toMatchObject({ reference: 'b', actor: 'test', reason: 'spam' });
  });

  it('gives the same entries and balances page by page', async () => {
    const whole = await readStatement(traffic.pool, all);
    const paged = [];
    let after: (typeof all)['after'] | NonNullable<typeof whole.next>;
    do {
      const page: typeof whole = await readStatement(traffic.pool, { ...all, limit: 2, after });
      paged.push(...page.entries);
      after = page.next;
    } while (after !== undefined);
    expect(paged).toEqual(whole.entries);
  });

  it('opens with what stood before its time', async () => {
    const { rows } = await traffic.pool.query<{ at: Date }>(
      "select at + interval '1 millisecond' as at from ledger_entry where account = 1 and kind = 'refund'",
    );
    const from = rows[0]?.at ?? new Date();
    const page = await readStatement(traffic.pool, { ...all, from });
    expect(formatCredits(page.opening)).toBe('10');
    expect(page.entries.map((entry) => entry.kind)).toEqual(['top_up', 'penalty']);
    const before = await readStatement(traffic.pool, { ...all, to: from });
    expect(before.closing).toBe(page.opening);
  });
});
