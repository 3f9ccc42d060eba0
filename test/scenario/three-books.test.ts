import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSimulatedCarrier } from '../../src/simulator/carrier.ts';
import type { CarrierEvent, SimulatedCarrier } from '../../src/simulator/carrier-options.ts';
import { startSimulatedCustomer } from '../../src/simulator/customer.ts';
import type { CustomerEvent } from '../../src/simulator/customer-options.ts';
import { PASSWORD, resources } from '../gateway/resources.ts';
import { eventually, TestGateway } from '../support/gateway.ts';

const MESSAGES = 400;
/** Credit of `poor` pays for this many; micro-credits of one message. */
const AFFORDABLE = 150;
const PRICE = 100_000n;
const ACCOUNTS = ['submit', 'generous', 'delivered', 'poor'] as const;
type Account = (typeof ACCOUNTS)[number];

let carrier: SimulatedCarrier;
let gateway: TestGateway;
const carrierBook: CarrierEvent[] = [];
const customerBooks = new Map<Account, CustomerEvent[]>();

beforeAll(async () => {
  carrier = await startSimulatedCarrier({
    onEvent: (event) => carrierBook.push(event),
    receipts: {
      states: { DELIVRD: 6, UNDELIV: 2, REJECTD: 1, EXPIRED: 1 },
      delayMs: 5,
      delaySpreadMs: 100,
      copies: 2,
    },
    behaviour: { statusByPrefix: { '12025500': 0x0b } },
    destinationTable: false,
  });
  const unlimited = { bind: { segmentsPerSecond: 0 } };
  gateway = await TestGateway.start(
    resources({
      terms: {
        generous: { refundAutomatic: ['platform', 'carrier', 'recipient'] },
        delivered: { chargeOn: 'delivered' },
      },
      accounts: {
        submit: { credit: '1000', ...unlimited },
        generous: { credit: '1000', terms: 'generous', ...unlimited },
        delivered: { credit: '1000', terms: 'delivered', ...unlimited },
        poor: { credit: '15', ...unlimited },
      },
      carriers: { sim: { port: carrier.port, prefix: '', windowMax: 20 } },
    }),
  );
});

afterAll(async () => {
  await gateway?.close();
  await carrier?.close();
});

/** What an account has answered and received, by its own book. */
function told(account: Account) {
  const events = customerBooks.get(account) ?? [];
  const accepted = events.flatMap((one) =>
    one.event === 'answer' && one.status === 0 ? one.id : [],
  );
  const refused = events.flatMap((one) =>
    one.event === 'answer' && one.status !== 0 ? one.status : [],
  );
  const receipts = events.flatMap((one) => (one.event === 'receipt' ? one : []));
  return { accepted, refused, receipts };
}

describe('mixed traffic of four customers at once', () => {
  it('stands the same in the books of the customers, of the carrier and of the ledger', async () => {
    const running = ACCOUNTS.map((account) => {
      const events: CustomerEvent[] = [];
      customerBooks.set(account, events);
      return startSimulatedCustomer({
        host: '127.0.0.1',
        port: gateway.port,
        systemId: account,
        password: PASSWORD,
        binds: 3,
        windowMax: 30,
        messages: MESSAGES,
        // The first ten go to numbers that the carrier refuses.
        destination: `120255###${ACCOUNTS.indexOf(account)}0`,
        onEvent: (event) => events.push(event),
      });
    });
    await Promise.all(running.map((customer) => customer.done));
    await eventually(() => expect(carrier.stats().receiptsOwed).toBe(0));

    for (const account of ACCOUNTS) {
      const { accepted, refused, receipts } = told(account);
      const affordable = account === 'poor' ? AFFORDABLE : MESSAGES;
      expect(accepted).toHaveLength(affordable);
      expect(refused).toEqual(Array(MESSAGES - affordable).fill(0x401));
      expect(new Set(accepted).size).toBe(affordable);
      // One final receipt each, though the carrier sent each of its own twice.
      expect(receipts.map((one) => one.id).sort()).toEqual([...accepted].sort());
      await expectMoney(
        account,
        receipts.map((one) => one.state),
      );
    }
    const submits = carrierBook.flatMap((one) => (one.event === 'submit' ? one.destination : []));
    expect(submits).toHaveLength(3 * MESSAGES + AFFORDABLE);
    expect(new Set(submits).size).toBe(submits.length);
    expect(receiptsOf('carrier')).toEqual(receiptsOf('customers'));
    await gateway.reconciled();
  });
});

/** How often each state was told, by the carrier (once a message) and by the customers; refusals count as REJECTD. */
function receiptsOf(book: 'carrier' | 'customers'): Record<string, number> {
  const states =
    book === 'customers'
      ? ACCOUNTS.flatMap((account) => told(account).receipts.map((one) => one.state))
      : [...carrierStates().values()];
  const counts: Record<string, number> = {};
  for (const state of states.sort()) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

function carrierStates(): Map<string, string> {
  const states = new Map<string, string>();
  for (const one of carrierBook) {
    if (one.event === 'receipt') states.set(one.id, one.state);
    else if (one.event === 'submit' && one.status !== 0) states.set(one.id, 'REJECTD');
  }
  return states;
}

/** What an account must have left, by the states that its customer was told and its terms. */
async function expectMoney(account: Account, states: readonly string[]): Promise<void> {
  const paid = states.filter(
    (state) => account === 'submit' || account === 'poor' || state === 'DELIVRD',
  );
  const [row] = await gateway.sql<{ credits: bigint; reserved: bigint; topped: bigint }>(
    `select sum(b.credits)::int8 as credits, sum(b.reserved)::int8 as reserved,
       (select sum(credits)::int8 from top_up t where t.account = a.id) as topped
     from account a join balance b on b.account = a.id where a.name = $1 group by a.id`,
    [account],
  );
  expect(row?.reserved).toBe(0n);
  expect((row?.topped ?? 0n) - (row?.credits ?? 0n)).toBe(PRICE * BigInt(paid.length));
}
