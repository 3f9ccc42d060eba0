import { connect } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import smpp, { type Pdu } from 'smpp';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { selfSigned } from '../../src/bench/self-signed.ts';
import { parseCidrs } from '../../src/domain/cidr.ts';
import { ProxyProtocol } from '../../src/session/proxy-protocol.ts';
import { fingerprintOf } from '../session/fingerprint.ts';
import { proxyV1, proxyV2, v4Block } from '../session/proxy-headers.ts';
import { eventually, TestGateway } from '../support/gateway.ts';
import { type Relay, startRelay } from '../support/relay.ts';
import { Esme } from './esme.ts';
import { PASSWORD, resources, type TestResources } from './resources.ts';

/** The doors: what comes from 127.0.0.1 is a proxy's; 127.0.0.2 and ::1 are not. */
const PLAIN = 0;
const TLS = 1;
const preamble = new ProxyProtocol(parseCidrs(['127.0.0.1']));
const server = selfSigned('gw.test');
const [alice, bob] = [selfSigned('alice'), selfSigned('bob')];
const colons = (pem: string) => (fingerprintOf(pem).toUpperCase().match(/../g) ?? []).join(':');

let gateway: TestGateway;
const relays: Relay[] = [];
const setup: TestResources = {
  accounts: {
    anywhere: {},
    guessed: {},
    health: {},
    office: {
      bind: { allowFrom: ['192.0.2.0/24', '2001:db8::/32', '::ffff:203.0.113.0/120'] },
    },
    loopback4: { bind: { allowFrom: ['127.0.0.2'] } },
    loopback6: { bind: { allowFrom: ['::1/128'] } },
    certified: { bind: { certificates: [colons(alice.cert), fingerprintOf(server.cert)] } },
    uncertified: { bind: { certificates: [] } },
  },
  carriers: { none: { port: 1, prefix: '1' } },
};

beforeAll(async () => {
  gateway = await TestGateway.start(resources(setup), undefined, {
    doors: [
      { host: '::', port: 0, preamble },
      { host: '::', port: 0, preamble, tls: server },
    ],
  });
});

afterEach(() => {
  const { bans } = gateway.authenticator;
  for (const { address, systemId } of bans.list()) bans.lift(address, systemId);
});

afterAll(async () => {
  await Promise.all(relays.map((relay) => relay.close()));
  await gateway?.close();
});

/** Through a proxy that says whom it speaks for. */
async function behind(header: Buffer): Promise<number> {
  const relay = await startRelay(() => {
    const socket = connect(gateway.portOf(PLAIN), '127.0.0.1');
    socket.write(header);
    return socket;
  });
  relays.push(relay);
  return relay.port;
}

/** Straight, from an address of this machine's. */
async function from(localAddress: string): Promise<number> {
  const host = localAddress.includes(':') ? '::1' : '127.0.0.1';
  const relay = await startRelay(() =>
    connect({ port: gateway.portOf(PLAIN), host, localAddress }),
  );
  relays.push(relay);
  return relay.port;
}

/** Through TLS, straight from 127.0.0.2. */
async function overTls(options: ConnectionOptions): Promise<number> {
  const relay = await startRelay(() => {
    const socket = connect({
      port: gateway.portOf(TLS),
      host: '127.0.0.1',
      localAddress: '127.0.0.2',
    });
    return connectTls({ socket, rejectUnauthorized: false, ...options });
  });
  relays.push(relay);
  return relay.port;
}

async function tried(port: number, systemId: string, password = PASSWORD): Promise<number> {
  const { esme, response } = await Esme.tryBind(port, { systemId, password });
  if (response.command_status === 0) await esme.close();
  else await eventually(() => expect(esme.closed).toBe(true));
  return response.command_status;
}

describe('allowFrom', () => {
  it.each([
    ['192.0.2.7', 0],
    ['192.0.3.7', 0x0d],
    ['::ffff:192.0.2.7', 0],
    ['2001:db8::7', 0],
    ['2001:DB8:0:0::7', 0],
    ['2001:db9::7', 0x0d],
    ['203.0.113.9', 0],
    ['::ffff:203.0.114.9', 0x0d],
    // The proxy's own address counts for nothing here.
    ['127.0.0.2', 0x0d],
  ] as const)('judges the real address behind a proxy: %s is answered %s', async (real, status) => {
    expect(await tried(await behind(proxyV1(real)), 'office')).toBe(status);
  });

  it('judges the proxy itself when it speaks for itself', async () => {
    expect(await tried(await behind(proxyV2(0, 0, Buffer.alloc(0))), 'office')).toBe(0x0d);
  });

  it('takes an IPv4 client of an IPv6 door for IPv4, and keeps ::1 apart from it', async () => {
    const [four, six] = [await from('127.0.0.2'), await from('::1')];
    expect(await tried(four, 'loopback4')).toBe(0);
    expect(await tried(six, 'loopback4')).toBe(0x0d);
    expect(await tried(six, 'loopback6')).toBe(0);
    expect(await tried(four, 'loopback6')).toBe(0x0d);
  });
});

describe('a ban', () => {
  it('meets the real address behind a proxy and no other, is listed, and can be lifted', async () => {
    const guesser = await behind(proxyV1('198.51.100.66'));
    for (let n = 0; n < 10; n++) expect(await tried(guesser, 'guessed', `w${n}`)).toBe(0x0d);
    expect(await tried(guesser, 'guessed')).toBe(0x0d);
    expect(gateway.authenticator.bans.list()).toMatchObject([
      { address: '198.51.100.66', systemId: 'guessed', failures: 10 },
    ]);
    expect(await tried(await behind(proxyV1('198.51.100.67')), 'guessed')).toBe(0);
    expect(await tried(guesser, 'anywhere')).toBe(0);
    const events = gateway.reports
      .filter(({ what, args }) => what === 'bindEvent' && args[1] === 'guessed')
      .map(({ args }) => args[2]);
    expect(events.slice(9, 12)).toEqual(['refusedPassword', 'banned', 'refusedBanned']);
    const notes = gateway.reports.filter(({ args }) => args[1] === 'banned');
    expect(notes.map(({ args }) => args[2])).toMatchObject([
      { systemId: 'guessed', address: '198.51.100.66' },
    ]);
    expect(gateway.authenticator.bans.lift('198.51.100.66', 'guessed')).toBe(true);
    expect(await tried(guesser, 'guessed')).toBe(0);
  });

  it('never meets a trusted proxy, whatever its health checks try', async () => {
    const check = await behind(proxyV2(0, 0, Buffer.alloc(0)));
    for (let n = 0; n < 12; n++) expect(await tried(check, 'health', `w${n}`)).toBe(0x0d);
    expect(gateway.authenticator.bans.list()).toEqual([]);
    expect(await tried(check, 'health')).toBe(0);
  });
});

describe('the log', () => {
  it('names the real address of who bound, was refused and went', async () => {
    const port = await behind(proxyV2(1, 0x11, v4Block([198, 51, 100, 9])));
    await tried(port, 'anywhere');
    await tried(port, 'anywhere', 'wrong');
    const noted = () =>
      gateway.reports
        .filter(({ what, args }) => what === 'note' && hasAddress(args[2], '198.51.100.9'))
        .map(({ args }) => args[1]);
    await eventually(() =>
      expect(noted().toSorted()).toEqual(['bindRefused', 'customerBound', 'customerGone']),
    );
  });

  function hasAddress(fields: unknown, address: string): boolean {
    return (fields as { address?: string }).address === address;
  }
});

describe('certificates', () => {
  it('let in with one of them and the password, over TLS alone', async () => {
    const [own, other, none] = [await overTls(alice), await overTls(bob), await overTls({})];
    expect(await tried(own, 'certified')).toBe(0);
    expect(await tried(own, 'certified', 'wrong')).toBe(0x0d);
    expect(await tried(other, 'certified')).toBe(0x0d);
    expect(await tried(none, 'certified')).toBe(0x0d);
    expect(await tried(await from('127.0.0.2'), 'certified')).toBe(0x0d);
    const events = gateway.reports
      .filter(({ what, args }) => what === 'bindEvent' && args[1] === 'certified')
      .map(({ args }) => args[2])
      .filter((event) => event !== 'unbound');
    expect(events).toEqual([
      'bound',
      'refusedPassword',
      'refusedCertificate',
      'refusedCertificate',
      'refusedCertificate',
    ]);
  });

  it('let nobody in when the list is empty, and do not matter where there is none', async () => {
    expect(await tried(await overTls(alice), 'uncertified')).toBe(0x0d);
    expect(await tried(await overTls(alice), 'anywhere')).toBe(0);
    expect(await tried(await overTls({}), 'anywhere')).toBe(0);
  });
});

describe('a bind that is refused', () => {
  // The time of an answer is that of its hashes: counted, since a clock measures the machine's other work as well.
  it('is answered alike and after exactly one hash, whatever is wrong with it', async () => {
    const door = await from('127.0.0.2');
    const wrong: readonly (readonly [systemId: string, port: number, password?: string])[] = [
      ['no-such-name', door],
      ['anywhere', door, 'wrong'],
      ['office', door],
      ['certified', door],
      ['certified', await overTls(bob)],
    ];
    const answers = new Set<string>();
    // Fewer rounds than ban.
    for (let round = 0; round < 7; round++) {
      for (const [systemId, port, password = PASSWORD] of wrong) {
        const bind = { system_id: systemId, password, interface_version: 0x34 };
        const session = smpp.connect({ host: '127.0.0.1', port });
        session.on('error', () => session.destroy());
        await new Promise<void>((resolve) => session.on('connect', resolve));
        const before = gateway.authenticator.hashesBegun;
        const pdu = await new Promise<Pdu>((resolve) => session.bind_transceiver(bind, resolve));
        expect(gateway.authenticator.hashesBegun - before).toBe(1);
        answers.add(JSON.stringify([pdu.command, pdu.command_status, pdu.command_length]));
        session.destroy();
      }
    }
    expect([...answers]).toEqual([JSON.stringify(['bind_transceiver_resp', 0x0d, 16])]);
  });
});

describe('a password that is changed', () => {
  it('leaves the former one valid until its time, without any reload then', async () => {
    const port = await from('127.0.0.2');
    const untilMs = Date.now() + 3_600_000;
    const former = {
      password: 'changed',
      formerPassword: PASSWORD,
      formerPasswordUntil: new Date(untilMs).toISOString(),
    };
    const accounts = { ...setup.accounts, anywhere: { bind: former } };
    await gateway.apply(resources({ ...setup, accounts }));
    expect(await tried(port, 'anywhere', 'changed')).toBe(0);
    expect(await tried(port, 'anywhere')).toBe(0);
    expect(await tried(port, 'anywhere', 'neither')).toBe(0x0d);
    expect(gateway.reports.filter(({ args }) => args[1] === 'formerPasswordUsed')).toHaveLength(1);
    gateway.bindClockAheadMs = 3_600_001;
    expect(await tried(port, 'anywhere')).toBe(0x0d);
    expect(await tried(port, 'anywhere', 'changed')).toBe(0);
  });
});

describe('several system_ids of one account', () => {
  it('bind at once, each with its password, and pay from one balance', async () => {
    const file = JSON.parse(resources(setup)) as { accounts: { name: string; binds: object[] }[] };
    const account = file.accounts.find(({ name }) => name === 'anywhere');
    account?.binds.push({ systemId: 'second', password: 'other' });
    await gateway.apply(JSON.stringify(file));
    const port = await from('127.0.0.2');
    const [one, two] = [
      await Esme.bind(port, { systemId: 'anywhere' }),
      await Esme.bind(port, { systemId: 'second', password: 'other' }),
    ];
    expect(await tried(port, 'second')).toBe(0x0d);
    await one.accepted({ destination_addr: '12025550101' });
    await two.accepted({ destination_addr: '12025550102' });
    expect(await gateway.money('anywhere')).toEqual({ credits: '9.8', reserved: '0' });
    await Promise.all([one.close(), two.close()]);
  });
});
