import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runCli } from '../../src/ops/cli/program.ts';
import { Esme } from '../gateway/esme.ts';
import type { ScriptedCarrier } from '../gateway/scripted-carrier.ts';
import { ADMIN_TOKEN, type TestDaemon } from '../support/daemon.ts';
import { Stage } from './stage.ts';

let stage: Stage;
let carrier: ScriptedCarrier;

beforeEach(async () => {
  stage = await Stage.onDatabase();
  carrier = await stage.scriptedCarrier();
});

afterEach(() => stage.close());

async function post(daemon: TestDaemon, body: object): Promise<{ status: number; body: object }> {
  const response = await fetch(`${daemon.httpUrl}/v1/policies/replay`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as object };
}

it('a resources file is tried on past traffic by HTTP and by command; content is audited', async () => {
  const spec = stage.resources({ carrier: { port: carrier.port, host: '127.0.0.1' } });
  const daemon = await stage.startDaemon({ name: 'node', resources: spec });
  const esme = await Esme.bind(daemon.smppPort, { systemId: 'acme', as: 'transmitter' });
  const id = await esme.accepted({ destination_addr: '12025550101', short_message: 'our CASlNO' });
  await esme.accepted({ destination_addr: '12025550102', short_message: 'a class of Scunthorpe' });
  await esme.close();
  const words = { rules: [{ name: 'gambling', words: { lists: ['mine'] } }] };
  const file = JSON.stringify({
    wordLists: { mine: { language: 'en', words: 'casino\nass\ncunt' } },
    policies: { open: words },
  });
  const since = new Date(Date.now() - 3_600_000).toISOString();

  const inForce = await post(daemon, { since });
  expect(inForce.body).toMatchObject({ judged: 2, changed: 0, examples: [] });
  const tried = await post(daemon, { since, resources: file });
  expect(tried.body).toMatchObject({
    judged: 2,
    changed: 1,
    decisions: expect.arrayContaining([
      {
        was: { decision: 'accepted' },
        would: { decision: 'refused', rule: 'gambling' },
        messages: 1,
      },
    ]),
    rules: [{ rule: 'gambling', action: 'refuse', messages: 1 }],
    examples: [{ id, account: 'acme' }],
  });
  expect(JSON.stringify(tried.body)).toContain('refused are not stored');
  expect(JSON.stringify(tried.body)).not.toContain('CASlNO');

  const seen = { since, resources: file, content: true };
  expect((await post(daemon, seen)).status).toBe(400);
  expect((await post(daemon, { ...seen, reason: 'a new list' })).body).toMatchObject({
    examples: [{ content: { to: '12025550101', text: 'our CASlNO' } }],
  });
  expect(
    await stage.value(
      `select string_agg(detail->>'reason', ',') from audit where action = 'policy.replay' and (detail->>'content')::bool`,
    ),
  ).toBe('a new list');
  expect((await post(daemon, { since, policy: 'nobody' })).status).toBe(422);
  expect((await post(daemon, { since, account: 'nobody' })).status).toBe(404);
  const unlisted = JSON.stringify({ policies: { open: words } });
  expect((await post(daemon, { since, resources: unlisted })).status).toBe(422);

  const path = join(stage.folder, 'tried.json');
  writeFileSync(path, file);
  const shown = await run(daemon, 'policy', 'replay', '--since', '1h', path);
  expect(shown).toMatchObject({ code: 0 });
  expect(shown.out).toContain('2 judged; 1 would change');
  expect(shown.out).toMatch(new RegExp(`${id} +acme +accepted +refused by gambling`));
  expect(shown.out).toContain('note: submits that were refused are not stored');
  const json = await run(daemon, 'policy', 'replay', '--since', since, '--limit', '1', '--json');
  expect(JSON.parse(json.out)).toMatchObject({ judged: 1, stoppedAt: expect.any(String) });
  expect((await run(daemon, 'policy', 'replay', '--since', 'soon')).code).toBe(2);
  expect((await run(daemon, 'policy', 'replay')).code).toBe(2);
});

async function run(daemon: TestDaemon, ...words: string[]): Promise<{ code: number; out: string }> {
  let out = '';
  const add = (text: string): void => {
    out += text;
  };
  const code = await runCli(words, {
    io: { out: add, err: add },
    env: { SMPPGATE_URL: daemon.httpUrl, ADMIN_TOKEN },
    serve: async () => {},
    addSimulateCommands: async () => {},
    addBenchCommand: async () => {},
  });
  return { code, out };
}
