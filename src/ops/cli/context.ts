import type { Command } from 'commander';
import { type Config, loadClientConfig, loadConfig } from '../../config.ts';
import { readAdminToken } from '../admin-token.ts';
import { ApiClient } from './api-client.ts';
import { CliError, type CliIo, EXIT } from './io.ts';

/** How the daemon is run, beside its settings. */
export interface ServeOptions {
  /** The log is JSON also on a terminal. */
  readonly logJson: boolean;
  /** RESOURCES_FILE may change prices by any factor at this start. */
  readonly allowLargeChanges: boolean;
}

/** What commands are given: where to write, the environment, and the parts above ops that only main.ts may name. */
export interface CliContext {
  readonly io: CliIo;
  /** Undefined: the process's own. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Runs the daemon until it has drained. */
  readonly serve: (config: Config, options: ServeOptions) => Promise<void>;
  readonly addSimulateCommands: (program: Command) => Promise<void>;
  readonly addBenchCommand: (program: Command) => Promise<void>;
}

/** A client of the running daemon: SMPPGATE_URL and ADMIN_TOKEN, else the token in dataDir where it may be read. */
export function apiClient(context: CliContext): ApiClient {
  const client = loadClientConfig(context.env);
  if ('errors' in client) throw settingsError(client.errors);
  const { url, token } = client.ok;
  return new ApiClient({ url, token: token ?? tokenOfDataDir(context) });
}

/** The daemon's settings, flags over environment over file. @throws CliError with exit code 2 that names every wrong one */
export function daemonConfig(
  context: CliContext,
  file?: string,
  flags?: Readonly<Record<string, string | undefined>>,
): Config {
  const config = loadConfig({
    ...(context.env && { env: context.env }),
    ...(file !== undefined && { file }),
    ...(flags && { flags }),
  });
  if ('errors' in config) throw settingsError(config.errors);
  return config.ok;
}

/** Prints an answer: as JSON with `--json`, else as `text` makes it. */
export function print<T>(
  context: CliContext,
  options: JsonOption,
  answer: T,
  text: (answer: T) => string,
): void {
  context.io.out(options.json === true ? `${JSON.stringify(answer, null, 2)}\n` : text(answer));
}

/** Every command has it. */
export interface JsonOption {
  readonly json?: boolean;
}

function settingsError(errors: readonly { key: string; message: string }[]): CliError {
  return new CliError(errors.map(({ key, message }) => `${key} ${message}`).join('\n'), EXIT.usage);
}

/** A command may be run where the daemon's settings are wrong or absent: then there is no token, and the API says so. */
function tokenOfDataDir(context: CliContext): string | undefined {
  const config = loadConfig(context.env ? { env: context.env } : {});
  return 'ok' in config ? readAdminToken(config.ok.dataDir) : undefined;
}
