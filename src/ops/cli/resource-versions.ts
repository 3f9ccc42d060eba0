import type { Command } from 'commander';
import { stringify } from 'yaml';
import { z } from 'zod';
import { pathOf, queryOf } from './api-client.ts';
import { apiClient, type CliContext, type JsonOption, print } from './context.ts';
import { CliError, EXIT, formatFields, formatTable } from './io.ts';

/** What is shown: its place in the HTTP API, and what it is called. */
interface Versioned {
  readonly path: 'policies' | 'tariffs' | 'terms' | 'word-lists';
  readonly what: string;
}

/** `show NAME [--version N]` and `versions NAME` of policies, word lists, tariffs and terms. */
export function addVersions(parent: Command, context: CliContext, { path, what }: Versioned): void {
  parent
    .command('show')
    .description(`print ${what} in force, or as one of its versions had it`)
    .argument('<name>')
    .option('--version <n>', 'a version, such as a message recorded')
    .option('--json', 'print JSON')
    .action(async (name: string, options: JsonOption & { version?: string }) => {
      const version = options.version ?? (await inForce(context, { path, what }, name));
      if (!/^[0-9]{1,10}$/.test(version))
        throw new CliError('--version must be a whole number', EXIT.usage);
      const shown = await apiClient(context).get(
        shownSchema,
        pathOf('v1', path, name, 'versions', version),
      );
      print(context, options, shown, shownText);
    });
  parent
    .command('versions')
    .description(`list the versions of ${what}, newest first`)
    .argument('<name>')
    .option('--before <n>', 'only older ones than this version')
    .option('--limit <n>', 'versions at most, 1 to 1000')
    .option('--json', 'print JSON')
    .action(async (name: string, options: JsonOption & { before?: string; limit?: string }) => {
      const { before, limit } = options;
      const asked = `${pathOf('v1', path, name, 'versions')}${queryOf({ before, limit })}`;
      print(context, options, await apiClient(context).get(listSchema, asked), ({ versions }) =>
        formatTable(
          ['version', 'from', 'by', ''],
          versions.map(({ version, from, actor, removed }) => [
            String(version),
            from ?? 'built in',
            actor ?? '',
            removed ? 'removed' : '',
          ]),
        ),
      );
    });
}

async function inForce(
  context: CliContext,
  { path, what }: Versioned,
  name: string,
): Promise<string> {
  const asked = `${pathOf('v1', path, name, 'versions')}${queryOf({ limit: '1' })}`;
  const { inForce: version } = await apiClient(context).get(listSchema, asked);
  if (version !== undefined) return String(version);
  throw new CliError(
    `${what} ${name} was removed: its versions are still there (versions ${name})`,
  );
}

const listSchema = z.looseObject({
  inForce: z.int().optional(),
  versions: z.array(
    z.looseObject({
      version: z.int(),
      from: z.string().optional(),
      actor: z.string().optional(),
      removed: z.boolean(),
    }),
  ),
});
const shownSchema = z.looseObject({
  name: z.string(),
  version: z.int(),
  from: z.string().optional(),
  until: z.string().optional(),
  actor: z.string().optional(),
  spec: z.unknown(),
  wordLists: z
    .array(z.looseObject({ name: z.string(), version: z.int(), from: z.string() }))
    .optional(),
});

/** What it said as a resources file has it; a change of a list within it stands beside the version it made. */
function shownText(shown: z.output<typeof shownSchema>): string {
  const { name, version, from, until, actor, spec, wordLists = [] } = shown;
  const lists = wordLists.map((list) => [list.name, String(list.version), list.from]);
  return [
    formatFields({ name, version, from: from ?? 'built in', until, by: actor }),
    lists.length === 0 ? '' : `\n${formatTable(['word list', 'version', 'from'], lists)}`,
    `\n${stringify(spec)}`,
  ].join('');
}
