import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Esme } from '../../gateway/esme.ts';
import { eventually } from '../../support/gateway.ts';
import { type Customer, type Ending, twin } from './customer.ts';
import { type ProviderFile, zoneAt } from './provider-file.ts';
import { Provider } from './stage.ts';

// Rows P1.2, P1.3 and P1.5 to P1.7 of a provider that is strict about conduct; the twins are not, or pay for others' faults.

/** To Saudi Arabia: a segment costs 0.05 and 0.07. */
const SENT: Ending = {
  status: 0,
  receipt: 'DELIVRD',
  entries: ['charge -0.05'],
  balance: '99.95',
};
const SOLD: Ending = { ...SENT, entries: ['charge -0.07'], balance: '999.93' };
const refused = (status: number): Ending => ({ status, entries: [], balance: '100' });

let strict: Provider;
let seller: Provider;
let platform: Provider;
beforeAll(async () => {
  [strict, seller, platform] = await Promise.all([
    Provider.start('content-strict', atNoon, { shop: 16, service: 10 }),
    Provider.start('credit-seller', undefined, { service: 15, person: 1 }),
    Provider.start('personal-data', undefined, { club: 3 }),
  ]);
  await strict.registerSenders('*', ['Shop', 'Shop-AD']);
});
afterAll(async () => {
  await strict?.close();
  await seller?.close();
  await platform?.close();
});

/** The hours of the file, for recipients whose clock shows noon now, or three at night. */
function atNoon(file: ProviderFile): void {
  setClock(file, 12);
}
function setClock(file: ProviderFile, hour: number): void {
  const rule = file.policies.strict?.rules.find(({ name }) => name === 'hours');
  Object.assign(rule?.hours as object, { timeZone: zoneAt(hour, new Date()) });
}

const NUMBER = '966501234567';
const ADVERT = { source_addr: 'Shop-AD', destination_addr: NUMBER, short_message: 'Sale today' };
const shop = () => strict.customer('shop', { consents: [NUMBER] });

describe('P1.2 numbers whose owners did not allow it', () => {
  it('P1.2 are refused to promotional senders; the credit seller asks consent of bulk only', async () => {
    await twin(
      ADVERT,
      [await strict.customer('shop'), refused(0x407)],
      [await seller.customer('service'), SOLD],
    );
  });

  it('P1.2 are sent to once a consent with its evidence is imported, until it is withdrawn', async () => {
    const customer = await strict.customer('shop');
    const row = 'number,textVersion,source,at,evidence';
    const file = strict.write(
      'consents.csv',
      `${row}\n${NUMBER},v3,web form,2026-11-01T08:00:00Z,order 17\n`,
    );
    expect(await strict.cli('consents', 'add', customer.name, file)).toMatchObject({ code: 0 });
    await eventually(async () => expect(await customer.send(ADVERT)).toMatchObject({ status: 0 }));
    const list = await strict.cli('consents', 'list', customer.name, '--json');
    expect(list.out).toContain('order 17');
    await strict.cli('consents', 'remove', customer.name, file);
    await eventually(async () =>
      expect((await (await customer.esme()).submit(ADVERT)).command_status).toBe(0x407),
    );
  });
});

describe('P1.3 serial and random numbers', () => {
  it('P1.3 are refused before the run is complete, and after it', async () => {
    const customers = [await strict.customer('service'), await seller.customer('service')] as const;
    for (const customer of customers)
      for (let n = 0; n < 7; n++) {
        const to = `96650777${1000 + n * 3}`;
        expect(
          (await (await customer.esme()).submit({ destination_addr: to })).command_status,
        ).toBe(0);
      }
    // Seven messages each.
    const [one, other] = customers;
    await twin(
      { destination_addr: '966507771021' },
      [one, { status: 0x40a, entries: [], balance: '99.65' }],
      [other, { ...SOLD, balance: '999.44' }],
    );
    expect(await one.send({ destination_addr: '966507771024' })).toMatchObject({ status: 0x40a });
    expect(await one.send({ destination_addr: '966551112233' })).toMatchObject({ status: 0 });
  });

  it('P1.3 are refused as often as they are sent again, and the third time is a violation too many', async () => {
    const to = { destination_addr: '966507773021' };
    const [one, other] = [await strict.customer('service'), await seller.customer('service')];
    for (const customer of [one, other])
      for (let n = 0; n < 7; n++)
        await (await customer.esme()).accepted({ destination_addr: `96650777${3000 + n * 3}` });
    for (const balance of ['999.44', '999.37', '999.3'])
      await twin(
        to,
        [one, { status: 0x40a, entries: [], balance: '99.65' }],
        [other, { ...SOLD, balance }],
      );
    await eventually(async () =>
      expect(await strict.http('GET', `/v1/accounts/${one.name}`)).toMatchObject({
        status: 'suspended',
      }),
    );
    expect(await seller.http('GET', `/v1/accounts/${other.name}`)).toMatchObject({
      status: 'active',
    });
  });

  it('P1.3 are refused when they are drawn at random over the whole plan', async () => {
    for (const [customer, refusals] of [
      [await strict.customer('service'), 1],
      [await seller.customer('service'), 0],
    ] as const) {
      const esme = await customer.esme();
      const statuses: number[] = [];
      for (const to of randomRussians(81))
        statuses.push((await esme.submit({ destination_addr: to })).command_status);
      expect(statuses.slice(0, 79).every((status) => status === 0)).toBe(true);
      expect(statuses.slice(79).includes(0x40a)).toBe(refusals > 0);
    }
  });
});

/** Mobile numbers that differ in the two digits after the country code, and in no step from one to the next. */
function randomRussians(count: number): string[] {
  return Array.from({ length: count }, (_, n) => {
    const block = String((n * 37) % 100).padStart(2, '0');
    return `7${block}${String((n * n * 7919 + 31_337) % 100_000_000).padStart(8, '0')}`;
  });
}

describe('P1.5 the regulator', () => {
  it.each([
    ['a sender that is not registered', { source_addr: 'Nobody-AD' }],
    ['advertising from a sender without -AD', { source_addr: 'Shop' }],
  ])('P1.5 refuses %s', async (_what, fields) => {
    await twin(
      { ...ADVERT, ...fields },
      [await shop(), refused(0x0a)],
      [await seller.customer('service'), SOLD],
    );
  });

  it('P1.5 refuses a name that has more than 11 characters with -AD, registered or not', async () => {
    await expect(strict.registerSenders('*', ['LongShop1-AD'])).rejects.toThrow('400');
    const customer = await shop();
    expect(await customer.send({ ...ADVERT, source_addr: 'LongShop1-AD' })).toEqual(refused(0x0a));
    expect(await customer.send(ADVERT)).toEqual(SENT);
  });

  it.each(['Shop-AD', 'SHOP-ad', 'shop-Ad'])(
    'P1.5 takes %s from advertising only',
    async (from) => {
      const given = { ...ADVERT, source_addr: from, short_message: 'Your parcel is here' };
      await twin(
        given,
        [await strict.customer('service'), refused(0x0a)],
        [await seller.customer('service'), SOLD],
      );
    },
  );

  it.each([
    'Offer: https://bit.ly/3x',
    'Offer:bit.ly/3x',
    'Log in at https://absher-sa.com now',
    'Log in at http://alrajhibank.com.sa.evil.io/x',
    'Log in at alrajhi-bank.top',
  ])('P1.5 refuses links that are shortened or pass for others: %s', async (text) => {
    await twin(
      { ...ADVERT, short_message: text },
      [await shop(), refused(0x405)],
      [await seller.customer('service'), SOLD],
    );
  });

  it('P1.5 sends the link of the bank itself, and a sentence without a blank', async () => {
    const text = 'Offer ends soon.Log in at https://www.alrajhibank.com.sa/x';
    const policy = strict.file.policies.strict?.rules.find(({ name }) => name === 'links');
    expect(policy).toMatchObject({
      links: { lookalikesOf: expect.arrayContaining(['alrajhibank.com.sa']) },
    });
    expect(await (await shop()).send({ ...ADVERT, short_message: text })).toEqual(SENT);
  });

  it('P1.5 sends advertising by day, and none at night; codes always', async () => {
    const customer = await shop();
    expect(await customer.send(ADVERT)).toEqual(SENT);
    await strict.change((file) => setClock(file, 3));
    try {
      const night = { status: 0x409, entries: [], balance: '99.95' };
      await twin(ADVERT, [customer, night], [await seller.customer('service'), SOLD]);
      const service = await strict.customer('service');
      expect(await service.send({ ...ADVERT, source_addr: 'Shop' })).toEqual(SENT);
    } finally {
      await strict.change(atNoon);
    }
  });

  it('P1.5 goes by the hour at which advertising is to be sent, not at which it comes', async () => {
    const customer = await shop();
    const other = await seller.customer('service');
    const status = async (one: Customer, schedule_delivery_time = '') =>
      (await (await one.esme()).submit({ ...ADVERT, schedule_delivery_time })).command_status;
    // At noon for midnight, and at three at night for noon.
    const [midnight, noon] = ['000000120000000R', '000000090000000R'];
    expect([await status(customer, midnight), await status(other, midnight)]).toEqual([0x409, 0]);
    await strict.change((file) => setClock(file, 3));
    try {
      expect([await status(customer), await status(customer, noon)]).toEqual([0x409, 0]);
    } finally {
      await strict.change(atNoon);
    }
  });

  it('P1.5 has the regulator as the source of its hours, with its date', async () => {
    const rule = strict.file.policies.strict?.rules.find(({ name }) => name === 'hours');
    expect(rule).toMatchObject({ sourceDate: '2018-07-16', hours: { times: ['08:00-22:00'] } });
  });
});

describe('P1.6 accounts that violate', () => {
  const BANNED = { source_addr: 'Shop', short_message: 'Our casino is open' };

  async function statusOf({ provider, name }: Customer): Promise<unknown> {
    return (await provider.http('GET', `/v1/accounts/${name}`)).status;
  }

  it('P1.6 are stopped at the third violation: binds dropped, nothing refunded, the balance forfeited', async () => {
    const customer = await strict.customer('service');
    const other = await seller.customer('service');
    const later = { source_addr: 'Shop', schedule_delivery_time: '000000001000000R' };
    const esme = await customer.esme();
    const queued = await esme.accepted(later);
    for (let n = 0; n < 3; n++) {
      expect((await esme.submit(BANNED)).command_status).toBe(0x405);
      expect(await other.send(BANNED)).toMatchObject({ status: 0, receipt: 'DELIVRD' });
    }
    await eventually(() => expect(esme.closed).toBe(true));
    expect([await statusOf(customer), await statusOf(other)]).toEqual(['suspended', 'active']);
    const { response } = await Esme.tryBind(strict.daemon.smppPort, {
      systemId: customer.systemId,
    });
    expect(response.command_status).toBe(0x0d);
    await eventually(async () =>
      expect(await strict.http('GET', `/v1/messages/${queued}`)).toMatchObject({
        state: 'REJECTD',
        fault: 'customer',
      }),
    );
    expect(await customer.entries()).toEqual(['top_up +100', 'charge -0.05', 'forfeit -99.95']);
    expect(await customer.balance()).toMatchObject({ credits: '0' });
    expect(await other.balance()).toMatchObject({ credits: '999.79' });
    const violations = await strict.cli('account', 'violations', customer.name);
    expect(violations.out.match(/obscene/g)).toHaveLength(3);
    expect((await strict.cli('account', 'resume', customer.name, '--reason', 'apology')).code).toBe(
      0,
    );
    await eventually(async () =>
      expect((await (await customer.esme()).submit({ source_addr: 'Shop' })).command_status).toBe(
        0x401,
      ),
    );
    const audit = await strict.sql<{ action: string; actor: string }>(
      'select action, actor from audit where subject = $1 order by id',
      [customer.name],
    );
    expect(audit.map(({ action, actor }) => `${actor} ${action}`)).toEqual([
      'admin account.topUp',
      'policy account.forfeit',
      'policy account.suspended',
      'admin account.active',
    ]);
  });

  it('P1.6 are stopped by hand at once, and resumed', async () => {
    const customer = await strict.customer('service');
    expect(await customer.send({ source_addr: 'Shop' })).toEqual(SENT);
    const esme = await customer.esme();
    const words = ['account', 'suspend', customer.name, '--reason', 'complaint', '--drop-binds'];
    expect(await strict.cli(...words)).toMatchObject({ code: 0 });
    await eventually(() => expect(esme.closed).toBe(true));
    await expect(strict.bind(customer.systemId)).rejects.toThrow('13');
    expect(await customer.balance()).toMatchObject({ credits: '99.95' });
    await strict.cli('account', 'resume', customer.name, '--reason', 'settled');
    await eventually(async () =>
      expect(await customer.send({ source_addr: 'Shop' })).toMatchObject({ status: 0 }),
    );
  });
});

describe('P1.7 what the recipient made fail', () => {
  it.each([
    ['a wrong number', { stat: 'REJECTD', err: '001' }],
    ['a handset that is off or out of coverage', { stat: 'UNDELIV', err: '006' }],
    ['a handset that cannot show the language', { stat: 'UNDELIV', err: '032' }],
  ])('P1.7 is paid: %s', async (_what, words) => {
    const customer = await strict.customer('service');
    const club = await platform.customer('club', { consents: [NUMBER] });
    const given = { source_addr: 'Shop', destination_addr: NUMBER, receipt: words };
    await twin(
      given,
      [customer, { ...SENT, receipt: words.stat }],
      // Reserved at 5, and released: this provider charges what is delivered.
      [club, { ...refused(0), receipt: words.stat, entries: ['reserve +5r', 'release -5r'] }],
    );
  });

  it('P1.7 leaves the books in agreement', async () => {
    for (const provider of [strict, seller, platform]) await provider.reconciled();
  });
});
