import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import type { Command } from 'commander';
import { z } from 'zod';
import { queryOf } from './api-client.ts';
import { apiClient, type CliContext, type JsonOption, print } from './context.ts';
import { CliError } from './io.ts';

/** `apply FILE`: the diff is printed, applied or with --dry-run not. */
export function addApply(program: Command, context: CliContext): void {
  program
    .command('apply')
    .description('apply a resource file, all or nothing, and print what changes')
    .argument('<file>', 'YAML or JSON; "-" reads standard input')
    .option('--dry-run', 'only print what would change')
    .option('--allow-large-changes', 'also of prices by ten times and more')
    .option('--json', 'print JSON')
    .action(
      async (
        file: string,
        options: JsonOption & { dryRun?: boolean; allowLargeChanges?: boolean },
      ) => {
        const text = await readInput(file);
        const dryRun = options.dryRun === true;
        const path = `/v1/resources${queryOf({
          dryRun: dryRun ? 'true' : undefined,
          allowLargeChanges: options.allowLargeChanges === true ? 'true' : undefined,
        })}`;
        const answer = await apiClient(context).put(appliedSchema, path, {
          type: 'application/yaml',
          text,
        });
        print(context, options, answer, (applied) => appliedText(applied, dryRun));
      },
    );
}

/** `export`: what `apply` takes back without a difference. */
export function addExport(program: Command, context: CliContext): void {
  program
    .command('export')
    .description(
      'print the resources as a file that apply takes back; passwords are hashed or sealed',
    )
    .option('--json', 'print JSON instead of YAML')
    .action(async (options: JsonOption) => {
      const type = options.json === true ? 'application/json' : 'application/yaml';
      const text = await apiClient(context).getText('/v1/resources', type);
      context.io.out(
        options.json === true ? `${JSON.stringify(JSON.parse(text), null, 2)}\n` : text,
      );
    });
}

const appliedSchema = z.looseObject({
  version: z.string(),
  applied: z.boolean(),
  lines: z.array(z.string()),
  generated: z.array(z.object({ kind: z.string(), name: z.string(), password: z.string() })),
});

function appliedText(applied: z.output<typeof appliedSchema>, dryRun: boolean): string {
  const lines = applied.lines.map((line) => `${line}\n`).join('');
  const secrets = applied.generated
    .map(
      ({ kind, name, password }) => `password of ${kind} ${name}: ${password} (shown only now)\n`,
    )
    .join('');
  if (dryRun)
    return `${lines}${applied.lines.length === 0 ? 'nothing would change' : 'not applied (dry run)'}\n`;
  return `${lines}${secrets}${applied.applied ? `applied, version ${applied.version}` : 'nothing to change'}\n`;
}

async function readInput(file: string): Promise<string> {
  if (file === '-') return readAll(process.stdin);
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw new CliError(`cannot read ${file}: ${error instanceof Error ? error.message : error}`);
  });
}
