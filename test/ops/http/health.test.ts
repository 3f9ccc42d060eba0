import { afterEach, describe, expect, it } from 'vitest';
import { isLoopback } from '../../../src/ops/http/auth.ts';
import { type OpsBench, request, startOps } from '../ops-bench.ts';

let ops: OpsBench | undefined;
afterEach(async () => {
  await ops?.stop();
  ops = undefined;
});

describe('GET /readyz', () => {
  it('is 503 with the reasons while something is missing', async () => {
    ops = await startOps();
    ops.runtime.readiness = {
      ok: false,
      reasons: ['draining', 'migration 9 is missing'],
      warnings: [],
    };
    const answer = await request(`${ops.url}/readyz`, 'GET', undefined, {});
    expect(answer.status).toBe(503);
    expect(answer.json.detail).toBe('draining; migration 9 is missing');
    expect((await request(`${ops.url}/healthz`, 'GET', undefined, {})).status).toBe(200);
  });
});

describe('GET /metrics', () => {
  it('answers loopback without a token, but nothing that a proxy passed on', async () => {
    ops = await startOps();
    const answer = await request(`${ops.url}/metrics`, 'GET', undefined, {});
    expect(answer.status).toBe(200);
    expect(answer.type).toContain('text/plain; version=0.0.4');
    expect(answer.text).toContain(
      'smppgate_binds{side="customer",peer="acme",type="transceiver"} 1',
    );
    for (const header of ['x-forwarded-for', 'forwarded']) {
      const passedOn = await request(`${ops.url}/metrics`, 'GET', undefined, {
        [header]: '192.0.2.1',
      });
      expect(passedOn.status).toBe(403);
    }
  });

  it('wants the metrics token when there is one', async () => {
    ops = await startOps({ metricsToken: 'scrape' });
    expect((await request(`${ops.url}/metrics`, 'GET', undefined, {})).status).toBe(401);
    const wrong = await request(`${ops.url}/metrics`, 'GET', undefined, {
      authorization: 'Bearer x',
    });
    expect(wrong.status).toBe(401);
    const right = { authorization: 'Bearer scrape' };
    expect((await request(`${ops.url}/metrics`, 'GET', undefined, right)).status).toBe(200);
    expect((await request(`${ops.url}/v1/accounts`, 'GET', undefined, right)).status).toBe(401);
  });
});

describe('isLoopback', () => {
  it('knows 127.0.0.0/8, ::1 and the mapped form, and nothing else', () => {
    for (const address of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'])
      expect(isLoopback(address)).toBe(true);
    for (const address of ['128.0.0.1', '::ffff:10.0.0.1', 'fe80::1', '', undefined])
      expect(isLoopback(address)).toBe(false);
  });
});
