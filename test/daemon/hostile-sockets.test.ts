import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { assemble, bindDraft } from '../fuzz/drafts.ts';
import { WirePeer } from '../fuzz/wire-peer.ts';
import { until } from '../support/daemon.ts';
import { Arena, type HostilePeer, header, submitDraft } from './hostile-arena.ts';
import { figures, PASSWORD } from './stage.ts';

const RESPONSE = 0x80000000;
const SUBMIT_SM = 0x04;
const DELIVER_SM = 0x05;
const UNBIND = 0x06;
const ENQUIRE_LINK = 0x15;
const ESME_RBINDFAIL = 0x0d;
/** SESSION_DEFAULTS.sessionInitMs. */
const SESSION_INIT_MS = 10_000;
/** SESSION_DEFAULTS.outboundBytesMax. */
const OUTBOUND_MAX = 1_048_576;

let arena: Arena;
/** They begin first and are looked at last: it takes them the session init time. */
let lorises: WirePeer[];
let lorisesBeganAt: number;
let drip: NodeJS.Timeout;

beforeAll(async () => {
  arena = await Arena.open({ windowMax: 500 });
  const { smppPort } = arena.daemon;
  lorisesBeganAt = performance.now();
  lorises = await Promise.all(
    Array.from({ length: 20 }, () => WirePeer.connect(smppPort, '127.0.8.2')),
  );
  const bind = assemble(bindDraft('bind_transceiver', 'bad', PASSWORD, 0x34));
  let at = 0;
  // Never all of it.
  drip = setInterval(() => {
    for (const loris of lorises) loris.write(bind.subarray(at, at + 1));
    at++;
  }, 500);
});

afterAll(async () => {
  clearInterval(drip);
  for (const loris of lorises) loris.socket.destroy();
  await arena.close();
});

// Receipts go to any bind of the account: none of another test may be left.
afterEach(async () => {
  await arena.cutPeers();
});

describe('slow peers', () => {
  it('a session that comes octet by octet works like any other', async () => {
    const peer = await arena.connect();
    const [first, ...rest] = [
      bindDraft('bind_transceiver', 'bad', PASSWORD, 0x34),
      submitDraft(2),
      header(ENQUIRE_LINK, 3),
    ];
    if (first === undefined) throw new Error('a bind comes first');
    await byOctets(peer, assemble(first));
    await peer.untilAnswers(1);
    for (const draft of rest) await byOctets(peer, assemble(draft));
    await peer.untilAnswers(3);
    expect(peer.answers.map(({ status }) => status)).toEqual([0, 0, 0]);
    await peer.untilRequests(1);
    expect(peer.requests).toMatchObject([{ id: DELIVER_SM }]);
    await byOctets(peer, assemble(header(UNBIND, 4)));
    await peer.untilEnded();
    expect(peer.answers.at(-1)).toMatchObject({ id: UNBIND + RESPONSE, status: 0, sequence: 4 });
  });
});

describe('peers that do not read', () => {
  it('are not read from beyond what they may owe, and get everything when they read on', async () => {
    const peer = await arena.bound();
    peer.wire.socket.pause();
    // More than the buffers of both kernels hold in both directions, 10 MB each here.
    const asked = 1_500_000;
    let answered = 0;
    peer.wire.onPdu = () => {
      answered++;
    };
    const batch = Buffer.concat(
      Array.from({ length: 1_000 }, (_, n) => assemble(header(ENQUIRE_LINK, n))),
    );
    const rssBefore = rssMb();
    for (let sent = 0; sent < asked; sent += 1_000) peer.wire.write(batch);
    // Both kernels' buffers and our limit are full: the rest stays with the peer.
    let left = peer.wire.socket.writableLength;
    await until('it stops', async () => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      const before = left;
      left = peer.wire.socket.writableLength;
      return left === before;
    });
    figures('a peer that does not read', {
      leftWithItMb: left >> 20,
      rssGrowthMb: rssMb() - rssBefore,
    });
    expect(left).toBeGreaterThan(0);
    expect(rssMb() - rssBefore).toBeLessThan(64 * (OUTBOUND_MAX >> 20));
    peer.wire.socket.resume();
    await until('all is answered', () => answered === asked, 100_000);
  });

  it('take neither receipts nor answers, and all of both when they read on', async () => {
    const peer = await arena.bound();
    peer.wire.socket.pause();
    const submits = 3_000;
    for (let n = 0; n < submits; n += 100) {
      peer.send(...Array.from({ length: 100 }, (_, i) => submitDraft(n + i + 2)));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    peer.wire.socket.resume();
    await peer.untilAnswers(1 + submits, 60_000);
    const accepted = peer.answers.filter(
      ({ id, status }) => id === SUBMIT_SM + RESPONSE && status === 0,
    ).length;
    // Its receipts, and those of the test before, which went to nobody.
    await peer.untilRequests(accepted, 60_000);
  });

  it('and half-open ones: the machine of the other side is gone, and nothing tells us', async () => {
    // No FIN, no answer, no octet: what a dead machine looks like while its receipts come.
    const peer = await arena.bound();
    peer.answering = false;
    peer.send(...Array.from({ length: 50 }, (_, n) => submitDraft(n + 2)));
    await peer.untilAnswers(51);
    await peer.untilRequests(50);
    peer.wire.socket.pause();
    // Another bind of the account gets what comes from now on.
    const alive = await arena.bound();
    alive.send(...Array.from({ length: 50 }, (_, n) => submitDraft(n + 2)));
    await alive.untilAnswers(51);
    await alive.untilRequests(1);
    // And when the dead one is given up, its receipts as well: here by its end, else by the response timeout.
    await peer.cut();
    await alive.untilRequests(100);
  });
});

describe('a thousand binds a second from one address, and wrong passwords', () => {
  it('are refused alike, and neither the good customer nor a new bind of his is harmed', async () => {
    const guesses = ['bad', 'good', 'nobody'];
    const answers: number[] = [];
    let sent = 0;
    const beganAt = performance.now();
    while (performance.now() - beganAt < 3_000) {
      const round = await Promise.all(
        Array.from({ length: 100 }, () => arena.connect('127.0.8.3')),
      );
      for (const [n, peer] of round.entries())
        peer.send(bindDraft('bind_transceiver', guesses[n % 3] ?? '', `guess${n}`, 0x34));
      await Promise.all(round.map((peer) => peer.untilEnded(SESSION_INIT_MS + 30_000)));
      answers.push(...round.flatMap((peer) => peer.answers.map(({ status }) => status)));
      sent += round.length;
      await Promise.all(round.map((peer) => peer.cut()));
    }
    figures('binds with a wrong password', { sent, answered: answers.length });
    expect(answers.length).toBeGreaterThan(0);
    expect(new Set(answers)).toEqual(new Set([ESME_RBINDFAIL]));
    // From where he is, who has the password still gets in at once.
    const peer = await arena.bound();
    expect(await peer.ask(submitDraft(2))).toMatchObject({ status: 0 });
    const lines = arena.daemon.log('bindRefused').length;
    expect(lines).toBeLessThan(200);
  });
});

describe('a slow-loris', () => {
  it('is closed after the session init time, however many octets come', async () => {
    const answers: number[] = [];
    for (const loris of lorises) loris.onPdu = ({ status }) => answers.push(status);
    await until('all are over', () => lorises.every(({ isOver }) => isOver));
    // Not before their time.
    expect(performance.now() - lorisesBeganAt).toBeGreaterThanOrEqual(SESSION_INIT_MS);
    expect(answers).toEqual([]);
    for (const loris of lorises) loris.socket.end();
    await until(
      'they are counted',
      async () => (await arena.protocolErrors('sessionInitTimeout')) === lorises.length,
    );
  });
});

describe('all of it', () => {
  it('has cost the good customer nothing', async () => {
    await arena.expectUnharmed();
  });
});

/** Each octet in a write of its own. */
async function byOctets(peer: HostilePeer, octets: Buffer): Promise<void> {
  for (const octet of octets) {
    await new Promise((resolve) => peer.wire.socket.write(Buffer.of(octet), resolve));
  }
}

/** The daemon's memory as proc(5) tells it. */
function rssMb(): number {
  const status = readFileSync(`/proc/${arena.daemon.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024;
}
