import type { Command } from 'commander';
import { type Config, describeConfig } from '../../config.ts';
import { flagOf, SETTINGS } from '../../config-settings.ts';
import { type CliContext, daemonConfig, type JsonOption, print } from './context.ts';
import { CliError, formatTable } from './io.ts';

/** `serve`: the daemon in the foreground, until SIGTERM or Ctrl-C has drained it. */
export function addServe(program: Command, context: CliContext): void {
  const serve = withSettings(
    program.command('serve').description('run the gateway until it is told to stop'),
  );
  serve.option('--json', 'log JSON also on a terminal');
  serve.option(
    '--allow-large-changes',
    'at this start RESOURCES_FILE may change prices by ten times and more',
  );
  serve.action(async (options: SettingOptions) => {
    await context.serve(configOf(context, options), {
      logJson: options.json === true,
      allowLargeChanges: options.allowLargeChanges === true,
    });
  });
}

/** `migrate`: brings the schema to this version; on the embedded database while no daemon runs. */
export function addMigrate(program: Command, context: CliContext): void {
  const migrate = withSettings(
    program.command('migrate').description('bring the database to this version and end'),
  );
  migrate.option('--json', 'print JSON').action(async (options: SettingOptions & JsonOption) => {
    const report = await migrateDatabase(configOf(context, options));
    print(context, options, report, ({ current, applied }) =>
      applied.length === 0
        ? `the database is current (${current})\n`
        : `${applied.join('\n')}\nthe database is now at ${current}\n`,
    );
  });
}

/** `config show`: every setting, its value and where it comes from; secrets are not shown. */
export function addConfig(program: Command, context: CliContext): void {
  const config = program.command('config').description('settings of the daemon');
  withSettings(config.command('show').description('print the settings in force, secrets hidden'))
    .option('--json', 'print JSON')
    .action((options: SettingOptions & JsonOption) => {
      const settings = describeConfig(configOf(context, options));
      print(context, options, { settings }, () =>
        formatTable(
          ['setting', 'value', 'from'],
          settings.map(({ key, value, source }) => [key, value, source]),
        ),
      );
    });
}

/** commander's option values by its camel-cased flag names. */
type SettingOptions = Readonly<Record<string, string | boolean | undefined>>;

/** One flag a setting, and the settings file. */
function withSettings(command: Command): Command {
  command.option('--config <file>', 'settings file (default: smppgate.yaml, .yml or .json here)');
  for (const setting of SETTINGS) {
    // A secret in a command line is seen by every user of the machine: those come from the environment or a file.
    if (!setting.secret)
      command.option(`${flagOf(setting)} <value>`, `${setting.doc} (${setting.env})`);
  }
  return command;
}

function configOf(context: CliContext, options: SettingOptions): Config {
  const flags: Record<string, string> = {};
  for (const setting of SETTINGS) {
    const value = options[camelCased(flagOf(setting))];
    if (typeof value === 'string') flags[setting.key] = value;
  }
  return daemonConfig(
    context,
    typeof options.config === 'string' ? options.config : undefined,
    flags,
  );
}

/** `--smpp-tls-port` as commander names its value: smppTlsPort. */
function camelCased(flag: string): string {
  return flag.slice('--'.length).replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

async function migrateDatabase(
  config: Config,
): Promise<{ current: number; applied: readonly string[] }> {
  const { connectStore } = await import('../../store/pool.ts');
  const { migrate } = await import('../../store/migrate.ts');
  if (config.database.url === undefined)
    return migrateEmbedded(config, async (url) => runMigration(url));
  return runMigration(config.database.url);

  async function runMigration(
    url: string,
  ): Promise<{ current: number; applied: readonly string[] }> {
    const client = await connectStore({ url, applicationName: 'smppgate migrate' }).catch(
      (error: unknown) => {
        throw new CliError(
          `the database of DATABASE_URL does not answer: ${error instanceof Error ? error.message : error}`,
        );
      },
    );
    try {
      return await migrate(client);
    } finally {
      await client.end();
    }
  }
}

async function migrateEmbedded<T>(config: Config, work: (url: string) => Promise<T>): Promise<T> {
  const { startEmbedded } = await import('../../store/embedded.ts');
  const silent = { info: () => undefined, warn: () => undefined };
  const server = await startEmbedded({ dataDir: config.dataDir, log: silent });
  try {
    return await work(server.url);
  } finally {
    await server.stop();
  }
}
