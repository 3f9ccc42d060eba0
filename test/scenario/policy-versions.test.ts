import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../src/ops/cli/program.ts';
import { Stage } from '../daemon/stage.ts';
import { Esme } from '../gateway/esme.ts';
import { ADMIN_TOKEN, type TestDaemon } from '../support/daemon.ts';

/*
 * What judged a message, told by the version that it recorded. Two customers send the same texts while a word list
 * changes: the policy of the one has the list, that of the other has words of its own.
 */

const CONTENT_REFUSED = 0x405;
const LISTED = { words: { lists: ['metals'] } };
const OWN = { bannedWords: { words: ['silverbars'] } };

let stage: Stage;
let daemon: TestDaemon;
let listed: Esme;
let own: Esme;

beforeAll(async () => {
  stage = await Stage.onDatabase();
  daemon = await stage.startDaemon({ env: { RESOURCES_FILE: undefined } });
  const usual = stage.resources({ accounts: ['listed', 'own'] }) as {
    accounts: { name: string }[];
  };
  await stage.startCarrier();
  await applied({
    ...usual,
    wordLists: { metals: { language: 'en', words: 'silverbars' } },
    policies: {
      listed: { rules: [{ name: 'metals', ...LISTED }] },
      own: { rules: [{ name: 'metals', ...OWN }] },
    },
    accounts: usual.accounts.map((one) => ({ ...one, policy: one.name })),
  });
  listed = await Esme.bind(daemon.smppPort, { systemId: 'listed' });
  own = await Esme.bind(daemon.smppPort, { systemId: 'own' });
});

afterAll(async () => {
  for (const esme of [listed, own]) await esme?.cut();
  await stage?.close();
});

async function http<T>(method: string, path: string, body?: unknown): Promise<T> {
  const answer = await fetch(`${daemon.httpUrl}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${ADMIN_TOKEN}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

async function applied(file: object): Promise<string[]> {
  return (await http<{ lines: string[] }>('PUT', '/v1/resources', file)).lines;
}

async function cli(...words: string[]): Promise<{ code: number; out: string }> {
  let out = '';
  const add = (text: string): void => {
    out += text;
  };
  const code = await runCli(words, {
    io: { out: add, err: add },
    env: { SMPPGATE_URL: daemon.httpUrl, ADMIN_TOKEN },
    serve: async () => {},
    addSimulateCommands: async () => {},
    addBenchCommand: async () => {},
  });
  return { code, out };
}

interface Head {
  readonly policy: string;
  readonly policyVersion: number;
  readonly tariff: string;
  readonly tariffVersion: number;
  readonly terms: string;
  readonly termsVersion: number;
}

interface Shown {
  readonly version: number;
  readonly from?: string;
  readonly until?: string;
  readonly actor?: string;
  readonly spec: Record<string, unknown>;
  readonly wordLists?: { name: string; version: number }[];
}

const TEXT = 'have goldbars';
const TO = '12025550101';

async function accepted(esme: Esme): Promise<Head> {
  const id = await esme.accepted({ destination_addr: TO, short_message: TEXT });
  return http('GET', `/v1/messages/${id}`);
}

const refusal = async (esme: Esme) =>
  (await esme.submit({ destination_addr: TO, short_message: TEXT })).command_status;

/** The words of the lists that a version of a policy judges by, as the store has them. */
async function wordsOf({ policy, policyVersion }: Head): Promise<unknown[]> {
  const shown = await http<Shown>('GET', `/v1/policies/${policy}/versions/${policyVersion}`);
  return Promise.all(
    (shown.wordLists ?? []).map(async ({ name, version }) => {
      const list = await http<Shown>('GET', `/v1/word-lists/${name}/versions/${version}`);
      return list.spec.words;
    }),
  );
}

describe('the version of a policy that a message recorded', () => {
  it('is another after a change of a word list that the policy uses, whichever way it was changed', async () => {
    const [before, beforeOwn] = [await accepted(listed), await accepted(own)];

    const file = join(stage.folder, 'metals.txt');
    writeFileSync(file, 'silverbars\ngoldbars\n');
    const imported = await cli('policy', 'words', 'import', 'metals', file, '--language', 'en');
    expect(imported).toMatchObject({ code: 0 });
    expect(await refusal(listed)).toBe(CONTENT_REFUSED);

    await http('PUT', '/v1/word-lists/metals', { language: 'en', words: ['tinbars'] });
    const put = await accepted(listed);

    const wordLists = { metals: { language: 'en', words: ['leadbars'] } };
    expect(await applied({ wordLists })).toEqual([
      expect.stringMatching(/^~ wordLists metals: /),
      '~ policies listed: wordLists[metals] changed',
    ]);
    const last = await accepted(listed);
    // The same again is no change.
    expect(await applied({ wordLists })).toEqual([]);
    expect((await accepted(listed)).policyVersion).toBe(last.policyVersion);

    const versions = [before, put, last].map(({ policyVersion }) => policyVersion);
    expect(new Set(versions).size).toBe(3);
    expect(await wordsOf(before)).toEqual(['silverbars']);
    expect(await wordsOf(put)).toEqual(['tinbars']);
    expect(await wordsOf(last)).toEqual(['leadbars']);

    // The other customer's policy has no list: it is the version that it was.
    expect((await accepted(own)).policyVersion).toBe(beforeOwn.policyVersion);
    expect(await wordsOf(beforeOwn)).toEqual([]);
  });

  it('is one of a history that has each content once, that which only refused too', async () => {
    const { versions } = await http<{ versions: { version: number }[] }>(
      'GET',
      '/v1/policies/listed/versions',
    );
    const found = await Promise.all(
      versions.map(({ version }) =>
        wordsOf({ policy: 'listed', policyVersion: version } as Head).then((words) => words.join()),
      ),
    );
    expect(found).toEqual(['leadbars', 'tinbars', 'silverbars\ngoldbars\n', 'silverbars']);
  });

  it('is shown with its content, its time and who made it, as are tariff and terms', async () => {
    const message = await accepted(listed);
    const started = Date.now() - 600_000;
    for (const [path, name, version, spec] of [
      ['policies', message.policy, message.policyVersion, { rules: [LISTED] }],
      ['tariffs', message.tariff, message.tariffVersion, { '*': '0.05' }],
      ['terms', message.terms, message.termsVersion, { refundAutomatic: ['platform'] }],
    ] as const) {
      const shown = await http<Shown>('GET', `/v1/${path}/${name}/versions/${version}`);
      expect(shown).toMatchObject({ version, actor: 'admin', spec });
      expect(shown.until).toBeUndefined();
      expect(Date.parse(shown.from ?? '')).toBeGreaterThan(started);
    }
    const text = await cli('policy', 'show', 'listed');
    expect(text).toMatchObject({ code: 0 });
    expect(text.out).toContain(`version  ${message.policyVersion}`);
    const older = await cli('policy', 'show', 'own', '--version', '1000000');
    expect(older.code).toBe(1);
    for (const command of ['tariff', 'terms'] as const) {
      const { [command]: name, [`${command}Version` as const]: version } = message;
      const shown = await cli(command, 'show', name, '--version', String(version), '--json');
      expect(JSON.parse(shown.out)).toMatchObject({ name, version });
    }
  });
});
