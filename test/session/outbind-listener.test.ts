import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { OutbindListener, type OutbindResult } from '../../src/session/outbind-listener.ts';
import { freePort } from '../support/daemon.ts';
import { Happenings, Opened, pduHex, RawPeer, TestClock } from './support.ts';

const opened = new Opened();
const listeners: OutbindListener[] = [];

afterEach(async () => {
  for (const listener of listeners.splice(0)) listener.close();
  await opened.release();
});

/** SMPP 3.4 §4.1.7.1: system_id "smsc", password "knock". */
const OUTBIND = pduHex(0x0b, 0, 1, '736d736300 6b6e6f636b00');

class Doorman extends Happenings {
  readonly results: OutbindResult[] = [];
  readonly unavailable: string[] = [];
  readonly taken: Socket[] = [];
  room = true;
  onOutbind(socket: Socket): boolean {
    if (this.room) this.taken.push(opened.socket(socket));
    return this.room;
  }
  onResult(result: OutbindResult): void {
    this.results.push(result);
    this.happened();
  }
  onUnavailable(code: string): void {
    this.unavailable.push(code);
    this.happened();
  }
}

async function listening(allowed = true) {
  const clock = new TestClock();
  const doorman = new Doorman();
  const port = await freePort();
  const listener = new OutbindListener(
    {
      host: '127.0.0.1',
      port,
      allows: () => allowed,
      systemId: 'smsc',
      password: 'knock',
      command: 'bind_receiver',
    },
    doorman,
    clock.now,
  );
  listeners.push(listener);
  listener.tick(clock.ms);
  /** Connects, again until the port is open. */
  const caller = async (): Promise<RawPeer> => {
    for (;;) {
      const socket = connect({ port, host: '127.0.0.1' });
      const isOpen = await Promise.race([
        once(socket, 'connect').then(() => true),
        once(socket, 'close').then(() => false),
      ]).catch(() => false);
      if (isOpen) return new RawPeer(opened.socket(socket));
    }
  };
  return { clock, doorman, listener, caller, port };
}

describe('OutbindListener', () => {
  it('hands on the connection of a right outbind, also when it comes octet by octet', async () => {
    const { doorman, caller } = await listening();
    const peer = await caller();
    const octets = OUTBIND.replaceAll(' ', '').match(/../g) ?? [];
    for (const octet of octets) peer.write(octet);
    await doorman.until(() => doorman.results.length === 1);
    expect(doorman.results).toEqual(['accepted']);
    expect(doorman.taken).toHaveLength(1);
    expect(peer.received).toHaveLength(0);
  });

  it.each([
    ['another system_id', pduHex(0x0b, 0, 1, '736d736400 6b6e6f636b00'), 'refusedPassword'],
    ['another password', pduHex(0x0b, 0, 1, '736d736300 6b6e6f636c00'), 'refusedPassword'],
    ['another PDU', pduHex(0x15, 0, 1), 'malformed'],
    ['a bind', pduHex(0x09, 0, 1, '736d736300 6b6e6f636b00 00 34 00 00 00'), 'malformed'],
    ['more behind the outbind', OUTBIND + pduHex(0x15, 0, 2), 'malformed'],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n').toString('hex'), 'malformed'],
    ['an outbind without an end', pduHex(0x0b, 0, 1, '736d7363'), 'malformed'],
  ])('closes without a word: %s', async (_name, hex, result) => {
    const { doorman, caller } = await listening();
    const peer = await caller();
    peer.write(hex);
    await peer.untilEnd();
    expect(peer.received).toHaveLength(0);
    await doorman.until(() => doorman.results.length === 1);
    expect(doorman.results).toEqual([result]);
    expect(doorman.taken).toEqual([]);
  });

  it('closes an address that is not allowed before it reads anything', async () => {
    const { doorman, caller } = await listening(false);
    const peer = await caller();
    await peer.untilEnd();
    expect(doorman.results).toEqual(['refusedAddress']);
  });

  it('ends a connection that says nothing for 5 s, and keeps 16 of them at most', async () => {
    const { clock, doorman, listener, caller } = await listening();
    const peers = await Promise.all(Array.from({ length: 17 }, caller));
    await doorman.until(() => doorman.results.length === 1);
    expect(doorman.results).toEqual(['tooMany']);
    clock.ms += 5_000;
    listener.tick(clock.ms);
    await Promise.all(peers.map((peer) => peer.untilEnd()));
    expect(doorman.results.filter((result) => result === 'malformed')).toHaveLength(16);
  });

  it('lets nobody guess faster than one a second in the long run', async () => {
    const { clock, doorman, caller } = await listening();
    for (let guess = 0; guess < 22; guess++) {
      const peer = await caller();
      peer.write(pduHex(0x0b, 0, 1, '736d736300 6b6e6f636c00'));
      await peer.untilEnd();
    }
    expect(doorman.results.filter((result) => result === 'refusedPassword')).toHaveLength(20);
    expect(doorman.results.filter((result) => result === 'tooMany')).toHaveLength(2);
    clock.ms += 1_000;
    const peer = await caller();
    peer.write(OUTBIND);
    await doorman.until(() => doorman.results.at(-1) === 'accepted');
  });

  it('closes what its owner has no room for', async () => {
    const { doorman, caller } = await listening();
    doorman.room = false;
    const peer = await caller();
    peer.write(OUTBIND);
    await peer.untilEnd();
    expect(doorman.results).toEqual(['tooMany']);
  });

  it('says when the port is taken, and opens it when it is free', async () => {
    const { clock, doorman, listener, caller, port } = await listening();
    (await caller()).socket.destroy();
    listener.close();
    const { server } = await opened.server(() => {}, port);
    const again = new OutbindListener(
      {
        host: '127.0.0.1',
        port,
        allows: () => true,
        systemId: 'smsc',
        password: 'knock',
        command: 'bind_receiver',
      },
      doorman,
      clock.now,
    );
    listeners.push(again);
    again.tick(clock.ms);
    await doorman.until(() => doorman.unavailable.length === 1);
    expect(doorman.unavailable).toEqual(['EADDRINUSE']);
    server.close();
    clock.ms += 10_000;
    again.tick(clock.ms);
    const peer = await caller();
    peer.write(OUTBIND);
    await doorman.until(() => doorman.results.includes('accepted'));
  });
});
