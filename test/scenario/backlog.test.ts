import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSimulatedCarrier } from '../../src/simulator/carrier.ts';
import type { CarrierEvent, SimulatedCarrier } from '../../src/simulator/carrier-options.ts';
import { startSimulatedCustomer } from '../../src/simulator/customer.ts';
import { PASSWORD, resources } from '../gateway/resources.ts';
import { eventually, TestGateway } from '../support/gateway.ts';

/** More than a carrier's queue holds with its content (4,000), so that pages are read from the store. */
const MESSAGES = 5_000;
let carrier: SimulatedCarrier;
let gateway: TestGateway;
const book: CarrierEvent[] = [];

beforeAll(async () => {
  carrier = await startSimulatedCarrier({ onEvent: (event) => book.push(event) });
  gateway = await TestGateway.start(
    resources({
      accounts: { acme: { credit: '1000', bind: { segmentsPerSecond: 0 } } },
      carriers: { sim: { port: carrier.port, prefix: '' } },
    }),
  );
});

afterAll(async () => {
  await gateway?.close();
  await carrier?.close();
});

describe('a backlog', () => {
  it('that is longer than memory holds, over a restart, goes out once each and comes back once each', async () => {
    await gateway.setPaused('sim', true);
    const customer = startSimulatedCustomer({
      host: '127.0.0.1',
      port: gateway.port,
      systemId: 'acme',
      password: PASSWORD,
      bindAs: 'transmitter',
      binds: 4,
      windowMax: 100,
      messages: MESSAGES,
      destination: '120255#####',
      receiptWaitMs: 0,
    });
    const sent = await customer.done;
    expect(sent).toMatchObject({ accepted: MESSAGES, unanswered: 0, refused: {} });
    expect(await gateway.money('acme')).toEqual({ credits: '500', reserved: '0' });
    expect(book.filter((event) => event.event === 'submit')).toEqual([]);

    await gateway.drain();
    await gateway.up();
    const receipts = new Map<string, number>();
    const receiver = startSimulatedCustomer({
      host: '127.0.0.1',
      port: gateway.port,
      systemId: 'acme',
      password: PASSWORD,
      bindAs: 'receiver',
      onEvent: (event) => {
        if (event.event === 'receipt') receipts.set(event.id, (receipts.get(event.id) ?? 0) + 1);
      },
    });
    await gateway.setPaused('sim', false);
    await eventually(() => expect(receipts.size).toBe(MESSAGES), 100_000);
    await receiver.stop();

    const submits = book.flatMap((event) => (event.event === 'submit' ? event.destination : []));
    expect(submits).toHaveLength(MESSAGES);
    expect(new Set(submits).size).toBe(MESSAGES);
    expect([...receipts.values()].every((count) => count === 1)).toBe(true);
    const [ends] = await gateway.sql<{ n: number }>(
      'select count(*)::int as n from outcome where state = 2',
    );
    expect(ends?.n).toBe(MESSAGES);
    await gateway.reconciled();
  });
});
