import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fileSchema } from '../../../src/domain/resource-schema.ts';
import { startOps } from '../../ops/ops-bench.ts';
import { readProvider } from './provider-file.ts';

const FOLDER = new URL('../../../config/providers/', import.meta.url);
const YAML = { 'content-type': 'application/yaml' };

describe.each(readdirSync(FOLDER))('config/providers/%s', (name) => {
  it('applies to an empty database as it is; what is exported then changes nothing', async () => {
    const ops = await startOps();
    try {
      const text = readFileSync(new URL(name, FOLDER), 'utf8');
      const applied = await ops.request('PUT', '/v1/resources', text, YAML);
      expect(applied).toMatchObject({ status: 200, json: { applied: true } });
      const exported = await ops.request('GET', '/v1/resources', undefined, {
        accept: 'application/yaml',
      });
      const again = await ops.request('PUT', '/v1/resources', exported.text, YAML);
      expect(again).toMatchObject({ status: 200, json: { applied: false, lines: [] } });
    } finally {
      await ops.stop();
    }
  });

  it('says of each rule where it comes from, and of which day', () => {
    const given = readProvider(name.replace('.yaml', ''));
    // Word lists that name a file are filled in when it is read.
    const { policies = {} } = fileSchema.parse({ policies: given.policies });
    const rules = Object.values(policies).flatMap((policy) => policy.rules);
    expect(rules.length).toBeGreaterThan(0);
    const unsourced = rules.filter(({ source, sourceDate }) => !source || !sourceDate);
    expect(unsourced.map((rule) => rule.name)).toEqual([]);
  });
});
