import { runCli } from './ops/cli/program.ts';

// The command line. Parts above ops are named here and loaded when their command is asked for.
const exitCode = await runCli(process.argv.slice(2), {
  io: {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
  },
  serve: async (config, options) => (await import('./daemon.ts')).runDaemon(config, options),
  addSimulateCommands: async (program) =>
    (await import('./simulator/cli.ts')).addSimulateCommands(program),
  addBenchCommand: async (program) => (await import('./bench/main.ts')).addBenchCommand(program),
});
// Commands that run for long (simulate, bench) set a code of their own: a good end does not undo it.
if (exitCode !== 0) process.exitCode = exitCode;
