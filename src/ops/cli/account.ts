import { randomInt } from 'node:crypto';
import type { Command } from 'commander';
import { z } from 'zod';
import { suggestSecret } from '../../domain/resource-secrets.ts';
import { addTrafficCommands } from './account-traffic.ts';
import { pathOf, queryOf } from './api-client.ts';
import { apiClient, type CliContext, type JsonOption, print } from './context.ts';
import { addCreditCommands } from './credit.ts';
import { formatFields, formatTable } from './io.ts';
import { addStatement } from './statement.ts';

/** `account ...`: accounts and their credits. */
export function addAccount(program: Command, context: CliContext): void {
  const account = program.command('account').description('accounts and their credits');
  addList(account, context);
  addShow(account, context);
  addCreate(account, context);
  addTopUp(account, context);
  addPenalty(account, context);
  addAdjust(account, context);
  addBalance(account, context);
  addStatement(account, context);
  addCreditCommands(account, context);
  addViolations(account, context);
  addTrafficCommands(account, context);
  addStatusChange(account, context, 'suspend', 'stop an account; its queued messages end');
  addStatusChange(account, context, 'resume', 'let a suspended account send again');
  addStatusChange(account, context, 'terminate', 'end an account for good');
}

function addList(account: Command, context: CliContext): void {
  account
    .command('list')
    .description('list accounts with their credits')
    .option('--after <name>', 'start after this name')
    .option('--limit <n>', 'accounts at most, 1 to 1000')
    .option('--json', 'print JSON')
    .action(async (options: JsonOption & { after?: string; limit?: string }) => {
      const query = queryOf({ after: options.after, limit: options.limit });
      const answer = await apiClient(context).get(listSchema, `/v1/accounts${query}`);
      print(context, options, answer, ({ accounts, next }) => {
        const rows = accounts.map((a) => [
          a.name,
          a.status,
          a.credits,
          a.reserved,
          a.expiresAt ?? 'never',
        ]);
        const table = formatTable(['name', 'status', 'credits', 'reserved', 'expires'], rows);
        return next === undefined ? table : `${table}more: --after ${next}\n`;
      });
    });
}

function addShow(account: Command, context: CliContext): void {
  account
    .command('show')
    .description('print an account and its settings')
    .argument('<name>')
    .option('--json', 'print JSON')
    .action(async (name: string, options: JsonOption) => {
      const answer = await apiClient(context).get(accountSchema, pathOf('v1', 'accounts', name));
      print(context, options, answer, accountText);
    });
}

interface CreateOptions extends JsonOption {
  readonly tariff: string;
  readonly terms: string;
  readonly policy?: string;
  readonly class?: string;
  readonly credit?: string;
  readonly systemId?: string;
}

function addCreate(account: Command, context: CliContext): void {
  account
    .command('create')
    .description(
      'create an account; with --system-id also its bind, whose random password is printed once',
    )
    .argument('<name>')
    .requiredOption('--tariff <name>', 'its prices')
    .requiredOption('--terms <name>', 'its money rules')
    .option('--policy <name>', 'its content rules (default: open)')
    .option('--class <name>', 'its traffic class (default: transactional)')
    .option('--credit <credits>', 'opening top-up')
    .option('--system-id <id>', 'system_id of its bind, at most 15 characters')
    .option('--json', 'print JSON')
    .action(async (name: string, options: CreateOptions) => {
      const password = suggestSecret((below) => randomInt(below));
      const answer = await apiClient(context).post(accountSchema, '/v1/accounts', {
        name,
        tariff: options.tariff,
        terms: options.terms,
        ...(options.policy !== undefined && { policy: options.policy }),
        ...(options.class !== undefined && { trafficClass: options.class }),
        ...(options.credit !== undefined && { credit: options.credit }),
        ...(options.systemId !== undefined && {
          binds: [{ systemId: options.systemId, password }],
        }),
      });
      const secret = options.systemId === undefined ? {} : { systemId: options.systemId, password };
      print(
        context,
        options,
        { ...answer, ...secret },
        (made) => accountText(made) + formatFields(secret),
      );
    });
}

function addTopUp(account: Command, context: CliContext): void {
  account
    .command('top-up')
    .description('add credits; the same reference again is the same top-up')
    .argument('<name>')
    .argument('<credits>', 'such as 100 or 0.05')
    .requiredOption('--reference <text>', 'your own name for this top-up, such as an invoice')
    .option('--json', 'print JSON')
    .action(async (name: string, credits: string, options: JsonOption & { reference: string }) => {
      const body = { credits, reference: options.reference };
      const path = pathOf('v1', 'accounts', name, 'top-ups');
      print(context, options, await apiClient(context).post(postedSchema, path, body), postedText);
    });
}

interface PenaltyOptions extends JsonOption {
  readonly reference: string;
  readonly reason: string;
  readonly evidence?: string;
  readonly carrier?: string;
  readonly carrierReference?: string;
}

function addPenalty(account: Command, context: CliContext): void {
  account
    .command('penalty')
    .description('take credits for a violation; the balance may go below zero')
    .argument('<name>')
    .argument('<credits>', 'above 0')
    .requiredOption('--reference <text>', 'your own name for it, such as a case number')
    .requiredOption('--reason <text>', 'why')
    .option('--evidence <text>', 'what it rests on')
    .option('--carrier <name>', 'the carrier that passed it on')
    .option('--carrier-reference <text>', "the carrier's own name for it")
    .option('--json', 'print JSON')
    .action(async (name: string, credits: string, { json, ...posting }: PenaltyOptions) => {
      const body = { credits, ...posting };
      const path = pathOf('v1', 'accounts', name, 'penalties');
      print(
        context,
        { ...(json && { json }) },
        await apiClient(context).post(postedSchema, path, body),
        postedText,
      );
    });
}

function addAdjust(account: Command, context: CliContext): void {
  account
    .command('adjust')
    .description('correct the credits of an account by an entry, up or down')
    .argument('<name>')
    .argument('<credits>', 'such as 5 or -0.05')
    .requiredOption('--reference <text>', 'your own name for it, such as a ticket')
    .requiredOption('--reason <text>', 'why')
    .option('--json', 'print JSON')
    .action(
      async (
        name: string,
        credits: string,
        options: JsonOption & { reference: string; reason: string },
      ) => {
        const { reference, reason } = options;
        const path = pathOf('v1', 'accounts', name, 'adjustments');
        const body = { credits, reference, reason };
        print(
          context,
          options,
          await apiClient(context).post(postedSchema, path, body),
          postedText,
        );
      },
    );
}

function addBalance(account: Command, context: CliContext): void {
  account
    .command('balance')
    .description('print what an account has')
    .argument('<name>')
    .option('--json', 'print JSON')
    .action(async (name: string, options: JsonOption) => {
      const path = pathOf('v1', 'accounts', name, 'balance');
      const balance = await apiClient(context).get(z.looseObject({}), path);
      // Lots have a command of their own.
      print(context, options, balance, (all) => formatFields({ ...all, lots: undefined }));
    });
}

function addViolations(account: Command, context: CliContext): void {
  account
    .command('violations')
    .description('print what counts against an account, newest first')
    .argument('<name>')
    .option('--before <id>', 'the page after this one')
    .option('--limit <n>', 'violations at most, 1 to 1000')
    .option('--json', 'print JSON')
    .action(async (name: string, options: JsonOption & { before?: string; limit?: string }) => {
      const { before, limit } = options;
      const path = pathOf('v1', 'accounts', name, 'violations') + queryOf({ before, limit });
      const answer = await apiClient(context).get(violationsSchema, path);
      print(context, options, answer, ({ counted, violations, next }) => {
        const rows = violations.map((one) => [one.at, one.rule, one.message ?? '']);
        const more = next === undefined ? '' : `more: --before ${next}\n`;
        return `${formatTable(['time', 'rule', 'message'], rows)}${counted} since its last resume\n${more}`;
      });
    });
}

interface StatusOptions extends JsonOption {
  readonly reason: string;
  readonly dropBinds?: boolean;
  readonly forfeit?: boolean;
  readonly eraseContent?: boolean;
}

function addStatusChange(
  account: Command,
  context: CliContext,
  verb: string,
  description: string,
): void {
  account
    .command(verb)
    .description(description)
    .argument('<name>')
    .requiredOption('--reason <text>', 'why; kept in the audit')
    .option('--drop-binds', 'suspend: end its sessions as well')
    .option('--forfeit', 'suspend, terminate: take what is left of its credit')
    .option('--no-forfeit', 'terminate: leave it, whatever the terms say')
    .option('--erase-content', 'terminate: destroy what its messages say, whatever the terms say')
    .option('--no-erase-content', 'terminate: leave that')
    .option('--json', 'print JSON')
    .action(async (name: string, options: StatusOptions) => {
      const path = pathOf('v1', 'accounts', name, verb);
      const { reason, dropBinds, forfeit, eraseContent } = options;
      const body = {
        reason,
        ...(dropBinds !== undefined && { dropBinds }),
        ...(forfeit !== undefined && { forfeit }),
        ...(eraseContent !== undefined && { eraseContent }),
      };
      print(
        context,
        options,
        await apiClient(context).post(accountSchema, path, body),
        accountText,
      );
    });
}

const accountSchema = z.looseObject({
  name: z.string(),
  status: z.string(),
  credits: z.string(),
  reserved: z.string(),
  expiresAt: z.string().nullable(),
});
const listSchema = z.looseObject({ accounts: z.array(accountSchema), next: z.string().optional() });
const violationsSchema = z.looseObject({
  counted: z.int(),
  violations: z.array(
    z.looseObject({ at: z.string(), rule: z.string(), message: z.string().optional() }),
  ),
  next: z.string().optional(),
});
const postedSchema = z.looseObject({ existing: z.boolean() });
function accountText(account: z.output<typeof accountSchema>): string {
  const { spec, generated: _, ...fields } = account;
  const settings = typeof spec === 'object' && spec !== null ? { ...spec, name: undefined } : {};
  return formatFields({ ...fields, expiresAt: account.expiresAt ?? 'never', ...settings });
}

function postedText(posted: z.output<typeof postedSchema>): string {
  const { existing, ...fields } = posted;
  return formatFields(fields) + (existing ? 'posted before: nothing was added\n' : '');
}
