import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import {
  type CompiledWords,
  compileWords,
  type WordSource,
} from '../../domain/words/compile-words.ts';
import { type MeasuredKind, measureWords, tableRows } from '../../domain/words/measure-words.ts';
import { type CliContext, type JsonOption, print } from './context.ts';
import { CliError, EXIT, formatTable } from './io.ts';

interface Options extends JsonOption {
  readonly lists?: string[];
}

interface Measured {
  readonly language: string;
  readonly caught: readonly MeasuredKind[];
  readonly refused: readonly MeasuredKind[];
}

/** `policy measure DIR`: needs no daemon. */
export function addPolicyMeasure(policy: Command, context: CliContext): void {
  policy
    .command('measure')
    .description('judge a labelled set by the word filter: what of each kind it finds')
    .argument('<dir>', 'LANG.positives.tsv, LANG.innocents.tsv and LANG.words.tsv of each language')
    .option('--lists <files...>', 'word lists LANG[-anything].txt in place of LANG.words.tsv')
    .option('--json', 'print JSON')
    .action(async (dir: string, options: Options) => {
      const languages = filesOf(dir).flatMap((file) =>
        file.endsWith('.positives.tsv') ? file.slice(0, -'.positives.tsv'.length) : [],
      );
      if (languages.length === 0) throw new CliError(`${dir} has no labelled set`, EXIT.usage);
      const measured: Measured[] = [];
      for (const language of languages.sort())
        measured.push(await measure(dir, language, options.lists));
      print(context, options, { measured }, () => textOf(measured));
    });
}

async function measure(
  dir: string,
  language: string,
  lists?: readonly string[],
): Promise<Measured> {
  const sources = lists === undefined ? [ownWords(dir, language)] : sourcesOf(lists, language);
  const words = await compileWords(sources, async () => {});
  return {
    language,
    caught: measureFile(words, join(dir, `${language}.positives.tsv`)),
    refused: measureFile(words, join(dir, `${language}.innocents.tsv`)),
  };
}

function measureFile(words: CompiledWords, file: string): MeasuredKind[] {
  const rows = tableRows(readText(file));
  return measureWords(
    words,
    rows.map(({ kind = '', text = '' }) => ({ kind, text })),
  );
}

function ownWords(dir: string, language: string): WordSource {
  const rows = tableRows(readText(join(dir, `${language}.words.tsv`)));
  const words = rows.map(({ listed = '' }) => listed).join('\n');
  return { name: language, language, category: 'general', words };
}

/** A list's language is what its file's name begins with. */
function sourcesOf(files: readonly string[], language: string): WordSource[] {
  return files.flatMap((file) => {
    const name = file.split('/').at(-1) ?? file;
    if (name.split(/[.-]/)[0] !== language) return [];
    return { name, language, category: 'general', words: readText(file) };
  });
}

function textOf(measured: readonly Measured[]): string {
  const rows = measured.flatMap(({ language, caught, refused }) => [
    ...[...caught, total(caught, 'all')].map((kind) => rowOf(language, 'caught', kind)),
    ...[...refused, total(refused, 'all')].map((kind) => rowOf(language, 'falsely refused', kind)),
  ]);
  return formatTable(['language', 'texts', 'kind', 'found', 'of', 'share'], rows);
}

function total(kinds: readonly MeasuredKind[], kind: string): MeasuredKind {
  const sum = (key: 'found' | 'of') => kinds.reduce((all, one) => all + one[key], 0);
  return { kind, found: sum('found'), of: sum('of') };
}

function rowOf(language: string, texts: string, { kind, found, of }: MeasuredKind): string[] {
  const share = of === 0 ? '-' : `${((100 * found) / of).toFixed(1)} %`;
  return [language, texts, kind, String(found), String(of), share];
}

function filesOf(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    throw new CliError(`cannot read ${dir}: ${error instanceof Error ? error.message : error}`);
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CliError(`cannot read ${file}: ${error instanceof Error ? error.message : error}`);
  }
}
