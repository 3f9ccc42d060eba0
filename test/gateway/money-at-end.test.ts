import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSimulatedCarrier } from '../../src/simulator/carrier.ts';
import type { CarrierEvent, SimulatedCarrier } from '../../src/simulator/carrier-options.ts';
import { eventually, type StoredEnd, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';

let carriers: SimulatedCarrier[];
let gateway: TestGateway;
const book: CarrierEvent[] = [];
const customers = new Map<string, Esme>();

/** The terms of the twins; each has an account of its name. */
const TERMS = {
  platform: { refundAutomatic: ['platform'] },
  carriers: { refundAutomatic: ['platform', 'carrier'] },
  recipients: { refundAutomatic: ['recipient'] },
  nothing: { refundAutomatic: [], noReceipt: 'keep' },
  unreceipted: { refundAutomatic: [], noReceipt: 'refund' },
  delivered: { chargeOn: 'delivered', refundAutomatic: [], noReceipt: 'keep' },
  deliveredOnly: { chargeOn: 'delivered', refundAutomatic: [], noReceipt: 'refund' },
  home: { refundAutomatic: ['platform', { fault: 'carrier', countries: ['US'] }] },
  abroad: { refundAutomatic: ['platform', { fault: 'carrier', notCountries: ['US'] }] },
} as const;
type Terms = keyof typeof TERMS;

beforeAll(async () => {
  const start = () => startSimulatedCarrier({ onEvent: (event) => book.push(event) });
  const [usual, mapped] = [await start(), await start()];
  carriers = [usual, mapped];
  const graced = { receiptGraceHours: 0.0001 };
  gateway = await TestGateway.start(
    resources({
      terms: TERMS,
      accounts: Object.fromEntries(Object.keys(TERMS).map((terms) => [terms, { terms }])),
      carriers: {
        usual: { ...graced, port: usual.port, prefix: '1' },
        // The simulator's UNDELIV and REJECTD say err:001.
        mapped: {
          ...graced,
          port: mapped.port,
          prefix: '2',
          faults: {
            byErr: { '1': 'customer' },
            byState: { UNDELIV: 'carrier', EXPIRED: 'platform' },
            byStatus: { '0x0B': 'recipient' },
          },
        },
      },
    }),
  );
  for (const systemId of Object.keys(TERMS))
    customers.set(systemId, await Esme.bind(gateway.port, { systemId }));
});

afterAll(async () => {
  for (const esme of customers.values()) await esme.close();
  await gateway?.close();
  for (const carrier of carriers ?? []) await carrier.close();
});

/** Submits one message of one segment at 0.1, waits for its end, and gives what it did to the account. */
async function oneMessage(
  terms: Terms,
  destination: string,
  expected: Partial<StoredEnd>,
): Promise<{ spent: number; entries: string[]; reserved: string }> {
  const esme = customers.get(terms);
  if (esme === undefined) throw new Error(`no customer ${terms}`);
  const before = await gateway.money(terms);
  const entriesBefore = await gateway.entries(terms);
  const id = await esme.accepted({ destination_addr: destination });
  const accepted = await gateway.money(terms);
  const isReserved = terms === 'delivered' || terms === 'deliveredOnly';
  // What is taken at accept is there with the answer: the price, or a reservation of it.
  if (isReserved) expect(accepted.credits).toBe(before.credits);
  if (expected.state === 'UNKNOWN') {
    await eventually(async () => expect(await gateway.dispatches(id)).toHaveLength(1));
    await gateway.outlive(id);
  }
  await gateway.ended(id, expected);
  expect(await esme.receiptOf(id)).toMatchObject({ state: expected.state });
  const after = await gateway.money(terms);
  return {
    spent: Math.round((Number(before.credits) - Number(after.credits)) * 1e6) / 1e6,
    entries: (await gateway.entries(terms)).slice(entriesBefore.length),
    reserved: after.reserved,
  };
}

const DELIVRD = '990022';
const EXPIRED = '990023';
const UNDELIV = '990025';
const REJECTD = '990028';
const REFUSED = '990005';
const NO_RECEIPT = '990032';

interface Row {
  readonly end: string;
  readonly terms: Terms;
  readonly mapped?: true;
  readonly state: string;
  readonly fault: NonNullable<StoredEnd['fault']>;
  readonly back: boolean;
}

describe('the end of a message charged at its submit', () => {
  const rows: Row[] = [
    { end: DELIVRD, terms: 'platform', state: 'DELIVRD', fault: 'none', back: false },
    { end: DELIVRD, terms: 'recipients', state: 'DELIVRD', fault: 'none', back: false },
    { end: UNDELIV, terms: 'platform', state: 'UNDELIV', fault: 'recipient', back: false },
    { end: UNDELIV, terms: 'recipients', state: 'UNDELIV', fault: 'recipient', back: true },
    {
      end: UNDELIV,
      terms: 'recipients',
      mapped: true,
      state: 'UNDELIV',
      fault: 'customer',
      back: false,
    },
    { end: REJECTD, terms: 'platform', state: 'REJECTD', fault: 'carrier', back: false },
    { end: REJECTD, terms: 'carriers', state: 'REJECTD', fault: 'carrier', back: true },
    {
      end: REJECTD,
      terms: 'carriers',
      mapped: true,
      state: 'REJECTD',
      fault: 'customer',
      back: false,
    },
    { end: EXPIRED, terms: 'recipients', state: 'EXPIRED', fault: 'recipient', back: true },
    { end: EXPIRED, terms: 'carriers', state: 'EXPIRED', fault: 'recipient', back: false },
    {
      end: EXPIRED,
      terms: 'carriers',
      mapped: true,
      state: 'EXPIRED',
      fault: 'platform',
      back: true,
    },
    { end: REFUSED, terms: 'platform', state: 'REJECTD', fault: 'carrier', back: false },
    { end: REFUSED, terms: 'carriers', state: 'REJECTD', fault: 'carrier', back: true },
    {
      end: REFUSED,
      terms: 'carriers',
      mapped: true,
      state: 'REJECTD',
      fault: 'recipient',
      back: false,
    },
    {
      end: REFUSED,
      terms: 'recipients',
      mapped: true,
      state: 'REJECTD',
      fault: 'recipient',
      back: true,
    },
    // P5.6: 1202 is Washington.
    { end: REJECTD, terms: 'home', state: 'REJECTD', fault: 'carrier', back: true },
    { end: REJECTD, terms: 'abroad', state: 'REJECTD', fault: 'carrier', back: false },
    { end: REFUSED, terms: 'home', state: 'REJECTD', fault: 'carrier', back: true },
    { end: REFUSED, terms: 'abroad', state: 'REJECTD', fault: 'carrier', back: false },
  ];

  it.each(rows)('$end under $terms: $state by $fault, given back: $back', async (row) => {
    const to = `${row.mapped ? '2202' : '1202'}5${row.end}`;
    const refund = row.back ? '0.1' : '0';
    const { spent, entries } = await oneMessage(row.terms, to, {
      state: row.state,
      fault: row.fault,
      cause: row.end === REFUSED ? 'carrierRefused' : 'receipt',
      refund,
      charge: '0',
      release: '0',
    });
    expect(spent).toBe(row.back ? 0 : 0.1);
    expect(entries).toEqual(row.back ? ['charge -0.1', 'refund +0.1'] : ['charge -0.1']);
  });

  it.each([
    { terms: 'nothing', refund: '0', spent: 0.1 },
    { terms: 'unreceipted', refund: '0.1', spent: 0 },
  ] as const)(
    'without a receipt by validity and grace: UNKNOWN, by terms.noReceipt ($terms)',
    async ({ terms, refund, spent }) => {
      const end = { state: 'UNKNOWN', fault: 'unknown', cause: 'noReceipt', refund } as const;
      const done = await oneMessage(terms, `12025${NO_RECEIPT}`, end);
      expect(done.spent).toBe(spent);
    },
  );
});

describe('the end of a message whose price was reserved', () => {
  it.each([
    { end: DELIVRD, state: 'DELIVRD', charged: true },
    { end: UNDELIV, state: 'UNDELIV', charged: false },
    { end: REJECTD, state: 'REJECTD', charged: false },
    { end: EXPIRED, state: 'EXPIRED', charged: false },
    { end: REFUSED, state: 'REJECTD', charged: false },
  ])('$state by $end: charged: $charged', async ({ end, state, charged }) => {
    const { spent, entries, reserved } = await oneMessage('delivered', `12025${end}`, {
      state,
      refund: '0',
      charge: charged ? '0.1' : '0',
      release: charged ? '0' : '0.1',
    });
    expect(spent).toBe(charged ? 0.1 : 0);
    expect(reserved).toBe('0');
    expect(entries).toEqual(['reserve +0.1r', charged ? 'charge -0.1 -0.1r' : 'release -0.1r']);
  });

  it.each([
    { terms: 'delivered', charge: '0.1', release: '0', spent: 0.1 },
    { terms: 'deliveredOnly', charge: '0', release: '0.1', spent: 0 },
  ] as const)(
    'without a receipt: UNKNOWN, by terms.noReceipt ($terms)',
    async ({ terms, charge, release, spent }) => {
      const end = { state: 'UNKNOWN', fault: 'unknown', charge, release } as const;
      const done = await oneMessage(terms, `12025${NO_RECEIPT}`, end);
      expect(done).toMatchObject({ spent, reserved: '0' });
    },
  );
});

describe('the three books', () => {
  it('tell of the same messages', async () => {
    const receipts = [...customers.values()].reduce((sum, esme) => sum + esme.receipts.length, 0);
    const submits = book.filter((event) => event.event === 'submit');
    const [stored] = await gateway.sql<{ messages: number; ends: number }>(
      'select count(*)::int as messages, count(o.id)::int as ends from message m left join outcome o using (id)',
    );
    expect(stored).toEqual({ messages: receipts, ends: receipts });
    expect(submits).toHaveLength(receipts);
    await gateway.reconciled();
  });
});
