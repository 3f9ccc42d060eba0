import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BooksStand } from './books-stand.ts';

let stand: BooksStand;
beforeAll(async () => {
  stand = await BooksStand.start();
});
afterAll(() => stand.close());

describe('a usage report of an account with lots', () => {
  it('counts a message once that was paid out of several lots, and refunded into them', async () => {
    const { status } = await stand.ops.request('POST', '/v1/accounts/carol/top-ups', {
      credits: '5',
      reference: 'second lot',
    });
    expect(status).toBe(201);
    // 0.06 each: the second one takes from both lots.
    await stand.send(
      'carol',
      { destination_addr: '966500000001' },
      { destination_addr: '966500000002' },
      { destination_addr: '79161234567' },
    );
    const total = { messages: 3, segments: 3, charged: '0.12645', refunded: '0.00645' };
    const before = await stand.ops.request('GET', '/v1/reports/usage?account=carol');
    expect(before.json).toMatchObject({ ok: true, pending: total, ledger: total });
    await stand.count();
    const after = await stand.ops.request('GET', '/v1/reports/usage?account=carol&by=account');
    expect(after.json).toMatchObject({ ok: true, total, ledger: total, rows: [total] });
    expect(after.json.otherEntries).toMatchObject({ top_up: '5.1' });
  });
});
