import { hkdfSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import type { SecretKeeper } from '../store/resource-sealing.ts';
import { Sealing } from '../store/sealing.ts';
import { createSecretKeeper } from './secret-keeper.ts';

/** Everything that is derived from crypto.key. */
export interface Keyring {
  readonly sealing: Sealing;
  readonly secrets: SecretKeeper;
  /** Mixed into passwords before they are hashed: a stolen database alone cannot be tried. */
  readonly pepper: Buffer;
}

const KEY_OCTETS = 32;

/**
 * The keys in force: crypto.key, or with the embedded database the one that is made in dataDir (mode 0600).
 * @throws Error when DATABASE_URL is set and crypto.key is not: a lost key file must not make a shared database unreadable
 */
export function keyring(config: Config, embedded: boolean): Keyring {
  const texts =
    config.crypto.keys.length > 0 ? config.crypto.keys : [keyOfDataDir(config.dataDir, embedded)];
  const masters = texts.map((text) => derived(text, 'master'));
  const [newest = ''] = texts;
  const sealing = new Sealing(masters, randomBytes);
  // The oldest key's pepper: hashes stay valid when a newer key is put in front.
  const pepper = derived(texts.at(-1) ?? newest, 'pepper');
  return { sealing, pepper, secrets: createSecretKeeper({ sealing, pepper }) };
}

function keyOfDataDir(dataDir: string, embedded: boolean): string {
  if (!embedded)
    throw new Error(
      'crypto.key (CRYPTO_KEY) is required with DATABASE_URL: give it 32 or more random characters and keep them',
    );
  const path = join(dataDir, 'crypto-key');
  if (!existsSync(path)) {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    writeFileSync(path, `${randomBytes(KEY_OCTETS).toString('base64url')}\n`, {
      mode: 0o600,
      flag: 'wx',
    });
  }
  return readFileSync(path, 'utf8').trim();
}

/** A key for one use; crypto.key itself is any text of 32 or more characters. */
function derived(text: string, use: string): Buffer {
  return Buffer.from(hkdfSync('sha256', text, '', `smppgate ${use}`, KEY_OCTETS));
}
