import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../run-cli.ts';

const ACCOUNT = `
tariffs: {standard: {"*": "0.1"}}
terms: {usual: {}}
policies:
  own:
    rules:
      - {name: closed, closedPrefixes: {}}
      - {name: entity, requiredTlvs: {tlvs: [{tag: 0x1400, values: ['1101']}]}}
accounts:
  - {name: acme, tariff: standard, terms: usual, policy: own, allowedPrefixes: ["92"], classes: [otp, transactional]}
`;
const RESOURCES = `
wordLists:
  en: {language: en, file: en-starter.txt}
policies:
  strict:
    rules:
      - {name: gambling, reason: G-1, words: {lists: [en], categories: [gambling]}}
      - {name: long, action: hold, length: {maxSegments: 1}}
`;
let folder: string;
let file: string;
let accountFile: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'smppgate-policy-'));
  file = join(folder, 'resources.yaml');
  writeFileSync(file, RESOURCES);
  accountFile = join(folder, 'account.yaml');
  writeFileSync(accountFile, ACCOUNT);
});
afterAll(() => rmSync(folder, { recursive: true }));

const run = (argv: string[]) => runCommand({}, argv);
const judged = async (text: string, ...more: string[]) =>
  JSON.parse((await run(['policy', 'test', file, '--text', text, '--json', ...more])).out);

describe('policy test', () => {
  it('judges an account as its submits are judged: its prefixes, its classes, and TLVs', async () => {
    const asked = ['policy', 'test', accountFile, '--text', 'hello', '--account', 'acme', '--json'];
    const acme = async (...more: string[]) => JSON.parse((await run([...asked, ...more])).out);
    expect(await acme()).toMatchObject({ rule: 'closed', key: 'destinationSuspended' });
    const there = ['--to', '923001234567'];
    expect(await acme(...there)).toMatchObject({ rule: 'entity', key: 'missingTlv' });
    expect(await acme(...there, '--tlv', '0x1400=1101')).toMatchObject({ verdict: 'accepted' });
    expect(await acme(...there, '--tlv', '5120=1102')).toMatchObject({ rule: 'entity' });
    const refused = await acme(...there, '--class', 'promotional');
    expect(refused).toMatchObject({ verdict: 'refused', key: 'classRefused', status: '0x40C' });
    for (const tlv of ['0x1400', '70000=1', 'x=1'])
      expect(await run([...asked, '--tlv', tlv])).toMatchObject({
        code: 2,
        err: expect.stringContaining('0x1401=1107'),
      });
  });

  it('says what a policy makes of a message, and by which rule', async () => {
    expect(await judged('Our c@sin0 is open')).toMatchObject({
      policy: 'strict',
      verdict: 'refused',
      rule: 'gambling',
      key: 'contentRefused',
      status: '0x405',
      reason: 'G-1',
    });
    expect(await judged('Our class is open')).toMatchObject({ verdict: 'accepted', hits: [] });
    expect(await judged('я'.repeat(71))).toMatchObject({ verdict: 'held', rule: 'long' });
    expect(await judged('x'.repeat(160))).toMatchObject({ verdict: 'accepted' });
  });

  it('says what is wrong with the file, the policy or the number', async () => {
    const test = (...argv: string[]) => run(['policy', 'test', ...argv]);
    expect(await test(join(folder, 'none'), '--text', 'x')).toMatchObject({ code: 1 });
    const other = await test(file, '--text', 'x', '--policy', 'other');
    expect([other.code, other.err]).toEqual([2, expect.stringContaining('there are strict')]);
    expect(await test(file, '--text', 'x', '--to', 'nobody')).toMatchObject({ code: 2 });
  });
});

describe('policy measure', () => {
  it('prints what of each kind is found', async () => {
    const table = (rows: string[][]) => rows.map((row) => row.join('\t')).join('\n');
    writeFileSync(
      join(folder, 'en.words.tsv'),
      table([
        ['listed', 'category'],
        ['sex', 'x'],
      ]),
    );
    writeFileSync(
      join(folder, 'en.positives.tsv'),
      table([
        ['id', 'kind', 'listed', 'disguised', 'text'],
        ['1', 'digits', 'sex', 's3x', 'free s3x'],
        ['2', 'digits', 'sex', 'sox', 'free sox'],
      ]),
    );
    writeFileSync(
      join(folder, 'en.innocents.tsv'),
      table([
        ['id', 'kind', 'source', 'text'],
        ['1', 'inside', 'own', 'Essex'],
      ]),
    );
    const { measured } = JSON.parse((await run(['policy', 'measure', folder, '--json'])).out);
    expect(measured).toEqual([
      {
        language: 'en',
        caught: [{ kind: 'digits', found: 1, of: 2 }],
        refused: [{ kind: 'inside', found: 0, of: 1 }],
      },
    ]);
    expect((await run(['policy', 'measure', folder])).out).toMatch(/digits +1 +2 +50\.0 %/);
    expect(await run(['policy', 'measure', tmpdir()])).toMatchObject({ code: 2 });
  });
});
