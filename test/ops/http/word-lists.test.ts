import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADMIN_TOKEN, type OpsBench, startOps } from '../ops-bench.ts';
import { runCommand } from '../run-cli.ts';

let ops: OpsBench;
beforeAll(async () => {
  ops = await startOps();
});
afterAll(() => ops.stop());

describe('/v1/word-lists', () => {
  it('makes a list, shows it, changes it and removes it', async () => {
    const list = { language: 'en', words: ['# comment', 'casino', '[adult]', 'porn', 'nude'] };
    const made = await ops.request('PUT', '/v1/word-lists/mine', list);
    expect([made.status, made.json]).toEqual([200, { changed: true }]);
    expect((await ops.request('PUT', '/v1/word-lists/mine', list)).json).toEqual({
      changed: false,
    });
    const { json } = await ops.request('GET', '/v1/word-lists');
    expect(json.wordLists).toEqual([
      {
        name: 'mine',
        language: 'en',
        category: 'general',
        entries: 3,
        categories: { general: 1, adult: 2 },
      },
    ]);
    const one = await ops.request('GET', '/v1/word-lists/mine');
    expect(one.json.words).toBe('# comment\ncasino\n[adult]\nporn\nnude');
    expect((await ops.request('DELETE', '/v1/word-lists/mine')).json).toEqual({ changed: true });
    expect((await ops.request('GET', '/v1/word-lists/mine')).status).toBe(404);
    expect((await ops.request('DELETE', '/v1/word-lists/mine')).status).toBe(404);
  });

  it('takes a starter list by its file, and refuses what is no list', async () => {
    const put = (body: unknown) => ops.request('PUT', '/v1/word-lists/starter', body);
    expect((await put({ language: 'ur', file: 'ur-starter.txt' })).json).toEqual({ changed: true });
    const { json } = await ops.request('GET', '/v1/word-lists/starter');
    expect(json.entries).toBeGreaterThan(100);
    expect((await put({ language: 'ur', file: '../../package.json' })).status).toBe(400);
    expect((await put({ language: 'English', words: ['x'] })).status).toBe(400);
  });

  it('does not remove a list that a policy uses', async () => {
    await ops.request('PUT', '/v1/word-lists/used', { language: 'en', words: ['casino'] });
    const policies = 'policies: {p: {rules: [{words: {lists: [used]}}]}}';
    const applied = await ops.request('PUT', '/v1/resources', policies, {
      'content-type': 'application/yaml',
    });
    expect(applied.status).toBe(200);
    expect((await ops.request('DELETE', '/v1/word-lists/used')).status).toBe(409);
    const unknown = await ops.request(
      'PUT',
      '/v1/resources',
      'policies: {p: {rules: [{words: {lists: [none]}}]}}',
      { 'content-type': 'application/yaml' },
    );
    expect(unknown.status).toBe(422);
  });

  it('is not emptied unless that is asked for', async () => {
    const put = (words: unknown, query = '') =>
      ops.request('PUT', `/v1/word-lists/filled${query}`, { language: 'en', words });
    const entries = async () => (await ops.request('GET', '/v1/word-lists/filled')).json.entries;
    expect((await put(['casino', '!casinos'])).json).toEqual({ changed: true });
    for (const nothing of [[], '', ' \n', '# casino\n\n[adult]\n'])
      expect(await put(nothing)).toMatchObject({
        status: 400,
        json: { detail: expect.stringContaining('?empty=true') },
      });
    expect((await put('', '?empty=false')).status).toBe(400);
    expect(await entries()).toBe(2);
    expect((await put('', '?empty=true')).json).toEqual({ changed: true });
    expect(await entries()).toBe(0);
  });

  it('is not emptied by an empty file either', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'smppgate-words-'));
    const file = join(folder, 'words.txt');
    const words = ['policy', 'words', 'import', 'mine', file, '--language', 'en'];
    const run = (text: string, ...more: string[]) => {
      writeFileSync(file, text);
      return runCommand({ SMPPGATE_URL: ops.url, ADMIN_TOKEN }, [...words, ...more]);
    };
    try {
      expect((await run('casino\n')).out).toBe('mine: stored\n');
      const refused = await run('');
      expect([refused.code === 0, refused.out]).toEqual([false, '']);
      expect(refused.err).toContain('--empty');
      expect((await ops.request('GET', '/v1/word-lists/mine')).json.words).toBe('casino\n');
      expect((await run('', '--empty')).out).toBe('mine: stored\n');
      expect((await ops.request('GET', '/v1/word-lists/mine')).json.words).toBe('');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('keeps the categories that rules name', async () => {
    const put = (words: string) =>
      ops.request('PUT', '/v1/word-lists/sorted', { language: 'en', words });
    await put('[fraud]\nprize\n[adult]\nporn');
    const rule = 'policies: {q: {rules: [{words: {lists: [sorted], categories: [fraud]}}]}}';
    const applied = await ops.request('PUT', '/v1/resources', rule.replace('fraud', 'frod'), {
      'content-type': 'application/yaml',
    });
    expect(applied).toMatchObject({
      status: 422,
      json: {
        errors: [
          {
            at: 'line 1, policies.q.rules[0].words.categories[0]',
            message: 'refers to frod, which is a category of none of its lists',
          },
        ],
      },
    });
    const right = await ops.request('PUT', '/v1/resources', rule, {
      'content-type': 'application/yaml',
    });
    expect(right.status).toBe(200);
    expect(await put('[adult]\nporn')).toMatchObject({
      status: 409,
      json: { detail: expect.stringContaining('refers to fraud') },
    });
    expect((await put('[fraud]\nprizes')).json).toEqual({ changed: true });
  });
});
