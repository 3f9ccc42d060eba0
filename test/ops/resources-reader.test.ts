import { describe, expect, it } from 'vitest';
import { READ_HERE_CHARS, readHere, readResourcesFile } from '../../src/ops/resources-reader.ts';

/** A file of so many accounts, six lines each. */
function fileOf(accounts: number, more = ''): string {
  const account = (n: number) =>
    `  - name: acme${n}\n    tariff: one\n    terms: one\n    credit: "12.5"\n    binds:\n${more}` +
    `      - {systemId: user${n}, password: secret}\n`;
  const head = 'tariffs:\n  one: {"49": 1.5}\nterms:\n  one: {}\naccounts:\n';
  return head + Array.from({ length: accounts }, (_, n) => account(n)).join('');
}

describe('readResourcesFile', () => {
  it('reads a large file to the same as a small one is read to', async () => {
    const text = fileOf(1_000);
    expect(text.length).toBeGreaterThan(READ_HERE_CHARS);
    const paths = [['accounts', 'acme700', 'tariff']];
    const read = await readResourcesFile(text, paths);
    expect(read).toEqual(readHere({ text, paths }));
    const line = text.split('\n').findIndex((each) => each.includes('name: acme700')) + 2;
    expect(read).toMatchObject({ lines: [line] });
  });

  it('says what is wrong with a large file, with lines', async () => {
    const text = fileOf(1_000, '      - {systemId: ""}\n');
    const read = await readResourcesFile(text);
    expect('errors' in read && read.errors[0]).toMatchObject({ line: 11 });
    expect(read).toEqual(readHere({ text, paths: [] }));
  });

  it('lets other work go on while it reads', async () => {
    let turns = 0;
    const other = setInterval(() => turns++, 1);
    await readResourcesFile(fileOf(2_000));
    clearInterval(other);
    // Read in one go there would be one.
    expect(turns).toBeGreaterThan(5);
  });
});
