import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Server, Session } from 'smpp';
import smpp from 'smpp';
import { afterEach, describe, expect, it } from 'vitest';
import { startSimulatedCarrier } from '../../src/simulator/carrier.ts';
import type {
  SimulatedCarrier,
  SimulatedCarrierOptions,
} from '../../src/simulator/carrier-options.ts';
import { startSimulatedCustomer } from '../../src/simulator/customer.ts';
import type {
  CustomerEvent,
  SimulatedCustomerOptions,
} from '../../src/simulator/customer-options.ts';
import { Events } from './events.ts';

const carriers: SimulatedCarrier[] = [];
const servers: Server[] = [];

afterEach(async () => {
  for (const carrier of carriers.splice(0)) await carrier.close();
  for (const server of servers.splice(0)) {
    for (const session of [...server.sessions]) session.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** A simulated carrier stands in for the gateway: to a customer both are an SMSC. */
async function start(
  options: Partial<SimulatedCustomerOptions>,
  carrierOptions: SimulatedCarrierOptions = {},
) {
  const carrier = await startSimulatedCarrier(carrierOptions);
  carriers.push(carrier);
  const events = new Events<CustomerEvent>();
  const customer = startSimulatedCustomer({
    host: '127.0.0.1',
    port: carrier.port,
    systemId: 'acme',
    password: 'secret',
    onEvent: events.take,
    ...options,
  });
  return { carrier, customer, events };
}

/** A gateway of the test's own. */
async function serve(onSession: (session: Session) => void): Promise<number> {
  const server = smpp.createServer((session) => {
    session.on('error', () => session.destroy());
    session.on('bind_transceiver', (pdu) => session.send(pdu.response()));
    session.on('unbind', (pdu) => session.send(pdu.response(), () => session.close()));
    onSession(session);
  });
  server.on('error', () => {});
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

describe('startSimulatedCustomer', () => {
  it('submits each message once and settles when every receipt came', async () => {
    const { customer, carrier } = await start({ messages: 200, windowMax: 20, binds: 2 });
    expect(await customer.done).toMatchObject({
      submitted: 200,
      accepted: 200,
      receipts: { DELIVRD: 200 },
      repeatedReceipts: 0,
      withoutReceipt: 0,
    });
    expect(carrier.stats().submits).toBe(200);
  });

  it('never has more than its window unanswered', async () => {
    const { customer, events } = await start(
      { messages: 30, windowMax: 5 },
      { behaviour: { answerDelayMs: 5 } },
    );
    await customer.done;
    let open = 0;
    let most = 0;
    for (const { event } of events.all) {
      if (event === 'submit') open += 1;
      if (event === 'answer') open -= 1;
      most = Math.max(most, open);
    }
    expect(most).toBe(5);
  });

  it('counts a refusal and does not submit it again', async () => {
    const { customer, carrier } = await start(
      { messages: 3, destination: '7000#' },
      { behaviour: { statusByPrefix: { '70001': 0x0b } } },
    );
    expect(await customer.done).toMatchObject({ accepted: 2, refused: { '0xb': 1 } });
    expect(carrier.stats().submits).toBe(3);
  });

  it('counts a repeated receipt', async () => {
    const { customer } = await start({ messages: 1 }, { receipts: { copies: 2, early: true } });
    expect((await customer.done).repeatedReceipts).toBe(1);
  });

  it('binds again after a cut, notes what stayed unanswered and goes on', async () => {
    const { customer, events } = await start(
      { messages: 40, windowMax: 1 },
      { behaviour: { cutAfter: 30 } },
    );
    const summary = await customer.done;
    expect(summary).toMatchObject({ submitted: 40, accepted: 39, unanswered: 1 });
    expect(events.all).toContainEqual(expect.objectContaining({ event: 'unanswered', n: 29 }));
    expect(events.all.filter(({ event }) => event === 'bind')).toHaveLength(2);
  });

  it('rejects when its first bind is refused', async () => {
    const { customer } = await start({ messages: 1 }, { password: 'other' });
    await expect(customer.done).rejects.toThrow('0x0d');
  });

  it('cuts a session whose answer does not come, and gives up that message', async () => {
    const { customer } = await start(
      { messages: 1, answerTimeoutMs: 20, receiptWaitMs: 0 },
      { behaviour: { silent: true } },
    );
    expect(await customer.done).toMatchObject({ accepted: 0, unanswered: 1 });
  });

  it('gives up waiting for receipts that do not come', async () => {
    const { customer } = await start(
      { messages: 2, receiptWaitMs: 20 },
      { receipts: { sent: false } },
    );
    expect(await customer.done).toMatchObject({ accepted: 2, withoutReceipt: 2 });
  });

  it('submits no more once it drains, and waits for what is under way', async () => {
    const { customer, events } = await start({ messages: 1_000_000, ratePerSecond: 1000 });
    await events.until((all) => all.some(({ event }) => event === 'answer'));
    const summary = await customer.drain();
    expect(summary.submitted).toBeLessThan(1_000_000);
    expect(summary).toMatchObject({ accepted: summary.submitted, withoutReceipt: 0 });
  });

  it('has an answer and a receipt in its book before it tells the peer anything', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'customer-'));
    const log = join(folder, 'book.jsonl');
    const lines: string[] = [];
    try {
      const port = await serve((session) => {
        session.on('submit_sm', (pdu) => {
          session.send(pdu.response({ message_id: '42' }));
          const receipt = { esm_class: 4, receipted_message_id: '42', message_state: 2 };
          session.deliver_sm({ ...receipt, short_message: 'id:42 stat:DELIVRD' }, () => {
            lines.push(...readFileSync(log, 'utf8').trimEnd().split('\n'));
          });
        });
      });
      const target = { host: '127.0.0.1', port, systemId: 'acme', password: 'secret' };
      await startSimulatedCustomer({ ...target, messages: 1, log }).done;
      const events = lines.map((line) => (JSON.parse(line) as CustomerEvent).event);
      expect(events).toEqual(['bind', 'submit', 'answer', 'receipt']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('sends UCS-2 where GSM 7-bit cannot say it', async () => {
    const codings: (number | null | undefined)[] = [];
    const port = await serve((session) =>
      session.on('submit_sm', (pdu) => {
        codings.push(pdu.data_coding);
        session.send(pdu.response({ message_id: '1' }));
      }),
    );
    const target = { host: '127.0.0.1', port, systemId: 'acme', password: 'secret', messages: 1 };
    await startSimulatedCustomer({ ...target, text: 'price 5 €', receiptWaitMs: 0 }).done;
    await startSimulatedCustomer({ ...target, text: 'مرحبا', receiptWaitMs: 0 }).done;
    expect(codings).toEqual([0, 8]);
  });
});
