import type { PduInput } from 'smpp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme, payload } from './esme.ts';
import { resources } from './resources.ts';
import { contentOf, ScriptedCarrier, type TakenSubmit } from './scripted-carrier.ts';

/** Messages of one race: each is queued, then all are leased while each is cancelled or replaced. */
const MESSAGES = 200;
const AT_ONCE = 15;
const RCANCELFAIL = 0x11;
const RREPLACEFAIL = 0x13;

let carrier: ScriptedCarrier;
let one: TestGateway;
let two: TestGateway;
let sender: Esme;
/** The same account at the node that queues the messages, and at the other. */
let here: Esme;
let there: Esme;

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  carrier.deliverAll(5);
  one = await TestGateway.start(
    resources({
      accounts: {
        race: { credit: '1000', bind: { windowMax: 1_000, segmentsPerSecond: 0 } },
      },
      tariffs: { standard: { '*': '0.1' } },
      // A small window: many leases, each while cancels and replacements are under way.
      carriers: { main: { port: carrier.port, prefix: '', binds: 1, windowMax: 10 } },
    }),
  );
  two = await one.beside();
  sender = await Esme.bind(one.port, { systemId: 'race' });
  here = await Esme.bind(one.port, { systemId: 'race', as: 'transmitter' });
  there = await Esme.bind(two.port, { systemId: 'race', as: 'transmitter' });
});

afterAll(async () => {
  for (const esme of [sender, here, there]) await esme?.close();
  await two?.close();
  await one?.close();
  await carrier?.down();
});

/** Queues messages to numbers of their own; gives their ids by number. */
async function queueAll(prefix: string): Promise<Map<string, string>> {
  for (const node of [one, two]) await node.setPaused('main', true);
  const numbers = Array.from({ length: MESSAGES }, (_, i) => `${prefix}${1000 + i}`);
  const ids = await Promise.all(
    numbers.map((destination_addr) => sender.accepted({ destination_addr, short_message: 'old' })),
  );
  return new Map(numbers.map((number, i) => [number, ids[i] ?? '']));
}

async function release(): Promise<void> {
  for (const node of [one, two]) await node.setPaused('main', false);
}

/**
 * Asks for each message, the last queued first and some at a time, while the carrier takes the first: from its first one
 * on, and no more than half of them until all were asked for, whichever side is slow.
 */
async function whileReleased<T, R>(
  messages: readonly T[],
  ask: (message: T, i: number) => Promise<R>,
): Promise<R[]> {
  const before = carrier.submits.length;
  const kept: TakenSubmit[] = [];
  carrier.deliverAll(5);
  const deliver = carrier.onSubmit;
  carrier.onSubmit = (submit) => {
    if (carrier.submits.length - before > messages.length / 2) kept.push(submit);
    else deliver(submit);
  };
  const going = release();
  await carrier.taken(before + 1);
  const answers: R[] = [];
  const reversed = messages.toReversed();
  for (let i = 0; i < reversed.length; i += AT_ONCE)
    answers.push(
      ...(await Promise.all(reversed.slice(i, i + AT_ONCE).map((m, n) => ask(m, i + n)))),
    );
  await going;
  carrier.onSubmit = deliver;
  for (const submit of kept) deliver(submit);
  return answers;
}

function request(
  esme: Esme,
  command: 'cancel_sm' | 'replace_sm',
  fields: PduInput,
): Promise<number> {
  return new Promise((resolve, reject) => {
    esme.session.on('close', () => reject(new Error('closed without an answer')));
    esme.session[command](fields, (pdu) => resolve(pdu.command_status));
  });
}

const sum = async (): Promise<number> => Number((await one.money('race')).credits);
const textOf = ({ pdu }: TakenSubmit): string => String(contentOf(pdu));

async function allEnded(ids: Iterable<string>): Promise<void> {
  const wanted = [...ids];
  await eventually(async () => {
    const [row] = await one.sql<{ n: number }>(
      'select count(*)::int as n from outcome where id = any ($1)',
      [wanted],
    );
    expect(row?.n).toBe(wanted.length);
  });
}

describe.each([
  ['at the node that has them queued', () => here, '1202551'],
  ['at another node', () => there, '1202552'],
] as const)('cancel_sm %s while they are leased', (_, asked, prefix) => {
  it('takes a message out or fails: exactly one of both, by the carrier and the ledger', async () => {
    const before = await sum();
    const messages = await queueAll(prefix);
    const statuses = await whileReleased([...messages], async ([number, message_id]) => {
      return [number, await request(asked(), 'cancel_sm', { message_id })] as const;
    });
    await allEnded(messages.values());
    let kept = 0;
    for (const [number, status] of statuses) {
      const sent = carrier.to(number).length;
      const id = messages.get(number) ?? '';
      expect([0, RCANCELFAIL]).toContain(status);
      expect({ number, sent }).toEqual({ number, sent: status === 0 ? 0 : 1 });
      const { state } = await one.end(id);
      expect(state).toBe(status === 0 ? 'DELETED' : 'DELIVRD');
      kept += sent;
    }
    expect(kept).toBeGreaterThan(0);
    expect(kept).toBeLessThan(MESSAGES);
    expect(before - (await sum())).toBeCloseTo(kept * 0.1, 6);
    for (const id of messages.values()) await sender.receiptOf(id);
  });
});

describe.each([
  ['at the node that has them queued', () => here, '1202553'],
  ['at another node', () => there, '1202554'],
] as const)('replace_sm %s while they are leased', (_, asked, prefix) => {
  it('changes a message or fails: the carrier gets one version, the customer pays for that', async () => {
    const before = await sum();
    const messages = await queueAll(prefix);
    const long = payload('n'.repeat(200), 'latin1');
    const statuses = await whileReleased([...messages], async ([number, message_id], i) => {
      const text = i % 2 === 0 ? { short_message: 'new' } : long;
      const fields = { message_id, registered_delivery: 1, ...text };
      return [number, i % 2 === 0, await request(asked(), 'replace_sm', fields)] as const;
    });
    await allEnded(messages.values());
    let paid = 0;
    let replaced = 0;
    for (const [number, isShort, status] of statuses) {
      const texts = carrier.to(number).map(textOf);
      expect([0, RREPLACEFAIL]).toContain(status);
      if (status !== 0) expect({ number, texts }).toEqual({ number, texts: ['old'] });
      else if (isShort) expect({ number, texts }).toEqual({ number, texts: ['new'] });
      else expect({ number, text: texts.join('') }).toEqual({ number, text: 'n'.repeat(200) });
      paid += texts.length * 0.1;
      if (status === 0) replaced++;
    }
    expect(replaced).toBeGreaterThan(0);
    expect(replaced).toBeLessThan(MESSAGES);
    expect(before - (await sum())).toBeCloseTo(paid, 6);
  });
});

describe('messages queued at one node and replaced and cancelled at another', () => {
  it('are sent as they are now, or not at all, with no help of the first node', async () => {
    for (const node of [one, two]) await node.setPaused('main', true);
    const numbers = ['12025559001', '12025559002'];
    const [kept = '', gone = ''] = await Promise.all(
      numbers.map((destination_addr) =>
        sender.accepted({ destination_addr, short_message: 'old' }),
      ),
    );
    const again = { replace_if_present_flag: 1, short_message: 'newest' };
    expect(await request(there, 'replace_sm', { message_id: kept, short_message: 'new' })).toBe(0);
    expect(await there.accepted({ destination_addr: numbers[0] ?? '', ...again })).toBe(kept);
    expect(
      await request(there, 'cancel_sm', {
        message_id: '',
        source_addr_ton: 5,
        source_addr: 'Shop',
        destination_addr: numbers[1] ?? '',
      }),
    ).toBe(0);
    await release();
    const [submit] = await carrier.taken(1, numbers[0]);
    expect(submit && textOf(submit)).toBe('newest');
    await one.ended(kept, { state: 'DELIVRD' });
    await one.ended(gone, { state: 'DELETED' });
    expect(carrier.to(numbers[1])).toEqual([]);
    expect(carrier.to(numbers[0])).toHaveLength(1);
  });
});

describe('reconcile', () => {
  it('finds the books in order after all this', () => one.reconciled());
});
