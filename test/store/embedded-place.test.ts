import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { allows, makeSocketFolder, reaches } from '../../src/store/embedded-place.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'smppgate-place-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** A user who owns nothing and is in no group of ours. */
const other = { name: 'other', uid: 65_000, gid: 65_000 };

describe('reaches', () => {
  it('wants every folder on the way to let the user through', () => {
    const inner = join(folder, 'a', 'b');
    mkdirSync(inner, { recursive: true });
    chmodSync(folder, 0o711);
    expect(reaches(other, inner)).toBe(true);
    chmodSync(folder, 0o700);
    expect(reaches(other, inner)).toBe(false);
    chmodSync(folder, 0o755);
    chmodSync(join(folder, 'a'), 0o744);
    expect(reaches(other, inner)).toBe(false);
  });

  it('looks at where a link leads', () => {
    chmodSync(folder, 0o755);
    const closed = join(folder, 'closed');
    mkdirSync(join(closed, 'data'), { recursive: true });
    chmodSync(closed, 0o700);
    symlinkSync(join(closed, 'data'), join(folder, 'link'));
    expect(reaches(other, join(folder, 'link'))).toBe(false);
  });
});

describe('allows', () => {
  it('counts the bits of the owner for the owner, of the group for the group, else of others', () => {
    chmodSync(folder, 0o750);
    const stats = statSync(folder);
    const { uid, gid } = stats;
    expect(allows({ name: 'owner', uid, gid: 65_000 }, stats, 0o7)).toBe(true);
    expect(allows({ name: 'member', uid: 65_000, gid }, stats, 0o5)).toBe(true);
    expect(allows({ name: 'member', uid: 65_000, gid }, stats, 0o2)).toBe(false);
    expect(allows(other, stats, 0o1)).toBe(false);
  });
});

describe('makeSocketFolder', () => {
  it('is one 0700 folder for one base, under the temp directory', () => {
    vi.stubEnv('TMPDIR', folder);
    const path = makeSocketFolder('/some/base', undefined);
    expect(path.startsWith(`${folder}/smppgate-`)).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(makeSocketFolder('/some/base', undefined)).toBe(path);
    expect(makeSocketFolder('/another/base', undefined)).not.toBe(path);
  });

  it('does not use a folder of that name that others can get into', () => {
    vi.stubEnv('TMPDIR', folder);
    const path = makeSocketFolder('/some/base', undefined);
    chmodSync(path, 0o770);
    const second = makeSocketFolder('/some/base', undefined);
    expect(second).not.toBe(path);
    expect(statSync(second).mode & 0o777).toBe(0o700);
  });

  it('goes to /tmp when the path of the socket would be over 107 octets', () => {
    const long = join(folder, 'x'.repeat(90));
    mkdirSync(long);
    vi.stubEnv('TMPDIR', long);
    const path = makeSocketFolder(folder, undefined);
    expect(path).toMatch(/^\/tmp\/smppgate-[0-9a-f]{10}$/);
    rmSync(path, { recursive: true });
  });
});
