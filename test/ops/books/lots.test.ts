import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { credits, formatCredits } from '../../../src/domain/money.ts';
import { Esme } from '../../gateway/esme.ts';
import { BooksStand } from './books-stand.ts';

/** Insufficient credit. */
const POOR = 0x401;

let stand: BooksStand;
beforeAll(async () => {
  const gambling = { bannedWords: { words: ['casino'] }, charged: true };
  const charged = { policy: 'charged' };
  stand = await BooksStand.start({
    policies: { charged: { rules: [gambling] } },
    accounts: {
      lots: { ...charged, terms: 'lots', credit: '0.1' },
      later: { ...charged, terms: 'later', credit: '0.1' },
      lotsLater: { ...charged, terms: 'lotsLater', credit: '0.1' },
      owes: { ...charged, credit: '0.06', creditLine: '0.12' },
      tries: { ...charged, trial: true, credit: '0.12' },
    },
  });
});
afterAll(() => stand.close());

describe('a refusal that is charged, in the books', () => {
  const casino = {
    destination_addr: '966500000001',
    short_message: 'casino',
    registered_delivery: 1,
  };

  it.each([
    // Two at 0.06: of a first purchase of 0.1 and a second, first to expire first.
    ['lots', '5.1', '4.98', ['charge -0.06 first', 'charge -0.04 first', 'charge -0.02 second']],
    ['lotsLater', '5.1', '4.98', undefined],
    ['later', '5.1', '4.98', undefined],
    ['owes', '0.06', '-0.06', undefined],
    ['tries', '0.12', '0', undefined],
  ])('is that of any message: %s', async (account, bought, left, charges) => {
    if (bought === '5.1') {
      const second = { credits: '5', reference: 'second' };
      await stand.ops.request('POST', `/v1/accounts/${account}/top-ups`, second);
    }
    await stand.send(account, casino, casino);
    expect(await stand.gateway.money(account)).toEqual({ credits: left, reserved: '0' });
    if (charges !== undefined) expect(await chargesOf(account)).toEqual(charges);
    await stand.gateway.reconciled();
  });

  it('is refused by a status once it cannot be paid, and costs nothing then', async () => {
    for (const account of ['owes', 'tries']) {
      const esme = await Esme.bind(stand.gateway.port, { systemId: account });
      const statuses: number[] = [];
      // The line leaves 0.06.
      for (let sent = 0; sent < 2; sent++)
        statuses.push((await esme.submit(casino)).command_status ?? -1);
      expect(statuses).toEqual(account === 'owes' ? [0, POOR] : [POOR, POOR]);
      await esme.close();
    }
    expect(await stand.gateway.money('owes')).toEqual({ credits: '-0.12', reserved: '0' });
    await stand.gateway.reconciled();
  });
});

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

describe('a report on refusals that were charged', () => {
  // All is counted by now.
  it.each(['lots', 'lotsLater', 'later', 'owes', 'tries'])(
    'says what the ledger says: %s',
    async (account) => {
      const messages = account === 'owes' ? 3 : 2;
      const charged = account === 'owes' ? '0.18' : '0.12';
      const reserved = account.toLowerCase().endsWith('later') ? charged : '0';
      const total = {
        messages,
        segments: messages,
        charged,
        refunded: '0',
        reserved,
        released: '0',
      };
      const of = (report: string) =>
        stand.ops.request('GET', `/v1/reports/${report}?account=${account}&by=account`);
      const usage = await of('usage');
      expect(usage.json).toMatchObject({ ok: true, total, ledger: total, rows: [total] });
      expect((await of('margin')).json.rows).toMatchObject([
        { messages, income: charged, cost: '0' },
      ]);
      const statement = await stand.ops.request('GET', `/v1/accounts/${account}/statement`);
      const { credits } = await stand.gateway.money(account);
      expect(statement.json).toMatchObject({ closing: credits });
    },
  );
});

/** What was charged, and to which purchase. */
async function chargesOf(account: string): Promise<string[]> {
  const rows = await stand.gateway.sql<{ amount: bigint; reference: string }>(
    `select e.amount, l.reference from ledger_entry e join account a on a.id = e.account
       join lot l on l.id = e.lot where a.name = $1 and e.kind = 'charge' order by e.id`,
    [account],
  );
  return rows.map(
    ({ amount, reference }) =>
      `charge ${formatCredits(credits(BigInt(amount)))} ${reference === 'second' ? 'second' : 'first'}`,
  );
}
