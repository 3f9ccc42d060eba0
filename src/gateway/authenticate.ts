import type { CatalogBind } from '../domain/catalog.ts';
import { siteOf } from '../domain/cidr.ts';
import { Bans, remember } from './bans.ts';
import { DUMMY_HASH } from './credentials.ts';
import { PasswordChecks } from './password-checks.ts';

/**
 * Binds a second from one address (of IPv6, one /64) before any hashing, and its burst: 10,000 binds return in 30 s, and
 * clients that were refused come back in waves of some seconds.
 */
const BINDS_PER_SECOND = 300;
const BINDS_BURST = 1_500;
const SITES_MAX = 20_000;

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

/**
 * Decides who may bind. Cheap checks first (bind rate, ban, address, certificate), then a proof remembered from an
 * earlier success, then one memory-hard hash (password-checks.ts).
 *
 * Nothing tells which system_ids exist: an unknown name, a banned pair, a foreign address, a missing certificate and
 * a wrong password get the same answer after exactly one hash, a dummy's where there is none of theirs. A former
 * password that is still valid costs no second one: apply stores it with the salt of the present one, and one
 * derivation is compared with both. Equal attempts of one peer that wait share a hash, whatever they will find; those
 * of two peers do not, since one of them may be foreign to a name that exists.
 */
export class Authenticator {
  readonly bans: Bans;
  readonly #now: () => number;
  readonly #checks: PasswordChecks;
  readonly #rates = new Map<string, { tokens: number; at: number }>();

  constructor(options: { readonly pepper: Buffer; readonly now: () => number }) {
    this.#checks = new PasswordChecks(options.pepper);
    this.#now = options.now;
    this.bans = new Bans(options.now);
  }

  /** Hashes begun so far: what all refusals together have cost. */
  get hashesBegun(): number {
    return this.#checks.begun;
  }

  /** Calls `done` once, at once or after a hash. */
  check(request: AuthRequest, done: (outcome: AuthOutcome) => void): void {
    const { bind, address, isProxy, password } = request;
    const site = siteOf(address);
    const refuse = (why: AuthRefusal, bannedUntilMs?: number): void =>
      done({ ok: false, why, bannedUntilMs });
    if (!isProxy && !this.#takeBindToken(site)) return refuse('bindRate');
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
    const proven = this.#checks.proven(hashes, password);
    if (proven !== undefined) return settle(proven);
    const attempt = { site, key: this.#keyOf(request), password, hashes };
    if (!this.#checks.check(attempt, settle)) refuse('busy');
  }

  /** Forgets proofs of credentials that no longer exist. */
  forgetAllBut(current: ReadonlySet<string>): void {
    this.#checks.forgetAllBut(current);
  }

  #refusedBeforehand(request: AuthRequest): 'banned' | 'address' | 'certificate' | undefined {
    const { bind, address, certificate } = request;
    if (this.#isBanned(request)) return 'banned';
    if (bind?.allowFrom?.contains(address) === false) return 'address';
    const isShown = certificate !== undefined && bind?.certificates?.has(certificate) === true;
    return bind?.certificates !== undefined && !isShown ? 'certificate' : undefined;
  }

  /**
   * What the peer sent and to which credential, not what it is tried against: a name that is banned meanwhile must not
   * stop sharing where one that does not exist goes on.
   */
  #keyOf({ address, certificate = '', systemId, password, bind }: AuthRequest): string {
    const credential =
      bind === undefined ? '' : `${bind.passwordHash} ${bind.former?.passwordHash}`;
    const proof = this.#checks.proofOf(password).toString('base64');
    return [address, certificate, proof, credential, systemId].join(' ');
  }

  #takeBindToken(site: string): boolean {
    const now = this.#now();
    const rate = this.#rates.get(site) ?? { tokens: BINDS_BURST, at: now };
    this.#rates.delete(site);
    rate.tokens = Math.min(BINDS_BURST, rate.tokens + ((now - rate.at) / 1_000) * BINDS_PER_SECOND);
    rate.at = now;
    remember(this.#rates, site, rate, SITES_MAX);
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
