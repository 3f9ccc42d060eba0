import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { selfSigned } from '../../src/bench/self-signed.ts';
import { parseCidrs } from '../../src/domain/cidr.ts';
import type { EsmeListenerOptions } from '../../src/session/esme-listener.ts';
import { ProxyProtocol } from '../../src/session/proxy-protocol.ts';
import { fingerprintOf } from './fingerprint.ts';
import { Doors } from './listening.ts';
import { proxyV1, proxyV2, tlv, v4Block, v6Block } from './proxy-headers.ts';
import { BIND_TRANSCEIVER, pduHex, RawPeer } from './support.ts';

const doors = new Doors();
const { opened } = doors;

afterEach(() => doors.release());

const BIND = Buffer.from(BIND_TRANSCEIVER, 'hex');
const TCP4 = 0x11;
const TCP6 = 0x21;
const server = selfSigned('gw.test');

/** Behind 127.0.0.1; other loopback addresses are no proxies. */
function behindProxy(given: Partial<EsmeListenerOptions> = {}) {
  const preamble = new ProxyProtocol(parseCidrs(['127.0.0.1']));
  return doors.listening({ host: '0.0.0.0', preamble, ...given });
}

async function peerOf(port: number, from = '127.0.0.1'): Promise<RawPeer> {
  const socket = opened.socket(connect({ port, host: '127.0.0.1', localAddress: from }));
  const peer = new RawPeer(socket);
  await once(socket, 'connect');
  return peer;
}

/** TLS over a connection that may have carried something before. */
async function tlsOver(socket: Socket, options: ConnectionOptions = {}): Promise<RawPeer> {
  const tls = connectTls({ socket, rejectUnauthorized: false, ...options });
  opened.socket(tls);
  const peer = new RawPeer(tls);
  await once(tls, 'secureConnect');
  return peer;
}

async function tlsPeer(port: number, options: ConnectionOptions = {}): Promise<RawPeer> {
  return tlsOver(opened.socket(connect(port, '127.0.0.1')), options);
}

describe('a connection from a trusted proxy', () => {
  const headers: readonly (readonly [string, Buffer, string])[] = [
    ['v1 over IPv4', proxyV1('192.0.2.7'), '192.0.2.7'],
    ['v1 over IPv6', proxyV1('2001:db8::7'), '2001:db8::7'],
    ['v2 over IPv4', proxyV2(1, TCP4, v4Block([192, 0, 2, 7])), '192.0.2.7'],
    ['v2 over IPv6', proxyV2(1, TCP6, v6Block('20010db8000000000000000000000007')), '2001:db8::7'],
    [
      'v2 with TLVs',
      proxyV2(1, TCP4, Buffer.concat([v4Block([192, 0, 2, 7]), tlv(0x04, Buffer.alloc(300))])),
      '192.0.2.7',
    ],
  ];

  it.each(headers)(
    'is its peer’s by %s, in one segment with the bind',
    async (_, header, address) => {
      const { handler, port } = await behindProxy();
      const peer = await peerOf(port);
      peer.socket.write(Buffer.concat([header, BIND]));
      await peer.take(1);
      expect(handler.connected[0]).toMatchObject({ peerAddress: address, peerPort: 40_000 });
      expect(handler.connected[0]?.door).toBeUndefined();
    },
  );

  it.each(headers)('is its peer’s by %s, octet by octet', async (_, header, address) => {
    const { handler, port } = await behindProxy();
    const peer = await peerOf(port);
    peer.socket.setNoDelay(true);
    for (const octet of Buffer.concat([header, BIND])) {
      peer.socket.write(Buffer.of(octet));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await peer.take(1);
    expect(handler.connected[0]?.peerAddress).toBe(address);
  });

  it.each([
    ['LOCAL', proxyV2(0, 0, Buffer.alloc(0))],
    ['UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n')],
  ])('keeps the proxy’s address by %s, and counts for nobody', async (_, header) => {
    const limits = { connectionsPerAddressMax: 1, connectionsPerAddressPerSecondMax: 1 };
    const { handler, port } = await behindProxy(limits);
    for (let n = 0; n < 3; n++) {
      const peer = await peerOf(port);
      peer.socket.write(Buffer.concat([header, BIND]));
      await peer.take(1);
    }
    expect(handler.connected.map((session) => session.peerAddress)).toEqual(
      Array.from({ length: 3 }, () => '127.0.0.1'),
    );
    expect(handler.connected[0]?.door).toEqual({
      isTls: false,
      certificate: undefined,
      isProxy: true,
    });
  });

  it('counts for the real address, at once and a second, and frees it again', async () => {
    const limits = { connectionsPerAddressMax: 2, connectionsPerAddressPerSecondMax: 3 };
    const { clock, handler, port } = await behindProxy(limits);
    let arrivals = 0;
    const arrived = async (address: string): Promise<RawPeer> => {
      const peer = await peerOf(port);
      peer.socket.write(proxyV1(address));
      arrivals++;
      await handler.until(() => handler.connected.length + handler.refused.length === arrivals);
      return peer;
    };
    const [first] = [await arrived('192.0.2.7'), await arrived('192.0.2.7')];
    await (await arrived('192.0.2.7')).untilEnd();
    await (await arrived('192.0.2.7')).untilEnd();
    await arrived('192.0.2.8');
    expect(handler.connected).toHaveLength(3);
    expect(handler.refused).toEqual([
      '192.0.2.7 connectionsPerAddress',
      '192.0.2.7 connectionsPerAddressPerSecond',
    ]);
    first?.socket.destroy();
    await handler.until(() => handler.closed.length === 1);
    clock.ms += 1_000;
    await arrived('192.0.2.7');
    expect(handler.connected).toHaveLength(4);
  });

  it('counts for the /64 of an IPv6 address', async () => {
    const { handler, port } = await behindProxy({ connectionsPerAddressMax: 1 });
    for (const [n, address] of ['2001:db8::1', '2001:db8::2', '2001:db8:0:1::1'].entries()) {
      const peer = await peerOf(port);
      peer.socket.write(proxyV1(address));
      await handler.until(() => handler.connected.length + handler.refused.length === n + 1);
    }
    expect(handler.refused).toEqual(['2001:db8::2 connectionsPerAddress']);
    expect(handler.connected).toHaveLength(2);
  });

  it.each([
    ['SMPP', BIND, 'no PROXY header'],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'no PROXY header'],
    ['TLS', Buffer.from('16030102000100', 'hex'), 'no PROXY header'],
    ['a line too long', Buffer.alloc(200, 'PROXY UNKNOWN'), 'no end of line in 107 octets'],
    ['a broken line', Buffer.from('PROXY TCP4 1 2 3 4\r\n'), 'malformed PROXY line'],
    ['one too long', proxyV2(1, TCP4, Buffer.alloc(5_000)), 'longer than 4096 octets'],
    ['UDP', proxyV2(1, 0x12, v4Block([192, 0, 2, 7])), 'neither TCP over IPv4 nor IPv6'],
  ])('is closed at once for %s', async (_, octets, detail) => {
    const { handler, listener, port } = await behindProxy();
    const peer = await peerOf(port);
    peer.socket.write(octets);
    await peer.untilEnd();
    await handler.until(() => handler.refused.length === 1);
    expect(handler.refused).toEqual([`127.0.0.1 preamble: ${detail}`]);
    expect(peer.received).toHaveLength(0);
    expect(handler.connected).toEqual([]);
    await listener.close(0);
  });

  it('is closed in time when it says nothing, or never all of it', async () => {
    const { clock, handler, listener, port } = await behindProxy();
    const [silent, half] = [await peerOf(port), await peerOf(port)];
    half.socket.write('PROXY TCP4 192.0');
    // Both are accepted when a third, later one is.
    const third = await peerOf(port);
    third.socket.write(Buffer.concat([proxyV1('192.0.2.7'), BIND]));
    await third.take(1);
    clock.advance(4_000, listener);
    expect([silent.ended, half.ended]).toEqual([false, false]);
    clock.advance(1_000, listener);
    await Promise.all([silent.untilEnd(), half.untilEnd()]);
    await handler.until(() => handler.refused.length === 2);
    expect(handler.refused).toEqual(
      Array.from({ length: 2 }, () => '127.0.0.1 preamble: out of time'),
    );
    expect(third.ended).toBe(false);
  });

  it('is no news when it only looks whether the port is open, and is when it hangs up half way', async () => {
    const { handler, port } = await behindProxy();
    (await peerOf(port)).socket.end();
    const half = await peerOf(port);
    half.socket.end('PROXY TC');
    await half.untilEnd();
    (await peerOf(port)).socket.resetAndDestroy();
    await handler.until(() => handler.refused.length === 1);
    expect(handler.refused).toEqual(['127.0.0.1 preamble: hung up']);
  });

  it('is no news either when it has a health check’s header and no more, where TLS would follow', async () => {
    const { handler, port } = await behindProxy({ tls: server });
    for (const header of [proxyV2(0, 0, Buffer.alloc(0)), proxyV1('192.0.2.7')]) {
      const peer = await peerOf(port);
      peer.socket.end(header);
      await peer.untilEnd();
    }
    await handler.until(() => handler.refused.length === 1);
    expect(handler.refused[0]).toMatch(/^192\.0\.2\.7 tls/);
  });

  it('of a trusted address that is an IPv6 one mapping IPv4 is seen as such', async () => {
    const { handler, port } = await behindProxy({ host: '::' });
    const peer = await peerOf(port);
    peer.socket.write(Buffer.concat([proxyV1('192.0.2.7'), BIND]));
    await peer.take(1);
    expect(handler.connected[0]?.peerAddress).toBe('192.0.2.7');
  });

  it('does not keep a drain waiting', async () => {
    const { listener, port } = await behindProxy();
    const peer = await peerOf(port);
    peer.socket.write('PROXY');
    const closed = listener.close(60_000);
    await peer.untilEnd();
    await closed;
  });
});

describe.each([
  ['plain', undefined],
  ['with TLS', server],
] as const)('a door behind proxies, %s, that is sent mutated headers', (_, tls) => {
  it('ends or serves each of them, and a good session notices nothing', async () => {
    const { handler, listener, port } = await behindProxy(tls === undefined ? {} : { tls });
    const good = await (tls === undefined ? peerOf(port, '127.0.0.2') : tlsFrom('127.0.0.2', port));
    good.socket.write(BIND);
    await good.take(1);
    const random = seeded(20_261_122);
    const whole = [
      proxyV1('192.0.2.7'),
      proxyV2(1, TCP4, Buffer.concat([v4Block([192, 0, 2, 7]), tlv(0x04, Buffer.alloc(40))])),
      proxyV2(0, 0, Buffer.alloc(0)),
    ];
    for (let n = 0; n < 120; n++) {
      const header = whole[n % whole.length] ?? BIND;
      const octets = Buffer.concat([header, BIND]);
      for (let flips = 1 + random(3); flips > 0; flips--)
        octets[random(header.length)] = random(256);
      const peer = await peerOf(port);
      const cut = random(octets.length);
      peer.socket.write(octets.subarray(0, cut));
      // Every other one says no more.
      if (n % 2 === 0) peer.socket.write(octets.subarray(cut));
      peer.socket.end();
      await peer.untilEnd();
      good.write(pduHex(0x15, 0, n + 2));
      expect(await good.take(1)).toEqual([pduHex(0x80000015, 0, n + 2)]);
    }
    await handler.until(() => listener.sessions.size === 1);
    good.socket.destroy();
    // Resolves when no connection is left: none was lost count of.
    await listener.close(60_000);
  });

  async function tlsFrom(localAddress: string, port: number): Promise<RawPeer> {
    return tlsOver(opened.socket(connect({ port, host: '127.0.0.1', localAddress })));
  }
});

/** Whole numbers below a bound, the same on each run (a linear congruential generator of 32 bits). */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe('a connection from anybody else', () => {
  it.each([
    ['v1', proxyV1('192.0.2.7')],
    ['v2', proxyV2(1, TCP4, v4Block([192, 0, 2, 7]))],
  ])('is not read a header from: %s is a broken PDU', async (_, header) => {
    const { handler, port } = await behindProxy();
    const peer = await peerOf(port, '127.0.0.2');
    peer.socket.write(Buffer.concat([header, BIND]));
    // generic_nack, ESME_RINVCMDLEN: the length cannot be.
    expect((await peer.take(1))[0]?.slice(8, 24)).toBe('8000000000000002');
    await peer.untilEnd();
    expect(handler.binds).toEqual([]);
    expect(handler.connected[0]?.peerAddress).toBe('127.0.0.2');
  });

  it('needs none', async () => {
    const { handler, port } = await behindProxy();
    const peer = await peerOf(port, '127.0.0.2');
    peer.socket.write(BIND);
    await peer.take(1);
    expect(handler.connected[0]?.peerAddress).toBe('127.0.0.2');
  });
});

describe('TLS behind a trusted proxy', () => {
  it.each([
    ['v1', proxyV1('192.0.2.7')],
    ['v2', proxyV2(1, TCP6, v6Block('20010db8000000000000000000000007'))],
  ])('begins after the header: %s', async (_, header) => {
    const { handler, port } = await behindProxy({ tls: server });
    const socket = opened.socket(connect(port, '127.0.0.1'));
    socket.write(header);
    const peer = await tlsOver(socket);
    peer.socket.write(BIND);
    await peer.take(1);
    expect(handler.connected[0]?.peerAddress).toMatch(/:db8::7$|^192\.0\.2\.7$/);
    expect(handler.connected[0]?.door).toEqual({
      isTls: true,
      certificate: undefined,
      isProxy: false,
    });
    peer.write(pduHex(0x15, 0, 2));
    expect(await peer.take(1)).toEqual([pduHex(0x80000015, 0, 2)]);
  });

  it('begins after it also in the same segment, and octet by octet', async () => {
    const { handler, port } = await behindProxy({ tls: server });
    for (const cut of [0, 1]) {
      // A relay that glues the header to the ClientHello, or cuts all into single octets.
      const { far, near } = await opened.pair();
      const out = opened.socket(connect(port, '127.0.0.1'));
      out.setNoDelay(true);
      let isFirst = true;
      near.on('data', (chunk) => {
        const octets = isFirst ? Buffer.concat([proxyV1('192.0.2.9'), chunk]) : chunk;
        isFirst = false;
        if (cut === 0) return void out.write(octets);
        for (let at = 0; at < octets.length; at++) out.write(octets.subarray(at, at + 1));
      });
      out.on('data', (chunk) => near.write(chunk));
      out.on('close', () => near.destroy());
      const peer = await tlsOver(far);
      peer.socket.write(BIND);
      await peer.take(1);
    }
    expect(handler.connected.map((session) => session.peerAddress)).toEqual([
      '192.0.2.9',
      '192.0.2.9',
    ]);
  });

  it('without the header is refused, and silence after it too, as the real peer’s', async () => {
    const { clock, handler, listener, port } = await behindProxy({ tls: server });
    const direct = opened.socket(
      connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }),
    );
    const without = new RawPeer(direct);
    await without.untilEnd();
    const plain = await peerOf(port);
    plain.socket.write(Buffer.concat([proxyV1('192.0.2.7'), BIND]));
    await plain.untilEnd();
    const silent = await peerOf(port);
    silent.socket.write(proxyV1('192.0.2.8'));
    await handler.until(() => handler.refused.length === 2);
    // When a later one is bound, the silent one's header is read.
    const later = opened.socket(connect(port, '127.0.0.1'));
    later.write(proxyV1('192.0.2.9'));
    const bound = await tlsOver(later);
    bound.socket.write(BIND);
    await bound.take(1);
    clock.advance(10_000, listener);
    await silent.untilEnd();
    await handler.until(() => handler.refused.length === 3);
    expect(handler.refused[0]).toBe('127.0.0.1 preamble: no PROXY header');
    expect(handler.refused[1]).toMatch(/^192\.0\.2\.7 tls: /);
    expect(handler.refused[2]).toBe('192.0.2.8 tls: out of time');
  });
});

describe('TLS', () => {
  const [alice, bob] = [selfSigned('alice'), selfSigned('bob')];

  it('is not spoken below 1.2', async () => {
    const { handler, port } = await doors.listening({ tls: server });
    const old = opened.socket(
      connectTls({
        port,
        host: '127.0.0.1',
        rejectUnauthorized: false,
        minVersion: 'TLSv1',
        maxVersion: 'TLSv1.1',
        ciphers: 'ALL:@SECLEVEL=0',
      }),
    );
    await new RawPeer(old).untilEnd();
    await handler.until(() => handler.refused.length === 1);
    expect(handler.refused[0]).toMatch(/^127\.0\.0\.1 tls: .*(PROTOCOL|VERSION)/i);
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const peer = await tlsPeer(port, { minVersion: version, maxVersion: version });
      peer.socket.write(BIND);
      await peer.take(1);
      expect((peer.socket as TLSSocket).getProtocol()).toBe(version);
    }
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'in %s tells the certificate that a client shows, and lets in who shows none',
    async (version) => {
      const { handler, port } = await doors.listening({ tls: server });
      const options = { minVersion: version, maxVersion: version };
      for (const shown of [alice, {}]) {
        const peer = await tlsPeer(port, { ...options, ...shown });
        peer.socket.write(BIND);
        await peer.take(1);
      }
      expect(handler.connected.map((session) => session.door?.certificate)).toEqual([
        fingerprintOf(alice.cert),
        undefined,
      ]);
    },
  );

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'in %s knows the certificate of a client that resumes its session',
    async (version) => {
      const { handler, port } = await doors.listening({ tls: server });
      const options = { minVersion: version, maxVersion: version, ...alice };
      const first = await tlsPeer(port, options);
      first.socket.write(BIND);
      await first.take(1);
      const session = (first.socket as TLSSocket).getSession();
      if (session === undefined) throw new Error('a session to resume');
      const again = await tlsPeer(port, { ...options, session });
      expect((again.socket as TLSSocket).isSessionReused()).toBe(true);
      again.socket.write(BIND);
      await again.take(1);
      expect(handler.connected[1]?.door?.certificate).toBe(fingerprintOf(alice.cert));
    },
  );

  it('with a client CA lets in its certificates alone', async () => {
    const { handler, port } = await doors.listening({ tls: { ...server, ca: alice.cert } });
    const peer = await tlsPeer(port, alice);
    peer.socket.write(BIND);
    await peer.take(1);
    for (const shown of [bob, {}]) {
      const refused = opened.socket(
        connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...shown }),
      );
      await new RawPeer(refused).untilEnd();
    }
    await handler.until(() => handler.refused.length === 2);
    expect(handler.connected).toHaveLength(1);
  });

  it('takes a new certificate and client CA, while sessions under the old live on', async () => {
    const { handler, listener, port } = await doors.listening({
      tls: { ...server, ca: alice.cert },
    });
    const before = await tlsPeer(port, alice);
    before.socket.write(BIND);
    await before.take(1);
    const session = (before.socket as TLSSocket).getSession();
    listener.reloadTls({ ...selfSigned('new.test'), ca: bob.cert });
    const after = await tlsPeer(port, bob);
    after.socket.write(BIND);
    await after.take(1);
    expect((after.socket as TLSSocket).getPeerCertificate().subject.CN).toBe('new.test');
    // Nor does a ticket from before bring the old CA's client in.
    const resuming = { ...alice, ...(session !== undefined && { session }) };
    const refused = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...resuming });
    await new RawPeer(opened.socket(refused)).untilEnd();
    expect(handler.connected).toHaveLength(2);
    before.write(pduHex(0x15, 0, 2));
    expect(await before.take(1)).toEqual([pduHex(0x80000015, 0, 2)]);
  });

  it('keeps the old certificate when the new is not usable', async () => {
    const { listener, port } = await doors.listening({ tls: server });
    expect(() => listener.reloadTls({ cert: server.cert, key: alice.key })).toThrow();
    expect(() => listener.reloadTls({ cert: 'nonsense', key: 'nonsense' })).toThrow();
    const peer = await tlsPeer(port);
    expect((peer.socket as TLSSocket).getPeerCertificate().subject.CN).toBe('gw.test');
  });

  it.each(['reset', 'garbage', 'hang up', 'whole'] as const)(
    'gives the place of a connection back when it ends by %s',
    async (end) => {
      const { listener, port } = await doors.listening({ tls: server });
      const socket = opened.socket(connect(port, '127.0.0.1'));
      await once(socket, 'connect');
      if (end === 'reset') socket.resetAndDestroy();
      else if (end === 'garbage') socket.end('garbage');
      else if (end === 'hang up') socket.end();
      else (await tlsOver(socket)).socket.destroy();
      // It resolves when the count is at nothing, and not before.
      await listener.close(60_000);
    },
  );
});
