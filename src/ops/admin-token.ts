import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** 32 random octets: nobody guesses 256 bits. */
const TOKEN_OCTETS = 32;

/** Where a daemon without ADMIN_TOKEN keeps the token that it made. */
export function adminTokenPath(dataDir: string): string {
  return join(dataDir, 'admin-token');
}

/**
 * The token that opens the HTTP API: the configured one, else the one in dataDir, which is made at the first start
 * (mode 0600). `path` says where it lies, undefined for a configured one.
 */
export function ensureAdminToken(
  dataDir: string,
  configured: string | undefined,
): { readonly token: string; readonly path: string | undefined } {
  if (configured !== undefined) return { token: configured, path: undefined };
  const path = adminTokenPath(dataDir);
  const known = readAdminToken(dataDir);
  if (known !== undefined) return { token: known, path };
  const token = randomBytes(TOKEN_OCTETS).toString('base64url');
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  writeFileSync(path, `${token}\n`, { mode: 0o600, flag: 'wx' });
  return { token, path };
}

/** The token in dataDir, undefined when there is none or it may not be read. */
export function readAdminToken(dataDir: string): string | undefined {
  try {
    const token = readFileSync(adminTokenPath(dataDir), 'utf8').trim();
    return token === '' ? undefined : token;
  } catch {
    return undefined;
  }
}
