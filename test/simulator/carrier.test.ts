import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Message, Pdu, PduInput, Session } from 'smpp';
import smpp from 'smpp';
import { afterEach, describe, expect, it } from 'vitest';
import { startSimulatedCarrier } from '../../src/simulator/carrier.ts';
import type {
  CarrierEvent,
  SimulatedCarrier,
  SimulatedCarrierOptions,
} from '../../src/simulator/carrier-options.ts';
import { Events } from './events.ts';

const carriers: SimulatedCarrier[] = [];
const sessions: Session[] = [];

afterEach(async () => {
  for (const session of sessions.splice(0)) session.destroy();
  for (const carrier of carriers.splice(0)) await carrier.close();
});

async function start(options: SimulatedCarrierOptions = {}) {
  const events = new Events<CarrierEvent>();
  const carrier = await startSimulatedCarrier({ ...options, onEvent: events.take });
  carriers.push(carrier);
  return { carrier, events };
}

/** A bound session, the deliver_sm that come on it (each answered unless `mute`), and its end. */
async function bind(
  port: number,
  options: { mute?: boolean; as?: 'transceiver' | 'transmitter' } = {},
) {
  const session = smpp.connect({ host: '127.0.0.1', port });
  sessions.push(session);
  const delivered = new Events<Pdu>();
  session.on('error', () => session.destroy());
  session.on('deliver_sm', (pdu) => {
    if (!options.mute) session.send(pdu.response());
    delivered.take(pdu);
  });
  const closed = new Promise<void>((resolve) => session.on('close', resolve));
  const answer = await new Promise<Pdu>((resolve) =>
    session.on('connect', () =>
      session[`bind_${options.as ?? 'transceiver'}`]({ system_id: 'gw', password: 'gw' }, resolve),
    ),
  );
  return { session, delivered, closed, answer };
}

function submit(session: Session, fields: PduInput = {}): Promise<Pdu> {
  const pdu = {
    source_addr: 'acme',
    destination_addr: '966501234567',
    registered_delivery: 1,
    short_message: 'hello',
    ...fields,
  };
  return new Promise((resolve) => session.submit_sm(pdu, resolve));
}

function textOf(pdu: Pdu | undefined): string {
  return String((pdu?.short_message as Message | undefined)?.message);
}

describe('startSimulatedCarrier', () => {
  it('answers a submit_sm and returns a receipt in the form of SMPP 3.4 appendix B', async () => {
    const { carrier } = await start({ firstId: 4711 });
    const { session, delivered } = await bind(carrier.port);
    const answer = await submit(session);
    expect(answer).toMatchObject({ command_status: 0, message_id: '4711' });
    await delivered.until((pdus) => pdus.length === 1);
    const [receipt] = delivered.all;
    expect(textOf(receipt)).toMatch(
      /^id:4711 sub:001 dlvrd:001 submit date:\d{10} done date:\d{10} stat:DELIVRD err:000 text:hello$/,
    );
    expect(receipt).toMatchObject({
      esm_class: 4,
      source_addr: '966501234567',
      destination_addr: 'acme',
      receipted_message_id: '4711',
      message_state: 2,
    });
  });

  it('writes the id in hex in the answer and in decimal in the receipt, when told so', async () => {
    const { carrier } = await start({ firstId: 255, ids: { response: 'hex', receipt: 'decimal' } });
    const { session, delivered } = await bind(carrier.port);
    expect((await submit(session)).message_id).toBe('ff');
    await delivered.until((pdus) => pdus.length === 1);
    expect(textOf(delivered.all[0])).toContain('id:255 ');
  });

  it('puts the fields into TLVs only, or into the text only', async () => {
    const { carrier: tlvOnly } = await start({ receipts: { format: 'tlv' } });
    const first = await bind(tlvOnly.port);
    await submit(first.session);
    await first.delivered.until((pdus) => pdus.length === 1);
    expect(textOf(first.delivered.all[0])).toBe('');
    expect(first.delivered.all[0]?.message_state).toBe(2);
    const { carrier: textOnly } = await start({ receipts: { format: 'text' } });
    const second = await bind(textOnly.port);
    await submit(second.session);
    await second.delivered.until((pdus) => pdus.length === 1);
    expect(textOf(second.delivered.all[0])).toContain('stat:DELIVRD');
    expect(second.delivered.all[0]?.message_state).toBeUndefined();
  });

  it('sends no receipt when none was asked for', async () => {
    const { carrier, events } = await start();
    const { session, delivered } = await bind(carrier.port);
    await submit(session, { registered_delivery: 0, destination_addr: '1' });
    await submit(session, { destination_addr: '2' });
    await events.until((all) => all.some(({ event }) => event === 'receiptAnswer'));
    expect(delivered.all[0]?.source_addr).toBe('2');
    expect(carrier.stats().receiptsOwed).toBe(0);
  });

  it('refuses a wrong password with ESME_RBINDFAIL and closes', async () => {
    const { carrier } = await start({ systemId: 'gw', password: 'other' });
    const { answer, closed } = await bind(carrier.port);
    expect(answer.command_status).toBe(0x0d);
    await closed;
  });

  it('refuses a submit_sm before a bind with ESME_RINVBNDSTS', async () => {
    const { carrier } = await start();
    const session = smpp.connect({ host: '127.0.0.1', port: carrier.port });
    sessions.push(session);
    session.on('error', () => session.destroy());
    expect((await submit(session)).command_status).toBe(0x04);
  });

  it('sends a receipt that was not acknowledged again after a rebind', async () => {
    const { carrier } = await start();
    const first = await bind(carrier.port, { mute: true });
    await submit(first.session);
    await first.delivered.until((pdus) => pdus.length === 1);
    first.session.destroy();
    const second = await bind(carrier.port);
    await second.delivered.until((pdus) => pdus.length === 1);
    expect(textOf(second.delivered.all[0])).toBe(textOf(first.delivered.all[0]));
  });

  it('sends a negatively answered receipt again', async () => {
    const { carrier, events } = await start({ receipts: { retryMs: 1 } });
    const { session, delivered } = await bind(carrier.port, { mute: true });
    let answered = 0;
    session.on('deliver_sm', (pdu) => {
      answered += 1;
      session.send(pdu.response({ command_status: answered === 1 ? 0x64 : 0 }));
    });
    await submit(session);
    await delivered.until((pdus) => pdus.length === 2);
    await events.until((all) => all.some((e) => e.event === 'receiptAnswer' && e.status === 0));
    expect(carrier.stats().receiptsTaken).toBe(1);
  });

  it('keeps receipts while only a transmitter is bound', async () => {
    const { carrier } = await start();
    const transmitter = await bind(carrier.port, { as: 'transmitter' });
    await submit(transmitter.session);
    expect(carrier.stats().receiptsOwed).toBe(1);
    const { delivered } = await bind(carrier.port);
    await delivered.until((pdus) => pdus.length === 1);
    expect(transmitter.delivered.all).toEqual([]);
  });

  it('takes a submit silently and answers none when silent', async () => {
    const { carrier, events } = await start({ behaviour: { silent: true } });
    const { session } = await bind(carrier.port);
    void submit(session);
    await events.until((all) => all.some((event) => event.event === 'submit'));
    expect(events.all.find((event) => event.event === 'submit')).toMatchObject({ status: null });
    carrier.setBehaviour({});
    expect((await submit(session)).command_status).toBe(0);
  });

  it('throttles above its rate with ESME_RTHROTTLED', async () => {
    const { carrier } = await start({ behaviour: { throttlePerSecond: 2 }, now: () => 1_000_000 });
    const { session } = await bind(carrier.port);
    const answers = await Promise.all([submit(session), submit(session), submit(session)]);
    expect(answers.map((answer) => answer.command_status)).toEqual([0, 0, 0x58]);
  });

  it('cuts the session at its nth submit, which it took all the same', async () => {
    const { carrier } = await start({ behaviour: { cutAfter: 2 } });
    const first = await bind(carrier.port, { mute: true });
    await submit(first.session, { destination_addr: '1' });
    void submit(first.session, { destination_addr: '2' });
    await first.closed;
    carrier.setBehaviour({});
    const second = await bind(carrier.port);
    await second.delivered.until((pdus) => pdus.some((pdu) => pdu.source_addr === '2'));
  });

  it('answers by destination prefix, the longest first', async () => {
    const { carrier } = await start({ behaviour: { statusByPrefix: { '7': 0x0b, '77': 0x45 } } });
    const { session } = await bind(carrier.port);
    expect((await submit(session, { destination_addr: '7123' })).command_status).toBe(0x0b);
    expect((await submit(session, { destination_addr: '7723' })).command_status).toBe(0x45);
    expect((await submit(session, { destination_addr: '8123' })).command_status).toBe(0);
  });

  it('does what the last digits of a destination say', async () => {
    const { carrier } = await start();
    const { session, delivered } = await bind(carrier.port);
    const order: string[] = [];
    session.on('deliver_sm', () => order.push('receipt'));
    const status = async (to: string) =>
      (await submit(session, { destination_addr: to })).command_status;
    expect(await status('966500990006')).toBe(0x08);
    await status('966500990025');
    await delivered.until((pdus) => pdus.length === 1);
    expect(delivered.all[0]?.message_state).toBe(5);
    await status('966500990031');
    await delivered.until((pdus) => pdus.length === 3);
    expect(textOf(delivered.all[1])).toBe(textOf(delivered.all[2]));
    order.length = 0;
    await status('966500990030').then(() => order.push('answer'));
    expect(order).toEqual(['receipt', 'answer']);
    await status('966500990033');
    await delivered.until((pdus) => pdus.length === 6);
    expect(delivered.all.slice(4).map((pdu) => [pdu.esm_class, pdu.message_state])).toEqual([
      [0x20, 1],
      [4, 2],
    ]);
  });

  it('draws the states by their weights', async () => {
    const draws = [0.1, 0.95];
    const { carrier } = await start({
      receipts: { states: { DELIVRD: 9, UNDELIV: 1 } },
      random: () => draws.shift() ?? 0,
    });
    const { session, delivered } = await bind(carrier.port);
    await submit(session);
    await delivered.until((pdus) => pdus.length === 1);
    draws.splice(0, 2, 0.95, 0);
    await submit(session);
    await delivered.until((pdus) => pdus.length === 2);
    expect(delivered.all.map((pdu) => pdu.message_state)).toEqual([2, 5]);
  });

  it('has each submit and receipt in its log before the peer hears of it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'carrier-'));
    const log = join(folder, 'log.jsonl');
    const read = () =>
      readFileSync(log, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as CarrierEvent);
    try {
      const { carrier } = await start({ log });
      const { session, delivered } = await bind(carrier.port);
      const answer = await submit(session);
      // printf hello | sha256sum | head -c 16
      expect(read()).toContainEqual(
        expect.objectContaining({
          event: 'submit',
          id: answer.message_id,
          textHash: '2cf24dba5fb0a30e',
        }),
      );
      await delivered.until((pdus) => pdus.length === 1);
      expect(read()).toContainEqual(
        expect.objectContaining({ event: 'receipt', id: answer.message_id, state: 'DELIVRD' }),
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('destroys a session that sends garbage and goes on with the others', async () => {
    const { carrier } = await start();
    const good = await bind(carrier.port);
    const bad = await bind(carrier.port);
    bad.session.socket.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    await bad.closed;
    expect((await submit(good.session)).command_status).toBe(0);
  });

  it('notes the part of a long message from its user data header', async () => {
    const { carrier, events } = await start();
    const { session } = await bind(carrier.port);
    const udh = Buffer.from('050003a70201', 'hex');
    await submit(session, { short_message: { udh, message: 'first part' } });
    const submits = events.all.filter((event) => event.event === 'submit');
    expect(submits[0]).toMatchObject({ part: { reference: 0xa7, total: 2, number: 1 } });
  });

  it('rejects when its port is in use', async () => {
    const { carrier } = await start();
    await expect(startSimulatedCarrier({ port: carrier.port })).rejects.toThrow('EADDRINUSE');
  });
});
