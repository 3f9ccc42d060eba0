import { runCli } from './ops/cli/program.ts';

let serves = false;

/**
 * Who read our output went away (`| head`): a command has nothing more to say and ends well; a gateway goes on without
 * whoever read its log.
 */
function readerGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  if (!serves) process.exit();
}
process.stdout.on('error', readerGone);
process.stderr.on('error', readerGone);

// The command line. Parts above ops are named here and loaded when their command is asked for.
const exitCode = await runCli(process.argv.slice(2), {
  io: {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
  },
  serve: async (config, options) => {
    serves = true;
    return (await import('./daemon.ts')).runDaemon(config, options);
  },
  addSimulateCommands: async (program) =>
    (await import('./simulator/cli.ts')).addSimulateCommands(program),
  addBenchCommand: async (program) => (await import('./bench/main.ts')).addBenchCommand(program),
});
// Commands that run for long (simulate, bench) set a code of their own: a good end does not undo it.
if (exitCode !== 0) process.exitCode = exitCode;
