import { Command, CommanderError } from 'commander';
import type { CliContext } from './context.ts';
import { CliError, EXIT } from './io.ts';

/**
 * Runs one command line and returns its exit code: 0 done, 1 failed, 2 wrong usage or settings. Errors are printed as
 * one line each. Only the module of the command asked for is loaded, so that every start is quick.
 * @param argv without node and script
 */
export async function runCli(argv: readonly string[], context: CliContext): Promise<number> {
  const program = new Command('smppgate')
    .description('an SMS gateway: SMPP binds for customers and carriers, prepaid credit')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.io.out(text),
      writeErr: (text) => context.io.err(text),
    })
    .helpCommand(true);
  try {
    await addCommands(program, argv, context);
    await program.parseAsync(argv, { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    return failed(error, context);
  }
}

/** Every command of the product, in the order of the help. */
const COMMANDS: readonly {
  readonly name: string;
  readonly summary: string;
  readonly load: (program: Command, context: CliContext) => Promise<void>;
}[] = [
  {
    name: 'serve',
    summary: 'run the gateway',
    load: async (p, c) => (await import('./serve.ts')).addServe(p, c),
  },
  {
    name: 'migrate',
    summary: 'bring the database to this version',
    load: async (p, c) => (await import('./serve.ts')).addMigrate(p, c),
  },
  {
    name: 'apply',
    summary: 'apply a resource file',
    load: async (p, c) => (await import('./resources.ts')).addApply(p, c),
  },
  {
    name: 'export',
    summary: 'print the resources as a file',
    load: async (p, c) => (await import('./resources.ts')).addExport(p, c),
  },
  {
    name: 'tariff',
    summary: 'price lists as CSV, and what they said',
    load: async (p, c) => (await import('./tariff.ts')).addTariff(p, c),
  },
  {
    name: 'terms',
    summary: 'money rules, and what they said',
    load: async (p, c) => (await import('./terms.ts')).addTerms(p, c),
  },
  {
    name: 'account',
    summary: 'accounts and their credits',
    load: async (p, c) => (await import('./account.ts')).addAccount(p, c),
  },
  {
    name: 'message',
    summary: 'messages and their timelines',
    load: async (p, c) => (await import('./message.ts')).addMessage(p, c),
  },
  {
    name: 'moderation',
    summary: 'messages that wait for a moderator',
    load: async (p, c) => (await import('./moderation.ts')).addModeration(p, c),
  },
  {
    name: 'receipt',
    summary: 'receipts of carriers: explained, and those that fit no message',
    load: async (p, c) => (await import('./receipt.ts')).addReceipt(p, c),
  },
  {
    name: 'refund',
    summary: 'refund requests and outages',
    load: async (p, c) => (await import('./refund.ts')).addRefund(p, c),
  },
  {
    name: 'reconcile',
    summary: "compare the ledger with the messages, or a carrier's invoice",
    load: async (p, c) => (await import('./reconcile.ts')).addReconcile(p, c),
  },
  {
    name: 'report',
    summary: 'usage, deliveries, margins, carriers',
    load: async (p, c) => (await import('./report.ts')).addReport(p, c),
  },
  {
    name: 'carrier',
    summary: 'carriers',
    load: async (p, c) => (await import('./carrier.ts')).addCarrier(p, c),
  },
  {
    name: 'bans',
    summary: 'who may not bind for a while',
    load: async (p, c) => (await import('./bans.ts')).addBans(p, c),
  },
  {
    name: 'route',
    summary: 'how numbers are routed',
    load: async (p, c) => (await import('./route.ts')).addRoute(p, c),
  },
  {
    name: 'binds',
    summary: 'sessions bound now, and their history',
    load: async (p, c) => (await import('./binds.ts')).addBinds(p, c),
  },
  {
    name: 'audit',
    summary: 'who did what, when, and from where',
    load: async (p, c) => (await import('./audit.ts')).addAudit(p, c),
  },
  {
    name: 'trace',
    summary: "a session's PDUs as they pass",
    load: async (p, c) => (await import('./trace.ts')).addTrace(p, c),
  },
  {
    name: 'opt-outs',
    summary: 'numbers that want no messages',
    load: async (p, c) => (await import('./opt-outs.ts')).addOptOuts(p, c),
  },
  {
    name: 'consents',
    summary: 'numbers that allowed messages',
    load: async (p, c) => (await import('./lists.ts')).addConsents(p, c),
  },
  {
    name: 'senders',
    summary: 'registered senders',
    load: async (p, c) => (await import('./lists.ts')).addSenders(p, c),
  },
  {
    name: 'suspensions',
    summary: 'destinations to which nothing goes',
    load: async (p, c) => (await import('./lists.ts')).addSuspensions(p, c),
  },
  {
    name: 'policy',
    summary: 'content rules: what they said, try and measure them, word lists',
    load: async (p, c) => (await import('./policy.ts')).addPolicy(p, c),
  },
  {
    name: 'simulate',
    summary: 'a simulated carrier or customer',
    load: (p, c) => c.addSimulateCommands(p),
  },
  { name: 'bench', summary: 'measure this machine', load: (p, c) => c.addBenchCommand(p) },
  {
    name: 'config',
    summary: 'settings in force',
    load: async (p, c) => (await import('./serve.ts')).addConfig(p, c),
  },
];

async function addCommands(
  program: Command,
  argv: readonly string[],
  context: CliContext,
): Promise<void> {
  const words = argv.filter((word) => !word.startsWith('-'));
  const wanted = words[0] === 'help' ? words[1] : words[0];
  for (const command of COMMANDS) {
    if (command.name === wanted) await command.load(program, context);
    else program.command(command.name).description(command.summary);
  }
}

function failed(error: unknown, context: CliContext): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const message = error instanceof Error ? error.message : String(error);
  for (const line of message.split('\n')) context.io.err(`smppgate: ${line}\n`);
  return error instanceof CliError ? error.exitCode : exitCodeOf(error);
}

/** The daemon's own start-up errors may carry the code that they want. */
function exitCodeOf(error: unknown): number {
  const wanted =
    typeof error === 'object' && error !== null && 'exitCode' in error ? error.exitCode : undefined;
  return wanted === EXIT.usage ? EXIT.usage : EXIT.failed;
}
