import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/gateway.ts';
import { type Customer, type Ending, twin } from './customer.ts';
import { Provider } from './stage.ts';

// Rows P3.5 and P3.7 to P3.10 of a seller of credit: penalties, ends of accounts, and what credit is worth. The twins run
// under a provider that is strict, and under one that charges what is delivered.

/** To Saudi Arabia: a segment costs 0.07 at the seller, 0.05 and 5 at the others. */
const TO = { destination_addr: '966501234567', source_addr: 'Shop' };
const SOLD: Ending = {
  status: 0,
  receipt: 'DELIVRD',
  entries: ['charge -0.07'],
  balance: '999.93',
};

let seller: Provider;
let strict: Provider;
let delivered: Provider;
beforeAll(async () => {
  [seller, strict, delivered] = await Promise.all([
    Provider.start('credit-seller', undefined, { service: 18 }),
    Provider.start('content-strict', undefined, { service: 8 }),
    Provider.start('personal-data', undefined, { club: 4 }),
  ]);
  await strict.registerSenders('*', ['Shop']);
});
afterAll(async () => {
  await seller?.close();
  await strict?.close();
  await delivered?.close();
});

const service = () => seller.customer('service');
const club = () => delivered.customer('club', { consents: [TO.destination_addr] });

async function statusOf({ provider, name }: Customer): Promise<unknown> {
  return (await provider.http('GET', `/v1/accounts/${name}`)).status;
}

describe('P3.5 penalties of carriers', () => {
  const SPAM = { ...TO, short_message: 'Vote for Salem on Sunday' };

  it('P3.5 are passed on with reference and evidence, once; the strict provider stops the sender before there is one', async () => {
    const customer = await service();
    const other = await strict.customer('service');
    for (let n = 1; n <= 3; n++) {
      expect(await customer.send(SPAM)).toMatchObject({ status: 0, receipt: 'DELIVRD' });
      expect((await (await other.esme()).submit(SPAM)).command_status).toBe(0x405);
    }
    const penalty = () =>
      seller.http('POST', `/v1/accounts/${customer.name}/penalties`, {
        credits: '250',
        reference: 'penalty 9',
        reason: 'spam',
        carrier: 'regional',
        carrierReference: 'REG-2026-77',
        evidence: 'complaint of 966501234567, 2026-11-20',
      });
    expect(await penalty()).toMatchObject({ kind: 'penalty', credits: '-250', existing: false });
    expect(await penalty()).toMatchObject({ existing: true, available: '749.79' });
    expect(await customer.entries()).toEqual([
      'top_up +1000',
      ...Array(3).fill('charge -0.07'),
      'penalty -250',
    ]);
    const { out } = await seller.cli('account', 'statement', customer.name, '--json');
    expect(JSON.parse(out).entries.at(-1)).toMatchObject({
      reference: 'penalty 9',
      carrier: 'regional',
      carrierReference: 'REG-2026-77',
      evidence: 'complaint of 966501234567, 2026-11-20',
    });
    expect(await customer.balance()).toMatchObject({ credits: '749.79' });
    expect(await statusOf(customer)).toBe('active');
    await eventually(async () => expect(await statusOf(other)).toBe('suspended'));
    expect(await other.entries()).toEqual(['top_up +100', 'forfeit -100']);
    expect(await other.balance()).toMatchObject({ credits: '0' });
  });

  it('P3.5 may take the balance below zero, and then nothing is sent', async () => {
    const customer = await service();
    const words = [
      'account',
      'penalty',
      customer.name,
      '1000.5',
      '--reference',
      'p',
      '--reason',
      'r',
    ];
    expect(await seller.cli(...words)).toMatchObject({ code: 0 });
    expect(await customer.send(TO)).toEqual({ status: 0x401, entries: [], balance: '-0.5' });
  });
});

describe('P3.7 accounts that are ended at once', () => {
  it('P3.7 are unbound, what waits is cancelled, and their credit is lost; elsewhere it is kept for them', async () => {
    const later = { ...TO, schedule_delivery_time: '000000001000000R' };
    const ended = async (customer: Customer) => {
      const esme = await customer.esme();
      const id = await esme.accepted(later);
      const words = ['account', 'terminate', customer.name, '--reason', 'not used'];
      expect(await customer.provider.cli(...words)).toMatchObject({ code: 0 });
      await eventually(() => expect(esme.closed).toBe(true));
      await expect(customer.provider.bind(customer.systemId)).rejects.toThrow('13');
      await eventually(async () =>
        expect(await customer.provider.http('GET', `/v1/messages/${id}`)).toMatchObject({
          state: 'REJECTD',
          fault: 'customer',
        }),
      );
      return { entries: await customer.entries(), credits: (await customer.balance()).credits };
    };
    // Consents reach the node a moment after they are given.
    const [customer, other] = [await service(), await club()];
    expect(await ended(customer)).toEqual({
      entries: ['top_up +1000', 'charge -0.07', 'forfeit -999.93'],
      credits: '0',
    });
    expect(await ended(other)).toEqual({
      entries: ['top_up +100', 'reserve +5r', 'release -5r'],
      credits: '100',
    });
  });

  it('P3.7 have their content destroyed, a minute later; what another account said is still there', async () => {
    const [ended, other] = [await service(), await strict.customer('service')];
    const short_message = 'Parcel 4711 is at the gate';
    for (const of of [ended, other]) {
      expect(await of.send({ ...TO, short_message })).toMatchObject({ receipt: 'DELIVRD' });
      expect(await textsOf(of)).toEqual([short_message]);
    }
    await seller.cli('account', 'terminate', ended.name, '--reason', 'not used');
    await strict.cli('account', 'suspend', other.name, '--reason', 'not used');
    for (const { provider, name } of [ended, other])
      await provider.sql(
        `update account set status_at = status_at - interval '1 minute' where name = $1`,
        [name],
      );
    await eventually(async () => expect(await textsOf(ended)).toEqual([]));
    expect(await textsOf(other)).toEqual([short_message]);
    // The books stand.
    expect(await ended.entries()).toEqual(['top_up +1000', 'charge -0.07', 'forfeit -999.93']);
    expect(await auditOf(ended)).toContainEqual(['terms', 'account.contentErased']);
    await seller.reconciled();
  });

  it('P3.7 are told when nobody uses them, and ended so long after; elsewhere they stay', async () => {
    const [unused, other] = [await service(), await strict.customer('service')];
    const both = async (text: string) => {
      for (const { provider, name } of [unused, other]) await provider.sql(text, [name]);
      await Promise.all([seller.restart(), strict.restart()]);
    };
    await both(`update account set created_at = now() - interval '181 days' where name = $1`);
    const labels = { account: unused.name, event: 'account.dormant' };
    const told = () => seller.daemon.metric('smppgate_account_notices_total', labels);
    await eventually(async () => expect(await told()).toBe(1));
    expect(await auditOf(unused)).toContainEqual(['terms', 'account.dormant']);
    expect(await statusOf(unused)).toBe('active');
    await both(
      `update dormancy set noticed_at = noticed_at - interval '30 days'
       where account = (select id from account where name = $1)`,
    );
    await eventually(async () => expect(await statusOf(unused)).toBe('terminated'));
    expect(await unused.entries()).toEqual(['top_up +1000', 'forfeit -1000']);
    // Its node hears of it a moment later.
    await eventually(() => expect(seller.bind(unused.systemId)).rejects.toThrow('13'));
    expect(await statusOf(other)).toBe('active');
    expect(await auditOf(other)).not.toContainEqual(['terms', 'account.dormant']);
    expect(await other.send(TO)).toMatchObject({ status: 0, receipt: 'DELIVRD' });
  });
});

/** What the messages of an account about parcels say, as a role that may see content is shown them: by a replay. */
async function textsOf({ provider, name }: Customer): Promise<string[]> {
  const rules = [{ name: 'parcels', bannedWords: { words: ['parcel'] } }];
  const { examples } = await provider.http<{ examples: { content?: { text: string } }[] }>(
    'POST',
    '/v1/policies/replay',
    {
      ...{ since: new Date(Date.now() - 3_600_000), account: name },
      ...{ resources: JSON.stringify({ policies: { tried: { rules } } }), policy: 'tried' },
      ...{ content: true, reason: 'a complaint' },
    },
  );
  return examples.flatMap(({ content }) => content?.text ?? []);
}

/** Who did what to an account. */
async function auditOf({ provider, name }: Customer): Promise<[actor: string, action: string][]> {
  const { entries } = await provider.http<{ entries: { actor: string; action: string }[] }>(
    'GET',
    `/v1/audit?subject=${name}`,
  );
  return entries.map(({ actor, action }) => [actor, action]);
}

describe('P3.8 debits follow the transmission log', () => {
  it('P3.8 has an entry for each message of the log, and a message for each entry', async () => {
    const [customer, other] = [await service(), await club()];
    const stats = ['DELIVRD', 'UNDELIV', 'REJECTD', 'EXPIRED'];
    for (const of of [customer, other])
      for (const stat of stats)
        expect(await of.send({ ...TO, receipt: { stat } })).toMatchObject({ receipt: stat });
    for (const [of, kind, paid] of [
      [customer, 'charge', '-0.28'],
      [other, 'reserve', '-5'],
    ] as const) {
      const log = await logOf(of);
      const { entries } = await of.provider.http<{ entries: Entry[] }>(
        'GET',
        `/v1/accounts/${of.name}/statement`,
      );
      const posted = entries.filter((entry) => entry.kind === kind);
      expect(posted.map(({ id }) => id).sort()).toEqual(log.map(({ entry }) => entry).sort());
      expect(posted.map(({ messages }) => messages)).toEqual([1, 1, 1, 1]);
      const usage = await of.provider.http<object>(
        'GET',
        `/v1/reports/usage?account=${of.name}&by=account`,
      );
      expect(usage).toMatchObject({ ok: true, total: { messages: 4, segments: 4 } });
      expect(Number((await of.balance()).credits)).toBeCloseTo(
        Number(of === customer ? 1000 : 100) + Number(paid),
        6,
      );
    }
    await seller.reconciled();
    await delivered.reconciled();
  });

  it('P3.8 lets nobody edit the ledger, and finds it when somebody could', async () => {
    const customer = await service();
    await customer.send(TO);
    const edit = `update ledger_entry set amount = amount + 1
      where account = (select id from account where name = $1)`;
    await expect(seller.sql(edit, [customer.name])).rejects.toThrow();
    await customer.provider.http('POST', `/v1/accounts/${customer.name}/adjustments`, {
      credits: '0.07',
      reference: 'fault 3',
      reason: 'a technical fault is shown',
    });
    expect(await customer.entries()).toEqual(['top_up +1000', 'charge -0.07', 'adjustment +0.07']);
    await seller.reconciled();
  });
});

interface Entry {
  readonly id: string;
  readonly kind: string;
  readonly messages: number;
}

/** The messages of an account, each with the entry that its timeline says it was charged (or reserved) by. */
async function logOf({ provider, name }: Customer): Promise<{ id: string; entry: string }[]> {
  const { messages } = await provider.http<{ messages: { id: string }[] }>(
    'GET',
    `/v1/messages?account=${name}`,
  );
  return Promise.all(
    messages.map(async ({ id }) => {
      const { events } = await provider.http<{ events: { event: string; entry?: string }[] }>(
        'GET',
        `/v1/messages/${id}`,
      );
      const paid = events.find(({ event }) => event === 'charged' || event === 'reserved');
      return { id, entry: paid?.entry ?? '' };
    }),
  );
}

describe('P3.9 no refund but for what our own server failed', () => {
  it.each([
    ['a fault of the recipient', 'UNDELIV'],
    ['a fault of the carrier', 'REJECTD'],
  ])('P3.9 keeps the price of %s', async (_what, stat) => {
    await twin(
      { ...TO, receipt: { stat } },
      [await service(), { ...SOLD, receipt: stat }],
      [
        await club(),
        { status: 0, receipt: stat, entries: ['reserve +5r', 'release -5r'], balance: '100' },
      ],
    );
  });

  it('P3.9 pays back what a declared outage of ours failed, by itself', async () => {
    const customer = await service();
    const to = '60199000001';
    expect(
      await customer.send({ ...TO, destination_addr: to, receipt: { stat: 'UNDELIV' } }),
    ).toMatchObject({ entries: ['charge -0.08'] });
    const hour = 3_600_000;
    await seller.http('POST', '/v1/outages', {
      from: new Date(Date.now() - hour).toISOString(),
      until: new Date(Date.now() + hour).toISOString(),
      carrier: 'regional',
      prefix: '60199',
      reason: 'our server was down',
    });
    await eventually(async () =>
      expect(await customer.entries()).toEqual(['top_up +1000', 'charge -0.08', 'refund +0.08']),
    );
    expect(await customer.balance()).toMatchObject({ credits: '1000' });
  });

  it('P3.9 takes no request and pays no purchase back; the other provider does both', async () => {
    const [customer, other] = [await service(), await club()];
    for (const of of [customer, other]) await of.topUp('1000', 'bought');
    const back = (of: Customer) =>
      of.provider.http('POST', `/v1/accounts/${of.name}/purchase-refunds`, {
        ...{ topUpReference: 'bought', reference: 'back', reason: 'changed his mind' },
      });
    await expect(back(customer)).rejects.toThrow('too-late');
    expect(await back(other)).toMatchObject({ credits: '-1000' });
    expect(await customer.balance()).toMatchObject({ credits: '2000' });
    expect(await other.balance()).toMatchObject({ credits: '100' });
  });
});

describe('P3.10 credit is valid for one year', () => {
  const DAY_MS = 86_400_000;
  const daysLeft = async (of: Customer) =>
    Math.round((Date.parse((await of.balance()).expiresAt) - Date.now()) / DAY_MS);
  /** Moves the expiry of all its credit to so many days from now, as time would. */
  const expireIn = (of: Customer, days: number) =>
    of.provider.sql(
      `update balance set expires_at = now() + $2 * interval '1 day'
       where account = (select id from account where name = $1) and side = 0`,
      [of.name, days],
    );

  it('P3.10 a top-up of 1000 brings it forward for a year; a smaller one is not taken', async () => {
    const [customer, other] = [await service(), await strict.customer('service')];
    expect([await daysLeft(customer), await daysLeft(other)]).toEqual([365, 365]);
    for (const of of [customer, other]) await expireIn(of, 10);
    await expect(customer.topUp('999.99', 'small')).rejects.toThrow('1000');
    await other.topUp('10', 'small');
    expect([await daysLeft(customer), await daysLeft(other)]).toEqual([10, 365]);
    expect(await customer.entries()).toEqual(['top_up +1000']);
    expect(await other.entries()).toEqual(['top_up +100', 'top_up +10']);
    await customer.topUp('1000', 'renewal');
    expect(await daysLeft(customer)).toBe(365);
    expect(await customer.balance()).toMatchObject({ credits: '2000' });
  });

  it('P3.10 expires as an entry, is refused after that, and is warned of before', async () => {
    const [customer, never] = [await service(), await club()];
    expect((await never.balance()).expiresAt).toBeNull();
    await expireIn(customer, 6);
    const warned = () =>
      seller.daemon.metric('smppgate_credit_warnings_total', { account: customer.name });
    await eventually(async () => expect(await warned()).toBeGreaterThan(0));
    const soon = await seller.cli('account', 'expiring', '--days', '7');
    expect(soon.out).toContain(customer.name);
    await expireIn(customer, -1 / 86_400);
    await eventually(async () =>
      expect(await customer.entries()).toEqual(['top_up +1000', 'expiry -1000']),
    );
    expect(await customer.send(TO)).toEqual({ status: 0x402, entries: [], balance: '0' });
    expect(await never.send(TO)).toMatchObject({ status: 0, receipt: 'DELIVRD' });
    await customer.topUp('1000', 'anew');
    await eventually(async () => expect(await customer.send(TO)).toEqual(SOLD));
    await seller.reconciled();
  });
});
