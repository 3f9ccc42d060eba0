import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import {
  processArguments,
  processIdentity,
  processIds,
  processParent,
  processState,
} from '../../src/store/process-probe.ts';

// Greater than any pid: proc(5), pid_max is at most 2^22.
const NOBODYS_PID = 2 ** 22 + 1;

describe('processState', () => {
  it('tells the living from the gone', async () => {
    const child = spawn('sleep', ['60']);
    expect(processState(child.pid ?? 0)).toBe('running');
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    expect(processState(child.pid ?? 0)).toBe('gone');
    expect(processState(NOBODYS_PID)).toBe('gone');
  });

  it('takes a zombie for dead', async () => {
    // A parent that never waits for its child; the name holds what would fool a careless parser.
    const script = 'sleep 60 & echo $!; exec -a "a) R 1 (b" sleep 60';
    const parent = spawn('bash', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(createInterface({ input: parent.stdout }), 'line');
    const zombie = Number(line);
    // It ends only when bash, which would, has become a program that does not wait.
    const command = () => readFileSync(`/proc/${parent.pid}/cmdline`, 'latin1').split('\0')[0];
    await expect.poll(command).toBe('a) R 1 (b');
    process.kill(zombie);
    await expect.poll(() => processState(zombie)).toBe('zombie');
    expect(processIdentity(zombie)).toBeUndefined();
    expect(processState(parent.pid ?? 0)).toBe('running');
    const exited = once(parent, 'exit');
    parent.kill('SIGKILL');
    await exited;
  });
});

describe('processIdentity', () => {
  it('is the same for one process, and another for the next', async () => {
    const first = processIdentity(process.pid);
    expect(first).toEqual(processIdentity(process.pid));
    expect(first?.pid).toBe(process.pid);
    const child = spawn('sleep', ['60']);
    expect(processIdentity(child.pid ?? 0)?.started).not.toBe(first?.started);
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  });
});

describe('processArguments', () => {
  it('gives the arguments of a process, and none of one that is gone', async () => {
    const child = spawn('sleep', ['60']);
    await once(child, 'spawn');
    expect(processArguments(child.pid ?? 0)).toEqual(['sleep', '60']);
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    expect(processArguments(NOBODYS_PID)).toEqual([]);
  });
});

describe.runIf(process.platform === 'linux')('processIds', () => {
  it('lists who runs', () => {
    const pids = processIds();
    expect(pids).toContain(process.pid);
    expect(pids).toContain(1);
    expect(pids).not.toContain(NOBODYS_PID);
  });
});

describe.runIf(process.platform === 'linux')('processParent', () => {
  it('is the pid of the parent, and 0 for one that is gone', () => {
    expect(processParent(process.pid)).toBe(process.ppid);
    expect(processParent(NOBODYS_PID)).toBe(0);
  });
});
