import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADMIN_TOKEN, type OpsBench, startOps } from '../ops-bench.ts';
import { runCommand } from '../run-cli.ts';

let ops: OpsBench;
beforeAll(async () => {
  ops = await startOps();
  ops.runtime.banViews = ['acme', 'x\u001b[2J"y'].map((systemId) => ({
    address: '192.0.2.7',
    systemId,
    failures: 10,
    bannedAtMs: Date.UTC(2026, 0, 1),
    untilMs: Date.UTC(2026, 0, 1, 0, 1),
  }));
});
afterAll(() => ops.stop());

const run = (...words: string[]) => runCommand({ SMPPGATE_URL: ops.url, ADMIN_TOKEN }, words);

describe('smppgate bans', () => {
  it('lists bans, and prints nothing that steers a terminal', async () => {
    const { code, out } = await run('bans', 'list');
    expect(code).toBe(0);
    expect(out.split('\n')).toEqual([
      'address    system_id        failures  banned                    expires',
      '192.0.2.7  acme             10        2026-01-01T00:00:00.000Z  2026-01-01T00:01:00.000Z',
      '192.0.2.7  "x\\u001b[2J\\"y"  10        2026-01-01T00:00:00.000Z  2026-01-01T00:01:00.000Z',
      '',
    ]);
    const { bans } = JSON.parse((await run('bans', 'list', '--json')).out);
    expect(bans[1].systemId).toBe('x\u001b[2J"y');
  });

  it('lifts one', async () => {
    expect(await run('bans', 'lift', '192.0.2.7', 'acme')).toEqual({
      code: 0,
      out: 'acme from 192.0.2.7: lifted\n',
      err: '',
    });
    const absent = await run('bans', 'lift', '192.0.2.8', 'acme');
    expect(absent).toMatchObject({ code: 1, err: expect.stringContaining('is not banned') });
    expect((await run('bans', 'lift', '192.0.2.8')).code).toBe(2);
  });
});
