import type { Command } from 'commander';
import { z } from 'zod';
import { csvLine } from '../../domain/csv.ts';
import { queryOf } from './api-client.ts';
import { apiClient, type CliContext, type JsonOption, print } from './context.ts';
import { CliError, EXIT, formatTable } from './io.ts';
import { type SendOptions, sendListFile } from './list-file.ts';
import { liveOf, liveText } from './lists.ts';

/** Opt-outs asked for, or set, in one request. */
const PAGE = 10_000;
/** The API takes 500,000 numbers and 16 MiB; the order of numbers means nothing. */
const FILE: SendOptions = { lines: 100_000, characters: 8 * 1024 * 1024, underWay: 3 };

/** `opt-outs list|add|remove`. */
export function addOptOuts(program: Command, context: CliContext): void {
  const optOuts = program
    .command('opt-outs')
    .description('numbers that want no messages of an account');
  optOuts
    .command('list')
    .description('list the opt-outs of an account, all of them')
    .argument('<account>')
    .option('--number <number>', 'only this one, international')
    .option('--json', 'print JSON')
    .option('--csv', 'print CSV')
    .action(async (account: string, options: ListOptions) => {
      const pages = pagesOf(context, account, options.number);
      if (options.csv === true) {
        context.io.out(csvLine(COLUMNS));
        for await (const page of pages)
          context.io.out(page.map((one) => csvLine(cellsOf(one))).join(''));
        return;
      }
      const found: OptOut[] = [];
      for await (const page of pages) found.push(...page);
      print(context, options, { optOuts: found }, () => formatTable(COLUMNS, found.map(cellsOf)));
    });
  addSetting(optOuts, context, 'add', 'opt numbers out');
  addSetting(optOuts, context, 'remove', 'opt numbers in again');
}

function addSetting(
  optOuts: Command,
  context: CliContext,
  verb: 'add' | 'remove',
  description: string,
): void {
  optOuts
    .command(verb)
    .description(description)
    .argument('<account>', 'or "*", all of them')
    .argument('[numbers...]', 'international')
    .option('--file <file>', 'a file with one number a line')
    .option('--sender <sender>', 'only messages of this sender')
    .option('--class <class>', 'only messages of this class; objection to marketing: promotional')
    .option('--json', 'print JSON')
    .action(async (account: string, given: string[], options: JsonOption & ScopeOptions) => {
      const { file, sender, class: trafficClass } = options;
      if (given.length === 0 && file === undefined)
        throw new CliError('name numbers, or a --file', EXIT.usage);
      const method = verb === 'add' ? 'PUT' : 'DELETE';
      const client = apiClient(context);
      const scope = { account, sender, class: trafficClass };
      let changed = 0;
      let live: { live?: false } = {};
      const sum = (answer: z.output<typeof changedSchema>) => {
        changed += answer.changed;
        live = { ...live, ...liveOf(answer) };
      };
      for (let at = 0; at < given.length; at += PAGE) {
        const body = { ...scope, numbers: given.slice(at, at + PAGE) };
        sum(await client.send(method, changedSchema, '/v1/opt-outs', body));
      }
      if (file !== undefined)
        await sendListFile(file, FILE, async (part) => {
          const path = `/v1/opt-outs${queryOf(scope)}`;
          sum(await client.sendText(method, changedSchema, path, part));
        });
      print(
        context,
        options,
        { account, changed, ...live },
        () => `${account}: ${changed} changed${liveText(live)}\n`,
      );
    });
}

interface ScopeOptions {
  readonly file?: string;
  readonly sender?: string;
  readonly class?: string;
}

interface ListOptions extends JsonOption {
  readonly number?: string;
  readonly csv?: boolean;
}

async function* pagesOf(
  context: CliContext,
  account: string,
  number: string | undefined,
): AsyncGenerator<OptOut[]> {
  for (let after: string | undefined; ; ) {
    const path = `/v1/opt-outs${queryOf({ account, number, after, limit: String(PAGE) })}`;
    const page = await apiClient(context).get(listSchema, path);
    yield page.optOuts;
    after = page.next;
    if (after === undefined) return;
  }
}

const COLUMNS = ['number', 'sender', 'class', 'source', 'at'];

function cellsOf({ number, sender = '', class: trafficClass = '', source, at }: OptOut): string[] {
  return [number, sender, trafficClass, source, at];
}

const changedSchema = z.looseObject({ changed: z.int(), live: z.literal(false).optional() });
const listSchema = z.looseObject({
  optOuts: z.array(
    z.looseObject({
      number: z.string(),
      sender: z.string().optional(),
      class: z.string().optional(),
      source: z.string(),
      at: z.string(),
    }),
  ),
  next: z.string().optional(),
});
type OptOut = z.output<typeof listSchema>['optOuts'][number];
