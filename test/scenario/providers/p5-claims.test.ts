import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endOfBusinessDay } from '../../../src/domain/business-days.ts';
import { compileTerms } from '../../../src/domain/compile-catalog.ts';
import { messageId } from '../../../src/domain/ids.ts';
import { credits } from '../../../src/domain/money.ts';
import { type ClaimFacts, judgeRequest } from '../../../src/domain/refund-claim.ts';
import { fileSchema } from '../../../src/domain/resource-schema.ts';
import {
  ABROAD,
  ask,
  buyer,
  decide,
  ended,
  findings,
  OUR_FAULT,
  pay,
  type ShownRequest,
  show,
} from './claims.ts';
import type { Customer } from './customer.ts';
import { readProvider } from './provider-file.ts';
import { Provider } from './stage.ts';

/** ESME_RINVDSTADR, of which the file says nothing: the carrier's fault. */
const CARRIERS_FAULT = 0x0b;
const HOUR_MS = 3_600_000;

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

/** Submits a campaign whose every fourth number the carrier takes, every fourth it refuses, and half fail by our fault. */
async function campaign(customer: Customer, size: number): Promise<string[]> {
  const carrier = customer.provider.carrier();
  carrier.onSubmit = (submit) => {
    const last = Number(submit.destination.at(-1));
    if (last % 2 === 0) return carrier.refuse(submit, OUR_FAULT);
    if (last % 4 === 1) return carrier.refuse(submit, CARRIERS_FAULT);
    carrier.accept(submit);
    void carrier.receipt(submit).catch(() => {});
  };
  const esme = await customer.esme();
  const ids = await Promise.all(
    Array.from({ length: size }, (_, n) =>
      esme.accepted({ destination_addr: `97150${String(n).padStart(5, '0')}${n % 4}` }),
    ),
  );
  await Promise.all(ids.map((id) => esme.receiptOf(id)));
  return ids;
}

it('P5.4 a campaign is reported within 24 hours, as a file of ids', async () => {
  const size = 80;
  const customer = await buyer(window, 'retail', { credit: '1000' });
  const own = await campaign(customer, size);
  const neighbour = await buyer(window, 'retail');
  const foreign = await campaign(neighbour, 8);
  const made = Array.from({ length: 9_000 }, (_, n) =>
    String(900_000_000_000_000_000n + BigInt(n)),
  );
  const known = [...own, ...foreign, ...made];
  const repeated = known.slice(0, 10_000 - known.length);
  const lines = [...known, ...repeated, ...own.slice(0, 10_000 - known.length - repeated.length)];
  const path = window.write('campaign.txt', `${lines.join('\r\n')}\n`);
  const words = ['--file', path, '--reference', 'campaign 7', '--reason', 'nothing came', '--json'];
  const answer = await window.cli('refund', 'request', customer.name, ...words);
  expect(answer.code, answer.out).toBe(0);
  const request: ShownRequest = JSON.parse(answer.out);
  expect(request).toMatchObject({
    ...{ state: 'open', messages: size, unknown: foreign.length + made.length },
    credits: String((size / 2) * 4.5),
  });
  expect(Object.groupBy(findings(request), (finding) => finding)).toMatchObject({
    refundable: { length: size / 2 },
    faultNotRefunded: { length: size / 4 },
    delivered: { length: size / 4 },
  });
  // The same file again is the same request; one id less is another, which may not have its reference.
  const again = await window.cli('refund', 'request', customer.name, ...words);
  expect(JSON.parse(again.out)).toMatchObject({ id: request.id });
  await expect(ask(customer, own.slice(1), 'campaign 7')).rejects.toThrow('reference-taken');
  await decide(window, request.id, 'approve');
  await pay(window, request.id, 'bank');
  const refunds = (await customer.entries()).filter((entry) => entry.startsWith('refund'));
  expect(refunds).toEqual(Array.from({ length: size / 2 }, () => 'refund +4.5'));
  expect(await customer.balance()).toMatchObject({ credits: String(1000 - (size / 2) * 4.5) });
  expect(await neighbour.balance()).toMatchObject({ credits: String(100 - 8 * 4.5) });
  await window.reconciled();

  // The twin gave the same campaign's faults of the platform back by itself; on request the carrier's are left.
  const other = await buyer(platform, 'shop', { credit: '1000' });
  const left = await ask(other, await campaign(other, size));
  expect(Object.groupBy(findings(left), (finding) => finding)).toMatchObject({
    alreadyRefunded: { length: size / 2 },
    refundable: { length: size / 4 },
    delivered: { length: size / 4 },
  });
  await platform.reconciled();
});

describe('P5.4 and P5.2 to the second', () => {
  const { terms } = fileSchema.parse(readProvider('refund-window'));
  const spec = terms?.packages;
  if (spec === undefined) throw new Error('the file has its terms');
  const packages = compileTerms({ id: 1, name: 'packages', version: 1, spec });
  const ACCEPTED = Date.parse('2026-12-01T00:00:00Z');
  const claim: ClaimFacts = {
    id: messageId(1n),
    acceptedAtMs: ACCEPTED,
    purchasedAtMs: ACCEPTED,
    unitPrice: credits(4_500_000n),
    segments: 1,
    chargeOnDelivery: false,
    carrier: 1,
    tries: [],
    end: {
      state: 'REJECTD',
      fault: 'platform',
      cause: 'carrierRefused',
      atMs: ACCEPTED,
      segments: new Map(),
    },
    givenBack: credits(0n),
    wasRefunded: false,
  };

  it.each([
    [24 * HOUR_MS - 1000, 0, 'refundable'],
    [24 * HOUR_MS + 1000, 0, 'tooLate'],
    [HOUR_MS, 48 * HOUR_MS - 1000, 'refundable'],
    [HOUR_MS, 48 * HOUR_MS + 1000, 'tooLateAfterPurchase'],
  ])(
    'asked %d ms after accept, of a purchase %d ms before: %s',
    (afterMs, purchasedBeforeMs, finding) => {
      const asked = ACCEPTED + afterMs;
      const bought = purchasedBeforeMs === 0 ? ACCEPTED : asked - purchasedBeforeMs;
      const facts = { ...claim, purchasedAtMs: bought };
      expect(judgeRequest(facts, packages, asked, undefined, ABROAD)).toMatchObject({ finding });
    },
  );

  it('the other reading of the page excepts faults of the platform alone', () => {
    const excepting = { ...packages, lateFaultException: true };
    const late = { ...claim, purchasedAtMs: ACCEPTED - 48 * HOUR_MS };
    const asked = ACCEPTED + HOUR_MS;
    expect(judgeRequest(late, excepting, asked, undefined, ABROAD).finding).toBe('refundable');
    const end = { ...claim.end, fault: 'recipient' } as ClaimFacts['end'];
    expect(judgeRequest({ ...late, end }, excepting, asked, undefined, ABROAD).finding).toBe(
      'tooLateAfterPurchase',
    );
  });

  it('P5.5 counts no Saturday, Sunday or holiday', () => {
    // Friday 18 December 2026, 10:00 in Karachi; 25 December is Quaid-e-Azam Day: 21 22 23 24 28 29 30.
    const approved = Date.parse('2026-12-18T05:00:00Z');
    const due = endOfBusinessDay(approved, packages.refundDueBusinessDays, packages.businessDays);
    expect(new Date(due).toISOString()).toBe('2026-12-30T19:00:00.000Z');
  });
});

describe('P5 claims against each other', () => {
  it('of one message claimed twice at once, one request is looked into', async () => {
    const customer = await buyer(window, 'retail');
    const id = await ended(customer, { carrierStatus: OUR_FAULT });
    const requests = await Promise.all([1, 2, 3, 4].map(() => ask(customer, [id])));
    expect(requests.flatMap(findings).sort()).toEqual([
      ...['alreadyRequested', 'alreadyRequested', 'alreadyRequested', 'refundable'],
    ]);
    const open = requests.find(({ state }) => state === 'open');
    await decide(window, open?.id ?? '', 'approve');
    await pay(window, open?.id ?? '', 'bank');
    expect(await customer.balance()).toMatchObject({ credits: '100' });
  });

  it('of two payments at once one pays, of two decisions one stands', async () => {
    const customer = await buyer(window, 'retail');
    const id = await ended(customer, { carrierStatus: OUR_FAULT });
    const { id: request } = await ask(customer, [id, id]);
    const decisions = await Promise.allSettled(
      [1, 2, 3].map(() => decide(window, request, 'approve')),
    );
    expect(decisions.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const payments = await Promise.allSettled(
      [1, 2, 3, 4].map((n) => pay(window, request, `bank ${n}`)),
    );
    expect(payments.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const same = await Promise.allSettled(
      [1, 2].map(() => pay(window, request, paidUnder(payments))),
    );
    expect(same.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
    expect(await customer.entries()).toEqual(['top_up +100', 'charge -4.5', 'refund +4.5']);
    expect(await show(window, request)).toMatchObject({ state: 'paid', credits: '4.5' });
    await window.reconciled();
  });

  it('a message under way is not decided, and a foreign one is not even found', async () => {
    const customer = await buyer(window, 'retail');
    await customer.send({ destination_addr: ABROAD, receipt: null });
    const { command_status, message_id = '' } = await (await customer.esme()).submit({
      destination_addr: ABROAD,
    });
    expect(command_status).toBe(0);
    const request = await ask(customer, [message_id]);
    expect(findings(request)).toEqual(['notEnded']);
    await expect(decide(window, request.id, 'approve')).rejects.toThrow('messages-under-way');
    const stranger = await buyer(window, 'retail');
    expect(await ask(stranger, [message_id])).toMatchObject({ state: 'refused', unknown: 1 });
  });
});

/** Under which reference a request was paid. */
function paidUnder(payments: readonly PromiseSettledResult<unknown>[]): string {
  return `bank ${payments.findIndex(({ status }) => status === 'fulfilled') + 1}`;
}
