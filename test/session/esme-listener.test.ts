import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { selfSigned } from '../../src/bench/self-signed.ts';
import { EsmeListener, type EsmeListenerOptions } from '../../src/session/esme-listener.ts';
import { Doors } from './listening.ts';
import {
  BIND_TRANSCEIVER,
  pduHex,
  RawPeer,
  Recorder,
  submitHex,
  TestClock,
  testOptions,
} from './support.ts';

const doors = new Doors();
const { opened } = doors;

afterEach(() => doors.release());

const listening = (given?: Partial<EsmeListenerOptions>) => doors.listening(given);

async function peerOf(port: number): Promise<RawPeer> {
  const socket = opened.socket(connect(port, '127.0.0.1'));
  const peer = new RawPeer(socket);
  await once(socket, 'connect');
  return peer;
}

async function boundPeer(port: number): Promise<RawPeer> {
  const peer = await peerOf(port);
  peer.write(BIND_TRANSCEIVER);
  await peer.take(1);
  return peer;
}

describe('EsmeListener', () => {
  it('makes each connection a session and forgets it when it ends', async () => {
    const { handler, listener, port } = await listening();
    const [first, second] = [await boundPeer(port), await boundPeer(port)];
    expect([...listener.sessions].map((session) => session.systemId)).toEqual(['acme', 'acme']);
    expect(handler.connected[0]?.peerAddress).toBe('127.0.0.1');
    first.socket.destroy();
    await handler.until(() => handler.closed.length === 1);
    expect(listener.sessions.size).toBe(1);
    second.write(submitHex(2));
    await handler.until(() => handler.requests.length === 1);
  });

  it('survives resets, garbage and half connections while others work on', async () => {
    const { handler, listener, port } = await listening();
    const good = await boundPeer(port);
    for (let i = 0; i < 20; i++) {
      const bad = await peerOf(port);
      if (i % 3 === 0) bad.socket.resetAndDestroy();
      else if (i % 3 === 1) bad.socket.end('GET / HTTP/1.1\r\n\r\n');
      else {
        bad.write(BIND_TRANSCEIVER.slice(0, 20));
        bad.socket.end();
      }
    }
    await handler.until(() => handler.closed.length === 20);
    good.write(submitHex(2));
    await handler.until(() => handler.requests.length === 1);
    expect(listener.sessions.size).toBe(1);
  });

  it('limits connections at once', async () => {
    const { handler, port } = await listening({ connectionsMax: 2 });
    const first = await boundPeer(port);
    await boundPeer(port);
    await (await peerOf(port)).untilEnd();
    expect(handler.refused).toEqual(['127.0.0.1 connections']);
    first.socket.destroy();
    await handler.until(() => handler.closed.length === 1);
    await boundPeer(port);
  });

  it('limits unbound connections of one address, at once and a second', async () => {
    const { clock, handler, port } = await listening({
      connectionsPerAddressMax: 2,
      connectionsPerAddressPerSecondMax: 3,
    });
    await peerOf(port);
    await peerOf(port);
    await (await peerOf(port)).untilEnd();
    await (await peerOf(port)).untilEnd();
    clock.ms += 1_000;
    await (await peerOf(port)).untilEnd();
    expect(handler.refused).toEqual([
      '127.0.0.1 connectionsPerAddress',
      '127.0.0.1 connectionsPerAddressPerSecond',
      '127.0.0.1 connectionsPerAddress',
    ]);
  });

  it('lets an address bring back its sessions faster while it has one bound', async () => {
    const { clock, handler, listener, port } = await listening({
      connectionsPerAddressMax: 2,
      connectionsPerAddressPerSecondMax: 2,
      connectionsPerBoundAddressPerSecondMax: 4,
    });
    const peers = [await boundPeer(port), await boundPeer(port)];
    clock.ms += 1_000;
    // Four by what was saved up, two as any stranger.
    for (let n = 0; n < 6; n++) peers.push(await boundPeer(port));
    await (await peerOf(port)).untilEnd();
    expect(handler.refused).toEqual(['127.0.0.1 connectionsPerAddressPerSecond']);
    expect(listener.sessions.size).toBe(8);
    for (const { socket } of peers) socket.destroy();
    await handler.until(() => handler.closed.length === 8);
    clock.ms += 1_000;
    await peerOf(port);
    await peerOf(port);
    await (await peerOf(port)).untilEnd();
    expect(handler.refused).toHaveLength(2);
  });

  it('closes and opens its port while sessions live on', async () => {
    const { handler, listener, port } = await listening();
    const peer = await boundPeer(port);
    listener.pauseAccepting();
    await expect(peerOf(port)).rejects.toThrow(/ECONNREFUSED/);
    peer.write(submitHex(2));
    await handler.until(() => handler.requests.length === 1);
    await listener.resumeAccepting();
    await boundPeer(port);
    expect(listener.sessions.size).toBe(2);
  });

  it('rejects when the port is taken', async () => {
    const { port } = await listening();
    const other = new EsmeListener(
      { host: '127.0.0.1', port, tickMs: 0, session: testOptions(new TestClock()) },
      new Recorder(),
    );
    await expect(other.listen()).rejects.toThrow(/EADDRINUSE/);
  });

  it('ticks all its sessions', async () => {
    const { clock, handler, listener, port } = await listening();
    const [silent, bound] = [await peerOf(port), await boundPeer(port)];
    await handler.until(() => handler.connected.length === 2);
    clock.advance(10_000, listener);
    await silent.untilEnd();
    await handler.until(() => handler.closed.length === 1);
    clock.advance(20_000, listener);
    expect((await bound.take(1))[0]?.slice(8, 16)).toBe('00000015');
  });
});

describe('EsmeListener.close', () => {
  it('unbinds every session and resolves when the last is gone', async () => {
    const { handler, listener, port } = await listening();
    const [polite, unbound] = [await boundPeer(port), await peerOf(port)];
    await handler.until(() => handler.connected.length === 2);
    const closed = listener.close(30_000);
    expect(await polite.take(1)).toEqual([pduHex(0x06, 0, 1)]);
    polite.write(pduHex(0x80000006, 0, 1));
    await unbound.untilEnd();
    await closed;
    expect(handler.closed.map(({ reason }) => reason.kind)).toEqual(['unbound', 'unbound']);
    await expect(peerOf(port)).rejects.toThrow(/ECONNREFUSED/);
  });

  it('does not wait longer than the grace for a peer that does not answer', async () => {
    const { clock, handler, listener, port } = await listening();
    const rude = await boundPeer(port);
    const closed = listener.close(3_000);
    await rude.take(1);
    clock.advance(5_000, listener);
    await closed;
    expect(handler.closed[0]?.reason).toMatchObject({ kind: 'dropped' });
  });
});

describe('EsmeListener with TLS', () => {
  const material = selfSigned('first.test');
  const other = selfSigned('second.test');

  async function tlsPeer(port: number): Promise<{ peer: RawPeer; commonName: string }> {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
    opened.socket(socket);
    const peer = new RawPeer(socket);
    await once(socket, 'secureConnect');
    const { CN = '' } = socket.getPeerCertificate().subject;
    return { peer, commonName: String(CN) };
  }

  it('speaks SMPP inside it, and takes a new certificate without a restart', async () => {
    const { listener, port } = await listening({ tls: material });
    const { peer, commonName } = await tlsPeer(port);
    peer.write(BIND_TRANSCEIVER);
    await peer.take(1);
    listener.reloadTls(other);
    const next = await tlsPeer(port);
    expect([commonName, next.commonName]).toEqual(['first.test', 'second.test']);
    peer.write(pduHex(0x15, 0, 2));
    expect(await peer.take(1)).toEqual([pduHex(0x80000015, 0, 2)]);
  });

  it('survives those who do not speak it, and those who say nothing', async () => {
    const { clock, handler, listener, port } = await listening({ tls: material });
    const [plain, silent] = [await peerOf(port), await peerOf(port)];
    plain.write(BIND_TRANSCEIVER);
    await plain.untilEnd();
    clock.advance(10_000, listener);
    await silent.untilEnd();
    expect(handler.connected).toEqual([]);
    expect(handler.refused).toEqual([
      '127.0.0.1 tls: ERR_SSL_WRONG_VERSION_NUMBER',
      '127.0.0.1 tls: out of time',
    ]);
  });
});
