import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { findMatch } from './credentials.ts';

/** Hashes under way at once: one leaves the second core to traffic. */
const HASHES_AT_ONCE = 2;
/** Attempts that may wait for a hash: at 5 ms each and two at once, 4,000 wait at most 10 s. */
const WAITING_MAX = 4_000;
/** The last places are kept for addresses that have few attempts waiting: a flood from one fills the others. */
const KEPT_FOR_FEW = 1_000;
const FEW = 10;

/** A password to be tried. */
export interface PasswordAttempt {
  /** Who waits for his turn: see siteOf. */
  readonly site: string;
  /** Attempts of one key share a hash: it must tell apart whatever the outcome may depend on, but `hashes`. */
  readonly key: string;
  readonly password: string;
  /** Stored hashes; the outcome is the one that it matches. */
  readonly hashes: readonly string[];
}

interface Waiting extends PasswordAttempt {
  readonly done: ((match: string | undefined) => void)[];
}

/**
 * Tries passwords against stored hashes on the thread pool. Memory-hard hashes are slow, so what matched once is
 * remembered by a cheap proof, and the addresses that wait are served in turns: who tries a thousand passwords makes
 * himself wait, not others.
 */
export class PasswordChecks {
  readonly #pepper: Buffer;
  /** Proofs are HMACs under a key of this process: worthless elsewhere, gone with it. */
  readonly #processKey = randomBytes(32);
  /** Stored hash -> proof of the password that matched it: a changed credential has another hash. */
  readonly #proofs = new Map<string, Buffer>();
  /** Waiting and under way, by key. */
  readonly #open = new Map<string, Waiting>();
  /** Not begun: by site, whose turn is next first; each the oldest first. */
  readonly #waiting = new Map<string, Waiting[]>();
  #waitingCount = 0;
  #running = 0;
  #begun = 0;

  constructor(pepper: Buffer) {
    this.#pepper = pepper;
  }

  /** Hashes begun so far. */
  get begun(): number {
    return this.#begun;
  }

  /** The hash that this password is known to match. */
  proven(hashes: readonly string[], password: string): string | undefined {
    for (const hash of hashes) {
      const proof = this.#proofs.get(hash);
      if (proof !== undefined && timingSafeEqual(proof, this.proofOf(password))) return hash;
    }
    return undefined;
  }

  /** What stands for a password in keys and memory. */
  proofOf(password: string): Buffer {
    return createHmac('sha256', this.#processKey).update(password, 'latin1').digest();
  }

  /** Calls `done` after the hash. @returns false, and nothing is tried, when too many wait */
  check(attempt: PasswordAttempt, done: (match: string | undefined) => void): boolean {
    const open = this.#open.get(attempt.key);
    if (open !== undefined) {
      open.done.push(done);
      return true;
    }
    const mine = this.#waiting.get(attempt.site) ?? [];
    const most = mine.length < FEW ? WAITING_MAX : WAITING_MAX - KEPT_FOR_FEW;
    if (this.#waitingCount >= most) return false;
    const waiting = { ...attempt, done: [done] };
    mine.push(waiting);
    this.#open.set(attempt.key, waiting);
    this.#waiting.set(attempt.site, mine);
    this.#waitingCount++;
    this.#hashNext();
    return true;
  }

  /** Forgets proofs of credentials that no longer exist. */
  forgetAllBut(current: ReadonlySet<string>): void {
    for (const hash of this.#proofs.keys()) if (!current.has(hash)) this.#proofs.delete(hash);
  }

  #hashNext(): void {
    while (this.#running < HASHES_AT_ONCE) {
      const waiting = this.#takeNext();
      if (waiting === undefined) return;
      // A customer's many machines bind at once: the first one's success is theirs.
      const proven = this.proven(waiting.hashes, waiting.password);
      if (proven !== undefined) this.#tell(waiting, proven);
      else void this.#hash(waiting);
    }
  }

  #takeNext(): Waiting | undefined {
    for (const [site, mine] of this.#waiting) {
      this.#waiting.delete(site);
      const waiting = mine.shift();
      if (waiting === undefined) continue;
      if (mine.length > 0) this.#waiting.set(site, mine);
      this.#waitingCount--;
      return waiting;
    }
    return undefined;
  }

  async #hash(waiting: Waiting): Promise<void> {
    const { hashes, password } = waiting;
    this.#running++;
    this.#begun++;
    // scrypt out of memory: refused like a wrong password
    const match = await findMatch(password, hashes, this.#pepper).catch(() => undefined);
    this.#running--;
    if (match !== undefined) this.#proofs.set(match, this.proofOf(password));
    this.#tell(waiting, match);
    this.#hashNext();
  }

  #tell(waiting: Waiting, match: string | undefined): void {
    this.#open.delete(waiting.key);
    for (const done of waiting.done) done(match);
  }
}
