/** Limits on who may connect. */
export interface ConnectionLimitOptions {
  /** Connections at once. */
  readonly connectionsMax: number;
  /** Connections at once from one address. */
  readonly connectionsPerAddressMax: number;
  /** New connections a second from one address. */
  readonly connectionsPerAddressPerSecondMax: number;
}

/** Defaults, with their reasons. */
export const CONNECTION_LIMIT_DEFAULTS: ConnectionLimitOptions = {
  /** Idle sessions cost under 20 KB each: 200 MB. */
  connectionsMax: 10_000,
  /** Large customers bind tens of sessions from behind one NAT. */
  connectionsPerAddressMax: 1_000,
  /** A restarting customer brings back all his binds at once; a scanner or a wrong password in a tight loop does more. */
  connectionsPerAddressPerSecondMax: 100,
};

/** Why a connection was refused. */
export type ConnectionRefusal =
  | 'connections'
  | 'connectionsPerAddress'
  | 'connectionsPerAddressPerSecond';

/**
 * Counts connections against their limits. Holds one entry per connected address, and one per address of this second;
 * an address of IPv6 is a /64 here (`siteOf`).
 */
export class ConnectionCount {
  readonly #limits: ConnectionLimitOptions;
  readonly #byAddress = new Map<string, number>();
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

  /** @param address whom it counts for, undefined when it was never identified */
  release(address: string | undefined): void {
    this.#total--;
    if (address === undefined) return;
    const held = this.#byAddress.get(address) ?? 0;
    if (held <= 1) this.#byAddress.delete(address);
    else this.#byAddress.set(address, held - 1);
  }

  #isOverRate(address: string, nowMs: number): boolean {
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
    const held = this.#byAddress.get(address) ?? 0;
    if (held >= this.#limits.connectionsPerAddressMax) return false;
    this.#byAddress.set(address, held + 1);
    return true;
  }
}
