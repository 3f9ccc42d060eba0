import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADMIN_TOKEN, type OpsBench, startOps } from '../ops-bench.ts';
import { runCommand } from '../run-cli.ts';

const VIEWER = { authorization: 'Bearer the-viewer-token' };

let ops: OpsBench;
beforeAll(async () => {
  ops = await startOps({
    tokens: [
      { name: 'admin', role: 'admin', token: ADMIN_TOKEN },
      { name: 'vera', role: 'viewer', token: 'the-viewer-token' },
    ],
  });
  await put({
    tariffs: { flat: [{ prefix: '*', price: '0.1' }] },
    policies: { strict: { rules: [] } },
  });
  await put({ policies: { strict: { rules: [{ optOut: {} }] } } });
  await put({ policies: {} });
});
afterAll(() => ops.stop());

async function put(file: object): Promise<void> {
  expect((await ops.request('PUT', '/v1/resources', file)).status).toBe(200);
}

const get = (path: string) => ops.request('GET', path, undefined, VIEWER);
const cli = (...words: string[]) =>
  runCommand({ SMPPGATE_URL: ops.url, ADMIN_TOKEN: 'the-viewer-token' }, words);

describe('GET /v1/…/versions', () => {
  it('lists what was, newest first, a page at a time, for whoever may read', async () => {
    const all = await get('/v1/policies/strict/versions');
    expect(all.status).toBe(200);
    const { inForce, versions } = all.json;
    expect(inForce).toBeUndefined();
    expect(versions).toMatchObject([
      { removed: true, actor: 'admin' },
      { removed: false, actor: 'admin' },
      { removed: false, actor: 'admin' },
    ]);
    const page = await get(`/v1/policies/strict/versions?limit=1&before=${versions[1].version}`);
    expect(page.json.versions).toEqual([versions[2]]);
  });

  it('shows one, since when and until when it was in force; the removal itself says nothing', async () => {
    const { versions } = (await get('/v1/policies/strict/versions')).json;
    const [removal, second, first] = versions;
    const shown = async (version: number) =>
      get(`/v1/policies/strict/versions/${version}`).then(({ json }) => json);
    expect(await shown(first.version)).toMatchObject({
      from: first.from,
      until: second.from,
      spec: { rules: [] },
    });
    expect(await shown(second.version)).toMatchObject({
      until: removal.from,
      spec: { rules: [{ optOut: {} }] },
    });
    expect(await shown(removal.version)).toMatchObject({ status: 404 });
  });

  it('knows the built-in policy, before it was ever stored', async () => {
    expect((await get('/v1/policies/open/versions')).json).toEqual({
      name: 'open',
      inForce: 0,
      versions: [{ version: 0, removed: false }],
    });
    expect((await get('/v1/policies/open/versions/0')).json).toMatchObject({ spec: { rules: [] } });
    const text = await cli('policy', 'show', 'open');
    expect(text.out).toMatch(/^version +0$/m);
  });

  it('is 404 for what there is not, under that name or of that kind', async () => {
    const { versions } = (await get('/v1/tariffs/flat/versions')).json;
    const { version } = versions[0];
    expect((await get(`/v1/tariffs/flat/versions/${version}`)).json.spec).toEqual([
      { prefix: '*', price: '0.1' },
    ]);
    for (const path of [
      '/v1/policies/none/versions',
      '/v1/policies/none/versions/1',
      `/v1/policies/strict/versions/${version}`,
      `/v1/terms/flat/versions/${version}`,
      `/v1/tariffs/other/versions/${version}`,
      '/v1/tariffs/flat/versions/0',
      '/v1/tariffs/flat/versions/2147483647',
      '/v1/word-lists/none/versions',
    ])
      expect((await get(path)).status, path).toBe(404);
    expect((await get('/v1/tariffs/flat/versions/2147483648')).status).toBe(400);
    expect(
      (await ops.request('GET', '/v1/tariffs/flat/versions', undefined, { authorization: '' }))
        .status,
    ).toBe(401);
  });

  it('is what the commands print', async () => {
    const [{ version }] = (await get('/v1/tariffs/flat/versions')).json.versions;
    const shown = await cli('tariff', 'show', 'flat', '--version', String(version));
    expect(shown.code).toBe(0);
    expect(shown.out).toContain('- prefix: "*"\n  price: "0.1"\n');
    const lines = (await cli('tariff', 'versions', 'flat')).out.split('\n');
    expect(lines[1]?.split(/ +/)).toEqual([String(version), expect.any(String), 'admin']);
    expect(await cli('policy', 'show', 'strict')).toMatchObject({
      code: 1,
      err: expect.stringContaining('was removed'),
    });
    expect(await cli('policy', 'show', 'strict', '--version', 'x')).toMatchObject({ code: 2 });
    expect(await cli('terms', 'show', 'none')).toMatchObject({ code: 1 });
  });
});
