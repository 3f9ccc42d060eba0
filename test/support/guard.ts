import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder for a test's servers, cleaned up whatever becomes of the test. */
export interface GuardedFolder {
  readonly path: string;
  /** Ends what still runs there and removes the folder. */
  release(): Promise<void>;
}

// Waits for its input to end, which it does however the test run ends: by release(), by Ctrl-C, by
// kill -9. Then it ends the servers named by pid files in the folder, and removes the folder.
const GUARD = `
cat >/dev/null
pids=
for file in $(find "$1" -maxdepth 4 -name postmaster.pid -o -maxdepth 4 -name redis.pid); do
  pid=$(head -n 1 "$file")
  case "$file" in *postmaster.pid) socket=$(sed -n 5p "$file");; esac
  kill -INT "$pid" 2>/dev/null && pids="$pids $pid"
done
for try in 1 2 3 4 5 6 7 8 9 10; do
  left=
  for pid in $pids; do kill -0 "$pid" 2>/dev/null && left="$left $pid"; done
  [ -z "$left" ] && break
  sleep 0.3
done
for pid in $left; do kill -KILL "$pid" 2>/dev/null; done
rm -rf "$1"
case "$socket" in */smppgate-*) rm -rf "$socket";; esac
`;

/**
 * Makes a folder for servers under the temp directory, with a process of its own that cleans it up
 * after us: PostgreSQL runs detached, and would outlive a run that is killed.
 */
export function guardedFolder(): GuardedFolder {
  const path = mkdtempSync(join(tmpdir(), 'smppgate-test-'));
  // As root the servers run as another user, who has to get in.
  chmodSync(path, 0o755);
  const guard = spawn('sh', ['-c', GUARD, 'smppgate-test-guard', path], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.unref();
  unrefStream(guard.stdin);
  return {
    path,
    async release() {
      if (guard.exitCode !== null) return;
      guard.ref();
      const ended = once(guard, 'exit');
      guard.stdin.end();
      await ended;
    },
  };
}

// A child's stdin is a socket, though its type does not say so; it must not keep the run alive.
function unrefStream(stream: object): void {
  if ('unref' in stream && typeof stream.unref === 'function') stream.unref();
}
