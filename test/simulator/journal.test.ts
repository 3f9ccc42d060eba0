import { appendFileSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Journal } from '../../src/simulator/journal.ts';

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'journal-'));
  file = join(folder, 'book.jsonl');
});

afterEach(() => rmSync(folder, { recursive: true }));

describe('Journal', () => {
  it('runs what waits only after the lines before it are in the file', async () => {
    const journal = new Journal(file, true);
    journal.append({ n: 1 });
    const seen = await new Promise<string>((resolve) => {
      journal.afterWritten(() => resolve(readFileSync(file, 'utf8')));
      journal.append({ n: 2 });
    });
    expect(seen).toBe('{"n":1}\n{"n":2}\n');
    journal.close();
  });

  it('keeps what the file held before', () => {
    appendFileSync(file, '{"n":0}\n');
    const journal = new Journal(file);
    journal.append({ n: 1 });
    journal.close();
    expect(readFileSync(file, 'utf8')).toBe('{"n":0}\n{"n":1}\n');
  });

  it('writes nothing after it is closed, not even into a file that got its number', async () => {
    const journal = new Journal(file);
    journal.close();
    const other = join(folder, 'other');
    const descriptor = openSync(other, 'w');
    journal.append({ n: 1 });
    await new Promise<void>((resolve) => journal.afterWritten(resolve));
    closeSync(descriptor);
    expect(readFileSync(other, 'utf8')).toBe('');
  });

  it('keeps the order of what waits without a file, too', async () => {
    const journal = new Journal(undefined);
    const order: number[] = [];
    journal.afterWritten(() => order.push(1));
    await new Promise<void>((resolve) => journal.afterWritten(resolve));
    expect(order).toEqual([1]);
  });
});
