import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpsBench, startOps } from '../ops-bench.ts';

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
});
