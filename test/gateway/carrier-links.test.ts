import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { selfSigned } from '../../src/bench/self-signed.ts';
import type { CarrierBindStatus } from '../../src/session/carrier-bind.ts';
import { freePort } from '../support/daemon.ts';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { RawCarrier } from './raw-carrier.ts';
import { resources, type TestCarrier } from './resources.ts';

const SUBMIT_SM = 4;
const BIND_RECEIVER = 1;
const UNBIND = 6;
const ENQUIRE_LINK = 0x15;

let gateway: TestGateway;
let esme: Esme;
const raw: RawCarrier[] = [];

const accounts = { alice: { credit: '1000' } };
const fast = { firstSeconds: 0.1, maxSeconds: 1 };

beforeAll(async () => {
  gateway = await TestGateway.start(resources({ accounts, carriers: {}, routes: [] }));
  esme = await Esme.bind(gateway.port, { systemId: 'alice' });
});

afterEach(async () => {
  for (const carrier of raw.splice(0)) await carrier.down();
});

afterAll(async () => {
  await esme?.close();
  await gateway?.close();
});

async function carrier(...given: Parameters<typeof RawCarrier.listen>): Promise<RawCarrier> {
  const made = await RawCarrier.listen(...given);
  raw.push(made);
  return made;
}

/** All carriers so far: one that had messages cannot be removed. */
const carriers: Record<string, TestCarrier> = {};

/** Adds or changes carriers, each with a route of its own. */
async function apply(changed: Record<string, TestCarrier>): Promise<void> {
  for (const [name, fields] of Object.entries(changed)) {
    const prefix = carriers[name]?.prefix ?? String(1_210 + Object.keys(carriers).length);
    carriers[name] = { binds: 1, reconnect: fast, ...fields, prefix };
  }
  await gateway.apply(resources({ accounts, carriers }));
}

/** A number that is routed to a carrier. */
function to(name: string, number = 1): { destination_addr: string } {
  return { destination_addr: `${carriers[name]?.prefix}555${1_000 + number}` };
}

function bindsOf(name: string): CarrierBindStatus[] {
  for (const { carrier, link } of gateway.node.gateway.carriers.running.values())
    if (carrier.name === name) return link.binds;
  return [];
}

async function bound(name: string, port?: number): Promise<void> {
  await eventually(() => {
    for (const bind of bindsOf(name)) {
      expect(bind).toMatchObject({ state: 'bound' });
      if (port !== undefined) expect(bind.address?.port).toBe(port);
    }
    expect(bindsOf(name)).not.toEqual([]);
  });
}

describe('addresses of a carrier', () => {
  it('are tried in order: past one that refuses, and back to it when it is there for the next bind', async () => {
    const [first, second] = [await carrier(), await carrier()];
    await first.down();
    await apply({
      two: { port: first.port, binds: 2, hosts: [{ host: '127.0.0.1', port: second.port }] },
    });
    await bound('two', second.port);
    await esme.accepted(to('two'));
    await eventually(() => expect(second.count(SUBMIT_SM)).toBe(1));
    await first.up();
    // Where the first takes over a second to answer, a bind goes to the second again: the next one is asked.
    await eventually(() => {
      for (const socket of second.sockets) socket.destroy();
      const binds = bindsOf('two').map(({ state, address }) => [state, address?.port]);
      expect(binds).toEqual([
        ['bound', first.port],
        ['bound', first.port],
      ]);
    });
  });

  it('do not wait for one that accepts and says nothing', async () => {
    const [first, second] = [await carrier(), await carrier()];
    first.answers = false;
    await apply({
      silent: {
        port: first.port,
        binds: 3,
        connectSeconds: 120,
        hosts: [{ host: '127.0.0.1', port: second.port }],
      },
    });
    // The first bind tries it for two minutes; the others have gone on after a second.
    await eventually(() =>
      expect(bindsOf('silent').filter(({ state }) => state === 'bound')).toHaveLength(2),
    );
    expect(bindsOf('silent').filter(({ state }) => state === 'bound')).toHaveLength(2);
    expect(second.sockets.size).toBe(2);
  });
});

describe('two carriers with one host and system_id', () => {
  it('do not disturb each other', async () => {
    const shared = await carrier();
    await apply({ one: { port: shared.port }, other: { port: shared.port } });
    await bound('one');
    await bound('other');
    expect(shared.sockets.size).toBe(2);
    const [first] = shared.sockets;
    first?.destroy();
    await eventually(() =>
      expect([...shared.sockets].filter((one) => one !== first)).toHaveLength(2),
    );
    await bound('one');
    await bound('other');
    await esme.accepted(to('one'));
    await esme.accepted(to('other'));
    await eventually(() => expect(shared.count(SUBMIT_SM)).toBe(2));
    await apply({ one: { port: shared.port, systemType: 'SMPP' } });
    await bound('one');
    await bound('other');
    await eventually(() => expect(shared.sockets.size).toBe(2));
  });
});

describe('a half-open carrier', () => {
  it('is found out by enquire_link, and its session ended', async () => {
    const gone = await carrier();
    await apply({ half: { port: gone.port, enquireLinkSeconds: 1, responseSeconds: 1 } });
    await bound('half');
    await eventually(() => expect(gone.count(ENQUIRE_LINK)).toBeGreaterThan(0));
    await bound('half');
    gone.answers = false;
    await eventually(() =>
      expect(bindsOf('half')[0]?.reason).toMatchObject({ kind: 'enquireLinkTimeout' }),
    );
    gone.answers = true;
    await bound('half');
  });

  it('is found out by a submit_sm that stays unanswered', async () => {
    const mute = await carrier();
    await apply({ mute: { port: mute.port, responseSeconds: 1 } });
    await bound('mute');
    mute.answers = false;
    await esme.accepted(to('mute'));
    await eventually(() =>
      expect(bindsOf('mute')[0]?.reason).toMatchObject({ kind: 'responseTimeout' }),
    );
    mute.answers = true;
    await bound('mute');
  });
});

describe('a change of the resource', () => {
  it('has the former bind gone before the new one comes', async () => {
    const counting = await carrier();
    await apply({ changed: { port: counting.port } });
    await bound('changed');
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, counting.sockets.size);
    }, 1);
    await apply({
      changed: {
        port: counting.port,
        systemType: 'SMPP',
        interfaceVersion: '5.0',
        addressRange: { ton: 1, npi: 1, range: '^7000' },
      },
    });
    await eventually(() => expect(counting.binds).toHaveLength(2));
    await bound('changed');
    clearInterval(watch);
    expect(counting.count(UNBIND)).toBe(1);
    expect(most).toBe(1);
    // system_id and password "gw", system_type "SMPP", 0x50, ton, npi, address_range (SMPP 3.4 §4.1.5).
    expect(counting.binds[1]).toBe('677700677700534d505000500101' + '5e3730303000');
  });
});

describe('TLS towards a carrier', () => {
  const right = selfSigned('carrier.test');
  const expired = selfSigned('carrier.test', -3_600_000);
  const ours = selfSigned('gateway.test');

  it('binds where the certificate is right, and says why where it is not', async () => {
    const good = await carrier(right);
    const old = await carrier(expired);
    await apply({
      good: { port: good.port, tls: { ca: right.cert, serverName: 'carrier.test' } },
      wrongName: { port: good.port, tls: { ca: right.cert, serverName: 'other.test' } },
      selfSigned: { port: good.port, tls: { serverName: 'carrier.test' } },
      expired: { port: old.port, tls: { ca: expired.cert, serverName: 'carrier.test' } },
      unverified: { port: good.port, tls: { verify: false } },
    });
    await bound('good');
    await bound('unverified');
    expect(bindsOf('good')[0]?.tlsProtocol).toBe('TLSv1.3');
    const because = async (name: string, code: string): Promise<void> =>
      eventually(() =>
        expect(bindsOf(name)[0]?.reason).toMatchObject({ kind: 'connectFailed', detail: code }),
      );
    await because('wrongName', 'ERR_TLS_CERT_ALTNAME_INVALID');
    await because('selfSigned', 'DEPTH_ZERO_SELF_SIGNED_CERT');
    await because('expired', 'CERT_HAS_EXPIRED');
    const warned = () =>
      gateway.reports.filter(
        ({ what, args }) => what === 'note' && args[1] === 'carrierCertificateNotVerified',
      );
    await eventually(() =>
      expect(warned().map(({ args }) => args[2])).toEqual([{ carrier: 'unverified' }]),
    );
  });

  it('shows our certificate to a carrier that asks for one, its key sealed in the store', async () => {
    const asking = await carrier({ ...right, ca: ours.cert, requestCert: true });
    const tls = { ca: right.cert, serverName: 'carrier.test', cert: ours.cert, key: ours.key };
    await apply({ mutual: { port: asking.port, tls } });
    await bound('mutual');
    const [stored] = await gateway.sql<{ spec: string }>(
      `select spec::text as spec from carrier where name = 'mutual'`,
    );
    expect(stored?.spec).toContain('sealedKey');
    expect(stored?.spec).not.toContain('PRIVATE KEY');
  });
});

describe('outbind', () => {
  it('makes us bind as a receiver over a connection', async () => {
    const dialled = await carrier();
    const port = await freePort();
    await apply({
      calling: {
        port: dialled.port,
        outbind: {
          listenPort: port,
          listenHost: '127.0.0.1',
          allowFrom: ['127.0.0.1/32'],
          systemId: 'smsc',
          password: 'knock',
        },
      },
    });
    await bound('calling');
    const call = async (hex: string): Promise<RawCarrier> => {
      const caller = await carrier();
      const socket = connect({ port, host: '127.0.0.1' });
      caller.serve(socket);
      await once(socket, 'connect');
      socket.write(Buffer.from(hex, 'hex'));
      return caller;
    };
    // SMPP 3.4 §4.1.7.1: system_id "smsc", password "knock"; then with another password.
    const caller = await call('0000001b0000000b0000000000000001736d7363006b6e6f636b00');
    await eventually(() =>
      expect(bindsOf('calling').filter(({ isOutbind }) => isOutbind)).toMatchObject([
        { command: 'bind_receiver', state: 'bound' },
      ]),
    );
    expect(caller.commands[0]).toBe(BIND_RECEIVER);
    expect(caller.binds[0]).toMatch(/^677700677700/);
    const guesser = await call('0000001b0000000b0000000000000001736d7363006b6e6f636c00');
    await eventually(() => expect(guesser.sockets.size).toBe(0));
    expect(guesser.commands).toEqual([]);
    await eventually(() =>
      expect(gateway.reports).toContainEqual({
        what: 'bindEvent',
        args: ['carrier', 'calling', 'outbindRefused'],
      }),
    );
    for (const socket of caller.sockets) socket.destroy();
    await eventually(() => expect(bindsOf('calling')).toHaveLength(1));
  });
});

describe('a paused carrier', () => {
  it('keeps its queue over a restart and on both nodes, and its binds', async () => {
    const paused = await carrier();
    await apply({ held: { port: paused.port } });
    await bound('held');
    await gateway.setPaused('held', true);
    const two = await gateway.beside();
    const other = await Esme.bind(two.port, { systemId: 'alice' });
    await esme.accepted(to('held', 1));
    await other.accepted(to('held', 2));
    await esme.close();
    await gateway.drain();
    await gateway.up();
    esme = await Esme.bind(gateway.port, { systemId: 'alice' });
    await bound('held');
    await esme.accepted(to('held', 3));
    await eventually(() => expect(paused.sockets.size).toBe(2));
    expect(paused.count(SUBMIT_SM)).toBe(0);
    await gateway.setPaused('held', false);
    await eventually(() => expect(paused.count(SUBMIT_SM)).toBe(3));
    await other.close();
    await two.close();
  });
});

describe('window and rate of a carrier', () => {
  it('hold, and a burst goes at once after a rest', async () => {
    const narrow = await carrier();
    await apply({ narrow: { port: narrow.port, segmentsPerSecond: 1, burst: 10 } });
    await bound('narrow');
    const from = performance.now();
    const sent = Array.from({ length: 12 }, (_, i) => esme.accepted(to('narrow', i)));
    await Promise.all(sent);
    await eventually(() => expect(narrow.count(SUBMIT_SM)).toBeGreaterThanOrEqual(10));
    // Without the burst the tenth would go after nine seconds.
    expect(performance.now() - from).toBeLessThan(8_900);
    await eventually(() => expect(narrow.count(SUBMIT_SM)).toBe(12));
    // Ten at once, and two at one a second.
    expect(performance.now() - from).toBeGreaterThan(1_900);
  });
});
