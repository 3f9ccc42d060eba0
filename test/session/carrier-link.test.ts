import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { selfSigned } from '../../src/bench/self-signed.ts';
import type { CarrierBindStatus } from '../../src/session/carrier-bind.ts';
import {
  CarrierLink,
  type CarrierLinkHandler,
  type CarrierLinkOptions,
} from '../../src/session/carrier-link.ts';
import type { Session } from '../../src/session/session.ts';
import type { InFlight, SessionEndReason } from '../../src/session/session-types.ts';
import type { RequestPdu, ResponsePdu } from '../../src/smpp/pdu.ts';
import { freePort } from '../support/daemon.ts';
import {
  answerOk,
  deliverHex,
  Happenings,
  Opened,
  pduHex,
  RawPeer,
  submitSm,
  TestClock,
  testOptions,
} from './support.ts';

const opened = new Opened();
const links: { link: CarrierLink; clock: TestClock }[] = [];

afterEach(async () => {
  const all = links.splice(0);
  const stopping = all.map(({ link }) => link.stop());
  await opened.release();
  for (const { link, clock } of all) clock.advance(60_000, link);
  await Promise.all(stopping);
});

class LinkRecorder extends Happenings implements CarrierLinkHandler {
  readonly events: string[] = [];
  readonly responses: { pdu: ResponsePdu; context: unknown }[] = [];
  readonly requests: { session: Session; pdu: RequestPdu }[] = [];
  readonly returned: InFlight[] = [];
  readonly binds: CarrierBindStatus[] = [];
  windowOpened = 0;

  onUp(): void {
    this.#event('up');
  }
  onDown(_link: CarrierLink, reason: SessionEndReason): void {
    this.#event(`down ${reason.kind}`);
  }
  onResponse(_link: CarrierLink, pdu: ResponsePdu, context: unknown): void {
    this.responses.push({ pdu, context });
    this.happened();
  }
  onRequest(_link: CarrierLink, session: Session, pdu: RequestPdu): void {
    this.requests.push({ session, pdu });
    answerOk(session, pdu);
    this.happened();
  }
  onReturned(_link: CarrierLink, requests: InFlight[]): void {
    this.returned.push(...requests);
    this.#event(`returned ${requests.length}`);
  }
  onWindowOpen(): void {
    this.windowOpened++;
    this.happened();
  }
  onBindChange(_link: CarrierLink, bind: CarrierBindStatus): void {
    this.binds.push(bind);
    this.happened();
  }
  #event(event: string): void {
    this.events.push(event);
    this.happened();
  }
}

/** A carrier of octets: accepts binds with bind_*_resp and leaves the rest to the test. */
class RawCarrier extends Happenings {
  readonly peers: RawPeer[] = [];
  status = 0;
  port = 0;

  async listen(port = 0): Promise<{ close(): void }> {
    const made = await opened.server((socket) => this.#connected(socket), port);
    this.port = made.port;
    return made.server;
  }

  #connected(socket: Socket): void {
    const peer = new RawPeer(socket);
    this.peers.push(peer);
    peer
      .take(1)
      .then(([bind = '']) => {
        const respId = 0x80000000 + Number.parseInt(bind.slice(8, 16), 16);
        const sequence = Number.parseInt(bind.slice(24, 32), 16);
        peer.write(pduHex(respId, this.status, sequence, this.status === 0 ? '636100' : ''));
        this.happened();
      })
      .catch(() => {});
    this.happened();
  }
}

function makeLink(port: number, given: Partial<CarrierLinkOptions> = {}) {
  const clock = new TestClock();
  const handler = new LinkRecorder();
  const link = new CarrierLink(
    {
      host: '127.0.0.1',
      port,
      systemId: 'gw',
      password: 'pw',
      bindAs: 'transceiver',
      binds: 1,
      segmentsPerSecond: 0,
      session: testOptions(clock),
      random: () => 0.5,
      tickMs: 0,
      ...given,
      ...(given.session === undefined ? {} : { session: { ...given.session, now: clock.now } }),
    },
    handler,
  );
  links.push({ link, clock });
  return { link, handler, clock };
}

async function upLink(carrier: RawCarrier, given: Partial<CarrierLinkOptions> = {}) {
  const made = makeLink(carrier.port, given);
  made.link.start();
  await made.handler.until(() => made.link.binds.every((bind) => bind.state === 'bound'));
  return made;
}

async function carrierUp(): Promise<RawCarrier> {
  const carrier = new RawCarrier();
  await carrier.listen();
  return carrier;
}

const ids = (pdus: string[]): string[] => pdus.map((hex) => hex.slice(8, 16));

describe('CarrierLink', () => {
  it('binds its transceivers and is up with the first', async () => {
    const carrier = await carrierUp();
    const { link, handler } = await upLink(carrier, { binds: 3 });
    expect(handler.events).toEqual(['up']);
    expect(link.state).toBe('up');
    expect(carrier.peers).toHaveLength(3);
    expect(link.windowFree()).toBe(300);
  });

  it('is up when it both transmits and receives, and sends on transmitters only', async () => {
    const carrier = await carrierUp();
    const { link, handler } = await upLink(carrier, { bindAs: 'transmitter+receiver', binds: 2 });
    expect(link.binds.map((bind) => bind.command)).toEqual([
      'bind_transmitter',
      'bind_receiver',
      'bind_transmitter',
      'bind_receiver',
    ]);
    expect(handler.events).toEqual(['up']);
    expect(link.windowFree()).toBe(200);
  });

  it('spreads requests over its sessions, in runs, and brings each answer to its context', async () => {
    const carrier = await carrierUp();
    // A run ends with the window of its session.
    const session = testOptions(new TestClock(), { windowMax: 2 });
    const { link, handler } = await upLink(carrier, { binds: 2, session });
    for (const context of ['a', 'b', 'c', 'd']) expect(link.send(submitSm(), context)).toBe(true);
    const [first, second] = carrier.peers;
    for (const peer of [first, second]) {
      const pdus = (await peer?.take(2)) ?? [];
      expect(ids(pdus)).toEqual(['00000004', '00000004']);
      for (const pdu of pdus)
        peer?.write(pduHex(0x80000004, 0, Number.parseInt(pdu.slice(24, 32), 16), '3100'));
    }
    await handler.until(() => handler.responses.length === 4);
    expect(handler.responses.map((r) => r.context).toSorted()).toEqual(['a', 'b', 'c', 'd']);
    expect(link.windowInUse).toBe(0);
  });

  it('refuses when all windows are full and tells when one opens', async () => {
    const carrier = await carrierUp();
    const session = testOptions(new TestClock(), { windowMax: 2 });
    const { link, handler } = await upLink(carrier, { session });
    expect([1, 2, 3].map((n) => link.send(submitSm(), n))).toEqual([true, true, false]);
    const [peer] = carrier.peers;
    await peer?.take(2);
    const before = handler.windowOpened;
    peer?.write(pduHex(0x80000004, 0, 2, '3100'));
    await handler.until(() => handler.windowOpened === before + 1);
    expect(link.windowFree()).toBe(1);
  });

  it('gives what the carrier sends to the handler, and its answer to the carrier', async () => {
    const carrier = await carrierUp();
    const { handler } = await upLink(carrier);
    const [peer] = carrier.peers;
    peer?.write(deliverHex(9));
    expect(await peer?.take(1)).toEqual([pduHex(0x80000005, 0, 9, '00')]);
    expect(handler.requests[0]?.pdu.command).toBe('deliver_sm');
  });

  it('holds the rate, and tells when there are tokens again', async () => {
    const carrier = await carrierUp();
    const { link, handler, clock } = await upLink(carrier, { segmentsPerSecond: 10, burst: 3 });
    expect(link.windowFree()).toBe(3);
    expect([1, 2, 3, 4].map((n) => link.send(submitSm(), n))).toEqual([true, true, true, false]);
    expect(link.windowFree()).toBe(0);
    const before = handler.windowOpened;
    clock.ms += 99;
    link.tick(clock.ms);
    expect(handler.windowOpened).toBe(before);
    clock.ms += 1;
    link.tick(clock.ms);
    expect(handler.windowOpened).toBe(before + 1);
    expect(link.windowFree()).toBe(1);
  });

  it('sends nothing while paused, stays bound, and tells when it goes on', async () => {
    const carrier = await carrierUp();
    const { link, handler } = await upLink(carrier);
    link.pause();
    expect(link.windowFree()).toBe(0);
    expect(link.send(submitSm(), 'a')).toBe(false);
    expect(link.state).toBe('up');
    const before = handler.windowOpened;
    link.resume();
    expect(handler.windowOpened).toBe(before + 1);
    expect(link.send(submitSm(), 'a')).toBe(true);
  });

  it('holds reading on all binds, also on those that come later', async () => {
    const carrier = await carrierUp();
    const { link, handler } = makeLink(carrier.port, { binds: 2 });
    link.pauseReading('settle');
    link.start();
    await handler.until(() => link.binds.every((bind) => bind.state === 'bound'));
    for (const peer of carrier.peers) peer.write(deliverHex(9));
    link.send(submitSm(), 'a');
    await Promise.any(carrier.peers.map((peer) => peer.take(1)));
    expect(handler.requests).toEqual([]);
    link.resumeReading('settle');
    await handler.until(() => handler.requests.length === 2);
  });

  it('changes windows and rate in force', async () => {
    const carrier = await carrierUp();
    const { link } = await upLink(carrier, { binds: 2 });
    link.reshape({ windowMax: 7, segmentsPerSecond: 0 });
    expect(link.windowFree()).toBe(14);
    link.reshape({ windowMax: 7, segmentsPerSecond: 5 });
    expect(link.windowFree()).toBe(5);
  });
});

describe('a lost bind', () => {
  it('hands its requests back once, and binds again after the backoff', async () => {
    const carrier = await carrierUp();
    const { link, handler, clock } = await upLink(carrier);
    for (const context of ['a', 'b', 'c']) link.send(submitSm(), context);
    const [peer] = carrier.peers;
    await peer?.take(3);
    peer?.write(pduHex(0x80000004, 0, 3, '3100'));
    await handler.until(() => handler.responses.length === 1);
    peer?.socket.resetAndDestroy();
    await handler.until(() => link.state === 'down');
    expect(handler.events).toEqual(['up', 'returned 2', 'down socketError']);
    expect(handler.returned.map((r) => [r.context, r.written])).toEqual([
      ['a', true],
      ['c', true],
    ]);
    expect(link.binds[0]).toMatchObject({ state: 'waiting', reason: { kind: 'socketError' } });
    // 500 ms, half of it and half of the other half (random 0.5).
    clock.ms += 374;
    link.tick(clock.ms);
    expect(link.binds[0]?.state).toBe('waiting');
    clock.ms += 101;
    link.tick(clock.ms);
    await handler.until(() => link.state === 'up');
    expect(carrier.peers).toHaveLength(2);
    expect(handler.events.at(-1)).toBe('up');
  });

  it('leaves the others their traffic', async () => {
    const carrier = await carrierUp();
    const { link, handler } = await upLink(carrier, { binds: 2 });
    carrier.peers[0]?.socket.resetAndDestroy();
    await handler.until(() => link.binds.some((bind) => bind.state === 'waiting'));
    expect(link.state).toBe('up');
    expect(link.send(submitSm(), 'a')).toBe(true);
    await carrier.peers[1]?.take(1);
  });

  it('comes when a request stays unanswered', async () => {
    const carrier = await carrierUp();
    const session = testOptions(new TestClock(), { responseTimeoutMs: 10_000, closeLingerMs: 0 });
    const { link, handler, clock } = await upLink(carrier, { session });
    link.send(submitSm(), 'a');
    await carrier.peers[0]?.take(1);
    clock.advance(11_000, link);
    await handler.until(() => handler.returned.length === 1);
    expect(handler.returned[0]).toMatchObject({ context: 'a', written: true });
    expect(handler.events).toContain('down responseTimeout');
  });
});

describe('a carrier that cannot be had', () => {
  it('is tried again with longer and longer waits', async () => {
    const carrier = await carrierUp();
    carrier.status = 0x08;
    const { link, handler, clock } = makeLink(carrier.port);
    link.start();
    const waits: number[] = [];
    for (let attempt = 1; attempt <= 4; attempt++) {
      await handler.until(() => link.binds[0]?.failures === attempt);
      expect(link.binds[0]).toMatchObject({
        state: 'waiting',
        reason: { kind: 'bindRejected', status: 0x08 },
      });
      const from = clock.ms;
      while (link.binds[0]?.state === 'waiting') {
        clock.ms += 125;
        link.tick(clock.ms);
      }
      waits.push(clock.ms - from);
    }
    expect(waits).toEqual([375, 750, 1_500, 3_000]);
    expect(handler.events).toEqual([]);
  });

  it('may refuse connections, and is bound when it is back', async () => {
    const carrier = new RawCarrier();
    const port = await freePort();
    const { link, handler, clock } = makeLink(port);
    link.start();
    await handler.until(() => link.binds[0]?.failures === 1);
    expect(link.binds[0]?.reason).toMatchObject({ kind: 'connectFailed', detail: 'ECONNREFUSED' });
    await carrier.listen(port);
    clock.advance(1_000, link);
    await handler.until(() => link.state === 'up');
  });

  it('may accept and say nothing', async () => {
    const silent = await opened.server(() => {});
    const session = testOptions(new TestClock(), { sessionInitMs: 5_000, closeLingerMs: 0 });
    const { link, handler, clock } = makeLink(silent.port, { session });
    link.start();
    await handler.until(() => link.binds[0]?.state === 'binding');
    clock.advance(6_000, link);
    await handler.until(() => link.binds[0]?.failures === 1);
    expect(link.binds[0]?.reason?.kind).toBe('sessionInitTimeout');
  });

  it('may not even finish the TLS handshake', async () => {
    const silent = await opened.server(() => {});
    const { link, handler, clock } = makeLink(silent.port, { tls: {}, connectTimeoutMs: 5_000 });
    link.start();
    clock.advance(5_000, link);
    await handler.until(() => link.binds[0]?.failures === 1);
    expect(link.binds[0]?.reason).toMatchObject({ kind: 'connectFailed', detail: 'timeout' });
  });

  it('counts a bind that does not last as one more failure', async () => {
    const carrier = await carrierUp();
    const { link, handler, clock } = await upLink(carrier);
    for (let failures = 1; failures <= 3; failures++) {
      carrier.peers.at(-1)?.socket.destroy();
      await handler.until(() => link.binds[0]?.failures === failures);
      clock.advance(5_000, link);
      await handler.until(() => link.state === 'up');
    }
    clock.advance(30_000, link);
    carrier.peers.at(-1)?.socket.destroy();
    await handler.until(() => link.binds[0]?.state === 'waiting');
    expect(link.binds[0]?.failures).toBe(1);
  });
});

describe('CarrierLink with TLS', () => {
  it('binds where the certificate is trusted, and not where it is not', async () => {
    const { key, cert } = selfSigned('carrier.test');
    const server = createTlsServer({ key, cert }, (socket) => {
      opened.socket(socket);
      const peer = new RawPeer(socket);
      peer
        .take(1)
        .then(() => peer.write(pduHex(0x80000009, 0, 1, '636100')))
        .catch(() => {});
    });
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const trusting = makeLink(port, { tls: { ca: cert, servername: 'carrier.test' } });
    trusting.link.start();
    await trusting.handler.until(() => trusting.link.state === 'up');
    const careful = makeLink(port, { tls: {} });
    careful.link.start();
    await careful.handler.until(() => careful.link.binds[0]?.failures === 1);
    expect(careful.link.binds[0]?.reason?.detail).toMatch(/SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS/);
    server.close();
  });
});

describe('CarrierLink.stop', () => {
  it('unbinds and resolves when every socket is gone', async () => {
    const carrier = await carrierUp();
    const { link, handler } = await upLink(carrier, { binds: 2 });
    const stopped = link.stop();
    for (const peer of carrier.peers) {
      const [unbind = ''] = await peer.take(1);
      expect(unbind.slice(8, 16)).toBe('00000006');
      peer.write(pduHex(0x80000006, 0, Number.parseInt(unbind.slice(24, 32), 16)));
    }
    await stopped;
    expect(link.state).toBe('stopped');
    expect(handler.events).toEqual(['up', 'down unbound']);
    expect(link.send(submitSm(), 'a')).toBe(false);
  });

  it('gives up connecting', async () => {
    const silent = await opened.server(() => {});
    const { link } = makeLink(silent.port, { tls: {} });
    link.start();
    expect(link.binds[0]?.state).toBe('connecting');
    await link.stop();
    expect(link.state).toBe('stopped');
  });

  it('is immediate when nothing is connected', async () => {
    const { link } = makeLink(1);
    await link.stop();
    expect(link.state).toBe('stopped');
  });
});
