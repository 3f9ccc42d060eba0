import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { fileSchema } from '../../src/domain/resource-schema.ts';

const text = readFileSync(join(import.meta.dirname, '../../docs/resources.md'), 'utf8');

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
});
