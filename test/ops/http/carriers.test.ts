import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RESOURCES } from '../../store/ledger-traffic.ts';
import { type OpsBench, startOps } from '../ops-bench.ts';

let ops: OpsBench;
beforeAll(async () => {
  ops = await startOps();
  await ops.request('PUT', '/v1/resources', RESOURCES, { 'content-type': 'application/yaml' });
  ops.runtime.told.length = 0;
  ops.runtime.carrierViews = [
    {
      name: 'sim',
      state: 'down',
      reason: 'connection refused <127.0.0.1>',
      host: '127.0.0.1',
      port: 2785,
      systemId: 'gw',
      binds: 0,
      bindAs: 'transceiver',
      bindsWanted: 2,
      windowInUse: 0,
      windowMax: 200,
      queued: 7,
      segmentsPerSecond: 0,
      demo: false,
      tls: true,
      rate: { perSecond: 250, configured: 0, reason: 'slowed', slowedAtMs: Date.UTC(2026, 0, 1) },
      sessions: [
        {
          type: 'transceiver',
          madeBy: 'us',
          state: 'waiting',
          sinceMs: Date.UTC(2026, 0, 1),
          address: { host: '127.0.0.1', port: 2785 },
          tlsProtocol: undefined,
          carrierVersion: 0x33,
          failures: 3,
          lastReason: 'connection refused: nothing listens there',
          nextAttemptSeconds: 1.5,
          windowInUse: 0,
        },
      ],
    },
  ];
  await ops.pool.query(
    'insert into unknown_outcome (id, segment, attempt, carrier, epoch) select 5, 1, 1, id, 1 from carrier',
  );
});
afterAll(() => ops.stop());

describe('GET /v1/carriers', () => {
  it('joins what runs with what is stored', async () => {
    const { json } = await ops.request('GET', '/v1/carriers');
    expect(json.carriers).toMatchObject([
      {
        name: 'sim',
        state: 'down',
        queued: 7,
        unknownOutcomes: 1,
        oldestSeconds: 2.5,
        queues: [{ class: 'otp', messages: 7, oldestSeconds: 2.5 }],
      },
    ]);
  });
});

describe('GET /v1/carriers/{name}', () => {
  it('shows each bind with its reason and what comes next, the rate and the queues', async () => {
    const { json } = await ops.request('GET', '/v1/carriers/sim');
    expect(json).toMatchObject({
      name: 'sim',
      tls: true,
      unknownOutcomes: 1,
      rate: { perSecond: 250, reason: 'slowed', slowedAt: '2026-01-01T00:00:00.000Z' },
      sessions: [
        {
          state: 'waiting',
          since: '2026-01-01T00:00:00.000Z',
          failures: 3,
          lastReason: 'connection refused: nothing listens there',
          nextAttemptSeconds: 1.5,
          tlsProtocol: null,
          carrierVersion: '3.3',
        },
      ],
      queues: [{ class: 'otp', messages: 7, oldestSeconds: 2.5 }],
    });
    expect((await ops.request('GET', '/v1/carriers/none')).status).toBe(404);
  });

  it('gives the rate as a metric', async () => {
    const { text } = await ops.request('GET', '/metrics');
    expect(text).toContain('smppgate_carrier_rate{carrier="sim"} 250');
  });
});

describe('POST /v1/carriers/{name}/pause and resume', () => {
  it('stores it and tells the daemon', async () => {
    expect((await ops.request('POST', '/v1/carriers/sim/pause')).json).toEqual({ ok: true });
    expect((await ops.pool.query('select paused from carrier')).rows).toEqual([{ paused: true }]);
    expect((await ops.request('POST', '/v1/carriers/sim/resume')).status).toBe(200);
    expect((await ops.pool.query('select paused from carrier')).rows).toEqual([{ paused: false }]);
    expect(ops.runtime.told.splice(0)).toEqual(['catalogChanged', 'catalogChanged']);
    expect((await ops.request('POST', '/v1/carriers/none/pause')).status).toBe(404);
  });
});

describe('POST /v1/carriers/{name}/probe', () => {
  const probe = (name: string, body: object) =>
    ops.request('POST', `/v1/carriers/${name}/probe`, body);

  it('writes down who asked, without the number, before it begins; and says why it failed', async () => {
    const answer = await probe('sim', { to: '+966 500000001'.replace(' ', ''), waitSeconds: 2 });
    expect(answer.status).toBe(502);
    expect(answer.json.detail).toBe('refused by this test');
    expect(ops.runtime.told.splice(0)).toEqual(['probeCarrier sim 2000']);
    const { rows } = await ops.pool.query(
      'select actor, subject, detail from audit where action = $1',
      ['carrier.probe'],
    );
    expect(rows).toEqual([{ actor: 'admin', subject: 'sim', detail: { waitSeconds: 2 } }]);
  });

  it('refuses what cannot be sent, and carriers that are none', async () => {
    expect((await probe('none', { to: '966500000001' })).status).toBe(404);
    expect((await probe('sim', { to: 'abc' })).status).toBe(400);
    expect(
      (await probe('sim', { to: '966500000001', from: 'much too long a sender' })).status,
    ).toBe(400);
    expect((await probe('sim', { to: '966500000001', waitSeconds: 301 })).status).toBe(400);
    expect(ops.runtime.told).toEqual([]);
  });
});

describe('GET /v1/carrier-profiles', () => {
  it('lists them with their sources, and gives one with its keys', async () => {
    const list = await ops.request('GET', '/v1/carrier-profiles');
    expect(list.json.profiles).toContainEqual(
      expect.objectContaining({
        name: 'jasmin',
        sources: [expect.objectContaining({ read: expect.any(String) })],
      }),
    );
    const one = await ops.request('GET', '/v1/carrier-profiles/smpp-3.3');
    expect(one.json.carrier.ids).toEqual({ response: 'hex', receipt: 'decimal' });
    expect((await ops.request('GET', '/v1/carrier-profiles/nope')).status).toBe(404);
  });
});

describe('POST /v1/drain', () => {
  it('begins the end at once', async () => {
    expect((await ops.request('POST', '/v1/drain')).status).toBe(202);
    expect(ops.runtime.told.splice(0)).toEqual(['drain by admin']);
  });
});

describe('GET /', () => {
  it('shows carriers with reasons, queues, binds, rates, unknown outcomes, and runs no script', async () => {
    const { text, type } = await ops.request('GET', '/');
    expect(type).toContain('text/html');
    for (const shown of [
      'connection refused &lt;127.0.0.1&gt;',
      'node &lt;a&gt;',
      '12.3',
      '192.0.2.7',
      'otp',
      'Ready',
    ]) {
      expect(text).toContain(shown);
    }
    expect(text).toContain('http-equiv="refresh"');
    expect(text).not.toContain('<script');
  });

  it('still shows what it knows while the store is away', async () => {
    ops.runtime.readiness = { ok: false, reasons: ['the store does not answer'], warnings: [] };
    await ops.pool.query('alter table unknown_outcome rename to gone');
    const { text, status } = await ops.request('GET', '/');
    await ops.pool.query('alter table gone rename to unknown_outcome');
    expect(status).toBe(200);
    expect(text).toContain('Not ready: the store does not answer');
  });
});
