import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TakenSubmit } from '../../gateway/scripted-carrier.ts';
import { eventually } from '../../support/gateway.ts';
import { knownPasswords } from './claims.ts';
import type { Customer } from './customer.ts';
import type { ProviderFile } from './provider-file.ts';
import { Provider } from './stage.ts';

/** A carrier with room for one submit_sm, so that what waits is seen; the lanes are the provider's own. */
function narrow(file: ProviderFile): void {
  knownPasswords(file);
  for (const carrier of file.carriers) Object.assign(carrier, { binds: 1, windowMax: 1 });
}

const BULK = 60;
const OTP = 3;
const NUMBERS = Array.from({ length: BULK + OTP }, (_, n) => `96650000${1000 + n}`);

let platform: Provider;
let window: Provider;
let personal: Provider;
beforeAll(async () => {
  [platform, window, personal] = await Promise.all([
    Provider.start('messaging-platform', narrow),
    Provider.start('refund-window', narrow),
    Provider.start('personal-data', knownPasswords),
  ]);
});
afterAll(async () => {
  await Promise.all([platform?.close(), window?.close(), personal?.close()]);
});

/**
 * A campaign, then three passwords, while the carrier does not answer; where each came in the carrier's own order.
 * @param systemIds of the campaign, and of the passwords
 */
async function placesOfPasswords(
  provider: Provider,
  systemIds: readonly [bulk: string, otp: string],
): Promise<{ places: number[]; states: string[] }> {
  const carrier = provider.carrier();
  const waiting: TakenSubmit[] = [];
  carrier.onSubmit = (submit) => waiting.push(submit);
  const bulk = await provider.bind(systemIds[0]);
  const otp = systemIds[1] === systemIds[0] ? bulk : await provider.bind(systemIds[1]);
  const ids: string[] = [];
  for (const [n, destination_addr] of NUMBERS.entries())
    ids.push(await (n < BULK ? bulk : otp).accepted({ destination_addr }));
  const deliver = (submit: TakenSubmit): void => {
    carrier.accept(submit);
    void carrier.receipt(submit).catch(() => {});
  };
  carrier.onSubmit = deliver;
  waiting.forEach(deliver);
  await carrier.taken(NUMBERS.length);
  // Any session of the account takes the receipts of all.
  const sessions = bulk === otp ? [bulk] : [bulk, otp];
  const states = await eventually(() => {
    const taken = new Map(sessions.flatMap(({ receipts }) => receipts).map((one) => [one.id, one]));
    return ids.map((id) => {
      const receipt = taken.get(id);
      if (receipt === undefined) throw new Error(`no receipt of ${id}`);
      return receipt.state;
    });
  });
  for (const session of sessions) await session.close();
  const order = carrier.submits.map(({ destination }) => destination);
  return { places: NUMBERS.slice(BULK).map((number) => order.indexOf(number)), states };
}

it('P4.1 SMS, OTP and API on one platform: a password overtakes the campaign', async () => {
  const { places, states } = await placesOfPasswords(platform, ['shop-sms', 'shop-otp']);
  // One submit was with the carrier already, one lease may be; 16 of 21 turns are the fast lane's.
  for (const place of places) expect(place).toBeLessThan(12);
  expect(new Set(states)).toEqual(new Set(['DELIVRD']));
  // The API: the same account's third service, and what an operator or his program asks.
  const api = platform.own('shop', 'shop-api');
  const sent = await api.send({ destination_addr: '966500009999' });
  expect(sent).toMatchObject({ status: 0, receipt: 'DELIVRD', entries: ['charge -0.06'] });
  const spent = 0.06 * (NUMBERS.length + 1);
  expect(sent.balance).toBe(String(Number((500 - spent).toFixed(2))));
  const charged = (await api.entries())
    .filter((entry) => entry.startsWith('charge'))
    .reduce((sum, entry) => sum + Number(entry.slice('charge '.length)), 0);
  expect(charged).toBeCloseTo(-spent, 6);
  await (await api.esme()).close();
  await platform.reconciled();

  // The twin sells one service: the same passwords wait for the campaign before them.
  const twin = await placesOfPasswords(window, ['retail', 'retail']);
  expect(twin.places).toEqual([BULK, BULK + 1, BULK + 2]);
  await window.reconciled();
});

it('P4.2 delivery records of a message, reports by account, carrier and country', async () => {
  // Paid at accept here, and the undelivered one is kept; the twin takes money for what is delivered alone.
  expect(await recordsOf(platform.own('shop', 'shop-api'))).toEqual({
    events: ['accepted', 'charged', 'sent', 'settled', 'returned'],
    entries: ['charge -0.06', 'charge -0.06', 'charge -0.25'],
    usage: ['7 250 1 0.25', '966 42001 1 0.06', '966 42003 1 0.06'],
    deliveries: ['7 DELIVRD 1', '966 DELIVRD 1', '966 UNDELIV 1'],
  });
  expect(await recordsOf(personal.own('club'))).toEqual({
    events: ['accepted', 'reserved', 'sent', 'settled', 'released', 'returned'],
    entries: [
      ...['reserve +5r', 'charge -5 -5r', 'reserve +5r', 'release -5r'],
      ...['reserve +3.2r', 'charge -3.2 -3.2r'],
    ],
    usage: ['7 250 1 3.2', '966 420 2 5'],
    deliveries: ['7 DELIVRD 1', '966 DELIVRD 1', '966 UNDELIV 1'],
  });
  for (const provider of [platform, personal]) await provider.reconciled();
});

/** Three messages of one sender, of which the second is not delivered: its timeline, the money, the reports of the three. */
async function recordsOf(customer: Customer): Promise<object> {
  const { provider, name } = customer;
  const numbers = ['966500000501', '966540000502', '79161234567'] as const;
  if (provider === personal) await provider.giveConsents(name, numbers);
  const seen = (await customer.entries()).length;
  const source_addr = 'Records';
  await customer.send({ destination_addr: numbers[0], source_addr });
  await customer.send({ destination_addr: numbers[1], source_addr, receipt: { stat: 'UNDELIV' } });
  const failed = (await customer.esme()).receipts.at(-1)?.id ?? '';
  await customer.send({ destination_addr: numbers[2], source_addr });
  // That its receipt was taken is stored a moment after the customer's answer.
  const events = await eventually(async () => {
    const shown = await provider.http<Timeline>('GET', `/v1/messages/${failed}`);
    expect(shown.events.map(({ event }) => event)).toContain('returned');
    return shown.events;
  });
  expect(events.find(({ event }) => event === 'settled')).toMatchObject({
    ...{ state: 'UNDELIV', carrier: 'main', fault: 'recipient' },
  });
  const shown = await provider.cli('message', 'show', failed);
  expect(shown).toMatchObject({ code: 0, out: expect.stringContaining('UNDELIV') });
  const entries = (await customer.entries()).slice(seen);
  await countNow(provider);
  const usage = await eventually(async () => {
    const path = `/v1/reports/usage?by=country,network,sender&account=${name}`;
    const report = await provider.http<Usage>('GET', path);
    expect(report.ok).toBe(true);
    expect(Object.values(report.pending).filter((figure) => Number(figure) !== 0)).toEqual([]);
    return report.rows.filter((row) => row.sender === source_addr);
  });
  const csv = await provider.cli('report', 'usage', '--by', 'sender', '--account', name, '--csv');
  expect(csv).toMatchObject({ code: 0, out: expect.stringMatching(/^Records,3,3,/m) });
  const by = `by=country,carrier,state,sender&account=${name}`;
  const path = `/v1/reports/deliveries?${by}&carrier=main`;
  // Ends are counted in a turn of their own.
  const ends = await eventually(async () => {
    const { rows } = await provider.http<{ rows: Delivery[] }>('GET', path);
    const ours = rows.filter((row) => row.sender === source_addr);
    expect(ours).toHaveLength(numbers.length);
    return ours;
  });
  return {
    events: events.map(({ event }) => event).filter((event) => event !== 'leased'),
    entries,
    usage: usage.map((row) =>
      [row.country, row.network || '-', row.messages, row.charged].join(' '),
    ),
    deliveries: ends.map((row) => [row.country, row.state, row.messages].join(' ')).sort(),
  };
}

/** As if 25 s had gone by: the books count a message when none older can come any more. */
async function countNow(provider: Provider): Promise<void> {
  await provider.sql(
    `create or replace function books_horizon() returns timestamptz language sql volatile as
       $$ select clock_timestamp() + interval '1 hour' $$`,
  );
}

interface Timeline {
  readonly events: readonly { readonly event: string }[];
}

interface Usage {
  readonly ok: boolean;
  readonly pending: Readonly<Record<string, string | number>>;
  readonly rows: readonly {
    readonly sender: string;
    readonly country: string;
    readonly network: string;
    readonly messages: number;
    readonly charged: string;
  }[];
}

interface Delivery {
  readonly country: string;
  readonly state: string;
  readonly sender: string;
  readonly messages: number;
}
