import { afterAll, beforeAll, expect, it } from 'vitest';
import { fileSchema } from '../../../src/domain/resource-schema.ts';
import { eventually } from '../../support/gateway.ts';
import {
  ABROAD,
  ask,
  boughtBefore,
  buyer,
  decide,
  ended,
  findings,
  OUR_FAULT,
  pay,
  type ShownRequest,
  show,
} from './claims.ts';
import { twin } from './customer.ts';
import { readProvider } from './provider-file.ts';
import { Provider } from './stage.ts';

const HOUR = 3_600;
const { terms } = fileSchema.parse(readProvider('refund-window'));
const holidays = terms?.packages?.businessDays.holidays ?? [];

let window: Provider;
let platform: Provider;
beforeAll(async () => {
  [window, platform] = await Promise.all([
    Provider.start('refund-window'),
    Provider.start('messaging-platform'),
  ]);
});
afterAll(async () => {
  await Promise.all([window?.close(), platform?.close()]);
});

it('P5.2 refund requests within 2 days of the purchase that paid, used packages never', async () => {
  const customer = await buyer(window, 'retail');
  const failed = { carrierStatus: OUR_FAULT };
  const late = await ended(customer, failed);
  await boughtBefore(customer, 48 * HOUR + 1);
  const refused = await ask(customer, [late]);
  expect(refused).toMatchObject({ state: 'refused', credits: '0', decision: { by: 'terms' } });
  expect(findings(refused)).toEqual(['tooLateAfterPurchase']);
  await expect(decide(window, refused.id, 'approve')).rejects.toThrow('409');

  // A package of today beside it is no help: the lot that paid counts, and first to expire is first spent.
  await customer.topUp('50', 'package of today');
  const paid = await ended(customer, failed);
  await window.sql(
    `update top_up set at = now() where reference = 'package of today'
     and account = (select id from account where name = $1)`,
    [customer.name],
  );
  expect(findings(await ask(customer, [paid]))).toEqual(['tooLateAfterPurchase']);
  await boughtBefore(customer, HOUR);
  expect(findings(await ask(customer, [await ended(customer, failed)]))).toEqual(['refundable']);

  // The package itself: one that was used is not paid back, one that was not is, whole.
  const paidBack = (topUpReference: string, account = customer.name, provider = window) =>
    provider.http<{ credits: string }>('POST', `/v1/accounts/${account}/purchase-refunds`, {
      ...{ topUpReference, reference: `back ${topUpReference}`, reason: 'not wanted' },
    });
  await expect(paidBack('opening')).rejects.toThrow('409');
  expect(await paidBack('package of today')).toMatchObject({ credits: '-50' });
  expect(await customer.entries()).toEqual([
    ...['top_up +100', 'charge -4.5', 'top_up +50', 'charge -4.5', 'charge -4.5'],
    'purchase_refund -50',
  ]);
  expect(await customer.balance()).toMatchObject({ credits: '86.5' });

  const twinned = await buyer(platform, 'shop', { credit: '10' });
  const id = await ended(twinned, { receipt: { stat: 'REJECTD' } });
  await boughtBefore(twinned, 48 * HOUR + 1);
  expect(findings(await ask(twinned, [id]))).toEqual(['refundable']);
  await boughtBefore(twinned, HOUR);
  expect(await paidBack('opening', twinned.name, platform)).toMatchObject({ credits: '-9.75' });
  for (const provider of [window, platform]) await provider.reconciled();
});

it('P5.3 refunds on request alone, for what an investigation finds to be the platform', async () => {
  const from = new Date(Date.now() - 60_000).toISOString();
  const customer = await buyer(window, 'retail');
  const other = await buyer(platform, 'shop');
  await ended(other, { receipt: { stat: 'UNDELIV' } });
  await ended(customer, { receipt: { stat: 'UNDELIV' } });
  const id = (await customer.esme()).receipts[0]?.id ?? '';
  const asked = await window.cli(
    ...['refund', 'request', customer.name, id, '--reference', 'outage', '--reason', 'not come'],
    '--json',
  );
  expect(asked.code).toBe(0);
  const request: ShownRequest = JSON.parse(asked.out);
  expect(request).toMatchObject({ state: 'open', credits: '0' });
  expect(findings(request)).toEqual(['faultNotRefunded']);
  expect(await window.cli('refund', 'approve', request.id, '--reason', 'kind')).toMatchObject({
    code: 1,
  });
  const declared = await window.cli(
    ...['refund', 'outage', 'declare', '--carrier', 'main', '--reason', 'exchange down'],
    ...['--from', from, '--json'],
  );
  const { id: outage } = JSON.parse(declared.out);
  expect(await window.cli('refund', 'investigate', request.id, '--reason', 'log')).toMatchObject({
    code: 0,
  });
  expect(await window.cli('refund', 'approve', request.id, '--reason', 'outage')).toMatchObject({
    code: 0,
  });
  const [item] = (await show(window, request.id)).items;
  expect(item?.evidence).toMatchObject({ outage, fault: 'recipient', countsAs: 'platform' });
  expect(await window.cli('refund', 'pay', request.id, '--reference', 'bank 7')).toMatchObject({
    code: 0,
  });
  expect(await customer.entries()).toEqual(['top_up +100', 'charge -4.5', 'refund +4.5']);
  expect(await customer.balance()).toMatchObject({ credits: '100' });
  await window.http('DELETE', `/v1/outages/${outage}`);

  // The twin's terms need no request: the same outage gives the same message back by itself.
  expect(await other.entries()).toEqual(['top_up +100', 'charge -0.25']);
  const down = { from, carrier: 'main', reason: 'exchange down' };
  const { id: twinned } = await platform.http('POST', '/v1/outages', down);
  await eventually(async () =>
    expect(await other.entries()).toEqual(['top_up +100', 'charge -0.25', 'refund +0.25']),
  );
  expect(await other.balance()).toMatchObject({ credits: '100' });
  await platform.http('DELETE', `/v1/outages/${twinned}`);
  for (const provider of [window, platform]) await provider.reconciled();
});

it('P5.3 nothing by itself, where others give a fault of the platform back at once', async () => {
  await twin(
    { destination_addr: ABROAD, carrierStatus: OUR_FAULT },
    [
      await buyer(window, 'retail'),
      { status: 0, receipt: 'REJECTD', entries: ['charge -4.5'], balance: '95.5' },
    ],
    [
      await buyer(platform, 'shop'),
      {
        ...{ status: 0, receipt: 'REJECTD', balance: '100' },
        entries: ['charge -0.25', 'refund +0.25'],
      },
    ],
  );
});

it('P5.5 an approved refund is due within 7 business days of Karachi', async () => {
  const dues: string[] = [];
  for (const [customer, given] of [
    [await buyer(window, 'retail'), { carrierStatus: OUR_FAULT }],
    [await buyer(platform, 'shop'), { receipt: { stat: 'REJECTD' } }],
  ] as const) {
    const { provider } = customer;
    const { id } = await ask(customer, [await ended(customer, given)]);
    const before = dueInKarachi(7, holidays);
    const approved = await decide(provider, id, 'approve');
    // The day may end meanwhile.
    if (provider === window) expect([before, dueInKarachi(7, holidays)]).toContain(approved.dueAt);
    expect(approved).toMatchObject({ state: 'approved', decision: { by: 'admin' } });
    dues.push(approved.dueAt ?? '');
    const listed = async (due: number) => {
      const path = `/v1/refund-requests?state=approved&due=${new Date(due).toISOString()}`;
      const { refundRequests } = await provider.http<{ refundRequests: ShownRequest[] }>(
        'GET',
        path,
      );
      return refundRequests.some((one) => one.id === id);
    };
    const due = Date.parse(approved.dueAt ?? '');
    expect([await listed(due), await listed(due + 1)]).toEqual([false, true]);
    const paidBefore = (await customer.entries()).length;
    expect(await pay(provider, id, 'bank')).toMatchObject({ state: 'paid' });
    expect((await customer.entries()).slice(paidBefore)).toEqual([
      provider === window ? 'refund +4.5' : 'refund +0.25',
    ]);
    expect(await customer.balance()).toMatchObject({ credits: '100' });
  }
  expect(dues[1]).not.toBe(dues[0]);
});

/** Pakistan is five hours from UTC all year and rests on Saturday and Sunday. */
function dueInKarachi(days: number, holidays: readonly string[]): string {
  const day = new Date(Date.now() + 5 * HOUR * 1000);
  for (let left = days; left > 0; ) {
    day.setUTCDate(day.getUTCDate() + 1);
    const isRest = day.getUTCDay() % 6 === 0 || holidays.includes(day.toISOString().slice(0, 10));
    if (!isRest) left--;
  }
  day.setUTCHours(24, 0, 0, 0);
  return new Date(day.getTime() - 5 * HOUR * 1000).toISOString();
}

it('P5.6 no refund for faults of carriers abroad, where those of the country are looked into', async () => {
  const fault = { destination_addr: ABROAD, receipt: { stat: 'REJECTD' } };
  const customer = await buyer(window, 'retail');
  const request = await ask(customer, [await ended(customer, fault)]);
  expect(findings(request)).toEqual(['faultNotRefunded']);
  expect(request.items[0]?.evidence).toMatchObject({ fault: 'carrier', state: 'REJECTD' });
  await expect(decide(window, request.id, 'approve')).rejects.toThrow('nothing-refundable');
  expect(await decide(window, request.id, 'refuse')).toMatchObject({ state: 'refused' });
  await expect(pay(window, request.id, 'bank')).rejects.toThrow('not-approved');
  expect(await customer.entries()).toEqual(['top_up +100', 'charge -4.5']);
  expect(await customer.balance()).toMatchObject({ credits: '95.5' });
  // As once the country is open again (P5.1).
  const home = await buyer(window, 'retail', { policy: 'open' });
  const national = await ended(home, { ...fault, destination_addr: '923001234567' });
  const { id } = await ask(home, [national]);
  await decide(window, id, 'approve');
  await pay(window, id, 'bank');
  expect(await home.entries()).toEqual(['top_up +100', 'charge -0.9', 'refund +0.9']);

  const twinned = await buyer(platform, 'shop');
  const other = await ask(twinned, [await ended(twinned, fault)]);
  expect(findings(other)).toEqual(['refundable']);
  await decide(platform, other.id, 'approve');
  await pay(platform, other.id, 'bank');
  expect(await twinned.entries()).toEqual(['top_up +100', 'charge -0.25', 'refund +0.25']);
  expect(await twinned.balance()).toMatchObject({ credits: '100' });
});

it('P5.7 an invalid complaint is closed, and that is final', async () => {
  const complaint = { destination_addr: ABROAD, receipt: { stat: 'REJECTD' } };
  const customer = await buyer(window, 'retail');
  const message = await ended(customer, complaint);
  const { id } = await ask(customer, [message]);
  const closed = await window.cli('refund', 'refuse', id, '--reason', 'the carrier said no');
  expect(closed.code).toBe(0);
  for (const again of ['approve', 'refuse', 'investigate'] as const) {
    await expect(decide(window, id, again)).rejects.toThrow('already-decided');
    const words = ['refund', again, id, '--reason', 'changed my mind'];
    expect((await window.cli(...words)).code).toBe(1);
  }
  await expect(
    window.sql(`update refund_request set state = 'approved' where id = $1`, [id]),
  ).rejects.toThrow('final');
  await expect(window.sql('delete from refund_request where id = $1', [id])).rejects.toThrow();
  // Nor under another name.
  const renamed = await ask(customer, [message]);
  expect([renamed.state, ...findings(renamed)]).toEqual(['refused', 'alreadyRequested']);
  expect(await show(window, id)).toMatchObject({
    state: 'refused',
    decision: { reason: 'the carrier said no', by: 'admin' },
  });
  expect(await customer.balance()).toMatchObject({ credits: '95.5' });

  const twinned = await buyer(platform, 'shop');
  const valid = await ask(twinned, [await ended(twinned, complaint)]);
  await decide(platform, valid.id, 'approve');
  await expect(decide(platform, valid.id, 'refuse')).rejects.toThrow('already-decided');
  expect(await pay(platform, valid.id, 'bank')).toMatchObject({ state: 'paid', credits: '0.25' });
  expect(await twinned.balance()).toMatchObject({ credits: '100' });
});
