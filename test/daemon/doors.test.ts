import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { selfSigned } from '../../src/bench/self-signed.ts';
import { Esme } from '../gateway/esme.ts';
import { fingerprintOf } from '../session/fingerprint.ts';
import { proxyV1, proxyV2, v4Block } from '../session/proxy-headers.ts';
import { ADMIN_TOKEN, type TestDaemon, until } from '../support/daemon.ts';
import { type Relay, startRelay } from '../support/relay.ts';
import { Stage } from './stage.ts';

/** The address that the daemon takes for a proxy's. */
const PROXY = '127.0.0.9';
const [alice, bob] = [selfSigned('alice'), selfSigned('bob')];
const first = selfSigned('first.test');

let stage: Stage;
let daemon: TestDaemon;
let tlsPort: number;
const relays: Relay[] = [];

beforeAll(async () => {
  stage = await Stage.onDatabase();
  mkdirSync(stage.folder, { recursive: true });
  write('cert', first.cert);
  write('key', first.key);
  write('ca', alice.cert);
  daemon = await stage.startDaemon({
    resources: stage.resources({ accounts: ['acme', 'guessed'] }),
    env: {
      SMPP_TLS_PORT: '0',
      SMPP_TLS_CERT: pathOf('cert'),
      SMPP_TLS_KEY: pathOf('key'),
      SMPP_TLS_CLIENT_CA: pathOf('ca'),
      SMPP_PROXY_TRUSTED: `${PROXY}/32, 2001:db8::/64`,
    },
  });
  tlsPort = Number(String(daemon.log('serving')[0]?.smppTls).split(':').at(-1));
});

afterAll(async () => {
  await Promise.all(relays.map((relay) => relay.close()));
  await stage.close();
});

function pathOf(name: string): string {
  return join(stage.folder, `${name}.pem`);
}

function write(name: 'cert' | 'key' | 'ca', pem: string): void {
  writeFileSync(pathOf(name), pem);
}

async function relayTo(open: () => Socket): Promise<number> {
  const relay = await startRelay(open);
  relays.push(relay);
  return relay.port;
}

function overTls(options: ConnectionOptions): TLSSocket {
  return connectTls({ port: tlsPort, host: '127.0.0.1', rejectUnauthorized: false, ...options });
}

/** The name of the daemon's certificate; undefined when it did not let the client in. */
async function shownTo(client: ConnectionOptions): Promise<string | undefined> {
  const socket = overTls(client);
  socket.on('error', () => {});
  // TLS 1.3 refuses a client after it has shaken hands: only an answer tells that it is in.
  socket.on('secureConnect', () =>
    socket.write(Buffer.from('00000010000000150000000000000001', 'hex')),
  );
  const answered = await Promise.race([
    once(socket, 'data').then(() => true),
    once(socket, 'close').then(() => false),
  ]).catch(() => false);
  const { CN } = answered ? socket.getPeerCertificate().subject : {};
  socket.destroy();
  return CN === undefined ? undefined : String(CN);
}

describe('SIGHUP', () => {
  it('brings a new certificate and client CA into force, and bad ones never, while binds live on', async () => {
    const port = await relayTo(() => overTls(alice));
    const bound = await Esme.bind(port, { systemId: 'acme' });
    expect([await shownTo(alice), await shownTo(bob), await shownTo({})]).toEqual([
      'first.test',
      undefined,
      undefined,
    ]);

    const second = selfSigned('second.test');
    write('cert', second.cert);
    write('key', second.key);
    write('ca', `A comment, as openssl writes.\n${bob.cert}`);
    daemon.signal('SIGHUP');
    const reloaded = await daemon.logged('certificate reloaded');
    expect(String(reloaded.sha256).replaceAll(':', '').toLowerCase()).toBe(
      fingerprintOf(second.cert),
    );
    expect([await shownTo(alice), await shownTo(bob)]).toEqual([undefined, 'second.test']);

    const expired = selfSigned('expired.test', -60_000);
    const bad: readonly (readonly [RegExp, { cert: string; key: string; ca: string }])[] = [
      [/smpp\.tls\.cert has no certificate/, { ...second, cert: 'nonsense', ca: bob.cert }],
      [/smpp\.tls\.cert .*cannot be read/, { ...second, cert: broken(second.cert), ca: bob.cert }],
      [/smpp\.tls\.key cannot be used/, { ...second, key: first.key, ca: bob.cert }],
      [/smpp\.tls\.key cannot be used/, { ...second, key: 'nonsense', ca: bob.cert }],
      [/smpp\.tls\.clientCa has no certificate/, { ...second, ca: '' }],
      [/smpp\.tls\.cert is valid .*not now/, { ...expired, ca: bob.cert }],
    ];
    for (const [n, [reason, { cert, key, ca }]] of bad.entries()) {
      write('cert', cert);
      write('key', key);
      write('ca', ca);
      daemon.signal('SIGHUP');
      const failed = await daemon.logged('certificate not reloaded', undefined, n + 1);
      expect(failed.reason).toMatch(reason);
      expect([await shownTo(alice), await shownTo(bob)]).toEqual([undefined, 'second.test']);
    }

    // The bind from before all this still works.
    await new Promise((resolve) => bound.session.enquire_link(resolve));
    await bound.close();
  });
});

describe('a proxy that is trusted', () => {
  const behind = (header: Buffer) =>
    relayTo(() => {
      const socket = connect({
        port: daemon.smppPort,
        host: '127.0.0.1',
        localAddress: PROXY,
      });
      socket.write(header);
      return socket;
    });

  it('has its guessers banned by their own address, to be seen and lifted', async () => {
    const port = await behind(proxyV2(1, 0x11, v4Block([198, 51, 100, 66])));
    const status = async (password: string) => {
      const { esme, response } = await Esme.tryBind(port, { systemId: 'guessed', password });
      await (response.command_status === 0 ? esme.close() : esme.cut());
      return response.command_status;
    };
    for (let n = 0; n < 10; n++) expect(await status(`w${n}`)).toBe(0x0d);
    expect(await status('secret')).toBe(0x0d);
    const banned = await daemon.get<{ bans: object[] }>('/v1/bans');
    expect(banned.bans).toMatchObject([
      { address: '198.51.100.66', systemId: 'guessed', failures: 10 },
    ]);
    const labels = { side: 'customer', peer: 'guessed' };
    const events = (event: string) =>
      daemon.metric('smppgate_bind_events_total', { ...labels, event });
    expect([await events('banned'), await events('refusedBanned')]).toEqual([1, 1]);
    const lifted = await fetch(`${daemon.httpUrl}/v1/bans?address=198.51.100.66&systemId=guessed`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    });
    expect(lifted.status).toBe(200);
    expect(await status('secret')).toBe(0);
    const line = await daemon.logged('banned');
    expect(line).toMatchObject({ systemId: 'guessed', address: '198.51.100.66' });
  });

  it('is said when its header is not one; others are served without', async () => {
    const socket = connect({ port: daemon.smppPort, host: '127.0.0.1', localAddress: PROXY });
    socket.end('GET / HTTP/1.0\r\n\r\n');
    await once(socket, 'close');
    const refused = await until('it is logged', () =>
      daemon.log('connectionRefused').find((line) => line.why === 'preamble'),
    );
    expect(refused).toMatchObject({ address: PROXY, detail: 'no PROXY header' });
    const direct = await Esme.bind(daemon.smppPort, { systemId: 'acme' });
    const proxied = await Esme.bind(await behind(proxyV1('2001:db8::9')), { systemId: 'acme' });
    await Promise.all([direct.close(), proxied.close()]);
    // What it says comes by another way than its answers.
    await until('it is logged', () =>
      daemon.log('customerBound').some((line) => line.address === '2001:db8::9'),
    );
  });
});

/** A certificate of which a part is lost. */
function broken(pem: string): string {
  const lines = pem.split('\n');
  return lines.toSpliced(2, 1).join('\n');
}
