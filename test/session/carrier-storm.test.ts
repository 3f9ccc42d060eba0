import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { CarrierLink, type CarrierLinkOptions } from '../../src/session/carrier-link.ts';
import { Happenings, Opened, pduHex, RawPeer, TestClock, testOptions } from './support.ts';

const opened = new Opened();
const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  const stopping = stops.splice(0).map((stop) => stop());
  await opened.release();
  await Promise.all(stopping);
});

/** A carrier that answers each bind with `status` and does with the socket what it is told. */
class BindingCarrier extends Happenings {
  attempts = 0;
  open = 0;
  mostOpen = 0;
  /** It has closed a socket, and not heard of it yet. */
  leaving = false;
  status = 0;
  port = 0;
  after: (socket: Socket) => void = () => {};

  async listen(): Promise<void> {
    const { port } = await opened.server((socket) => void this.#serve(socket));
    this.port = port;
  }

  async #serve(socket: Socket): Promise<void> {
    this.attempts++;
    this.open++;
    this.mostOpen = Math.max(this.mostOpen, this.open);
    socket.on('close', () => {
      this.open--;
      this.leaving = false;
      this.happened();
    });
    const peer = new RawPeer(socket);
    const [bind = ''] = await peer.take(1);
    const sequence = Number.parseInt(bind.slice(24, 32), 16);
    const body = this.status === 0 ? '636100' : '';
    socket.write(Buffer.from(pduHex(0x80000009, this.status, sequence, body), 'hex'), () =>
      this.after(socket),
    );
  }
}

async function carrierAnd(given: Partial<CarrierLinkOptions>) {
  const carrier = new BindingCarrier();
  await carrier.listen();
  const clock = new TestClock();
  const settled = new Happenings();
  let random = 0;
  const link = new CarrierLink(
    {
      host: '127.0.0.1',
      port: carrier.port,
      systemId: 'gw',
      password: 'pw',
      bindAs: 'transceiver',
      binds: 1,
      segmentsPerSecond: 0,
      session: testOptions(clock, { closeLingerMs: 0, enquireLinkIntervalMs: 0 }),
      random: () => {
        random = (random + 0.37) % 1;
        return random;
      },
      tickMs: 0,
      ...given,
    },
    {
      onResponse: () => {},
      onRequest: () => {},
      onReturned: () => {},
      onBindChange: () => settled.happened(),
    },
  );
  stops.push(async () => {
    const stopped = link.stop();
    for (let i = 0; i < 100 && link.state !== 'stopped'; i++) {
      clock.ms += 1_000;
      link.tick(clock.ms);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await stopped;
  });
  const quiet = (): boolean =>
    !carrier.leaving &&
    link.binds.every(({ state }) => state === 'waiting' || state === 'bound') &&
    carrier.open === link.binds.filter(({ state }) => state === 'bound').length;
  /** Virtual time passes; whatever is begun in it is seen through first. */
  const pass = async (ms: number): Promise<void> => {
    const end = clock.ms + ms;
    while (clock.ms < end) {
      clock.ms += 100;
      link.tick(clock.ms);
      if (!quiet()) await Promise.race([settled.until(quiet), carrier.until(quiet)]);
    }
  };
  return { carrier, clock, link, pass };
}

describe('a carrier that cuts each session after five seconds', () => {
  it('is bound for half of the time at least: no wait is longer than the session was', async () => {
    const { carrier, clock, link, pass } = await carrierAnd({ binds: 1 });
    let cutAtMs = Number.POSITIVE_INFINITY;
    let open: Socket | undefined;
    carrier.after = (socket) => {
      open = socket;
      cutAtMs = clock.ms + 5_000;
    };
    link.start();
    let boundMs = 0;
    for (let ms = 0; ms < 600_000; ms += 100) {
      await pass(100);
      if (link.binds[0]?.state === 'bound') boundMs += 100;
      if (clock.ms < cutAtMs) continue;
      cutAtMs = Number.POSITIVE_INFINITY;
      carrier.leaving = true;
      open?.destroy();
    }
    expect(boundMs).toBeGreaterThan(290_000);
    expect(carrier.attempts).toBeLessThan(600_000 / 5_000);
  });
});

describe('a carrier that cuts each bind that it accepted', () => {
  it('sees a few attempts a minute, not one a moment, however many binds are asked for', async () => {
    const { carrier, link, pass } = await carrierAnd({ binds: 10 });
    carrier.after = (socket) => {
      carrier.leaving = true;
      socket.destroy();
    };
    link.start();
    await pass(600_000);
    // Ten at first, then one a backoff: 0.25-0.5 s, doubled to 15-30 s, makes some 35 in ten minutes.
    expect(carrier.attempts).toBeGreaterThan(20);
    expect(carrier.attempts).toBeLessThan(70);
    // 500 times: an hour and more.
    const before = carrier.attempts;
    await pass(3_600_000);
    expect(carrier.attempts - before).toBeLessThanOrEqual(3_600 / 15);
  });

  it('has never more sockets of one bind than one', async () => {
    const { carrier, link, pass } = await carrierAnd({ binds: 1 });
    carrier.after = (socket) => {
      carrier.leaving = true;
      socket.end();
    };
    link.start();
    await pass(120_000);
    expect(carrier.attempts).toBeGreaterThan(5);
    expect(carrier.mostOpen).toBe(1);
  });
});

describe('a carrier that refuses the bind for what only time or an operator changes', () => {
  it.each([
    ['ESME_RALYBND', 0x05],
    ['ESME_RBINDFAIL', 0x0d],
    ['ESME_RINVPASWD', 0x0e],
    ['ESME_RINVSYSID', 0x0f],
  ])('is asked again at the slow end: %s', async (_name, status) => {
    const { carrier, link, pass } = await carrierAnd({ binds: 4 });
    carrier.status = status;
    link.start();
    await pass(1_000);
    expect(carrier.attempts).toBe(4);
    await pass(14_000);
    expect(carrier.attempts).toBe(4);
    await pass(600_000);
    expect(carrier.attempts).toBeLessThanOrEqual(4 + 600 / 15);
    expect(link.binds[0]?.nextAttemptMs).toBeGreaterThan(0);
  });

  it('keeps the binds that it has, and refuses one too many only', async () => {
    const { carrier, link, pass } = await carrierAnd({ binds: 3 });
    carrier.after = () => {
      carrier.status = carrier.attempts >= 2 ? 0x05 : 0;
    };
    link.start();
    await pass(120_000);
    expect(link.binds.filter(({ state }) => state === 'bound').length).toBeGreaterThanOrEqual(1);
    expect(link.state).toBe('up');
    expect(carrier.attempts).toBeLessThan(25);
  });
});
