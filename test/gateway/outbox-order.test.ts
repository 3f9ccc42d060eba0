import type { PduInput } from 'smpp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { epochId } from '../../src/domain/ids.ts';
import { Expiry } from '../../src/gateway/expiry.ts';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme, textOf } from './esme.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

let carrier: ScriptedCarrier;
let gateway: TestGateway;

/** Waiting messages replayed a second to `slow`. */
const PACE = 400;

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  gateway = await TestGateway.start(
    resources({
      accounts: {
        many: {},
        mixed: {},
        slow: { receipts: { replayPerSecond: PACE } },
        forgetful: { receipts: { keepHours: 1 } },
      },
      carriers: { main: { port: carrier.port, prefix: '1', windowMax: 1000 } },
      inbound: ['many', 'mixed', 'slow', 'forgetful'].map((account, i) => ({
        number: `7000${i}`,
        account,
      })),
    }),
  );
  await eventually(() => expect(carrier.sessions.size).toBe(2));
});

afterAll(async () => {
  await gateway?.close();
  await carrier?.down();
});

const NUMBERS = { many: '70000', mixed: '70001', slow: '70002', forgetful: '70003' } as const;

function send(to: keyof typeof NUMBERS, from: string, text: string): Promise<number> {
  const pdu: PduInput = {
    source_addr_ton: 1,
    source_addr_npi: 1,
    source_addr: from,
    destination_addr: NUMBERS[to],
    data_coding: 0,
    short_message: Buffer.from(text),
  };
  return carrier.deliver(pdu);
}

/** Numbers from 0 to below 1, the same at each run (Park and Miller). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 0x7fffffff;
    return state / 0x7fffffff;
  };
}

function waiting(account: string): Promise<object[]> {
  return gateway.sql(
    'select w.id from outbox_waiting w join account a on a.id = w.account where a.name = $1',
    [account],
  );
}

describe.concurrent('deliveries to one recipient', () => {
  it('keep their order over several binds, through temporary errors and a lost session', async () => {
    const binds = await Promise.all(
      [1, 2, 3].map(() => Esme.bind(gateway.port, { systemId: 'many' })),
    );
    const random = seeded(7);
    const taken = new Map<string, number[]>();
    let refused = 0;
    for (const bind of binds) {
      bind.answerMessage = (pdu) => {
        if (random() < 0.03) {
          refused++;
          return 0x64; // ESME_RX_T_APPN
        }
        const of = taken.get(pdu.source_addr ?? '') ?? [];
        taken.set(pdu.source_addr ?? '', [...of, Number(textOf(pdu))]);
        return 0;
      };
    }
    const senders = Array.from({ length: 20 }, (_, i) => `9665550001${String(i).padStart(2, '0')}`);
    const sent: Promise<number>[] = [];
    for (let n = 0; n < 10; n++)
      for (const sender of senders) sent.push(send('many', sender, String(n)));
    expect(new Set(await Promise.all(sent))).toEqual(new Set([0]));
    await binds[0]?.cut();
    await eventually(() => {
      for (const sender of senders) expect(taken.get(sender)?.at(-1)).toBe(9);
    });
    // What was with the lost session may come twice, but nothing overtakes.
    for (const of of taken.values()) {
      const firsts = of.filter((n, i) => of.indexOf(n) === i);
      expect(firsts).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }
    expect(refused).toBeGreaterThan(0);
    await eventually(async () => expect(await waiting('many')).toEqual([]));
    await Promise.all(binds.map((bind) => bind.close()));
  });

  it('are told apart by recipient: one that must wait holds no other back', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'mixed' });
    const order: string[] = [];
    esme.answerMessage = (pdu) => {
      const text = textOf(pdu);
      // Until the others had their turn, however long that takes.
      const status = text === 'a1' && !order.includes('b2') ? 0x58 : 0; // ESME_RTHROTTLED
      if (status === 0 || order.length === 0) order.push(text);
      return status;
    };
    for (const text of ['a1', 'b1', 'a2', 'b2'])
      await send('mixed', text.startsWith('a') ? '966555000200' : '966555000201', text);
    await eventually(() => expect(esme.messages).toHaveLength(4));
    expect(order).toEqual(['a1', 'b1', 'b2', 'a1', 'a2']);
    await esme.close();
  });
});

describe.concurrent('the replay of what waited', () => {
  it('keeps to its pace, and what is new does not wait for it', async () => {
    const total = 4 * PACE;
    for (let at = 0; at < total; at += 400) {
      const page = Array.from({ length: 400 }, (_, i) =>
        send('slow', `96655${String(at + i).padStart(7, '0')}`, 'old'),
      );
      expect(new Set(await Promise.all(page))).toEqual(new Set([0]));
    }
    expect(await waiting('slow')).toHaveLength(total);
    const startedMs = performance.now();
    const esme = await Esme.bind(gateway.port, { systemId: 'slow' });
    let old = 0;
    let fresh = 0;
    /** New ones that came while some of the old still waited. */
    let passing = 0;
    esme.answerMessage = (pdu) => {
      if (textOf(pdu) === 'old') old++;
      else fresh++;
      if (textOf(pdu) === 'new' && old < total) passing++;
      return 0;
    };
    let sent = 0;
    for (;;) {
      await send('slow', `96656${String(sent).padStart(7, '0')}`, 'new');
      sent++;
      // Taken before the next one is sent: only the last may have come when all of the old had.
      await eventually(() => expect(fresh).toBe(sent));
      const seconds = (performance.now() - startedMs) / 1_000;
      expect(old).toBeLessThanOrEqual(PACE * (seconds + 0.5));
      expect(gateway.node.gateway.outbox.size).toBeLessThan(1_000);
      if (old === total) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(performance.now() - startedMs).toBeGreaterThan(3_000);
    // Behind the old ones not one of them would have passed.
    expect(passing).toBeGreaterThanOrEqual(sent - 1);
    expect(passing).toBeGreaterThan(0);
    await esme.close();
  });
});

describe.concurrent('what a customer does not take in time', () => {
  it('is not delivered any more, taken off the list and counted', async () => {
    expect(await send('forgetful', '966555000300', 'stale')).toBe(0);
    await eventually(async () => expect(await waiting('forgetful')).toHaveLength(1));
    // Its time is over: since two hours, by the microseconds of when it came.
    await gateway.sql(`update outbox_waiting set ord = ord - 7200000000 where account = $1`, [
      await gateway.accountId('forgetful'),
    ]);
    const esme = await Esme.bind(gateway.port, { systemId: 'forgetful' });
    expect(await send('forgetful', '966555000300', 'fresh')).toBe(0);
    await eventually(() => expect(esme.messages.map((pdu) => textOf(pdu))).toEqual(['fresh']));
    await esme.close();
    const expired: unknown[] = [];
    await new Expiry({
      pool: gateway.pool,
      epoch: epochId(0),
      now: Date.now,
      catalog: () => gateway.catalog,
      observer: {
        ...gateway.observer,
        deliveriesExpired: (account, kind, count) => expired.push([account.name, kind, count]),
      },
    }).run();
    expect(expired).toEqual([['forgetful', 'message', 1]]);
    expect(await waiting('forgetful')).toEqual([]);
    expect(await gateway.sql('select blob from inbound where status = -1')).toEqual([
      { blob: null },
    ]);
  });
});

describe('what a node had claimed when it died', () => {
  it('is returned by the one that adopts it', async () => {
    expect(await send('mixed', '966555000210', 'claimed')).toBe(0);
    // As a node leaves it that is killed with the message at its customer.
    await gateway.sql('update outbox_waiting set epoch = (select max(epoch) from node_epoch)');
    await gateway.drain();
    await gateway.up();
    const esme = await Esme.bind(gateway.port, { systemId: 'mixed' });
    await eventually(() => expect(esme.messages.map((pdu) => textOf(pdu))).toEqual(['claimed']));
    await esme.close();
    await eventually(() => expect(carrier.sessions.size).toBe(2));
  });
});
