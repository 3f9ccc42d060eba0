import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RESOURCES } from '../../store/ledger-traffic.ts';
import { ADMIN_TOKEN, type OpsBench, startOps } from '../ops-bench.ts';
import { runCommand } from '../run-cli.ts';

const YAML = { 'content-type': 'application/yaml' };
const CSV = { 'content-type': 'text/csv' };
const account = 'acme';
const number = '966500000001';

let ops: OpsBench;
beforeAll(async () => {
  ops = await startOps();
  await ops.request(
    'PUT',
    '/v1/resources',
    `${RESOURCES}\nclasses: {adverts: {lane: bulk}}\n`,
    YAML,
  );
});
afterAll(() => ops.stop());

/** Each list, an entry of it about a class, and the place of that in lines. */
const LISTS = [
  ['opt-outs', { number }, `${number}\n`],
  ['consents', { number }, `number,class\n${number},promotonal\n`],
  [
    'senders',
    { sender: 'Shop', status: 'approved' },
    'sender,status,class\nShop,approved,promotonal\n',
  ],
] as const;

const key = (path: string) => (path === 'opt-outs' ? 'optOuts' : path);
const listed = async (path: string): Promise<{ class?: string }[]> =>
  (await ops.request('GET', `/v1/${path}?account=${account}`)).json[key(path)];

describe.each(LISTS)('/v1/%s', (path, entry, lines) => {
  const send = (method: string, trafficClass?: string) => {
    const { status: _, ...rest } = { status: undefined, ...entry };
    const body = method === 'PUT' ? entry : rest;
    return ops.request(method, `/v1/${path}`, { account, ...body, class: trafficClass });
  };

  it('takes entries of the classes that there are, and of all', async () => {
    for (const one of ['promotional', 'adverts', undefined])
      expect((await send('PUT', one)).json).toMatchObject({ changed: 1 });
    expect((await listed(path)).map((one) => one.class).sort()).toEqual([
      'adverts',
      'promotional',
      undefined,
    ]);
  });

  it('refuses one of another class by its name, as JSON, CSV and a file of the command', async () => {
    const before = await listed(path);
    const message = 'class: refers to promotonal, which is not in classes';
    expect(await send('PUT', 'promotonal')).toMatchObject({
      status: 400,
      json: { detail: expect.stringContaining(message) },
    });
    const query = path === 'opt-outs' ? '&class=promotonal' : '';
    const asLines = await ops.request('PUT', `/v1/${path}?account=${account}${query}`, lines, CSV);
    expect(asLines).toMatchObject({
      status: 400,
      json: { detail: expect.stringContaining(message) },
    });
    const folder = mkdtempSync(join(tmpdir(), 'smppgate-classes-'));
    try {
      const file = join(folder, 'list.csv');
      writeFileSync(file, lines);
      const words =
        path === 'opt-outs'
          ? [path, 'add', account, '--file', file, '--class', 'promotonal']
          : [path, 'add', account, file];
      const run = await runCommand({ SMPPGATE_URL: ops.url, ADMIN_TOKEN }, words);
      expect([run.code === 0, run.out]).toEqual([false, '']);
      expect(run.err).toContain(message);
    } finally {
      rmSync(folder, { recursive: true });
    }
    expect(await listed(path)).toEqual(before);
  });

  it('gives up what is of a class that is no more', async () => {
    expect((await ops.request('PUT', '/v1/resources', 'classes: {}\n', YAML)).status).toBe(200);
    expect((await send('PUT', 'adverts')).status).toBe(400);
    expect((await send('DELETE', 'adverts')).json).toMatchObject({ changed: 1 });
    expect((await send('DELETE', 'promotonal')).json).toMatchObject({ changed: 0 });
    await ops.request('PUT', '/v1/resources', 'classes: {adverts: {lane: bulk}}\n', YAML);
    expect((await listed(path)).map((one) => one.class).sort()).toEqual(['promotional', undefined]);
  });
});

describe('the time of a consent', () => {
  const HOUR_MS = 3_600_000;
  const put = (ahead: number) =>
    ops.request('PUT', '/v1/consents', {
      account,
      number: '966500000002',
      at: new Date(ops.now + ahead * HOUR_MS).toISOString(),
    });

  it('may be ahead by a day of the clock, and no more', async () => {
    expect((await put(24)).json).toMatchObject({ changed: 1 });
    expect(await put(24.1)).toMatchObject({
      status: 400,
      json: { errors: [{ at: 'body', message: expect.stringContaining('in the future') }] },
    });
    const year = `number,at\n966500000003,${new Date(ops.now).getUTCFullYear() + 1}-12-01T00:00:00Z\n`;
    const lines = await ops.request('PUT', `/v1/consents?account=${account}`, year, CSV);
    expect(lines).toMatchObject({ status: 400, json: { errors: [{ at: 'line 2' }] } });
    expect((await put(-24)).json).toMatchObject({ changed: 1 });
  });
});
