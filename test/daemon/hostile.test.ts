import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MESSAGE_ID_EPOCH_MS } from '../../src/domain/ids.ts';
import { startSimulatedCarrier } from '../../src/simulator/carrier.ts';
import type { SimulatedCarrier } from '../../src/simulator/carrier-options.ts';
import type { SimulatedCustomer } from '../../src/simulator/customer-options.ts';
import { type TestDaemon, until } from '../support/daemon.ts';
import { figures, PASSWORD, Stage } from './stage.ts';

const BIND_RECEIVER = 0x00000001;
const BIND_TRANSCEIVER = 0x00000009;
const DELIVER_SM = 0x00000005;
const GENERIC_NACK = 0x80000000;
const ESME_RINVCMDLEN = 0x02;
const ESME_RBINDFAIL = 0x0d;
/** SESSION_DEFAULTS.sessionInitMs: what a connection may take to bind. */
const SESSION_INIT_MS = 10_000;
/** SESSION_DEFAULTS.responseTimeoutMs: what a customer may take to answer. */
const DELIVER_TIMEOUT_MS = 30_000;
/** What the mute carrier may take to answer. */
const RESPONSE_TIMEOUT_MS = 5_000;
/** Receipts for one that does not read: more than the 2,000 that are kept in memory for a customer. */
const OWED = 2_300;
/** The mute carrier's window, on its only bind. */
const MUTE_WINDOW = 20;

let stage: Stage;
let daemon: TestDaemon;
let mute: SimulatedCarrier;
/** A good customer who works all the while. */
let good: SimulatedCustomer;
let goodEnds = 0;
/** What the mute carrier took, by its session. */
const muteTook = new Map<number, number>();

beforeAll(async () => {
  stage = await Stage.onDatabase();
  mute = await startSimulatedCarrier({
    behaviour: { silent: true },
    onEvent: (event) => {
      if (event.event === 'submit')
        muteTook.set(event.session, (muteTook.get(event.session) ?? 0) + 1);
    },
  });
  await stage.startCarrier({ receipts: { delayMs: 20 } });
  daemon = await stage.startDaemon({ resources: resources() });
  good = stage.startCustomer(daemon.smppPort, 'acme', {
    messages: 100_000,
    ratePerSecond: 100,
    windowMax: 50,
    onEvent: (event) => {
      if (event.event === 'end') goodEnds++;
    },
  });
  // To the carrier that never answers: more than its window.
  const sender = stage.startCustomer(daemon.smppPort, 'mute', {
    messages: 50,
    destination: '7950#######',
    receiptWaitMs: 0,
  });
  expect((await sender.done).accepted).toBe(50);
  await until('its window is full', () => mute.stats().submits >= MUTE_WINDOW);
});

afterAll(async () => {
  await stage.close();
  await mute.close();
});

function resources(): object {
  const base = stage.resources({ accounts: ['acme', 'mute', 'slow'] }) as {
    readonly carriers: readonly object[];
    readonly routes: readonly object[];
  };
  const [sim] = base.carriers;
  return {
    ...base,
    carriers: [
      sim,
      {
        ...sim,
        name: 'mute',
        port: mute.port,
        binds: 1,
        windowMax: MUTE_WINDOW,
        responseSeconds: RESPONSE_TIMEOUT_MS / 1_000,
        // None is sent again while the tests run.
        onUnknownOutcome: { waitSeconds: 600, then: 'resend' },
      },
    ],
    routes: [...base.routes, { prefix: '7', carriers: [{ name: 'mute' }] }],
  };
}

/** A connection of its own that collects what it gets. */
class Peer {
  readonly socket: Socket;
  isClosed = false;
  received = Buffer.alloc(0);

  constructor(octets?: Buffer | string) {
    this.socket = connect({ port: daemon.smppPort, host: '127.0.0.1' });
    this.socket.on('error', () => {});
    this.socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk]);
    });
    this.socket.on('close', () => {
      this.isClosed = true;
    });
    if (octets !== undefined) this.socket.write(octets);
  }

  /** command_id and command_status of what came, in order. */
  pdus(): { id: number; status: number }[] {
    const pdus: { id: number; status: number }[] = [];
    for (let at = 0; at + 16 <= this.received.length; ) {
      pdus.push({
        id: this.received.readUInt32BE(at + 4),
        status: this.received.readUInt32BE(at + 8),
      });
      at += this.received.readUInt32BE(at);
    }
    return pdus;
  }
}

function pdu(
  id: number,
  sequence: number,
  body: Buffer = Buffer.alloc(0),
  length = 16 + body.length,
): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt32BE(length, 0);
  header.writeUInt32BE(id, 4);
  header.writeUInt32BE(sequence, 12);
  return Buffer.concat([header, body]);
}

/** system_id, password, system_type, interface_version, addr_ton, addr_npi, address_range (SMPP 3.4 §4.1). */
function bindPdu(id: number, systemId: string, password: string): Buffer {
  const strings = Buffer.from(`${systemId}\0${password}\0\0`, 'latin1');
  return pdu(id, 1, Buffer.concat([strings, Buffer.from([0x34, 0, 0, 0])]));
}

async function closes(peers: readonly Peer[], withinMs: number): Promise<void> {
  await until('every connection is closed', () => peers.every((peer) => peer.isClosed), withinMs);
}

describe('a hostile peer is answered or closed, and a good session notices nothing', () => {
  it('garbage, half PDUs, HTTP and impossible lengths', async () => {
    const malformed = await daemon.metric('smppgate_malformed_pdus_total', { side: 'customer' });
    const impossible = [0, 4, 15, 70_001, 0x7fffffff, 0xffffffff].map(
      (length) => new Peer(pdu(BIND_TRANSCEIVER, 1, Buffer.alloc(0), length)),
    );
    const noise = [
      randomBytes(65_536),
      'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n',
      '\0'.repeat(64),
    ];
    const peers = [...impossible, ...noise.map((octets) => new Peer(octets))];
    const halves = [
      new Peer(pdu(BIND_TRANSCEIVER, 1).subarray(0, 9)),
      new Peer(pdu(BIND_TRANSCEIVER, 1, Buffer.alloc(0), 60)),
      new Peer(),
    ];
    await closes(peers, 30_000);
    for (const peer of impossible)
      expect(peer.pdus()).toEqual([{ id: GENERIC_NACK, status: ESME_RINVCMDLEN }]);
    expect(
      await daemon.metric('smppgate_malformed_pdus_total', { side: 'customer' }),
    ).toBeGreaterThanOrEqual(malformed + impossible.length);
    await closes(halves, SESSION_INIT_MS + 30_000);
  });

  it('a flood of connections, and one of binds with a wrong password', async () => {
    const idle = Array.from({ length: 500 }, () => new Peer());
    await until(
      'those over the rate are dropped',
      () => idle.filter((peer) => peer.isClosed).length >= 300,
    );
    for (const peer of idle) peer.socket.destroy();
    const guess = bindPdu(BIND_TRANSCEIVER, 'nobody', 'guess');
    const answers: { id: number; status: number }[] = [];
    // Most are dropped before they are read: 100 connections a second are taken from one address.
    await until('hundreds of guesses are answered', async () => {
      const round = Array.from({ length: 80 }, () => new Peer(guess));
      await closes(round, SESSION_INIT_MS + 30_000);
      answers.push(...round.flatMap((peer) => peer.pdus()));
      return answers.length >= 200;
    });
    for (const answer of answers)
      expect(answer).toEqual({ id: BIND_TRANSCEIVER + 0x80000000, status: ESME_RBINDFAIL });
    const { binds } = {
      binds: await daemon.metric('smppgate_binds', { side: 'customer', peer: 'nobody' }),
    };
    expect(binds).toBe(0);
  });

  it('a customer that never reads the receipts it is owed', async () => {
    let deaf = new Peer(bindPdu(BIND_RECEIVER, 'slow', PASSWORD));
    await until('it is bound', () => {
      // For the rest of a second the flood's address is not let in.
      if (deaf.isClosed) deaf = new Peer(bindPdu(BIND_RECEIVER, 'slow', PASSWORD));
      return deaf.pdus()[0]?.status === 0;
    });
    deaf.socket.pause();
    const boundAt = performance.now();
    const sender = stage.startCustomer(daemon.smppPort, 'slow', {
      bindAs: 'transmitter',
      messages: OWED,
      windowMax: 100,
      destination: '96652#######',
      receiptWaitMs: 0,
    });
    expect((await sender.done).accepted).toBe(OWED);
    const left = () =>
      stage.value(
        "select count(*) from message m join account a on a.id = m.account where a.name = 'slow' and not exists (select from outcome o where o.id = m.id)",
      );
    await until('all are settled', async () => (await left()) === '0');
    deaf.socket.resume();
    await until(
      'its window is full',
      () => deaf.pdus().filter(({ id }) => id === DELIVER_SM).length >= 100,
    );
    // What is not answered in time leaves the window, on a machine that takes so long for all that.
    const windows = 1 + Math.floor((performance.now() - boundAt) / DELIVER_TIMEOUT_MS);
    const delivered = deaf.pdus().filter(({ id }) => id === DELIVER_SM);
    expect(delivered.length).toBeLessThanOrEqual(100 * windows);
    deaf.socket.destroy();
    const receiver = stage.startCustomer(daemon.smppPort, 'slow', { bindAs: 'receiver' });
    // At a tenth of the replay's pace while submits are answered slowly, as on a busy machine.
    await until('all came', () => receiver.summary().receipts.DELIVRD === OWED, 100_000);
    expect(receiver.summary().repeatedReceipts).toBe(0);
  });

  it('a carrier that never answers: its window fills and no more; its submits are unknown after the timeout', async () => {
    const unknown = (what: string) => stage.value(`select ${what} from unknown_outcome`);
    await until('all are listed', async () => Number(await unknown('count(*)')) >= MUTE_WINDOW);
    await until(
      'a metric tells of them',
      async () => (await daemon.metric('smppgate_unknown_outcomes', { carrier: 'mute' })) > 0,
    );
    // Not before its time: ids tell when each was accepted, which was before it was sent.
    const earliest = await unknown(
      `min(extract(epoch from since) * 1000 - ((id >> 22) + ${MESSAGE_ID_EPOCH_MS}))::int8`,
    );
    expect(Number(earliest)).toBeGreaterThanOrEqual(RESPONSE_TIMEOUT_MS);
    for (const took of muteTook.values()) expect(took).toBeLessThanOrEqual(MUTE_WINDOW);
    expect(muteTook.get(Math.min(...muteTook.keys()))).toBe(MUTE_WINDOW);
  });

  it('has cost the good customer nothing: every submit answered at once, every receipt there, no session lost', async () => {
    expect(goodEnds).toBe(0);
    const summary = await good.drain();
    figures('the good customer', {
      accepted: summary.accepted,
      p50Ms: summary.answerP50Ms,
      p99Ms: summary.answerP99Ms,
    });
    expect(summary).toMatchObject({
      refused: {},
      unanswered: 0,
      withoutReceipt: 0,
      repeatedReceipts: 0,
    });
    expect(summary.accepted).toBe(summary.submitted);
    expect(daemon.isRunning).toBe(true);
    expect(await daemon.get('/v1/reconciliation')).toMatchObject({ ok: true, mismatches: [] });
  });
});
