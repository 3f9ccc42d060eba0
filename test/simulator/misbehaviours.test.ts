import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pdu, Session } from 'smpp';
import smpp from 'smpp';
import { afterEach, describe, expect, it } from 'vitest';
import type { CarrierEvent, SimulatedCarrierOptions } from '../../src/simulator/carrier-options.ts';
import { drawMix, everything, type Mix } from '../../src/simulator/misbehaviours.ts';
import { seededRandom } from '../../src/simulator/seeded.ts';
import { bind, connected, endAll, request, start, submit, textOf } from './peer.ts';

afterEach(endAll);

/** A carrier that always misbehaves in one way, and a peer bound to it. */
async function misbehaving(mix: Mix, options: SimulatedCarrierOptions = {}) {
  const { carrier, events } = await start({ firstId: 4711, ...options, behaviour: { mix } });
  return { carrier, events, ...(await bind(carrier.port)) };
}

const isReceipt = (event: CarrierEvent) => event.event === 'receipt';

describe('misbehaviours of answers', () => {
  it('answers some seconds late and takes more submits meanwhile', async () => {
    const { carrier } = await start({ behaviour: { answerDelayMs: 700 } });
    const { session } = await bind(carrier.port);
    const from = performance.now();
    const answers = [submit(session), submit(session), submit(session)];
    await Promise.race(answers);
    expect(performance.now() - from).toBeGreaterThanOrEqual(690);
    expect(carrier.stats().submits).toBe(3);
    await Promise.all(answers);
  });

  it('answers ESME_RMSGQFUL when more are unanswered than its window', async () => {
    const { carrier } = await start({ behaviour: { answerDelayMs: 50, windowMax: 2 } });
    const { session } = await bind(carrier.port);
    const answers = await Promise.all([submit(session), submit(session), submit(session)]);
    expect(answers.map((answer) => answer.command_status)).toEqual([0, 0, 0x14]);
    expect((await submit(session)).command_status).toBe(0);
  });

  it('refuses above its rate with the status and the congestion_state that it was told', async () => {
    const { carrier } = await start({
      now: () => 1_000_000,
      behaviour: {
        throttlePerSecond: 4,
        throttleKind: 'bucket',
        throttleBurst: 2,
        throttleStatus: 0x14,
        congestion: true,
      },
    });
    const { session } = await bind(carrier.port);
    const answers = await Promise.all([submit(session), submit(session), submit(session)]);
    expect(answers.map((a) => [a.command_status, a.congestion_state])).toEqual([
      [0, 50],
      [0, 100],
      [0x14, undefined],
    ]);
  });

  it('gives one id to two messages', async () => {
    const { session, delivered } = await misbehaving({ 'reused-id': 1 });
    const first = await submit(session, { destination_addr: '9665001' });
    const second = await submit(session, { destination_addr: '9665002' });
    expect([first.message_id, second.message_id]).toEqual(['4711', '4711']);
    await delivered.until((pdus) => pdus.length === 2);
    const receipts = delivered.all.map((pdu) => `${pdu.source_addr} ${pdu.receipted_message_id}`);
    expect(receipts.sort()).toEqual(['9665001 4711', '9665002 4711']);
  });

  it('starts its ids again at the first', async () => {
    const { carrier } = await start({ firstId: 8, idsInAll: 2, ids: { response: 'hex-padded' } });
    const { session } = await bind(carrier.port);
    const ids: (string | undefined)[] = [];
    for (let n = 0; n < 3; n += 1) ids.push((await submit(session)).message_id);
    expect(ids).toEqual(['00000008', '00000009', '00000008']);
  });

  it('cuts the session with the message taken, and sends its receipt after the rebind', async () => {
    const { session, closed, carrier } = await misbehaving({ cut: 1 });
    void submit(session);
    await closed;
    const again = await bind(carrier.port);
    await again.delivered.until((pdus) => pdus.length === 1);
    expect(again.delivered.all[0]?.receipted_message_id).toBe('4711');
  });

  it('cuts the session with the message dropped: no receipt ever', async () => {
    const { session, closed, carrier, events } = await misbehaving({ drop: 1 });
    void submit(session);
    await closed;
    expect(carrier.stats().receiptsOwed).toBe(0);
    expect(events.all).toContainEqual(
      expect.objectContaining({ event: 'submit', status: null, how: ['drop'] }),
    );
  });
});

describe('misbehaviours of receipts', () => {
  it('sends a late receipt long after the answer', async () => {
    let now = 1_000_000;
    const { session, delivered } = await misbehaving({ late: 1 }, { now: () => now });
    await submit(session);
    now += 29_000;
    await submit(session, { registered_delivery: 0 });
    expect(delivered.all).toEqual([]);
    now += 2000;
    await delivered.until((pdus) => pdus.length === 1);
  });

  it('sends a receipt before the answer', async () => {
    const { session, delivered } = await misbehaving({ early: 1 });
    let answered = false;
    const answer = submit(session).then(() => {
      answered = true;
    });
    await delivered.until((pdus) => pdus.length === 1);
    expect(answered).toBe(false);
    await answer;
  });

  it('contradicts itself, in either order', async () => {
    const { session, delivered } = await misbehaving(
      { contradicting: 1 },
      { random: seededRandom(3) },
    );
    const orders = new Set<string>();
    for (let n = 1; n <= 6; n += 1) {
      await submit(session);
      await delivered.until((pdus) => pdus.length === n * 2);
      orders.add(String(delivered.all.slice(-2).map((pdu) => pdu.message_state)));
    }
    expect([...orders].sort()).toEqual(['2,5', '5,2']);
  });

  it('sends receipts in data_sm, in TLVs only, in text only and as binary', async () => {
    const inDataSm = await misbehaving({ 'data-sm': 1 });
    await submit(inDataSm.session);
    await inDataSm.delivered.until((pdus) => pdus.length === 1);
    expect(inDataSm.delivered.all[0]).toMatchObject({ command: 'data_sm', esm_class: 4 });
    expect(textOf(inDataSm.delivered.all[0])).toMatch(/^id:4711 sub:001 /);
    const tlvs = await misbehaving({ 'tlv-only': 1 });
    await submit(tlvs.session);
    await tlvs.delivered.until((pdus) => pdus.length === 1);
    expect(textOf(tlvs.delivered.all[0])).toBe('');
    expect(tlvs.delivered.all[0]).toMatchObject({ receipted_message_id: '4711', message_state: 2 });
    const text = await misbehaving({ 'text-only': 1 });
    await submit(text.session);
    await text.delivered.until((pdus) => pdus.length === 1);
    expect(text.delivered.all[0]?.receipted_message_id).toBeUndefined();
    const binary = await misbehaving({ binary: 1 });
    await submit(binary.session);
    await binary.delivered.until((pdus) => pdus.length === 1);
    expect(binary.delivered.all[0]?.data_coding).toBe(4);
    expect(textOf(binary.delivered.all[0])).toMatch(/^id:4711 .* stat:DELIVRD /);
  });

  it('writes receipts by a pattern of its own', async () => {
    const text = 'STAT={stat};MSGID={id};E={err}';
    const { carrier } = await start({ firstId: 1, receipts: { text, errByDestination: true } });
    const { session, delivered } = await bind(carrier.port);
    await submit(session, { destination_addr: '966501234042' });
    await delivered.until((pdus) => pdus.length === 1);
    expect(textOf(delivered.all[0])).toBe('STAT=DELIVRD;MSGID=1;E=042');
    expect(delivered.all[0]?.network_error_code?.toString('hex')).toBe('03002a');
  });

  it('writes the number in another form', async () => {
    const { session, delivered } = await misbehaving(
      { 'other-number': 1 },
      { random: seededRandom(3) },
    );
    for (let n = 0; n < 8; n += 1) await submit(session);
    await delivered.until((pdus) => pdus.length === 8);
    const forms = new Set(delivered.all.map((pdu) => pdu.source_addr));
    expect([...forms].sort()).toEqual(['+966501234567', '501234567']);
  });

  it('sends what nobody can match or read, and says so in its book', async () => {
    const cases = {
      'strange-id': '32977',
      unparsable: undefined,
      'unknown-state': '4711',
    } as const;
    for (const [name, id] of Object.entries(cases)) {
      const { session, delivered, events } = await misbehaving({ [name]: 1 });
      await submit(session);
      await delivered.until((pdus) => pdus.length === 1);
      expect(delivered.all[0]?.receipted_message_id).toBe(id);
      expect(events.all.find(isReceipt)).toMatchObject({ answerId: '4711', unfit: name });
      if (name === 'unparsable') expect(textOf(delivered.all[0])).not.toContain('id:');
      if (name === 'unknown-state') expect(textOf(delivered.all[0])).toContain('stat:NOIDEA');
    }
  });

  it('sends the receipt of the last segment only', async () => {
    const { session, delivered, carrier, events } = await misbehaving({ 'one-segment': 1 });
    for (const part of [1, 2, 3]) {
      const udh = Buffer.from([5, 0, 3, 0x77, 3, part]);
      await submit(session, { short_message: { udh, message: `part ${part}` } });
    }
    await delivered.until((pdus) => pdus.length === 1);
    expect(delivered.all[0]?.receipted_message_id).toBe('4713');
    await events.until((all) => all.some(({ event }) => event === 'receiptAnswer'));
    expect(carrier.stats().receiptsOwed).toBe(0);
  });

  it('sends the receipts of segments in another order than they came', async () => {
    const { session, delivered } = await misbehaving({ shuffled: 1 }, { random: seededRandom(7) });
    for (const part of [1, 2, 3, 4, 5]) {
      const udh = Buffer.from([5, 0, 3, 0x77, 5, part]);
      await submit(session, { short_message: { udh, message: `part ${part}` } });
    }
    await delivered.until((pdus) => pdus.length === 5);
    const order = delivered.all.map((pdu) => Number(pdu.receipted_message_id));
    expect([...order].sort()).toEqual([4711, 4712, 4713, 4714, 4715]);
    expect(order).not.toEqual([...order].sort());
  });
});

describe('misbehaviours of links', () => {
  it('refuses the first binds with a status, then takes them', async () => {
    const { carrier } = await start({ behaviour: { bindStatus: 0x05, refusedBinds: 2 } });
    const statuses: number[] = [];
    for (let n = 0; n < 3; n += 1) statuses.push((await bind(carrier.port)).answer.command_status);
    expect(statuses).toEqual([0x05, 0x05, 0]);
  });

  it('sends an unbind some time after the bind, and closes when it is answered', async () => {
    const { carrier } = await start({ behaviour: { unbindEveryMs: 20 } });
    const { session, closed } = await bind(carrier.port);
    session.on('unbind', (pdu) => session.send(pdu.response()));
    await closed;
  });

  it('leaves enquire_link unanswered', async () => {
    const { carrier } = await start({ behaviour: { answersEnquireLink: false } });
    const { session } = await bind(carrier.port);
    let answers = 0;
    session.enquire_link(() => {
      answers += 1;
    });
    // Answers come in order: whatever was sent before this one's has come.
    await submit(session);
    expect(answers).toBe(0);
    carrier.setBehaviour({});
    await new Promise<void>((resolve) => session.enquire_link(() => resolve()));
  });

  it('sends an outbind and serves whoever binds on that connection', async () => {
    const outbinds: Pdu[] = [];
    const server = smpp.createServer();
    const accepted = new Promise<Session>((resolve) => {
      server.on('session', (session) => {
        session.on('outbind', (pdu) => {
          outbinds.push(pdu);
          resolve(session);
        });
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const outbind = { host: '127.0.0.1', port };
    const { carrier } = await start({ outbind, systemId: 'smsc', password: 'pw' });
    const { session, delivered } = connected(await accepted);
    expect(outbinds[0]).toMatchObject({ system_id: 'smsc', password: 'pw' });
    const fields = { system_id: 'smsc', password: 'pw' };
    expect((await request(session, 'bind_receiver', fields)).command_status).toBe(0);
    const other = connected(smpp.connect({ host: '127.0.0.1', port: carrier.port }));
    await request(other.session, 'bind_transceiver', fields);
    await submit(other.session);
    await submit(other.session);
    await delivered.until((pdus) => pdus.length >= 1);
    await carrier.close();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });

  it('sends PDUs of right length that no peer should, and the stream goes on', async () => {
    // npm smpp gives up at most of them: its own reader is too weak, so raw octets are looked at.
    const { carrier } = await start({
      behaviour: { mix: { garbage: 1 } },
      random: seededRandom(1),
    });
    const frames = await rawAnswers(carrier.port, 60);
    // More answers to submit_sm than submits: the rest answer nothing.
    expect(frames.filter(({ id }) => id === 0x80000004).length).toBeGreaterThan(60);
    expect(frames.filter(({ id, length }) => id === 0x00000005 && length === 16)).not.toEqual([]);
    expect(frames.map(({ id }) => id)).toContain(0x0000010f);
    expect(frames.broken).toBe(false);
  });

  it('sends an impossible command_length', async () => {
    const { carrier } = await start({
      behaviour: { mix: { framing: 1 } },
      random: seededRandom(1),
    });
    expect((await rawAnswers(carrier.port, 1)).broken).toBe(true);
  });
});

describe('drawMix', () => {
  it('draws each misbehaviour about as often as its share says, and answers one way at most', () => {
    const random = seededRandom(2026);
    const counts: Record<string, number> = {};
    for (let n = 0; n < 20_000; n += 1) {
      const { names } = drawMix({ early: 0.1, duplicate: 0.5, slow: 1, full: 1 }, random, random);
      for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
    }
    expect(counts.slow).toBe(20_000);
    expect(counts.full).toBeUndefined();
    expect(counts.early).toBeGreaterThan(1800);
    expect(counts.early).toBeLessThan(2200);
    expect(counts.duplicate).toBeGreaterThan(9600);
    expect(counts.duplicate).toBeLessThan(10_400);
  });

  it('keeps a message without receipt without one, whatever else is drawn', () => {
    const { plan } = drawMix(
      { drop: 1, contradicting: 1, missing: 1 },
      () => 0,
      () => 0,
    );
    expect(plan).toMatchObject({ status: undefined, state: undefined, contradicts: true });
    expect('state' in plan).toBe(true);
  });

  it('gives a fiftieth to what ends sessions when everything is asked for', () => {
    expect(everything(0.05)).toMatchObject({
      early: 0.05,
      garbage: 0.05,
      cut: 0.001,
      framing: 0.001,
    });
  });
});

describe('resume', () => {
  it('owes after a restart what stands out in the book, under the same ids', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'carrier-'));
    try {
      const log = join(folder, 'log.jsonl');
      const ids = { response: 'hex-upper', receipt: 'decimal' } as const;
      const first = await start({ log, ids, firstId: 0xbeef });
      const peer = await bind(first.carrier.port);
      await submit(peer.session, { destination_addr: '9665001' });
      await first.events.until((all) => all.some(({ event }) => event === 'receiptAnswer'));
      first.carrier.setBehaviour({ mix: { mute: 1 } });
      peer.session.removeAllListeners('deliver_sm');
      void submit(peer.session, { destination_addr: '9665002' });
      await first.events.until((all) => all.filter(isReceipt).length === 2);
      await first.carrier.close();
      const second = await start({ log, ids, resume: true, receipts: { states: { UNDELIV: 1 } } });
      const { delivered } = await bind(second.carrier.port);
      await delivered.until((pdus) => pdus.length === 1);
      expect(delivered.all[0]).toMatchObject({
        source_addr: '9665002',
        // 0xBEF0
        receipted_message_id: '48880',
        message_state: 2,
      });
      expect(readFileSync(log, 'utf8')).toContain('"answerId":"BEF0"');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

interface Frames extends Array<{ id: number; length: number }> {
  broken: boolean;
}

/** Binds and submits by hand over a relay of npm smpp's octets; gives the frames that came after `submits` submits. */
async function rawAnswers(port: number, submits: number): Promise<Frames> {
  const chunks: Buffer[] = [];
  const { connect } = await import('node:net');
  const socket = connect(port, '127.0.0.1');
  const ended = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  socket.on('data', (chunk) => chunks.push(chunk));
  const fields = { system_id: 'gw', password: 'gw' };
  socket.write(new smpp.PDU('bind_transmitter', { ...fields, sequence_number: 1 }).toBuffer());
  for (let n = 2; n < submits + 2; n += 1) {
    const pdu = { sequence_number: n, destination_addr: '1', short_message: 'x' };
    socket.write(new smpp.PDU('submit_sm', pdu).toBuffer());
  }
  socket.write(new smpp.PDU('unbind', { sequence_number: submits + 2 }).toBuffer());
  await ended;
  const octets = Buffer.concat(chunks);
  const frames: Frames = Object.assign([], { broken: false });
  let at = 0;
  while (at + 16 <= octets.length) {
    const length = octets.readUInt32BE(at);
    if (length < 16 || length > 70_000) {
      frames.broken = true;
      break;
    }
    frames.push({ id: octets.readUInt32BE(at + 4), length });
    at += length;
  }
  return frames;
}
