import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { TestDaemon } from '../support/daemon.ts';

/** Memory and open sockets of a daemon, as proc(5) tells them. */
export interface Look {
  readonly rssKb: number;
  /** What V8 holds of it: objects, and buffers outside its heap. */
  readonly heapMb: number;
  readonly externalMb: number;
  /** On the SMPP port, the listening one included. */
  readonly smppSockets: number;
  /** Other TCP (carriers), but those that are our own looks': of the HTTP API and the inspector. */
  readonly tcpSockets: number;
  /** To PostgreSQL and the like: a pool that follows the load, at most its limit. Not judged. */
  readonly unixSockets: number;
}

/** @param inspector port of its inspector */
export async function look(daemon: TestDaemon, inspector: number): Promise<Look> {
  const proc = `/proc/${daemon.pid}`;
  const rssKb = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`${proc}/status`, 'utf8'))?.[1]);
  const ofSmpp = tcpInodes([daemon.smppPort]);
  const ofLooks = tcpInodes([daemon.httpPort, inspector]);
  const ofTcp = tcpInodes();
  const inodes = readdirSync(`${proc}/fd`)
    .map((fd) => linkOf(`${proc}/fd/${fd}`))
    .filter((link) => link.startsWith('socket:['))
    .map((link) => link.slice('socket:['.length, -1));
  return {
    rssKb,
    heapMb: (await daemon.metric('nodejs_heap_size_used_bytes')) / 2 ** 20,
    externalMb: (await daemon.metric('nodejs_external_memory_bytes')) / 2 ** 20,
    smppSockets: inodes.filter((inode) => ofSmpp.has(inode)).length,
    tcpSockets: inodes.filter((i) => ofTcp.has(i) && !ofSmpp.has(i) && !ofLooks.has(i)).length,
    unixSockets: inodes.filter((inode) => !ofTcp.has(inode)).length,
  };
}

/** The faults: sockets left, memory that grew by more than a share (undefined: not judged). */
export function compare(before: Look, after: Look, memoryShare: number | undefined): string[] {
  const faults: string[] = [];
  if (after.smppSockets !== before.smppSockets)
    faults.push(`SMPP sockets: ${before.smppSockets} before, ${after.smppSockets} after`);
  if (after.tcpSockets !== before.tcpSockets)
    faults.push(`other TCP sockets: ${before.tcpSockets} before, ${after.tcpSockets} after`);
  const growth = after.rssKb / before.rssKb - 1;
  if (memoryShare !== undefined && growth > memoryShare)
    faults.push(`memory grew by ${(growth * 100).toFixed(1)} %`);
  return faults;
}

export function shown(seen: Look): string {
  const { rssKb, heapMb, externalMb, smppSockets, tcpSockets, unixSockets } = seen;
  return (
    `VmRSS ${(rssKb / 1_024).toFixed(1)} MB (heap ${heapMb.toFixed(1)}, buffers ${externalMb.toFixed(1)}), ` +
    `${smppSockets} sockets on the SMPP port, ${tcpSockets} other TCP, ${unixSockets} local`
  );
}

/**
 * Has V8 collect what is garbage, through the inspector: by itself it lets up to 64 MB of dead buffers and as much of
 * dead objects lie while there is little to do, which says nothing of what is held.
 */
export async function collectGarbage(inspector: number): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${inspector}/json`);
  const [target] = (await response.json()) as { webSocketDebuggerUrl: string }[];
  if (target === undefined) throw new Error('the inspector has no target');
  const socket = new WebSocket(target.webSocketDebuggerUrl);
  await happened(socket, 'open');
  // Twice: what a first pass finalises, a second one frees.
  for (const id of [1, 2]) {
    socket.send(JSON.stringify({ id, method: 'HeapProfiler.collectGarbage' }));
    await happened(socket, 'message');
  }
  socket.close();
  await happened(socket, 'close');
}

function happened(socket: WebSocket, what: 'open' | 'message' | 'close'): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.addEventListener(what, () => resolve(), { once: true });
    socket.addEventListener('error', () => reject(new Error('the inspector failed')), {
      once: true,
    });
  });
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // closed meanwhile
  }
}

/** Inodes of the TCP sockets, or of those whose local port is one of these. */
function tcpInodes(ports?: readonly number[]): Set<string> {
  const wanted = ports?.map((port) => `:${port.toString(16).toUpperCase().padStart(4, '0')}`);
  const inodes = new Set<string>();
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readFileSync(file, 'utf8').split('\n').slice(1)) {
      const columns = line.trim().split(/\s+/);
      const local = columns[1] ?? '';
      if (wanted === undefined || wanted.some((port) => local.endsWith(port)))
        inodes.add(columns[9] ?? '');
    }
  }
  return inodes;
}
