import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { campaignIds } from '../../../src/ops/cli/campaign-file.ts';
import { CliError } from '../../../src/ops/cli/io.ts';

const folder = mkdtempSync(join(tmpdir(), 'smppgate-campaign-'));
afterAll(() => rmSync(folder, { recursive: true }));

function idsOf(text: string): string[] {
  const file = join(folder, 'campaign');
  writeFileSync(file, text);
  return campaignIds(file);
}

describe('campaignIds', () => {
  it('takes an id a line, each once', () => {
    expect(idsOf('71\n\n72\r\n71\n')).toEqual(['71', '72']);
  });

  it.each(['message_id', 'Message-ID', 'MessageId', '"Message ID"', 'msgid', 'message', 'ID'])(
    'takes the column %s of a table',
    (heading) => {
      expect(idsOf(`\ufeffto;${heading};price\r\n966500000001;71;0,05\r\n`)).toEqual(['71']);
    },
  );

  it('takes the ids and not the texts of a table that has both', () => {
    const table = 'id,to,message\n71,966500000001,"Hello, you"\n72,966500000002,ok\n';
    expect(idsOf(table)).toEqual(['71', '72']);
    expect(idsOf('id,message\n1,71\n2,72\n')).toEqual(['71', '72']);
  });

  it('names the line that has no id', () => {
    expect(() => idsOf('to,message_id\n966500000001,71\n966500000002,\n')).toThrow(CliError);
    expect(() => idsOf('to,message_id\n966500000001,71\n966500000002,\n')).toThrow('line 3');
  });
});
