import { timingSafeEqual } from 'node:crypto';
import { hashPassword, verifyPassword } from '../gateway/credentials.ts';
import type { SecretKeeper } from '../store/resource-sealing.ts';
import { SealError, type Sealing } from '../store/sealing.ts';
import { randomSecret } from './random-secret.ts';

/**
 * Hashes passwords of binds (scrypt with the pepper) and seals passwords of carriers under crypto.key.
 * @param options.pepper the one that binds are checked with
 */
export function createSecretKeeper(options: {
  readonly sealing: Sealing;
  readonly pepper: Buffer;
}): SecretKeeper {
  const { sealing, pepper } = options;
  return {
    hash: (password, beside) => hashPassword(password, pepper, beside),
    async matches(clear, stored) {
      if (stored.startsWith('scrypt$')) return verifyPassword(clear, stored, pepper);
      const known = opened(sealing, stored);
      return known !== undefined && sameText(known, clear);
    },
    seal: (password) => sealing.sealSecret(password),
    generate: randomSecret,
  };
}

/** A secret whose key is gone matches nothing: applying its clear text seals it anew. */
function opened(sealing: Sealing, stored: string): string | undefined {
  try {
    return sealing.openSecret(stored);
  } catch (error) {
    if (error instanceof SealError) return undefined;
    throw error;
  }
}

function sameText(a: string, b: string): boolean {
  const left = Buffer.from(a, 'utf8');
  const right = Buffer.from(b, 'utf8');
  return left.length === right.length && timingSafeEqual(left, right);
}
