import type { Pdu, Server, Session } from 'smpp';
import smpp from 'smpp';
import { afterEach, describe, expect, it } from 'vitest';
import { LeanCarrier } from '../../src/bench/lean-carrier.ts';
import { Load, type LoadRun } from '../../src/bench/load.ts';

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function leanCarrier(): Promise<number> {
  const carrier = new LeanCarrier({ port: 0, receiptDelayMs: 1, windowMax: 50 });
  closers.push(() => carrier.close());
  return carrier.up();
}

/** A gateway of npm smpp; `onSubmit` decides the status and how many receipts there are. */
async function gateway(
  onSubmit: (n: number) => { status?: number; receipts?: number },
): Promise<number> {
  let submits = 0;
  const server: Server = smpp.createServer((session: Session) => {
    session.on('error', () => session.destroy());
    session.on('bind_transceiver', (pdu) => session.send(pdu.response()));
    session.on('submit_sm', (pdu: Pdu) => {
      const { status = 0, receipts = 1 } = onSubmit(submits++);
      const answer = status === 0 ? { message_id: String(submits) } : { command_status: status };
      session.send(pdu.response(answer));
      for (let sent = 0; sent < receipts; sent += 1) {
        session.deliver_sm({ esm_class: 4, source_addr: pdu.destination_addr ?? '' });
      }
    });
  });
  server.on('error', () => {});
  closers.push(async () => {
    for (const session of [...server.sessions]) session.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

async function run(port: number, options: Partial<LoadRun> = {}, binds = 3) {
  const load = new Load({
    host: '127.0.0.1',
    port,
    windowMax: 7,
    binds: Array.from({ length: binds }, (_, n) => ({ systemId: `b${n}`, password: 'pw' })),
  });
  closers.push(() => load.close());
  await load.connect();
  const defaults: LoadRun = {
    messages: 500,
    ratePerSecond: 0,
    awaitReceipts: true,
    patienceMs: 30_000,
  };
  return load.run({ ...defaults, ...options });
}

describe('Load', () => {
  it('counts each message once from the lean carrier', async () => {
    const result = await run(await leanCarrier(), { messages: 5000 });
    expect(result).toMatchObject({ accepted: 5000, delivered: 5000, repeated: 0, refused: {} });
    expect(result.broken).toBeUndefined();
  });

  it('counts receipts that come twice', async () => {
    const port = await gateway((n) => ({ receipts: n === 3 ? 2 : 1 }));
    expect(await run(port)).toMatchObject({ accepted: 500, delivered: 500, repeated: 1 });
  });

  it('says that a run is broken when receipts do not come', async () => {
    const port = await gateway((n) => ({ receipts: n === 3 ? 0 : 1 }));
    // Longer than a busy machine stands still: within it something is heard.
    const result = await run(port, { patienceMs: 1_500 });
    expect(result).toMatchObject({ accepted: 500, delivered: 499 });
    expect(result.broken).toBe('nothing heard any more');
  });

  it('submits a temporarily refused message again and gives up a refused one', async () => {
    const port = await gateway((n) => {
      if (n === 3) return { status: 0x58, receipts: 0 };
      if (n === 5) return { status: 0x0b, receipts: 0 };
      return {};
    });
    expect(await run(port)).toMatchObject({
      accepted: 499,
      delivered: 499,
      refused: { '0x58': 1, '0xb': 1 },
    });
  });

  it('keeps to a rate and counts latency from the intended time', async () => {
    const result = await run(await leanCarrier(), { messages: 500, ratePerSecond: 2000 });
    expect(result.acceptedMs).toBeGreaterThanOrEqual(249); // 500 messages at 2,000 a second
    expect(result.delivered).toBe(500);
    expect(result.p99Ms).toBeGreaterThan(0);
  });

  it('rejects when a bind is refused', async () => {
    const server = smpp.createServer((session) => {
      session.on('error', () => session.destroy());
      session.on('bind_transceiver', (pdu) => session.send(pdu.response({ command_status: 0x0d })));
    });
    server.on('error', () => {});
    closers.push(async () => {
      for (const session of [...server.sessions]) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    await expect(run(port)).rejects.toThrow('refused with 0xd');
  });
});
