import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** What a process with an embedded PostgreSQL says once it is up, or why it is not. */
export interface ParentReport {
  readonly url: string;
  readonly pid: number;
  readonly created: boolean;
  readonly adopted: boolean;
  readonly log: readonly string[];
  readonly error?: string;
}

/** A process of its own with an embedded PostgreSQL, which a test may kill. */
export interface EmbeddedParent extends ParentReport {
  /** kill -9; its PostgreSQL stays. */
  kill(): Promise<void>;
  /** What a terminal does at Ctrl-C: SIGINT to everything in its process group. */
  interrupt(): Promise<void>;
  /** Lets it stop its server and end. */
  end(): Promise<void>;
}

const SCRIPT = fileURLToPath(new URL('embedded-parent.ts', import.meta.url));

/**
 * Starts a process that calls startEmbedded.
 * @param order its options, and the uid that it is to become first.
 */
export async function startParent(order: {
  dataDir: string;
  elsewhere?: string;
  packageRoot?: string;
  become?: number;
}): Promise<EmbeddedParent> {
  const child = spawn(process.execPath, [SCRIPT, JSON.stringify(order)], {
    cwd: '/',
    // Leader of a process group of its own, as a shell's job is.
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const report = await firstLine(child);
  const ended = async (how: () => void) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    how();
    await exited;
  };
  return {
    ...report,
    kill: () => ended(() => child.kill('SIGKILL')),
    interrupt: () => ended(() => process.kill(-(child.pid ?? 0), 'SIGINT')),
    end: () => ended(() => child.stdin?.end()),
  };
}

async function firstLine(child: ChildProcess): Promise<ParentReport> {
  if (child.stdout === null) throw new Error('no output to read');
  const lines = createInterface({ input: child.stdout });
  const [line] = await once(lines, 'line');
  lines.close();
  return JSON.parse(String(line));
}
