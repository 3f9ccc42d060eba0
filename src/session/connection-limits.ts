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

/** Counts connections against their limits. Holds one entry per connected address, and one per address of this second. */
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

  /** Counts a new connection, unless a limit refuses it. Each one admitted must be released. */
  admit(address: string, nowMs: number): ConnectionRefusal | undefined {
    const second = Math.floor(nowMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#thisSecond.clear();
    }
    const recent = (this.#thisSecond.get(address) ?? 0) + 1;
    this.#thisSecond.set(address, recent);
    if (recent > this.#limits.connectionsPerAddressPerSecondMax)
      return 'connectionsPerAddressPerSecond';
    if (this.#total >= this.#limits.connectionsMax) return 'connections';
    const held = this.#byAddress.get(address) ?? 0;
    if (held >= this.#limits.connectionsPerAddressMax) return 'connectionsPerAddress';
    this.#byAddress.set(address, held + 1);
    this.#total++;
    return undefined;
  }

  release(address: string): void {
    const held = this.#byAddress.get(address) ?? 0;
    if (held === 0) return;
    if (held === 1) this.#byAddress.delete(address);
    else this.#byAddress.set(address, held - 1);
    this.#total--;
  }
}
