import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Esme } from '../../gateway/esme.ts';
import type { TestDaemon } from '../../support/daemon.ts';
import { eventually } from '../../support/gateway.ts';
import { ABROAD, buyer, knownPasswords } from './claims.ts';
import { type Customer, twin } from './customer.ts';
import { Provider } from './stage.ts';

/** command_status of what is refused (docs/resources.md, the outside's table). */
const SUSPENDED = 0x404;
const CAP_REACHED = 0x40d;
const THROTTLED = 0x58;

let window: Provider;
let second: TestDaemon;
let platform: Provider;
beforeAll(async () => {
  [window, platform] = await Promise.all([
    Provider.start('refund-window', knownPasswords),
    Provider.start('messaging-platform'),
  ]);
  second = await window.beside();
});
afterAll(async () => {
  await Promise.all([window?.close(), platform?.close()]);
});

const ORDER = { reason: 'not registered with the regulator', order: 'TDRA 12/2026' };

it('P5.1 a country is suspended by the file, until the sender is registered there', async () => {
  await twin(
    { destination_addr: '923001234567' },
    [await buyer(window, 'retail'), { status: SUSPENDED, entries: [], balance: '100' }],
    [
      await buyer(platform, 'shop'),
      { status: 0, receipt: 'DELIVRD', entries: ['charge -0.25'], balance: '99.75' },
    ],
  );
  const refused = { rule: 'pta-registration', action: 'refuse' };
  await eventually(async () =>
    expect(await window.daemon.metric('smppgate_policy_decisions_total', refused)).toBe(1),
  );
  expect(window.carrier().to('923001234567')).toEqual([]);
});

it('P5.1 an order stops what is queued, on every node, and terms say who pays', async () => {
  const customers: Customer[] = [await buyer(window, 'retail'), await buyer(platform, 'shop')];
  const ends = await Promise.all(customers.map(stopped));
  const both = [SUSPENDED, SUSPENDED];
  expect(ends).toEqual([
    {
      refused: both,
      receipts: ['REJECTD', 'REJECTD'],
      money: { top_up: 100, charge: -9, refund: 9 },
      balance: '100',
    },
    // What its operators stop is not compensated.
    {
      refused: both,
      receipts: ['REJECTD', 'REJECTD'],
      money: { top_up: 100, charge: -0.5 },
      balance: '99.5',
    },
  ]);
  for (const provider of [window, platform]) await provider.reconciled();
});

/** Two messages to a carrier that is paused, each on a node where there are two; then the order. */
async function stopped(customer: Customer): Promise<object> {
  const { provider } = customer;
  const nodes = provider === window ? [window.daemon, second] : [provider.daemon, provider.daemon];
  const esmes: Esme[] = [];
  await provider.http('POST', '/v1/carriers/main/pause', {});
  for (const node of nodes) {
    await inForceAt(node, customer.name);
    esmes.push(await provider.bind(customer.name, 'transceiver', node));
  }
  const ids: string[] = [];
  for (const [n, esme] of esmes.entries())
    ids.push(await esme.accepted({ destination_addr: `97150000000${n}` }));
  const words = Object.entries(ORDER).flatMap(([key, value]) => [`--${key}`, value]);
  const put = await provider.cli('suspensions', 'add', '--prefix', '971', ...words);
  expect(put.code).toBe(0);
  expect((await provider.cli('suspensions', 'list')).out).toContain(ORDER.order);
  const receipts = await Promise.all(
    ids.map((id) =>
      eventually(() => {
        const taken = esmes.flatMap((esme) => esme.receipts).find((one) => one.id === id);
        if (taken === undefined) throw new Error(`no receipt of ${id}`);
        return taken.state;
      }),
    ),
  );
  const refused: number[] = [];
  for (const esme of esmes)
    refused.push((await esme.submit({ destination_addr: '971500000009' })).command_status);
  await provider.http('POST', '/v1/carriers/main/resume', {});
  expect(provider.carrier().submits.filter((one) => one.destination.startsWith('971'))).toEqual([]);
  const removed = await provider.cli('suspensions', 'remove', '--prefix', '971', '--reason', 'ok');
  expect(removed.code).toBe(0);
  const { credits: balance } = await customer.balance();
  const money: Record<string, number> = {};
  // Messages of one batch share an entry.
  for (const entry of await customer.entries()) {
    const [kind = '', amount] = entry.split(' ');
    money[kind] = (money[kind] ?? 0) + Number(amount);
  }
  await eventually(async () =>
    expect((await customer.send({ destination_addr: ABROAD, receipt: null })).status).toBe(0),
  );
  return { refused, receipts, money, balance };
}

/** A node hears of another's account and pause a moment later. */
async function inForceAt(node: TestDaemon, account: string): Promise<void> {
  await eventually(async () => {
    await node.get(`/v1/routes/explain?to=971500000000&account=${account}`);
    expect(await node.get('/v1/carriers/main')).toMatchObject({ state: 'paused' });
  });
}

it('P5.1 an order names a mobile country code, of which no file has a network', async () => {
  const [retail, shop] = [
    await buyer(window, 'retail', { policy: 'open' }),
    await buyer(platform, 'shop'),
  ];
  // 410 is Pakistan (ITU-T E.212); the twin's order is of Iran, 432, and ends nothing of Pakistan's.
  const queued = await Promise.all([byCode(retail, '410'), byCode(shop, '432')]);
  expect(queued).toEqual([
    {
      networks: 0,
      codes: { put: 0, none: 1 },
      refused: [SUSPENDED, SUSPENDED],
      ends: ['REJECTD', 'REJECTD'],
    },
    { networks: 3, codes: { put: 0, none: 1 }, refused: [0, 0], ends: ['DELIVRD', 'DELIVRD'] },
  ]);
  for (const provider of [window, platform]) await provider.reconciled();
});

/** Two messages to Pakistan wait, each on a node where there are two; then the order; then one more on each. */
async function byCode(customer: Customer, code: string): Promise<object> {
  const { provider } = customer;
  const to = (n: number) => ({ destination_addr: `92300123457${n}` });
  const nodes = provider === window ? [window.daemon, second] : [provider.daemon, provider.daemon];
  const esmes: Esme[] = [];
  await provider.http('POST', '/v1/carriers/main/pause', {});
  for (const node of nodes) {
    await inForceAt(node, customer.name);
    esmes.push(await provider.bind(customer.name, 'transceiver', node));
  }
  const carrier = provider.carrier();
  carrier.onSubmit = (submit) => {
    carrier.accept(submit);
    void carrier.receipt(submit, {});
  };
  const ids: string[] = [];
  for (const [n, esme] of esmes.entries()) ids.push(await esme.accepted(to(n)));
  const order = (network: string) =>
    provider.cli('suspensions', 'add', '--network', network, '--reason', 'PTA order');
  const put = await order(code);
  // Nobody knows a number of this operator: the order would stop nothing.
  const none = await order(`${code}99`);
  expect(none.out).toContain(`${code}99`);
  const refused: number[] = [];
  for (const [n, esme] of esmes.entries())
    refused.push((await esme.submit(to(n + 2))).command_status);
  const resume = () => provider.http('POST', '/v1/carriers/main/resume', {});
  // What an order stops ends while its carrier is still paused.
  const isStopped = refused.every((status) => status === SUSPENDED);
  if (!isStopped) await resume();
  const ends = await Promise.all(
    ids.map((id) =>
      eventually(() => {
        const taken = esmes.flatMap((esme) => esme.receipts).find((one) => one.id === id);
        if (taken === undefined) throw new Error(`no receipt of ${id}`);
        return taken.state;
      }),
    ),
  );
  if (isStopped) await resume();
  const removed = await provider.cli('suspensions', 'remove', '--network', code, '--reason', 'ok');
  expect(removed.code).toBe(0);
  await eventually(async () =>
    expect((await customer.send({ ...to(5), receipt: null })).status).toBe(0),
  );
  return {
    networks: Object.keys(provider.file.networks ?? {}).length,
    codes: { put: put.code, none: none.code },
    refused,
    ends,
  };
}

it('P5.1 an order holds from its beginning until its end', async () => {
  const customer = await buyer(window, 'retail', { policy: 'open' });
  const at = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();
  const send = async () =>
    (await customer.send({ destination_addr: '9611234567', receipt: null })).status;
  await window.http('PUT', '/v1/suspensions', { prefix: '961', ...ORDER, from: at(3_600) });
  expect(await send()).toBe(0);
  await window.http('PUT', '/v1/suspensions', { prefix: '961', ...ORDER, from: at(-3_600) });
  await eventually(async () => expect(await send()).toBe(SUSPENDED));
  await window.http('PUT', '/v1/suspensions', {
    ...{ prefix: '961', ...ORDER, from: at(-3_600), until: at(-1) },
  });
  await eventually(async () => expect(await send()).toBe(0));
});

it('P5.8 a trial: small credit that was not bought, limits of its own, a carrier of its own', async () => {
  const trial = window.own('trial');
  const esme = await trial.esme();
  const sandbox = window.carrier('sandbox');
  const first = await Promise.all(
    [1, 2, 3, 4, 5].map((n) => esme.submit({ destination_addr: `97150000010${n}` })),
  );
  const statuses = first.map(({ command_status }) => command_status);
  // Two segments a second over two nodes, one each: the rest of a burst is refused, and not charged.
  expect(statuses.filter((status) => status === THROTTLED).length).toBeGreaterThanOrEqual(1);
  let accepted = statuses.filter((status) => status === 0).length;
  expect(accepted).toBeGreaterThanOrEqual(1);
  await eventually(async () => {
    const { command_status } = await esme.submit({ destination_addr: '971500000199' });
    if (command_status === 0) accepted++;
    expect(command_status).toBe(CAP_REACHED);
  });
  expect(accepted).toBe(5);
  await sandbox.taken(5);
  const atMain = window.carrier('main').submits.map(({ destination }) => destination);
  expect(atMain.filter((destination) => destination.startsWith('9715000001'))).toEqual([]);
  expect(await trial.balance()).toMatchObject({ credits: '22.5' });
  expect((await trial.entries()).filter((entry) => entry.startsWith('top_up'))).toEqual([
    'top_up +45',
  ]);
  await expect(trial.topUp('10', 'more')).rejects.toThrow('trial-account');
  const back = { topUpReference: 'opening', reference: 'back', reason: 'not wanted' };
  await expect(window.http('POST', '/v1/accounts/trial/purchase-refunds', back)).rejects.toThrow(
    'trial-account',
  );
  expect((await window.cli('account', 'top-up', 'trial', '10', '--reference', 'x')).code).toBe(1);

  // The twin: a customer of the platform buys more, and nothing stops him at the fifth.
  const shop = await buyer(platform, 'shop', { credit: '45' });
  for (let n = 1; n <= 6; n++)
    expect(await shop.send({ destination_addr: `97150000010${n}`, receipt: null })).toMatchObject({
      status: 0,
      entries: ['charge -0.25'],
    });
  await shop.topUp('10', 'more');
  expect(await shop.balance()).toMatchObject({ credits: '53.5' });
  for (const provider of [window, platform]) await provider.reconciled();
});
