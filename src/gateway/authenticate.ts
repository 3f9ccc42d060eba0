import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { CatalogBind } from '../domain/catalog.ts';
import { Bans, remember } from './bans.ts';
import { DUMMY_HASH, findMatch } from './credentials.ts';

/** Hashes under way at once: one leaves the second core to traffic. */
const HASHES_AT_ONCE = 2;
/** Binds that may wait for a hash: at 5 ms each and two at once, 4,000 wait at most 10 s. */
const HASH_QUEUE_MAX = 4_000;
/** Binds a second from one address before any hashing, and its burst (10,000 binds return in 60 s). */
const BINDS_PER_SECOND = 200;
const BINDS_BURST = 1_000;
const ADDRESSES_MAX = 20_000;

/** Why a bind was refused; `busy` alone is temporary, and alone is answered otherwise than the rest. */
export type AuthRefusal =
  | 'address'
  | 'certificate'
  | 'banned'
  | 'bindRate'
  | 'password'
  | 'account'
  | 'busy';

export type AuthOutcome =
  | {
      readonly ok: true;
      readonly bind: CatalogBind;
      /** By the former password: the customer has not changed it yet. */
      readonly byFormer: boolean;
    }
  | {
      readonly ok: false;
      readonly why: AuthRefusal;
      /** This failure banned the pair, until then (Unix ms). */
      readonly bannedUntilMs: number | undefined;
    };

export interface AuthRequest {
  readonly systemId: string;
  readonly password: string;
  /** The peer's address, after PROXY protocol. */
  readonly address: string;
  /** The address is a trusted proxy's own, which is never banned nor counted: others would suffer. */
  readonly isProxy: boolean;
  /** SHA-256 of the certificate that the client showed over TLS, 64 lower hex digits. */
  readonly certificate: string | undefined;
  /** The bind resource of that name, undefined when there is none. */
  readonly bind: CatalogBind | undefined;
}

interface Waiting {
  readonly key: string;
  readonly password: string;
  readonly hashes: readonly string[];
  /** Told which of the hashes the password matches. */
  readonly done: ((match: string | undefined) => void)[];
}

/**
 * Decides who may bind. Cheap checks first (bind rate, ban, address, certificate), then a proof remembered from an
 * earlier success, then one memory-hard hash on the thread pool behind a bounded queue.
 *
 * Nothing tells which system_ids exist: an unknown name, a banned pair, a foreign address, a missing certificate and
 * a wrong password get the same answer after exactly one hash, a dummy's where there is none of theirs. A former
 * password that is still valid costs no second one: apply stores it with the salt of the present one, and one
 * derivation is compared with both. Equal attempts of one peer that wait share a hash, whatever they will find; those
 * of two peers do not, since one of them may be foreign to a name that exists.
 */
export class Authenticator {
  readonly bans: Bans;
  readonly #pepper: Buffer;
  readonly #now: () => number;
  /** Proofs are HMACs under a key of this process: worthless elsewhere, gone with it. */
  readonly #processKey = randomBytes(32);
  /** Stored hash -> proof of the password that matched it: a changed credential has another hash. */
  readonly #proofs = new Map<string, Buffer>();
  readonly #rates = new Map<string, { tokens: number; at: number }>();
  readonly #queue = new Map<string, Waiting>();
  readonly #started = new WeakSet<Waiting>();
  #hashing = 0;
  #hashesBegun = 0;

  constructor(options: { readonly pepper: Buffer; readonly now: () => number }) {
    this.#pepper = options.pepper;
    this.#now = options.now;
    this.bans = new Bans(options.now);
  }

  /** Hashes begun so far: what all refusals together have cost. */
  get hashesBegun(): number {
    return this.#hashesBegun;
  }

  /** Calls `done` once, at once or after a hash. */
  check(request: AuthRequest, done: (outcome: AuthOutcome) => void): void {
    const { bind, address, isProxy, password } = request;
    const refuse = (why: AuthRefusal, bannedUntilMs?: number): void =>
      done({ ok: false, why, bannedUntilMs });
    if (!isProxy && !this.#takeBindToken(address)) return refuse('bindRate');
    const beforehand = this.#refusedBeforehand(request);
    const hashes = beforehand === undefined && bind ? hashesOf(bind, this.#now()) : NO_HASHES;
    const settle = (match: string | undefined): void => {
      // Also those who were under way when the ban came: else a burst of guesses would all be judged.
      if (this.#isBanned(request)) return refuse('banned');
      if (match === undefined || bind === undefined || !hashes.includes(match)) {
        return refuse(beforehand ?? 'password', this.#countFailure(request));
      }
      this.bans.forgive(address, request.systemId);
      if (bind.account.status !== 'active') return refuse('account');
      done({ ok: true, bind, byFormer: match !== bind.passwordHash });
    };
    const proven = this.#proven(hashes, password);
    if (proven !== undefined) return settle(proven);
    if (!this.#enqueue(request, hashes, settle)) refuse('busy');
  }

  /** Forgets proofs of credentials that no longer exist. */
  forgetAllBut(current: ReadonlySet<string>): void {
    for (const hash of this.#proofs.keys()) if (!current.has(hash)) this.#proofs.delete(hash);
  }

  #proofOf(password: string): Buffer {
    return createHmac('sha256', this.#processKey).update(password, 'latin1').digest();
  }

  #refusedBeforehand(request: AuthRequest): 'banned' | 'address' | 'certificate' | undefined {
    const { bind, address, certificate } = request;
    if (this.#isBanned(request)) return 'banned';
    if (bind?.allowFrom?.contains(address) === false) return 'address';
    const isShown = certificate !== undefined && bind?.certificates?.has(certificate) === true;
    return bind?.certificates !== undefined && !isShown ? 'certificate' : undefined;
  }

  /** The hash that this password is known to match. */
  #proven(hashes: readonly string[], password: string): string | undefined {
    for (const hash of hashes) {
      const proof = this.#proofs.get(hash);
      if (proof !== undefined && timingSafeEqual(proof, this.#proofOf(password))) return hash;
    }
    return undefined;
  }

  #enqueue(
    request: AuthRequest,
    hashes: readonly string[],
    done: (match: string | undefined) => void,
  ): boolean {
    const { password } = request;
    // What the peer sent and to which credential, not what it is tried against: a name that is banned meanwhile
    // must not stop sharing where one that does not exist goes on.
    const { address, certificate = '', systemId, bind } = request;
    const credential =
      bind === undefined ? '' : `${bind.passwordHash} ${bind.former?.passwordHash}`;
    const proof = this.#proofOf(password).toString('base64');
    const key = [address, certificate, proof, credential, systemId].join(' ');
    const waiting = this.#queue.get(key);
    if (waiting !== undefined) {
      waiting.done.push(done);
      return true;
    }
    if (this.#queue.size >= HASH_QUEUE_MAX) return false;
    this.#queue.set(key, { key, password, hashes, done: [done] });
    this.#hashNext();
    return true;
  }

  #hashNext(): void {
    for (const waiting of this.#queue.values()) {
      if (this.#hashing >= HASHES_AT_ONCE) return;
      if (this.#started.has(waiting)) continue;
      // A customer's many machines bind at once: the first one's success is theirs.
      const proven = this.#proven(waiting.hashes, waiting.password);
      if (proven !== undefined) this.#tell(waiting, proven);
      else void this.#hash(waiting);
    }
  }

  async #hash(waiting: Waiting): Promise<void> {
    const { hashes, password } = waiting;
    this.#started.add(waiting);
    this.#hashing++;
    this.#hashesBegun++;
    // scrypt out of memory: refused like a wrong password
    const match = await findMatch(password, hashes, this.#pepper).catch(() => undefined);
    this.#hashing--;
    if (match !== undefined) this.#proofs.set(match, this.#proofOf(password));
    this.#tell(waiting, match);
    this.#hashNext();
  }

  #tell(waiting: Waiting, match: string | undefined): void {
    this.#queue.delete(waiting.key);
    for (const done of waiting.done) done(match);
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

  #isBanned({ isProxy, address, systemId }: AuthRequest): boolean {
    return !isProxy && this.bans.has(address, systemId);
  }

  /** @returns until when the pair is banned, if it is by this */
  #countFailure({ isProxy, address, systemId }: AuthRequest): number | undefined {
    return isProxy ? undefined : this.bans.countFailure(address, systemId);
  }
}

/** What an attempt is hashed against that has no chance. */
const NO_HASHES: readonly string[] = [DUMMY_HASH];

/** The hashes that let in now. */
function hashesOf({ passwordHash, former }: CatalogBind, nowMs: number): readonly string[] {
  const isFormerValid = former !== undefined && nowMs < former.untilMs;
  return isFormerValid ? [passwordHash, former.passwordHash] : [passwordHash];
}
