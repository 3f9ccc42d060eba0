import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { messageId, messageIdMs } from '../../src/domain/ids.ts';
import type { LaneWait } from '../../src/gateway/lane-waits.ts';
import * as status from '../../src/smpp/status.ts';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme, payload } from './esme.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

let slow: ScriptedCarrier;
let counted: ScriptedCarrier;
let gateway: TestGateway;
const customers = new Map<string, Esme>();

beforeAll(async () => {
  [slow, counted] = await Promise.all([ScriptedCarrier.listen(), ScriptedCarrier.listen()]);
  gateway = await TestGateway.start(
    resources({
      accounts: {
        otp: { trafficClass: 'otp', credit: '100', bind: { windowMax: 1_000 } },
        plain: { trafficClass: 'transactional', credit: '100', bind: { windowMax: 1_000 } },
        promo: { trafficClass: 'promotional', credit: '100', bind: { windowMax: 1_000 } },
      },
      carriers: {
        slow: { port: slow.port, prefix: '1', binds: 1, windowMax: 2 },
        counted: { port: counted.port, prefix: '2', binds: 1, windowMax: 1 },
      },
    }),
  );
  for (const systemId of ['otp', 'plain', 'promo'])
    customers.set(systemId, await Esme.bind(gateway.port, { systemId }));
});

afterAll(async () => {
  for (const esme of customers.values()) await esme.close();
  await gateway?.close();
  await Promise.all([slow, counted].map((carrier) => carrier?.down()));
});

function submit(systemId: string, count: number, prefix: string, fields = {}): Promise<string[]> {
  const esme = customers.get(systemId);
  if (esme === undefined) throw new Error(`no customer ${systemId}`);
  return Promise.all(
    Array.from({ length: count }, (_, n) =>
      esme.accepted({
        destination_addr: `${prefix}202555${1000 + n}`,
        source_addr: systemId,
        ...fields,
      }),
    ),
  );
}

function waiting(carrier: string): readonly LaneWait[] {
  for (const running of gateway.node.gateway.carriers.running.values())
    if (running.carrier.name === carrier) return running.dispatcher.waiting();
  throw new Error(`no carrier ${carrier}`);
}

function counts(carrier: string): number[] {
  return waiting(carrier).map(({ messages }) => messages);
}

describe('a slow carrier with messages of every class', () => {
  it('gets one-time passwords first, and bulk is not starved', async () => {
    await gateway.setPaused('slow', true);
    // Bulk came first, and all of it waits.
    await submit('promo', 40, '1');
    await submit('plain', 80, '1');
    await submit('otp', 200, '1');
    expect(counts('slow')).toEqual([200, 80, 40]);
    await gateway.setPaused('slow', false);
    const taken = await slow.taken(210);
    const byClass = Map.groupBy(taken.slice(0, 210), ({ pdu }) => pdu.source_addr);
    // 16, 4 and 1 of 21 (queue.ts), ten times; what is leased ahead of the first turn may shift it by one each.
    expect(byClass.get('otp')?.length).toBeGreaterThanOrEqual(159);
    expect(byClass.get('plain')?.length).toBeGreaterThanOrEqual(39);
    expect(byClass.get('promo')?.length).toBeGreaterThanOrEqual(9);
    const all = await slow.taken(320);
    expect(all).toHaveLength(320);
    // What of the fast lane was left was not kept waiting by the 30 of bulk.
    const last = (name: string) => all.findLastIndex(({ pdu }) => pdu.source_addr === name);
    expect(last('otp')).toBeLessThan(last('promo'));
    await eventually(() => expect(counts('slow')).toEqual([0, 0, 0]));
  });
});

describe('Dispatcher.waiting', () => {
  it('counts what waits in whatever form, each message once, with the age of the oldest', async () => {
    await gateway.setPaused('counted', true);
    const [first] = await submit('plain', 3, '2');
    // Three segments are one message.
    await submit('promo', 1, '2', payload('x'.repeat(400), 'latin1'));
    expect(counts('counted')).toEqual([0, 3, 1]);
    const oldestMs = messageIdMs(messageId(BigInt(first ?? 0)));
    expect(waiting('counted')[1]?.oldestMs).toBe(oldestMs);
    expect(waiting('counted')[0]).toEqual({ messages: 0, oldestMs: undefined });
    // Not for another day: it is no part of the queue.
    await submit('otp', 1, '2', { schedule_delivery_time: '000001000000000R' });
    expect(counts('counted')).toEqual([0, 3, 1]);
    // After a restart they are ids, whose content is read when their turn comes.
    for (const esme of customers.values()) await esme.close();
    await gateway.drain();
    await gateway.up();
    await eventually(() => expect(counts('counted')).toEqual([0, 3, 1]));
    expect(waiting('counted')[1]?.oldestMs).toBe(oldestMs);
    for (const systemId of customers.keys())
      customers.set(systemId, await Esme.bind(gateway.port, { systemId }));
  });

  it('counts what a carrier said "later" to, not what it has', async () => {
    counted.onSubmit = (taken) => {
      if (taken.pdu.source_addr === 'plain') counted.refuse(taken, status.ESME_RTHROTTLED);
      // The others stay unanswered.
    };
    await gateway.setPaused('counted', false);
    await counted.taken(4);
    // Three were told to come again later, the fourth is in flight and its second segment leased.
    await eventually(() => expect(counts('counted')).toEqual([0, 3, 1]));
    counted.onSubmit = (taken) => counted.accept(taken);
    for (const taken of counted.to()) if (taken.pdu.source_addr === 'promo') counted.accept(taken);
    await eventually(() => expect(counts('counted')).toEqual([0, 0, 0]));
  });

  it('counts a scheduled message from when it is due, and by that', async () => {
    const dueMs = Date.now() + 2_000;
    await gateway.setPaused('counted', true);
    await submit('otp', 1, '2', { schedule_delivery_time: '000000000002000R' });
    const early = counts('counted');
    if (Date.now() < dueMs) expect(early).toEqual([0, 0, 0]);
    await eventually(() => expect(counts('counted')).toEqual([1, 0, 0]));
    expect(waiting('counted')[0]?.oldestMs).toBeGreaterThanOrEqual(dueMs - 1_000);
    expect(waiting('counted')[0]?.oldestMs).toBeLessThanOrEqual(Date.now());
    await gateway.setPaused('counted', false);
    await eventually(() => expect(counts('counted')).toEqual([0, 0, 0]));
  });
});
