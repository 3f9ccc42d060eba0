import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSimulatedCarrier } from '../../src/simulator/carrier.ts';
import type { CarrierEvent, SimulatedCarrier } from '../../src/simulator/carrier-options.ts';
import { startSimulatedCustomer } from '../../src/simulator/customer.ts';
import type { CustomerEvent } from '../../src/simulator/customer-options.ts';
import { PASSWORD, resources } from '../gateway/resources.ts';
import { eventually, TestGateway } from '../support/gateway.ts';
import { type OwnPostgres, ownPostgres } from '../support/postgres.ts';

let postgres: OwnPostgres;
let carrier: SimulatedCarrier;
let gateway: TestGateway;
const carrierBook: CarrierEvent[] = [];

beforeAll(async () => {
  postgres = await ownPostgres();
  carrier = await startSimulatedCarrier({
    onEvent: (event) => carrierBook.push(event),
    receipts: { delayMs: 10, delaySpreadMs: 200 },
  });
  gateway = await TestGateway.start(
    resources({
      accounts: { acme: { credit: '1000', bind: { segmentsPerSecond: 0 } } },
      carriers: { sim: { port: carrier.port, prefix: '' } },
    }),
    { url: postgres.url, drop: () => postgres.dispose() },
  );
});

afterAll(async () => {
  await gateway?.close();
  await carrier?.close();
});

describe('a PostgreSQL that is killed under traffic', () => {
  it('costs no accepted message and no credit: each ends once, and what was refused is not charged', async () => {
    const book: CustomerEvent[] = [];
    const customer = startSimulatedCustomer({
      host: '127.0.0.1',
      port: gateway.port,
      systemId: 'acme',
      password: PASSWORD,
      binds: 4,
      windowMax: 20,
      ratePerSecond: 600,
      destination: '12025######',
      messages: 1_000_000,
      // What is in doubt while the store is away is answered when it is back, however long that takes.
      answerTimeoutMs: 200_000,
      onEvent: (event) => book.push(event),
    });
    const answers = (status: number) =>
      book.filter((event) => event.event === 'answer' && event.status === status).length;
    for (let kill = 1; kill <= 2; kill++) {
      const before = answers(0);
      await eventually(() => expect(answers(0)).toBeGreaterThan(before + 150));
      await postgres.kill();
      const refused = answers(8);
      // Told that the store is away, or not at all: never that it was accepted.
      await eventually(() => expect(answers(8)).toBeGreaterThan(refused));
      await postgres.start();
    }
    const before = answers(0);
    await eventually(() => expect(answers(0)).toBeGreaterThan(before + 150));
    await customer.drain();

    const accepted = book.flatMap((one) =>
      one.event === 'answer' && one.status === 0 ? one.id : [],
    );
    const receipts = book.flatMap((one) => (one.event === 'receipt' ? one.id : []));
    expect(new Set(receipts)).toEqual(new Set(accepted));
    const unanswered = book.filter((event) => event.event === 'unanswered').length;
    const [stored] = await gateway.sql<{ messages: number; ends: number; spent: bigint }>(
      `select (select count(*)::int from message) as messages, (select count(*)::int from outcome) as ends,
         1000000000 - (select sum(credits)::int8 from balance) as spent`,
    );
    expect(stored?.ends).toBe(stored?.messages);
    expect(stored?.messages ?? 0).toBeGreaterThanOrEqual(accepted.length);
    expect(stored?.messages ?? 0).toBeLessThanOrEqual(accepted.length + unanswered);
    expect(stored?.spent).toBe(100_000n * BigInt(stored?.messages ?? 0));
    const sent = carrierBook.flatMap((one) => (one.event === 'submit' ? one.destination : []));
    expect(sent.length).toBe(stored?.messages);
    expect(new Set(sent).size).toBe(sent.length);
    await gateway.reconciled();
  });
});
