import type { Command } from 'commander';
import { z } from 'zod';
import { csvLine } from '../../domain/csv.ts';
import { queryOf } from './api-client.ts';
import { apiClient, type CliContext, type JsonOption, print } from './context.ts';
import { formatTable } from './io.ts';
import { IN_ORDER, IN_ORDER_OF_NUMBERS, type SendOptions, sendListFile } from './list-file.ts';

/** Entries asked for at once. */
const PAGE = 10_000;

/** A list of the API that has one entry a line. */
interface ListCommand {
  /** Of the command and of the path. */
  readonly name: 'consents' | 'senders';
  readonly description: string;
  /** Shown of each entry, and columns of a file. */
  readonly columns: readonly string[];
  /** How a file of it goes. */
  readonly sending: SendOptions;
}

/** `consents list|add|remove`. */
export function addConsents(program: Command, context: CliContext): void {
  addList(program, context, {
    name: 'consents',
    description: 'numbers that allowed messages of an account',
    columns: ['number', 'class', 'textVersion', 'source', 'at', 'evidence'],
    sending: IN_ORDER_OF_NUMBERS,
  });
}

/** `senders list|add|remove`. */
export function addSenders(program: Command, context: CliContext): void {
  addList(program, context, {
    name: 'senders',
    description: 'senders that are registered for an account ("*": for all)',
    columns: ['sender', 'status', 'class', 'country', 'operator', 'from', 'until', 'note'],
    sending: IN_ORDER,
  });
}

/** `suspensions list|add|remove`. */
export function addSuspensions(program: Command, context: CliContext): void {
  const suspensions = program
    .command('suspensions')
    .description('destinations to which nothing goes, of whatever account');
  suspensions
    .command('list')
    .description('list them')
    .option('--json', 'print JSON')
    .action(async (options: JsonOption) => {
      const answer = await apiClient(context).get(suspensionsSchema, '/v1/suspensions');
      const columns = ['prefix', 'country', 'network', 'reason', 'order', 'from', 'until'];
      print(context, options, answer, () =>
        formatTable(columns, rowsOf(answer.suspensions, columns)),
      );
    });
  for (const verb of ['add', 'remove'] as const) {
    const command = suspensions
      .command(verb)
      .description(verb === 'add' ? 'suspend a destination' : 'open it again')
      .option('--prefix <digits>')
      .option('--country <code>', 'ISO 3166-1, such as PK')
      .option('--network <code>', 'MCC, or MCC and MNC')
      .requiredOption('--reason <text>')
      .option('--json', 'print JSON');
    if (verb === 'add')
      command.option('--order <reference>').option('--from <time>').option('--until <time>');
    command.action(async ({ json, ...body }: JsonOption & Record<string, string>) => {
      const method = verb === 'add' ? 'PUT' : 'DELETE';
      const answer = await apiClient(context).send(method, okSchema, '/v1/suspensions', body);
      print(context, json === undefined ? {} : { json }, answer, () => `ok${liveText(answer)}\n`);
    });
  }
}

function addList(
  program: Command,
  context: CliContext,
  { name, description, columns, sending }: ListCommand,
): void {
  const list = program.command(name).description(description);
  list
    .command('list')
    .description('list all of an account')
    .argument('<account>')
    .option('--json', 'print JSON')
    .option('--csv', 'print CSV, as `add` takes it')
    .action(async (account: string, options: JsonOption & { csv?: boolean }) => {
      if (options.csv === true) {
        context.io.out(csvLine(columns));
        for await (const page of pagesOf(context, name, account))
          context.io.out(rowsOf(page, columns).map(lineOf).join(''));
        return;
      }
      const found = await listAll(context, name, account);
      print(context, options, { [name]: found }, () =>
        formatTable(columns, rowsOf(found, columns)),
      );
    });
  for (const verb of ['add', 'remove'] as const)
    list
      .command(verb)
      .description(`${verb} those of a file: CSV (${columns.join(',')}), or JSON lines`)
      .argument('<account>')
      .argument('<file>')
      .option('--json', 'print JSON')
      .action(async (account: string, file: string, options: JsonOption) => {
        const method = verb === 'add' ? 'PUT' : 'DELETE';
        const path = `/v1/${name}${queryOf({ account })}`;
        let changed = 0;
        let live: { live?: false } = {};
        await sendListFile(file, sending, async (part) => {
          const answer = await apiClient(context).sendText(method, changedSchema, path, part);
          changed += answer.changed;
          live = { ...live, ...liveOf(answer) };
        });
        print(
          context,
          options,
          { account, changed, ...live },
          () => `${account}: ${changed} changed${liveText(live)}\n`,
        );
      });
}

/** Of an answer: only where the change is not in force yet. */
export function liveOf({ live }: { live?: false | undefined }): { live?: false } {
  return live === undefined ? {} : { live };
}

/** The same in words, after what changed. */
export function liveText({ live }: { live?: false | undefined }): string {
  return live === undefined ? '' : '; not in force yet, it will be within seconds';
}

async function listAll(context: CliContext, name: string, account: string): Promise<Entry[]> {
  const found: Entry[] = [];
  for await (const page of pagesOf(context, name, account)) found.push(...page);
  return found;
}

async function* pagesOf(
  context: CliContext,
  name: string,
  account: string,
): AsyncGenerator<Entry[]> {
  for (let after: string | undefined; ; ) {
    const path = `/v1/${name}${queryOf({ account, after, limit: String(PAGE) })}`;
    const page = await apiClient(context).get(pageSchema, path);
    yield entriesSchema.parse(page[name]);
    if (page.next === undefined) return;
    after = String(page.next);
  }
}

function rowsOf(entries: readonly Entry[], columns: readonly string[]): string[][] {
  return entries.map((entry) => columns.map((column) => String(entry[column] ?? '')));
}

/** `add` takes an entry a line. */
function lineOf(cells: readonly string[]): string {
  return csvLine(cells.map((cell) => cell.replaceAll(/\s*[\r\n]+\s*/g, ' ')));
}

const entriesSchema = z.array(z.record(z.string(), z.unknown()));
type Entry = z.output<typeof entriesSchema>[number];
const pageSchema = z.looseObject({ next: z.union([z.string(), z.number()]).optional() });
const changedSchema = z.looseObject({ changed: z.int(), live: z.literal(false).optional() });
const okSchema = z.looseObject({ ok: z.literal(true), live: z.literal(false).optional() });
const suspensionsSchema = z.looseObject({ suspensions: entriesSchema });
