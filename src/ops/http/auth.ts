import { createHash, timingSafeEqual } from 'node:crypto';
import { Problem } from './problem.ts';

/**
 * What a token may do. `admin` everything; `operator` everything but to see content (texts, whole numbers); `inspector`
 * reads, content included; `viewer` reads.
 */
export type Role = 'admin' | 'operator' | 'inspector' | 'viewer';

/** What each role may beyond reading. Content always needs a reason besides, and is audited. */
export const MAY: Readonly<Record<Role, { readonly write: boolean; readonly content: boolean }>> = {
  admin: { write: true, content: true },
  operator: { write: true, content: false },
  inspector: { write: false, content: true },
  viewer: { write: false, content: false },
};

/** A token that opens the HTTP API. Its name stands in the audit as the actor. */
export interface AccessToken {
  readonly name: string;
  readonly role: Role;
  readonly token: string;
}

/** Who asks. */
export interface Actor {
  readonly name: string;
  readonly role: Role;
}

/** Wrong tokens an address may send in FAILURE_WINDOW_MS before it is answered 429 unheard. */
export const FAILURES_MAX = 20;
/** One minute: a typo is forgiven soon, a search of the token space is hopeless. */
export const FAILURE_WINDOW_MS = 60_000;
/** Addresses remembered at once; beyond it the oldest is forgotten. About 1 MB. */
const ADDRESSES_MAX = 10_000;

/**
 * Checks tokens in constant time and slows down who guesses. Digests are compared, never the tokens, so that neither
 * length nor content shows in the time taken; every configured token is compared at every try.
 */
export class Authenticator {
  readonly #tokens: readonly { actor: Actor; digest: Buffer }[];
  readonly #failures = new Map<string, { count: number; sinceMs: number }>();
  readonly #now: () => number;

  constructor(tokens: readonly AccessToken[], now: () => number) {
    this.#tokens = tokens.map(({ name, role, token }) => ({
      actor: { name, role },
      digest: digestOf(token),
    }));
    this.#now = now;
  }

  /**
   * Who sent this token, or undefined when nobody. Throws Problem 429 while the address has failed too often, and
   * then does not look at the token at all.
   */
  identify(token: string | undefined, address: string): Actor | undefined {
    this.#refuseGuessers(address);
    if (token === undefined || token === '') return undefined;
    const digest = digestOf(token);
    let found: Actor | undefined;
    for (const candidate of this.#tokens) {
      if (timingSafeEqual(candidate.digest, digest)) found = candidate.actor;
    }
    if (found === undefined) this.#noteFailure(address);
    return found;
  }

  #refuseGuessers(address: string): void {
    const failed = this.#failures.get(address);
    if (failed === undefined) return;
    const leftMs = failed.sinceMs + FAILURE_WINDOW_MS - this.#now();
    if (leftMs <= 0) this.#failures.delete(address);
    else if (failed.count >= FAILURES_MAX) {
      throw new Problem(429, 'too-many-wrong-tokens', 'too many wrong tokens from this address', {
        headers: { 'retry-after': String(Math.ceil(leftMs / 1000)) },
      });
    }
  }

  #noteFailure(address: string): void {
    const failed = this.#failures.get(address);
    if (failed !== undefined) {
      failed.count += 1;
      return;
    }
    if (this.#failures.size >= ADDRESSES_MAX) {
      const [oldest] = this.#failures.keys();
      if (oldest !== undefined) this.#failures.delete(oldest);
    }
    this.#failures.set(address, { count: 1, sinceMs: this.#now() });
  }
}

/** The token of an Authorization header: `Bearer TOKEN`, and where `basic` is allowed the password of `Basic`. */
export function tokenOf(
  authorization: string | undefined,
  basicAllowed: boolean,
): string | undefined {
  const [scheme = '', value = ''] = (authorization ?? '').split(' ', 2);
  if (/^bearer$/i.test(scheme)) return value;
  if (basicAllowed && /^basic$/i.test(scheme)) {
    const pair = Buffer.from(value, 'base64').toString('utf8');
    return pair.slice(pair.indexOf(':') + 1);
  }
  return undefined;
}

/** Whether a peer address is this machine's loopback, also as an IPv4-mapped IPv6 address. */
export function isLoopback(address: string | undefined): boolean {
  if (address === undefined) return false;
  const plain = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
  return plain === '::1' || plain.startsWith('127.');
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token, 'utf8').digest();
}
