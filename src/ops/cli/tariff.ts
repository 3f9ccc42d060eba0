import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { z } from 'zod';
import { pathOf, queryOf } from './api-client.ts';
import { apiClient, type CliContext, type JsonOption, print } from './context.ts';
import { CliError, formatTable } from './io.ts';
import { addVersions } from './resource-versions.ts';

/** `tariff export NAME`, `tariff import NAME FILE`, `tariff show|versions NAME`. */
export function addTariff(program: Command, context: CliContext): void {
  const tariff = program.command('tariff').description('price lists as CSV');
  tariff
    .command('export')
    .description('print a tariff as CSV: prefix,network,class,sender,from,until,price')
    .argument('<name>')
    .option('--json', 'print JSON: {"csv": ...}')
    .action(async (name: string, options: JsonOption) => {
      const csv = await apiClient(context).getText(pathOf('v1', 'tariffs', name), 'text/csv');
      print(context, options, { csv }, (answer) => answer.csv);
    });
  tariff
    .command('import')
    .description('replace the prices of a tariff by those of a CSV file; prints what changes')
    .argument('<name>')
    .argument('<file>')
    .option('--dry-run', 'only print what would change')
    .option('--allow-large-changes', 'also prices that change by ten times and more')
    .option('--json', 'print JSON')
    .action(async (name: string, file: string, options: ImportOptions) => {
      const text = await readFile(file, 'utf8').catch((error: unknown) => {
        throw new CliError(
          `cannot read ${file}: ${error instanceof Error ? error.message : error}`,
        );
      });
      const query = queryOf({
        dryRun: options.dryRun === true ? 'true' : undefined,
        allowLargeChanges: options.allowLargeChanges === true ? 'true' : undefined,
      });
      const path = `${pathOf('v1', 'tariffs', name)}${query}`;
      const answer = await apiClient(context).put(importedSchema, path, { type: 'text/csv', text });
      print(context, options, answer, (imported) =>
        importedText(imported, options.dryRun === true),
      );
    });
  addVersions(tariff, context, { path: 'tariffs', what: 'a tariff' });
}

interface ImportOptions extends JsonOption {
  readonly dryRun?: boolean;
  readonly allowLargeChanges?: boolean;
}

const importedSchema = z.looseObject({
  version: z.string(),
  applied: z.boolean(),
  lines: z.array(z.string()),
  prices: z.array(
    z.object({ price: z.string(), before: z.string().nullable(), after: z.string().nullable() }),
  ),
});

function importedText(imported: z.output<typeof importedSchema>, dryRun: boolean): string {
  const end = dryRun ? 'not applied (dry run)' : `applied, version ${imported.version}`;
  if (imported.lines.length === 0) return dryRun ? 'nothing would change\n' : 'nothing to change\n';
  if (imported.prices.length === 0) return `${imported.lines.join('\n')}\n${end}\n`;
  const rows = imported.prices.map(({ price, before, after }) => [
    price,
    before ?? '-',
    after ?? '-',
  ]);
  return `${formatTable(['price of', 'before', 'after'], rows)}${end}\n`;
}
