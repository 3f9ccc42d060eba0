import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { CliError } from '../../../src/ops/cli/io.ts';
import {
  IN_ORDER_OF_NUMBERS,
  type ListPart,
  type SendOptions,
  sendListFile,
} from '../../../src/ops/cli/list-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'smppgate-list-file-'));
afterAll(() => rmSync(folder, { recursive: true }));

const OPTIONS: SendOptions = { lines: 3, characters: 1_000, underWay: 2 };

async function sent(text: string, options: Partial<SendOptions> = {}): Promise<ListPart[]> {
  const file = join(folder, 'list');
  writeFileSync(file, text);
  const parts: ListPart[] = [];
  await sendListFile(file, { ...OPTIONS, ...options }, async (part) => {
    parts.push(part);
  });
  return parts;
}

describe('sendListFile', () => {
  it('cuts after so many lines, and names the columns in each part', async () => {
    expect(await sent('number,class\n1,a\n2,b\n3,c\n4,d')).toMatchObject([
      { type: 'text/csv', text: 'number,class\n1,a\n2,b\n' },
      { type: 'text/csv', text: 'number,class\n3,c\n4,d' },
    ]);
  });

  it('cuts after so many characters, at the end of a line', async () => {
    const parts = await sent('{"number":"1"}\n{"number":"2"}\n', { characters: 20 });
    expect(parts.map(({ type, text }) => [type, text])).toEqual([
      ['application/x-ndjson', '{"number":"1"}\n{"number":"2"}\n'],
    ]);
    expect(await sent('1\n2\n3\n4\n', { lines: 100, characters: 4 })).toHaveLength(2);
  });

  it('sends nothing of an empty file', async () => {
    expect(await sent('\n\n')).toEqual([]);
  });

  it.each([1, 2, 3, 4])(
    'tells a fault of part %i, whatever is under way, and stops',
    async (bad) => {
      const file = join(folder, 'long');
      // Longer than a chunk of the stream, so that parts are sent while it is read.
      writeFileSync(file, `${'123456789012345\n'.repeat(30_000)}`);
      let begun = 0;
      const sending = sendListFile(
        file,
        { ...OPTIONS, lines: 1_000, characters: 1e6 },
        async () => {
          const nth = ++begun;
          await pause(nth % 2);
          if (nth === bad) throw new CliError('line 7: is wrong');
        },
      );
      await expect(sending).rejects.toThrow(`line ${7 + 1_000 * (bad - 1)}: is wrong`);
      expect(begun).toBeLessThan(bad + 4);
    },
  );

  it.each([
    ['number,class\n1,a\n2,b\n3,c\n4,d\n', 2],
    ['number,class\n1,a\n+2,b\n002,c\n4,d\n', 1],
    ['class;number\na;1\n"b;9";2\nc;3\nd;4\n', 1],
    ['class,"Number"\na,1\nb,2\nc,1\nd,4\n', 1],
    ['{"number":"1"}\n{"number":"2"}\n{"number":"3"}\n', 2],
    ['{"number":"1"}\n{"class":"a", "number": 2}\n{"number":"+2"}\n', 1],
    ['{"class":"a"}\n{"number":"2"}\n{"number":"3"}\n', 1],
  ])('sends parts with a number in common one after the other: %j', async (text, most) => {
    const file = join(folder, 'in-order');
    writeFileSync(file, text);
    const options = { ...IN_ORDER_OF_NUMBERS, lines: text.startsWith('{') ? 2 : 3 };
    let [underWay, highest] = [0, 0];
    await sendListFile(file, options, async () => {
      highest = Math.max(highest, ++underWay);
      // As many as may be under way at once are; one too many would begin now.
      await vi.waitFor(() => expect(highest).toBeGreaterThanOrEqual(most), { timeout: 40_000 });
      await pause(5);
      underWay--;
    });
    expect(highest).toBe(most);
  });

  it('says that a file cannot be read', async () => {
    const sending = sendListFile(join(folder, 'nothing'), OPTIONS, async () => {});
    await expect(sending).rejects.toThrow('cannot be read');
  });
});
