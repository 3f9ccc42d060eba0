import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/smpp/pdu.ts';
import { TLVS } from '../../src/smpp/tlv.ts';

const root = join(import.meta.dirname, '../..');
const text = readFileSync(join(root, 'docs/smpp-conformance.md'), 'utf8');
/** Names in the first column of the tables. */
const listed = new Set(
  text
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .flatMap((line) => (line.split('|')[1] ?? '').split(','))
    .map((name) => name.trim()),
);

describe('docs/smpp-conformance.md', () => {
  it('has a row for every PDU of the codec', () => {
    expect(Object.keys(COMMANDS).filter((name) => !listed.has(name))).toEqual([]);
  });

  it('has a row for every parameter of every PDU', () => {
    const fields = Object.values(COMMANDS).flatMap((command) => command.fields.map((f) => f.name));
    expect([...new Set<string>(fields)].filter((name) => !listed.has(name))).toEqual([]);
  });

  it('has a row for every TLV', () => {
    expect(Object.keys(TLVS).filter((name) => !listed.has(name))).toEqual([]);
  });

  it('names only tests that exist', () => {
    const tests = [...text.matchAll(/`(test\/[^`]+\.test\.ts)`/g)].map((match) => match[1] ?? '');
    expect(tests.length).toBeGreaterThan(20);
    expect([...new Set(tests)].filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });
});
