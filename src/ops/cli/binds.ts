import type { Command } from 'commander';
import { z } from 'zod';
import { queryOf } from './api-client.ts';
import { apiClient, type CliContext, type JsonOption, print } from './context.ts';
import { formatTable } from './io.ts';

/** `binds list|history`. */
export function addBinds(program: Command, context: CliContext): void {
  const binds = program.command('binds').description('sessions bound now, and their history');
  addList(binds, context);
  addHistory(binds, context);
}

function addList(binds: Command, context: CliContext): void {
  binds
    .command('list')
    .description('list the sessions bound to the node now, of customers and to carriers')
    .option('--system-id <id>', "only a customer's")
    .option('--carrier <name>', 'only to a carrier')
    .option('--account <name>', 'only of an account')
    .option('--limit <n>', 'at most so many (default 1000)')
    .option('--json', 'print JSON')
    .action(async (options: JsonOption & Wanted & { account?: string }) => {
      const { systemId, carrier, account, limit } = options;
      const path = `/v1/binds${queryOf({ systemId, carrier, account, limit })}`;
      const answer = await apiClient(context).get(liveSchema, path);
      print(context, options, answer, ({ binds: rows, total }) => {
        const more = total > rows.length ? `and ${total - rows.length} more\n` : '';
        return formatTable(LIVE_HEAD, rows.map(liveCells)) + more;
      });
    });
}

function addHistory(binds: Command, context: CliContext): void {
  binds
    .command('history')
    .description(
      'list who was bound and who was refused, newest first (default: the last 24 hours)',
    )
    .option('--system-id <id>', "only a customer's; - for names that are nobody's")
    .option('--carrier <name>', 'only to a carrier')
    .option('--from <time>', 'ISO 8601')
    .option('--until <time>', 'ISO 8601')
    .option('--limit <n>', 'at most so many (default 100)')
    .option('--json', 'print JSON')
    .action(async (options: JsonOption & Wanted & { from?: string; until?: string }) => {
      const { systemId, carrier, from, until, limit } = options;
      const path = `/v1/binds/history${queryOf({ systemId, carrier, from, until, limit })}`;
      const answer = await apiClient(context).get(historySchema, path);
      print(context, options, answer, ({ binds: rows }) =>
        formatTable(HISTORY_HEAD, rows.map(historyCells)),
      );
    });
}

interface Wanted {
  readonly systemId?: string;
  readonly carrier?: string;
  readonly limit?: string;
}

const liveRow = z.looseObject({
  session: z.int(),
  side: z.string(),
  systemId: z.string(),
  carrier: z.string().optional(),
  account: z.string().optional(),
  address: z.string(),
  port: z.int(),
  boundAs: z.string(),
  version: z.string(),
  tls: z.boolean(),
  since: z.string(),
  window: z.looseObject({
    submits: z.int(),
    submitsMax: z.int(),
    receipts: z.int(),
    receiptsMax: z.int(),
  }),
  outboundOctets: z.int(),
  submits: z.int(),
  receipts: z.int(),
});
const liveSchema = z.looseObject({ total: z.int(), binds: z.array(liveRow) });

const LIVE_HEAD = [
  'session',
  'side',
  'peer',
  'account',
  'address',
  'as',
  'smpp',
  'since',
  'submits',
  'receipts',
  'window',
  'back',
  'waiting',
];

function liveCells(bind: z.infer<typeof liveRow>): string[] {
  const { window } = bind;
  return [
    String(bind.session),
    bind.side,
    bind.carrier ?? bind.systemId,
    bind.account ?? '',
    `${addressText(bind)}${bind.tls ? ' tls' : ''}`,
    bind.boundAs,
    bind.version,
    bind.since,
    String(bind.submits),
    String(bind.receipts),
    `${window.submits}/${window.submitsMax}`,
    `${window.receipts}/${window.receiptsMax}`,
    String(bind.outboundOctets),
  ];
}

const historyRow = z.looseObject({
  event: z.string(),
  side: z.string(),
  systemId: z.string().optional(),
  carrier: z.string().optional(),
  account: z.string().optional(),
  address: z.string(),
  port: z.int().optional(),
  boundAs: z.string().optional(),
  version: z.string().optional(),
  tls: z.boolean().optional(),
  boundAt: z.string(),
  endedAt: z.string().nullable().optional(),
  reason: z.string().optional(),
  detail: z.string().optional(),
  submits: z.int().optional(),
  receipts: z.int().optional(),
  count: z.int(),
  node: z.string().optional(),
});
const historySchema = z.looseObject({ binds: z.array(historyRow) });

const HISTORY_HEAD = [
  'at',
  'event',
  'peer',
  'account',
  'address',
  'as',
  'smpp',
  'ended',
  'reason',
  'submits',
  'receipts',
  'node',
];

function historyCells(row: z.infer<typeof historyRow>): string[] {
  const reason = row.detail === undefined ? row.reason : `${row.reason}: ${row.detail}`;
  return [
    row.boundAt,
    row.event === 'session' ? 'session' : `${row.event} x${row.count}`,
    row.carrier ?? row.systemId ?? '',
    row.account ?? '',
    `${addressText(row)}${row.tls === true ? ' tls' : ''}`,
    row.boundAs ?? '',
    row.version ?? '',
    row.endedAt ?? '',
    reason ?? '',
    row.submits === undefined ? '' : String(row.submits),
    row.receipts === undefined ? '' : String(row.receipts),
    row.node ?? '',
  ];
}

function addressText(of: { readonly address: string; readonly port?: number | undefined }): string {
  if (of.port === undefined) return of.address;
  return of.address.includes(':') ? `[${of.address}]:${of.port}` : `${of.address}:${of.port}`;
}
