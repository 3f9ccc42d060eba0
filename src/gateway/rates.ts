import { BindPlaces } from '../cluster/bind-places.ts';
import type { RateBucket } from '../cluster/rate-bucket.ts';
import { RateBuckets, type RunScript } from '../cluster/rate-buckets.ts';
import { LINK_TIMINGS, type LinkTimings, RedisLink } from '../cluster/redis-link.ts';
import { rateKey } from '../cluster/scripts.ts';
import type { Catalog, CatalogAccount, CatalogBind } from '../domain/catalog.ts';
import type { AccountId, BindId } from '../domain/ids.ts';

/** Segments a second, by bind and by account, over all sessions and nodes. */
export interface RateLimits {
  /**
   * Takes `segments` (at least 1) from the bind's rate and its account's, or from neither: false when one of
   * them has no room. Called once a message: no promise, in the usual case nothing allocated.
   */
  takeSegments(bind: CatalogBind, segments: number, nowMs: number): boolean;
}

/** Sessions at once, by system_id, over all nodes. */
export interface BindLimits {
  /** Takes a place; false: `bindsMax` reached. `sessionKey` is unique on this node. Within 0.5 s when Redis hangs; never rejects. */
  open(bind: CatalogBind, sessionKey: string): Promise<boolean>;
  /** Gives the place back, once or more often. */
  close(bind: CatalogBind, sessionKey: string): void;
}

export interface LimitsOptions {
  /** Undefined: each node keeps to its share, limit / living nodes. */
  readonly redisUrl: string | undefined;
  /** Names this start of this node (its epoch): never used again by another. */
  readonly nodeKey: string;
  /** Nodes that live now, this one included, as PostgreSQL knows them. Called twice a second: answers from memory. */
  readonly liveNodes: () => number;
  /** Milliseconds, the clock that `takeSegments` is called with. */
  readonly now: () => number;
  /** Redis came or went: once for each change, and once at the start if there is a `redisUrl`. */
  readonly onState: (up: boolean, reason: string) => void;
  /** For the jitter of attempts to connect; Math.random when absent. */
  readonly random?: (() => number) | undefined;
  /** Others than {@link LINK_TIMINGS}; `settleMs`: see BindPlaces. */
  readonly timings?: Partial<LinkTimings & { readonly settleMs: number }> | undefined;
  /** Tests only: the time in Redis' scripts, in place of its own. */
  readonly scriptTimeMs?: (() => number) | undefined;
}

/** Unused tokens go back and the number of nodes is looked at so often: what is unused for 1 s is gone. */
const SWEEP_MS = 500;
/** A node that is back publishes within a retry (2 s) and a slow answer (0.5 s). */
const SETTLE_MS = 3_000;
/** Binds with a rate in memory; the one first seen goes, and is full when it returns. Above any catalog we know. */
const BINDS_MAX = 100_000;

/** The lane that goes first. */
const FAST = 0;
/** Of an account's rate, left to its fast binds: as much as a node fetches ahead, so that it is at hand. */
const RESERVE_OF_A_SECOND = 1 / 8;

/** The limits of a running node. */
export interface Limits {
  readonly rates: RateLimits;
  readonly binds: BindLimits;
  /** Whether nodes share their limits now; else each has its share. */
  shared(): boolean;
  /** Sessions of a system_id on this node. */
  openHere(systemId: string): number;
  /** To be called with each new catalog: changed numbers count at once, what is gone is forgotten. */
  onCatalog(catalog: Catalog): void;
  /** Frees this node's places in Redis and disconnects. */
  close(): Promise<void>;
}

/** The buckets of a bind, found by one look-up. */
interface Gate {
  /** The catalog's object that the buckets were shaped by; another one: shape them again. */
  shapedBy: CatalogBind;
  readonly bucket: RateBucket;
  account: RateBucket | undefined;
  /** Tokens of the account that this bind leaves to its fast ones. */
  reserve: number;
}

/**
 * Starts the limits. With a Redis that does not answer it starts as well, with shares, and finds Redis later.
 * Never rejects.
 */
export async function createLimits(options: LimitsOptions): Promise<Limits> {
  const { redisUrl, nodeKey, liveNodes, now } = options;
  const timings = { ...LINK_TIMINGS, settleMs: SETTLE_MS, ...options.timings };
  let link: RedisLink | undefined;
  const run: RunScript = async (script, keys, args) => {
    if (link === undefined) throw new Error('there is no Redis yet');
    return link.run(script, keys, args);
  };
  const buckets = new RateBuckets({ now, run, liveNodes, scriptTimeMs: options.scriptTimeMs });
  const places = new BindPlaces({ nodeKey, now, run, liveNodes, settleMs: timings.settleMs });
  if (redisUrl !== undefined) {
    link = await RedisLink.connect({
      url: redisUrl,
      nodeKey,
      timings,
      random: options.random ?? Math.random,
      onUp: () => {
        buckets.up();
        places.up();
      },
      onDown: () => {
        buckets.down();
        places.down();
      },
      onForgotten: () => places.publish(),
      onBeat: () => places.beat(),
      onState: options.onState,
    });
  }
  return assemble(new CustomerRates(buckets, now), buckets, places, link);
}

function assemble(
  rates: CustomerRates,
  buckets: RateBuckets,
  places: BindPlaces,
  link: RedisLink | undefined,
): Limits {
  const sweeps = setInterval(() => buckets.sweep(), SWEEP_MS);
  sweeps.unref();
  return {
    rates,
    binds: {
      async open(bind, sessionKey) {
        const open = await places.open(bind.systemId, bind.bindsMax, sessionKey);
        if (open) rates.ask(bind);
        return open;
      },
      close: (bind, sessionKey) => places.close(bind.systemId, sessionKey),
    },
    shared: () => link?.up === true,
    openHere: (systemId) => places.count(systemId),
    onCatalog(catalog) {
      rates.onCatalog(catalog);
      places.forgetAllBut(catalog.binds);
    },
    async close() {
      clearInterval(sweeps);
      buckets.close();
      places.down();
      await link?.close();
    },
  };
}

/** The rates of all binds and accounts that were seen on this node. */
class CustomerRates implements RateLimits {
  readonly #buckets: RateBuckets;
  readonly #now: () => number;
  readonly #gates = new Map<BindId, Gate>();
  readonly #accounts = new Map<AccountId, RateBucket>();
  /** Accounts with a bind in the fast lane. */
  readonly #hasty = new Set<AccountId>();

  constructor(buckets: RateBuckets, now: () => number) {
    this.#buckets = buckets;
    this.#now = now;
  }

  takeSegments(bind: CatalogBind, segments: number, nowMs: number): boolean {
    const { bucket, account, reserve } = this.#gateOf(bind, nowMs);
    if (!bucket.has(segments, nowMs)) return false;
    if (account !== undefined) {
      if (!account.has(segments + reserve, nowMs)) return false;
      account.spend(segments);
    }
    bucket.spend(segments);
    return true;
  }

  /** Has Redis say what it has left, before the first message. */
  ask(bind: CatalogBind): void {
    const { bucket, account } = this.#gateOf(bind, this.#now());
    bucket.ask();
    account?.ask();
  }

  onCatalog(catalog: Catalog): void {
    const now = this.#now();
    const current = new Map<BindId, CatalogBind>();
    this.#hasty.clear();
    for (const bind of catalog.binds.values()) {
      current.set(bind.id, bind);
      if (bind.lane === FAST) this.#hasty.add(bind.account.id);
    }
    for (const [id, gate] of this.#gates) {
      const bind = current.get(id);
      if (bind === undefined) this.#forget(id, gate);
      else this.#shape(gate, bind, now);
    }
    for (const [id, bucket] of this.#accounts) {
      if (catalog.accounts.get(id)?.segmentsPerSecond !== undefined) continue;
      this.#accounts.delete(id);
      this.#buckets.forget(bucket);
    }
  }

  #gateOf(bind: CatalogBind, nowMs: number): Gate {
    const gate = this.#gates.get(bind.id);
    if (gate === undefined) return this.#newGate(bind, nowMs);
    if (gate.shapedBy !== bind) this.#shape(gate, bind, nowMs);
    return gate;
  }

  #newGate(bind: CatalogBind, nowMs: number): Gate {
    const bucket = this.#buckets.create(
      rateKey('bind', bind.id),
      bind.segmentsPerSecond,
      bind.burst,
    );
    const gate: Gate = {
      shapedBy: bind,
      bucket,
      account: this.#accountBucket(bind.account, nowMs),
      reserve: this.#reserveOf(bind),
    };
    if (this.#gates.size >= BINDS_MAX) this.#forgetOldest();
    this.#gates.set(bind.id, gate);
    return gate;
  }

  #shape(gate: Gate, bind: CatalogBind, nowMs: number): void {
    gate.bucket.reshape(bind.segmentsPerSecond, bind.burst, nowMs);
    gate.account = this.#accountBucket(bind.account, nowMs);
    gate.reserve = this.#reserveOf(bind);
    gate.shapedBy = bind;
  }

  /** One for all binds of the account; its burst is one second's worth. */
  #accountBucket(account: CatalogAccount, nowMs: number): RateBucket | undefined {
    const rate = account.segmentsPerSecond;
    if (rate === undefined) return undefined;
    let bucket = this.#accounts.get(account.id);
    if (bucket === undefined) {
      bucket = this.#buckets.create(rateKey('account', account.id), rate, rate);
      this.#accounts.set(account.id, bucket);
    }
    bucket.reshape(rate, rate, nowMs);
    return bucket;
  }

  /**
   * An account's own bulk must not keep its one-time passwords out: beside a bind of the fast lane the others leave an
   * eighth of a second's worth, or one, in the bucket. Over time they still get all of the rate that those do not use.
   */
  #reserveOf({ account, lane }: CatalogBind): number {
    const rate = account.segmentsPerSecond;
    if (rate === undefined || lane === FAST || !this.#hasty.has(account.id)) return 0;
    return Math.min(Math.max(1, rate * RESERVE_OF_A_SECOND), Math.max(0, rate - 1));
  }

  #forgetOldest(): void {
    for (const [id, gate] of this.#gates) {
      this.#forget(id, gate);
      return;
    }
  }

  #forget(id: BindId, gate: Gate): void {
    this.#gates.delete(id);
    this.#buckets.forget(gate.bucket);
  }
}
