import { TokenBucket } from './rate.ts';

/** Limits on who may connect. */
export interface ConnectionLimitOptions {
  /** Connections at once. */
  readonly connectionsMax: number;
  /** Connections at once from one address that are not bound (yet): what is bound, `bindsMax` of its resource limits. */
  readonly connectionsPerAddressMax: number;
  /** New connections a second from one address while it has no session bound. */
  readonly connectionsPerAddressPerSecondMax: number;
  /** The same while it has one: who has proven a password brings back his many sessions. */
  readonly connectionsPerBoundAddressPerSecondMax: number;
}

/** Defaults, with their reasons. */
export const CONNECTION_LIMIT_DEFAULTS: ConnectionLimitOptions = {
  /** Idle sessions cost under 20 KB each: 240 MB. 10,000 customers' sessions, and room for the successors of dead ones. */
  connectionsMax: 12_000,
  /** Large customers bind tens of sessions from behind one NAT. */
  connectionsPerAddressMax: 1_000,
  /** A customer brings back his binds at once; a scanner or a wrong password in a tight loop does more. */
  connectionsPerAddressPerSecondMax: 100,
  /** 10,000 sessions behind one NAT are back within 60 s of a restart; bound and unbound in a loop they cost a tenth of a core. */
  connectionsPerBoundAddressPerSecondMax: 300,
};

/** Seconds' worth that a bound address may save up: clients that were refused come back in waves of some seconds. */
const BURST_SECONDS = 5;

/** Why a connection was refused. */
export type ConnectionRefusal =
  | 'connections'
  | 'connectionsPerAddress'
  | 'connectionsPerAddressPerSecond';

/** What one address has open. */
interface Held {
  /** Its connections, bound ones included. */
  open: number;
  bound: number;
  /** Of new connections; from its first bound session until its last connection is gone. */
  rate: TokenBucket | undefined;
}

/**
 * Counts connections against their limits. Holds one entry per connected address, and one per address of this second;
 * an address of IPv6 is a /64 here (`siteOf`).
 *
 *   stranger: 100 a second ──first session bound──> known: 300 a second ──last connection gone──> stranger
 */
export class ConnectionCount {
  readonly #limits: ConnectionLimitOptions;
  readonly #byAddress = new Map<string, Held>();
  readonly #thisSecond = new Map<string, number>();
  #second = 0;
  #total = 0;

  constructor(limits: ConnectionLimitOptions) {
    this.#limits = limits;
  }

  get total(): number {
    return this.#total;
  }

  /**
   * Counts a new connection, unless a limit refuses it. Each one admitted must be released.
   * @param address undefined: whose it is will be known later, or it is nobody's; only the total counts
   */
  admit(address: string | undefined, nowMs: number): ConnectionRefusal | undefined {
    if (address !== undefined && this.#isOverRate(address, nowMs))
      return 'connectionsPerAddressPerSecond';
    if (this.#total >= this.#limits.connectionsMax) return 'connections';
    if (address !== undefined && !this.#take(address)) return 'connectionsPerAddress';
    this.#total++;
    return undefined;
  }

  /** Counts a connection that was admitted without an address for this one, unless a limit of it refuses. */
  identify(address: string, nowMs: number): ConnectionRefusal | undefined {
    if (this.#isOverRate(address, nowMs)) return 'connectionsPerAddressPerSecond';
    return this.#take(address) ? undefined : 'connectionsPerAddress';
  }

  /** A connection of the address became a bound session. To be given back by `unbound`, before or after `release`. */
  bound(address: string, nowMs: number): void {
    const held = this.#heldBy(address);
    held.bound++;
    held.rate ??= this.#emptyBucket(nowMs);
  }

  unbound(address: string): void {
    const held = this.#heldBy(address);
    held.bound--;
    this.#forget(address, held);
  }

  /** @param address whom it counts for, undefined when it was never identified */
  release(address: string | undefined): void {
    this.#total--;
    if (address === undefined) return;
    const held = this.#heldBy(address);
    held.open--;
    this.#forget(address, held);
  }

  #isOverRate(address: string, nowMs: number): boolean {
    const rate = this.#byAddress.get(address)?.rate;
    if (rate?.take(1, nowMs)) return false;
    const second = Math.floor(nowMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#thisSecond.clear();
    }
    const recent = (this.#thisSecond.get(address) ?? 0) + 1;
    this.#thisSecond.set(address, recent);
    return recent > this.#limits.connectionsPerAddressPerSecondMax;
  }

  #take(address: string): boolean {
    const held = this.#heldBy(address);
    if (held.open - held.bound >= this.#limits.connectionsPerAddressMax) return false;
    held.open++;
    return true;
  }

  #heldBy(address: string): Held {
    let held = this.#byAddress.get(address);
    if (held === undefined) {
      held = { open: 0, bound: 0, rate: undefined };
      this.#byAddress.set(address, held);
    }
    return held;
  }

  #forget(address: string, held: Held): void {
    if (held.open <= 0 && held.bound <= 0) this.#byAddress.delete(address);
  }

  /** Empty: else going away and coming back would earn a burst each time. */
  #emptyBucket(nowMs: number): TokenBucket {
    const perSecond = this.#limits.connectionsPerBoundAddressPerSecondMax;
    const bucket = new TokenBucket(perSecond, nowMs, perSecond * BURST_SECONDS);
    bucket.take(perSecond * BURST_SECONDS, nowMs);
    return bucket;
  }
}
