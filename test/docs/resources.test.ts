import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { fileSchema } from '../../src/domain/resource-schema.ts';
import { runCommand } from '../ops/run-cli.ts';

const text = readFileSync(join(import.meta.dirname, '../../docs/resources.md'), 'utf8');

const folder = mkdtempSync(join(tmpdir(), 'smppgate-docs-'));
afterAll(() => rmSync(folder, { recursive: true }));

const yamlBlocks = () => [...text.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, block]) => block);

/** A rule of the example behind what it is said to find and to let pass. */
const RULE = /# finds: (.+)\n +# passes: (.+)\n +- \{name: (\w+),/g;

/** The rules that `policy test` says a message of the example hits. */
async function rulesFor(file: string, sample: string): Promise<string[]> {
  const [, said = sample, from = ''] = /^(.*) \(from: (.+)\)$/.exec(sample) ?? [];
  const options = ['--text', said, '--from', from, '--json'];
  const { out } = await runCommand({}, ['policy', 'test', file, ...options]);
  return JSON.parse(out).hits.map(({ rule }: { rule: string }) => rule);
}

/** Every name of a property anywhere in a JSON schema. */
function propertyNames(schema: unknown, into = new Set<string>()): Set<string> {
  if (typeof schema !== 'object' || schema === null) return into;
  const { properties } = schema as { properties?: Record<string, unknown> };
  for (const name of Object.keys(properties ?? {})) into.add(name);
  for (const part of Object.values(schema)) propertyNames(part, into);
  return into;
}

describe('docs/resources.md', () => {
  it('names every key of the schema', () => {
    const schema = z.toJSONSchema(fileSchema, { io: 'input', unrepresentable: 'any' });
    const missing = [...propertyNames(schema)].filter(
      (name) => !new RegExp(`\\b${name}\\b`).test(text),
    );
    expect(missing).toEqual([]);
  });

  it('finds by each rule of its example what stands there, and nothing else', async () => {
    const [example = ''] = yamlBlocks();
    const file = join(folder, 'example.yaml');
    writeFileSync(file, example);
    const stated = [...example.matchAll(RULE)].map(([, finds = '', passes = '', rule = '']) => ({
      rule,
      finds: finds.split(' | '),
      passes: passes.split(' | '),
    }));
    expect(stated.map(({ rule }) => rule)).toEqual(['prize', 'reply', 'invoice', 'code', 'shops']);
    for (const { rule, finds, passes } of stated) {
      for (const sample of finds)
        expect([sample, await rulesFor(file, sample)]).toEqual([sample, [rule]]);
      for (const sample of passes)
        expect([sample, await rulesFor(file, sample)]).toEqual([sample, []]);
    }
  });
});
