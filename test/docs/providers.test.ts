import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const text = readFileSync(join(import.meta.dirname, '../../docs/providers.md'), 'utf8');
const FOLDER = join(import.meta.dirname, '../scenario/providers');

/** Rows of what providers publish that are not of personal data. */
const ROWS = [...rowsOf('P1', 7), ...rowsOf('P3', 10), ...rowsOf('P4', 2), ...rowsOf('P5', 8)];

function rowsOf(provider: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${provider}.${n + 1}`);
}

/** A line of the page: the row, and the files of tests that it names. */
const listed = new Map(
  [...text.matchAll(/^\| (P\d\.\d+) \|.*\| ([^|]+) \|$/gm)].map(([, row = '', tests = '']) => [
    row,
    [...tests.matchAll(/`([\w-]+\.test\.ts)`/g)].map(([, file = '']) => file),
  ]),
);

/** The rows that tests of a file are named by. */
function testedIn(file: string): Set<string> {
  const source = readFileSync(join(FOLDER, file), 'utf8');
  // `it('P1.1 ...`, or behind the table of an it.each.
  const names = source.matchAll(/(?:\bit|\]\)|\bas const\))\(\s*'(P\d\.\d+(?: and P\d\.\d+)*) /g);
  return new Set([...names].flatMap(([, rows = '']) => rows.split(' and ')));
}

describe('docs/providers.md', () => {
  it('names every row', () => {
    expect(ROWS.filter((row) => !listed.has(row))).toEqual([]);
  });

  it.each(ROWS)('names for %s tests that are there, one of them named by it', (row) => {
    const tested = (listed.get(row) ?? []).map(testedIn);
    expect(tested.some((rows) => rows.has(row))).toBe(true);
  });

  it('names every test of rows', () => {
    const named = new Set([...listed.values()].flat());
    const files = readdirSync(FOLDER).filter((file) => /^p\d.*\.test\.ts$/.test(file));
    expect(files.filter((file) => !named.has(file))).toEqual([]);
  });
});
