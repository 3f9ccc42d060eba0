import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../support/gateway.ts';
import { buyer, knownPasswords } from './claims.ts';
import { twin } from './customer.ts';
import { Provider } from './stage.ts';

/** command_status of what is refused (docs/resources.md, the outside's table). */
const NO_CONSENT = 0x407;
const OPTED_OUT = 0x406;

let personal: Provider;
let platform: Provider;
beforeAll(async () => {
  [personal, platform] = await Promise.all([
    Provider.start('personal-data', knownPasswords),
    Provider.start('messaging-platform', knownPasswords),
  ]);
});
afterAll(async () => {
  await Promise.all([personal?.close(), platform?.close()]);
});

it('P2.4 nothing is sent to a number whose consent the customer does not hold', async () => {
  const number = '79161234567';
  await twin(
    { destination_addr: number },
    [await buyer(personal, 'club'), { status: NO_CONSENT, entries: [], balance: '100' }],
    [
      await buyer(platform, 'shop'),
      { status: 0, receipt: 'DELIVRD', entries: ['charge -0.25'], balance: '99.75' },
    ],
  );
  expect(personal.carrier().submits).toEqual([]);
});

it('P2.4 consents come with their evidence, are listed with it, and withdrawn', async () => {
  const customer = await buyer(personal, 'club');
  const { name } = customer;
  const numbers = ['79161110001', '79161110002', '79161110003'];
  const at = '2026-11-01T09:00:00Z';
  const lines = numbers.map((number) => `${number},,2026-1,web form,${at},form ${number.at(-1)}`);
  const bare = personal.write('bare.csv', `number\n${numbers.join('\n')}\n`);
  const refused = await personal.cli('consents', 'add', name, bare);
  expect(refused.code).toBe(1);
  expect(refused.out).toContain('needs textVersion, source, at');
  const header = 'number,class,textVersion,source,at,evidence';
  const file = personal.write('consents.csv', `${header}\n${lines.join('\n')}\n`);
  expect(await personal.cli('consents', 'add', name, file)).toMatchObject({ code: 0 });
  const [one = '', two = '', three = ''] = numbers;
  const sent = { status: 0, receipt: 'DELIVRD', entries: ['reserve +3.2r', 'charge -3.2 -3.2r'] };
  expect(await customer.send({ destination_addr: one })).toEqual({ ...sent, balance: '96.8' });
  // Of one account alone.
  const neighbour = await buyer(personal, 'club');
  expect(await neighbour.send({ destination_addr: one })).toEqual({
    ...{ status: NO_CONSENT, entries: [], balance: '100' },
  });
  const { consents } = await personal.http<{ consents: object[] }>(
    'GET',
    `/v1/consents?account=${name}&number=${two}`,
  );
  expect(consents).toEqual([
    {
      ...{ account: name, number: two, textVersion: '2026-1', source: 'web form' },
      ...{ at: '2026-11-01T09:00:00.000Z', evidence: 'form 2' },
    },
  ]);
  const gone = personal.write('gone.csv', `number\n${three}\n`);
  expect(await personal.cli('consents', 'remove', name, gone)).toMatchObject({ code: 0 });
  expect(await customer.send({ destination_addr: three })).toEqual({
    ...{ status: NO_CONSENT, entries: [], balance: '96.8' },
  });
  // What is stored shows neither number nor evidence.
  const rows = await personal.sql<{ row: string }>(
    'select to_jsonb(c)::text as row from consent c',
  );
  expect(JSON.stringify(rows)).not.toMatch(/7916111|form 2/);
  await personal.reconciled();
});

it('P2.4 a withdrawal by answer ends all messages, where a platform ends marketing alone', async () => {
  const number = '79161230001';
  await personal.giveConsents('club', [number]);
  for (const [provider, shortCode] of [
    [personal, '7000'],
    [platform, '700700'],
  ] as const) {
    const status = await provider.carrier().deliver({
      ...{ source_addr_ton: 1, source_addr_npi: 1, source_addr: number, esm_class: 0 },
      ...{ destination_addr: shortCode, short_message: 'STOP' },
    });
    expect(status).toBe(0);
  }
  const refused = { status: OPTED_OUT, entries: [] };
  const club = personal.own('club');
  // What goes out before the withdrawal is in force is paid.
  await eventually(async () => {
    const { credits: balance } = await club.balance();
    expect(await club.send({ destination_addr: number })).toEqual({ ...refused, balance });
  });
  const marketing = platform.own('shop', 'shop-sms');
  await eventually(async () =>
    expect(await marketing.send({ destination_addr: number, receipt: null })).toMatchObject(
      refused,
    ),
  );
  await (await marketing.esme()).close();
  const password = platform.own('shop', 'shop-otp');
  expect(await password.send({ destination_addr: number })).toMatchObject({
    ...{ status: 0, receipt: 'DELIVRD', entries: ['charge -0.25'] },
  });
});
