import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll } from 'vitest';

/** What a test file may not leave behind, by the name Node gives it, and what to do about it. */
const WATCHED: Readonly<Record<string, string>> = {
  TCPSocketWrap: 'a socket is open: end sessions, clients and pools',
  TCPServerWrap: 'a server listens: close it',
  PipeWrap:
    'a unix socket or a pipe of a child is open: end clients of PostgreSQL, close the child',
  UDPWrap: 'a UDP socket is open: close it',
  TLSWrap: 'a TLS socket is open: end it',
  ProcessWrap: 'a child process runs: end it by its pid and wait for its exit',
  Timeout: 'a timer is pending: stop what set it',
  FSEventWrap: 'a file is watched: close the watcher',
};

/** A socket's close reaches Node a few turns after end(); what is still there then is a leak. */
const GRACE_TURNS = 200;

let before: Map<string, number> = new Map();

beforeAll(() => {
  before = count();
  // vitest's own timer of 0.2 s is pending here and gone in the end: none is the measure.
  before.delete('Timeout');
});

// Registered before the file's own hooks, so that it runs after them (vitest's hooks are a stack).
afterAll(async () => {
  let leaked = compare();
  for (let turn = 0; turn < GRACE_TURNS && leaked.length > 0; turn++) {
    await delay(5);
    leaked = compare();
  }
  if (leaked.length > 0)
    throw new Error(`this test file leaves something behind: ${leaked.join('; ')}`);
});

function compare(): string[] {
  const after = count();
  return Object.entries(WATCHED).flatMap(([kind, advice]) => {
    const more = (after.get(kind) ?? 0) - (before.get(kind) ?? 0);
    return more > 0 ? [`${more} ${kind} (${advice})`] : [];
  });
}

function count(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}
