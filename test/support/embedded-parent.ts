// A process that owns an embedded PostgreSQL, for tests that kill it. Its argument is JSON: the
// options of startEmbedded, and the uid to become. It prints one line of JSON once the server
// answers or is refused, and stops it when its input ends.
import { once } from 'node:events';
import { type EmbeddedOptions, startEmbedded } from '../../src/store/embedded.ts';

interface Order extends Omit<EmbeddedOptions, 'log'> {
  readonly become?: number;
}

const { become, ...options }: Order = JSON.parse(process.argv[2] ?? '{}');
// Only now: everything is loaded, also from folders that the other user cannot reach.
if (become !== undefined) {
  process.setgroups?.([]);
  process.setgid?.(become);
  process.setuid?.(become);
}
try {
  const lines: string[] = [];
  const log = {
    info: (line: string) => lines.push(line),
    warn: (line: string) => lines.push(line),
  };
  const postgres = await startEmbedded({ ...options, log });
  const { url, pid, created, adopted } = postgres;
  console.log(JSON.stringify({ url, pid, created, adopted, log: lines }));
  await once(process.stdin.resume(), 'end');
  await postgres.stop();
} catch (error) {
  console.log(JSON.stringify({ error: String(error) }));
}
