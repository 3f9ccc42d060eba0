import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { CatalogBind } from '../domain/catalog.ts';
import { DUMMY_HASH, verifyPassword } from './credentials.ts';

/** Hashes under way at once: one leaves the second core to traffic. */
const HASHES_AT_ONCE = 2;
/** Binds that may wait for a hash: at 5 ms each and two at once, 4,000 wait at most 10 s. */
const HASH_QUEUE_MAX = 4_000;
/** Failures of one (address, system_id) within the window that ban the pair. */
const BAN_AFTER = 10;
const BAN_WINDOW_MS = 60_000;
const BAN_MS = 60_000;
/** (address, system_id) pairs remembered; the oldest is forgotten, so a guesser cannot fill memory. */
const PAIRS_MAX = 20_000;
/** Binds a second from one address before any hashing, and its burst (10,000 binds return in 60 s). */
const BINDS_PER_SECOND = 200;
const BINDS_BURST = 1_000;
const ADDRESSES_MAX = 20_000;

/** Why a bind was refused; `busy` alone is temporary. */
export type AuthRefusal = 'address' | 'banned' | 'bindRate' | 'password' | 'account' | 'busy';

export type AuthOutcome =
  | { readonly ok: true; readonly bind: CatalogBind }
  | { readonly ok: false; readonly why: AuthRefusal };

export interface AuthRequest {
  readonly systemId: string;
  readonly password: string;
  /** The peer's address, after PROXY protocol. */
  readonly address: string;
  /** The bind resource of that name, undefined when there is none. */
  readonly bind: CatalogBind | undefined;
}

interface Waiting {
  readonly key: string;
  readonly password: string;
  readonly hash: string;
  readonly done: ((ok: boolean) => void)[];
}

/**
 * Decides who may bind. Cheap checks first (address, ban, bind rate), then a proof remembered from an
 * earlier success, then one memory-hard hash on the thread pool behind a bounded queue. Unknown names
 * cost the same hash and get the same answer. Equal attempts that wait share one hash.
 */
export class Authenticator {
  readonly #pepper: Buffer;
  readonly #now: () => number;
  /** Proofs are HMACs under a key of this process: worthless elsewhere, gone with it. */
  readonly #processKey = randomBytes(32);
  /** Stored hash -> proof of the password that matched it: a changed credential has another hash. */
  readonly #proofs = new Map<string, Buffer>();
  readonly #failures = new Map<string, { count: number; since: number; bannedUntil: number }>();
  readonly #rates = new Map<string, { tokens: number; at: number }>();
  readonly #queue = new Map<string, Waiting>();
  #hashing = 0;

  constructor(options: { readonly pepper: Buffer; readonly now: () => number }) {
    this.#pepper = options.pepper;
    this.#now = options.now;
  }

  /** Calls `done` once, at once or after a hash. */
  check(
    request: AuthRequest,
    allows: (bind: CatalogBind, address: string) => boolean,
    done: (o: AuthOutcome) => void,
  ): void {
    const { bind, address } = request;
    const pair = `${address} ${request.systemId}`;
    if (!this.#takeBindToken(address)) return done({ ok: false, why: 'bindRate' });
    if (this.#isBanned(pair)) return done({ ok: false, why: 'banned' });
    // A bind from a foreign address is answered like a wrong password, at the same cost.
    const allowed = bind !== undefined && allows(bind, address);
    const hash = allowed ? bind.passwordHash : DUMMY_HASH;
    const settle = (ok: boolean) => {
      if (ok && bind !== undefined) {
        this.#failures.delete(pair);
        return done(
          bind.account.status === 'active' ? { ok: true, bind } : { ok: false, why: 'account' },
        );
      }
      this.#countFailure(pair);
      done({ ok: false, why: bind !== undefined && !allowed ? 'address' : 'password' });
    };
    if (this.#isProven(hash, request.password)) return settle(true);
    if (!this.#enqueue(request.systemId, hash, request.password, settle))
      done({ ok: false, why: 'busy' });
  }

  /** Forgets proofs of credentials that no longer exist. */
  forgetAllBut(current: ReadonlySet<string>): void {
    for (const hash of this.#proofs.keys()) if (!current.has(hash)) this.#proofs.delete(hash);
  }

  #proofOf(password: string): Buffer {
    return createHmac('sha256', this.#processKey).update(password, 'latin1').digest();
  }

  #isProven(hash: string, password: string): boolean {
    const proof = this.#proofs.get(hash);
    return proof !== undefined && timingSafeEqual(proof, this.#proofOf(password));
  }

  #enqueue(systemId: string, hash: string, password: string, done: (ok: boolean) => void): boolean {
    // By name as well: unknown names, which all have the dummy's hash, must not finish together.
    const key = `${systemId} ${hash} ${this.#proofOf(password).toString('base64')}`;
    const waiting = this.#queue.get(key);
    if (waiting !== undefined) {
      waiting.done.push(done);
      return true;
    }
    if (this.#queue.size >= HASH_QUEUE_MAX) return false;
    this.#queue.set(key, { key, password, hash, done: [done] });
    this.#hashNext();
    return true;
  }

  #hashNext(): void {
    if (this.#hashing >= HASHES_AT_ONCE) return;
    for (const waiting of this.#queue.values()) {
      if (this.#started.has(waiting)) continue;
      this.#started.add(waiting);
      this.#hashing++;
      void this.#hash(waiting);
      return;
    }
  }

  readonly #started = new WeakSet<Waiting>();

  async #hash(waiting: Waiting): Promise<void> {
    let ok = false;
    try {
      ok = await verifyPassword(waiting.password, waiting.hash, this.#pepper);
    } catch {
      ok = false; // scrypt out of memory: refused like a wrong password
    }
    this.#hashing--;
    this.#queue.delete(waiting.key);
    if (ok) this.#proofs.set(waiting.hash, this.#proofOf(waiting.password));
    for (const done of waiting.done) done(ok);
    this.#hashNext();
  }

  #takeBindToken(address: string): boolean {
    const now = this.#now();
    const rate = this.#rates.get(address) ?? { tokens: BINDS_BURST, at: now };
    this.#rates.delete(address);
    rate.tokens = Math.min(BINDS_BURST, rate.tokens + ((now - rate.at) / 1_000) * BINDS_PER_SECOND);
    rate.at = now;
    remember(this.#rates, address, rate, ADDRESSES_MAX);
    if (rate.tokens < 1) return false;
    rate.tokens--;
    return true;
  }

  #isBanned(pair: string): boolean {
    return (this.#failures.get(pair)?.bannedUntil ?? 0) > this.#now();
  }

  #countFailure(pair: string): void {
    const now = this.#now();
    const known = this.#failures.get(pair);
    const failure =
      known !== undefined && now - known.since < BAN_WINDOW_MS
        ? known
        : { count: 0, since: now, bannedUntil: 0 };
    failure.count++;
    if (failure.count >= BAN_AFTER) failure.bannedUntil = now + BAN_MS;
    this.#failures.delete(pair);
    remember(this.#failures, pair, failure, PAIRS_MAX);
  }
}

/** Sets a key as the newest and forgets the oldest above `most`. */
function remember<V>(map: Map<string, V>, key: string, value: V, most: number): void {
  map.set(key, value);
  if (map.size <= most) return;
  const oldest = map.keys().next();
  if (!oldest.done) map.delete(oldest.value);
}
