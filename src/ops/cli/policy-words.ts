import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { z } from 'zod';
import { pathOf, queryOf } from './api-client.ts';
import { apiClient, type CliContext, type JsonOption, print } from './context.ts';
import { CliError, formatTable } from './io.ts';
import { addVersions } from './resource-versions.ts';

interface ImportOptions extends JsonOption {
  readonly language: string;
  readonly category: string;
  readonly empty?: boolean;
}

/** `policy words list|show|versions|import|remove`. */
export function addPolicyWords(policy: Command, context: CliContext): void {
  const words = policy.command('words').description('word lists of the running daemon');
  words
    .command('list')
    .description('list the word lists, or print the words of one')
    .argument('[name]')
    .option('--json', 'print JSON')
    .action(async (name: string | undefined, options: JsonOption) => {
      const client = apiClient(context);
      if (name !== undefined) {
        const one = await client.get(oneSchema, pathOf('v1', 'word-lists', name));
        return print(context, options, one, (list) => `${list.words.trimEnd()}\n`);
      }
      const all = await client.get(listSchema, pathOf('v1', 'word-lists'));
      print(context, options, all, ({ wordLists }) =>
        formatTable(
          ['name', 'language', 'entries', 'categories'],
          wordLists.map((list) => [
            list.name,
            list.language,
            String(list.entries),
            Object.entries(list.categories)
              .map(([category, count]) => `${category} ${count}`)
              .join(', '),
          ]),
        ),
      );
    });
  addVersions(words, context, { path: 'word-lists', what: 'a word list' });
  addImport(words, context);
  words
    .command('remove')
    .description('remove a word list that no policy uses')
    .argument('<name>')
    .option('--json', 'print JSON')
    .action(async (name: string, options: JsonOption) => {
      const answer = await apiClient(context).delete(
        changedSchema,
        pathOf('v1', 'word-lists', name),
      );
      print(context, options, answer, () => `${name}: removed\n`);
    });
}

function addImport(words: Command, context: CliContext): void {
  words
    .command('import')
    .description('make a word list of a file, or put its words in place of the list')
    .argument('<name>')
    .argument(
      '<file>',
      'a word or phrase a line; [category] heads, =word in this form only, !word never',
    )
    .requiredOption('--language <language>', 'ar, en, ru, ur or another')
    .option('--category <category>', 'of words before the first heading', 'general')
    .option('--empty', 'the file may have no entries')
    .option('--json', 'print JSON')
    .action(async (name: string, file: string, options: ImportOptions) => {
      const text = await readFile(file, 'utf8').catch((error: unknown) => {
        throw new CliError(
          `cannot read ${file}: ${error instanceof Error ? error.message : error}`,
        );
      });
      const { language, category, empty } = options;
      const query = queryOf({ empty: empty === true ? 'true' : undefined });
      const path = `${pathOf('v1', 'word-lists', name)}${query}`;
      const answer = await apiClient(context).send('PUT', changedSchema, path, {
        language,
        category,
        words: text,
      });
      print(
        context,
        options,
        answer,
        ({ changed }) => `${name}: ${changed ? 'stored' : 'unchanged'}\n`,
      );
    });
}

const changedSchema = z.looseObject({ changed: z.boolean() });
const summarySchema = z.looseObject({
  name: z.string(),
  language: z.string(),
  entries: z.number(),
  categories: z.record(z.string(), z.number()),
});
const oneSchema = summarySchema.extend({ words: z.string() });
const listSchema = z.looseObject({ wordLists: z.array(summarySchema) });
