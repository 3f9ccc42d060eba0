import { runCli } from '../../src/ops/cli/program.ts';

/** What a command printed, and its exit code. */
export interface CliRun {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs one of the commands that ask the HTTP API. */
export async function runCommand(
  env: Readonly<Record<string, string>>,
  words: readonly string[],
): Promise<CliRun> {
  const ran = { out: '', err: '' };
  const none = async (): Promise<void> => {};
  const code = await runCli(words, {
    io: {
      out: (text: string) => {
        ran.out += text;
      },
      err: (text: string) => {
        ran.err += text;
      },
    },
    env,
    serve: none,
    addSimulateCommands: none,
    addBenchCommand: none,
  });
  return { code, ...ran };
}
