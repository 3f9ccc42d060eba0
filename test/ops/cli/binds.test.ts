import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pduText } from '../../../src/ops/cli/trace-text.ts';
import { ADMIN_TOKEN, type OpsBench, startOps } from '../ops-bench.ts';
import { runCommand } from '../run-cli.ts';

let ops: OpsBench;
beforeAll(async () => {
  ops = await startOps();
});
afterAll(() => ops.stop());

const run = (...line: string[]) => runCommand({ SMPPGATE_URL: ops.url, ADMIN_TOKEN }, line);

describe('binds', () => {
  it('lists live sessions', async () => {
    const { code, out } = await run('binds', 'list');
    expect(code).toBe(0);
    expect(out.split('\n')[1]).toBe(
      '12       customer  acme  acme     192.0.2.7:40001 tls  transceiver  3.4   1970-01-01T00:00:00.000Z  1000     900       3/100   2/100  36',
    );
    expect((await run('binds', 'list', '--system-id', 'other')).out).toBe('none\n');
    expect(JSON.parse((await run('binds', 'list', '--json')).out).binds).toHaveLength(1);
  });

  it('lists the history', async () => {
    await ops.pool.query(
      "insert into bind_count values (date_trunc('minute', now()), 0, '-', '2001:db8::1', 'password', 17)",
    );
    const { out } = await run('binds', 'history', '--system-id', '-');
    expect(out).toMatch(/refused x17 +- +2001:db8::1 +password\n$/);
    expect((await run('binds', 'history', '--from', 'yesterday')).code).toBe(1);
  });
});

describe('trace', () => {
  it('says what is missing', async () => {
    for (const line of [
      ['trace'],
      ['trace', 'acme', '--carrier', 'sim'],
      ['trace', 'acme', '--content'],
      ['trace', 'acme', '--record'],
      ['trace', '--fetch', 'x'],
    ])
      expect([line, (await run(...line)).code]).toEqual([line, 2]);
    expect((await run('trace', '--recordings')).out).toBe('none\n');
  });
});

describe('pduText', () => {
  it('lets no octet of a peer steer the terminal', () => {
    const line = pduText({
      at: '2026-11-22T17:00:00.123456Z',
      session: 3,
      direction: 'in',
      local: { address: '::1', port: 2775 },
      peer: { address: '::1', port: 1 },
      command: 'bind_receiver',
      status: 'ESME_ROK',
      sequence: 1,
      octets: 40,
      fields: { system_id: 'a\u001b[2J', system_type: '\u009b31m\n', addr_ton: 0 },
      tlvs: [],
      hex: '',
    });
    expect(line).toBe(
      '17:00:00.123456 < #3 bind_receiver seq=1 system_id=a\\x1b[2J system_type="\\x9b31m\\n"',
    );
  });
});
