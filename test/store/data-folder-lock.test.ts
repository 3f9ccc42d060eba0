import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockDataFolder } from '../../src/store/data-folder-lock.ts';
import { processIdentity } from '../../src/store/process-probe.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'smppgate-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('lockDataFolder', () => {
  it('holds the folder until it is released, and leaves nothing but the lock', () => {
    const lock = lockDataFolder(folder);
    expect(() => lockDataFolder(folder)).toThrow(
      `another smppgate (pid ${process.pid}) already runs on ${folder}: stop it, or set DATA_DIR to another folder`,
    );
    expect(readdirSync(folder)).toEqual(['daemon.lock']);
    lock.release();
    expect(readdirSync(folder)).toEqual([]);
    lockDataFolder(folder).release();
  });

  it('takes over from a holder that is dead', async () => {
    const child = spawn('sleep', ['60']);
    const holder = processIdentity(child.pid ?? 0);
    hold(JSON.stringify(holder));
    expect(() => lockDataFolder(folder)).toThrow(`(pid ${child.pid})`);

    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    lockDataFolder(folder).release();
  });

  it("takes over when the holder's pid is another process' by now", () => {
    hold(JSON.stringify({ pid: process.pid, started: 'another boot/1' }));
    lockDataFolder(folder).release();
  });

  it.each(['', '{', '[]', '{"pid":"1"}'])(
    'takes over a lock that nobody can have written: %j',
    (text) => {
      hold(text);
      lockDataFolder(folder).release();
    },
  );

  it("does not remove another's lock when it is released late", () => {
    const late = lockDataFolder(folder);
    hold('{"pid":1,"started":"later"}');
    late.release();
    expect(readFileSync(join(folder, 'daemon.lock'), 'utf8')).toContain('later');
  });
});

function hold(text: string): void {
  writeFileSync(join(folder, 'daemon.lock'), text);
}
