import type { Client, Pool } from 'pg';
import type { Catalog } from '../domain/catalog.ts';
import { messageId } from '../domain/ids.ts';
import type { TlsMaterial } from '../session/arrivals.ts';
import {
  EsmeListener,
  type EsmeListenerHandler,
  type EsmeListenerOptions,
} from '../session/esme-listener.ts';
import { SESSION_DEFAULTS, sessionOptions } from '../session/session-types.ts';
import type { Taps } from '../session/tap.ts';
import { ESME_RMSGQFUL } from '../smpp/status.ts';
import { EpochKeeper } from '../store/epoch-keeper.ts';
import type { Sealing } from '../store/sealing.ts';
import type { Authenticator } from './authenticate.ts';
import { ChangeFeed } from './change-feed.ts';
import { Gateway } from './gateway.ts';
import { NumberNetworks } from './number-networks.ts';
import type { GatewayObserver } from './observer.ts';
import { protocolWatch } from './protocol-errors.ts';
import { createLimits, type Limits } from './rates.ts';
import { RecipientLists } from './recipient-lists.ts';

/** How often the number of living nodes is read. */
const LIVE_NODES_MS = 2_000;
/** Customers' sessions have this long to take their answers when we stop; then they are closed. */
const UNBIND_GRACE_MS = 5_000;

/** A door for customers: where it listens, with which certificate, and behind which proxies. */
export interface Door extends Pick<EsmeListenerOptions, 'host' | 'port' | 'tls' | 'preamble'> {
  /** What its port is called in the settings; default smpp.port. */
  readonly setting?: string;
}

export interface NodeOptions {
  readonly name: string;
  readonly pool: Pool;
  connect(applicationName: string): Promise<Client>;
  readonly sealing: Sealing;
  readonly observer: GatewayObserver;
  readonly authenticator: Authenticator;
  readonly redisUrl: string | undefined;
  readonly maxPduOctets: number;
  /** Ms that a request may stay unanswered, in either direction; default SESSION_DEFAULTS. */
  readonly responseTimeoutMs?: number;
  readonly doors: readonly Door[];
  /** Where traces look; undefined: there are none. */
  readonly taps?: Taps | undefined;
  catalog(): Catalog;
}

/**
 * One life of this node: an epoch in the database, the pipeline under it, and the doors that customers come through.
 * When another node adopts the epoch (we were silent for too long) this life is over and the next one starts afresh.
 */
export class GatewayNode {
  readonly gateway: Gateway;
  readonly listeners: readonly EsmeListener[];
  /** Settles when the epoch was adopted by another node. */
  readonly lost: Promise<void>;
  readonly #keeper: EpochKeeper;
  readonly #limits: Limits;
  readonly #feed: ChangeFeed;
  readonly #liveNodes: NodeJS.Timeout;

  /** Takes an epoch, starts the pipeline, opens the doors. @throws when a port is taken or the database is away */
  static async start(options: NodeOptions): Promise<GatewayNode> {
    let gateway: Gateway | undefined;
    let lose: () => void = () => {};
    const lost = new Promise<void>((resolve) => {
      lose = resolve;
    });
    const keeper = await EpochKeeper.start({
      name: options.name,
      connect: () => options.connect('epoch'),
      now: Date.now,
      // Before there is a pipeline: nothing was accepted or settled, and older marks hold.
      progress: () => gateway?.progress() ?? { queueFloor: messageId(0n), checkpointMs: 0 },
      onLost: (error) => {
        options.observer.note('error', 'epochLost', { reason: error.message });
        lose();
      },
      onMissed: (error) =>
        options.observer.note('warn', 'heartbeatMissed', { reason: error.message }),
    });
    const live = { nodes: 1 };
    const limits = await createLimits({
      redisUrl: options.redisUrl,
      nodeKey: String(keeper.epoch),
      liveNodes: () => live.nodes,
      now: Date.now,
      onState: (up, reason) =>
        options.observer.note(up ? 'info' : 'warn', up ? 'redisUp' : 'redisDown', { reason }),
    });
    limits.onCatalog(options.catalog());
    const { responseTimeoutMs = SESSION_DEFAULTS.responseTimeoutMs } = options;
    const { feed, recipients, numbers } = await openLists(options);
    gateway = new Gateway({
      recipients,
      numbers,
      feed,
      ...options,
      responseTimeoutMs,
      keeper,
      limits,
    });
    const node = new GatewayNode({ options, gateway, keeper, limits, feed, lost, live });
    try {
      await gateway.requeues.follow(feed);
      gateway.start();
      for (const [i, listener] of node.listeners.entries())
        await opened(options.doors[i]?.setting ?? 'smpp.port', listener.listen());
    } catch (error) {
      await node.abandon();
      throw error;
    }
    return node;
  }

  private constructor(parts: {
    readonly options: NodeOptions;
    readonly gateway: Gateway;
    readonly keeper: EpochKeeper;
    readonly limits: Limits;
    readonly feed: ChangeFeed;
    readonly lost: Promise<void>;
    readonly live: { nodes: number };
  }) {
    const { options, gateway, keeper, limits, feed, lost, live } = parts;
    this.gateway = gateway;
    this.lost = lost;
    this.#keeper = keeper;
    this.#limits = limits;
    this.#feed = feed;
    this.listeners = options.doors.map((door) => openDoor(door, options, gateway));
    const count = () =>
      void countLiveNodes(options.pool).then(
        (nodes) => (live.nodes = nodes),
        () => {},
      );
    count();
    this.#liveNodes = setInterval(count, LIVE_NODES_MS);
  }

  /** The catalog was replaced. */
  onCatalog(catalog: Catalog): void {
    this.#limits.onCatalog(catalog);
    this.gateway.onCatalog();
  }

  /** New connections at the doors with TLS use this certificate; sessions live on. @throws when it is not usable */
  reloadTls(tls: TlsMaterial): void {
    for (const listener of this.listeners) listener.reloadTls(tls);
  }

  /**
   * The orderly end: no new sessions, customers unbound, what is in flight finished, everything stored, the epoch
   * closed. At most `limitMs` and some seconds.
   */
  async drain(limitMs: number): Promise<void> {
    await Promise.all(this.listeners.map((listener) => listener.close(UNBIND_GRACE_MS)));
    await this.gateway.drain(limitMs);
    await this.#keeper.close();
    await this.#closeRest();
  }

  /** The epoch is lost: everything ends at once, the adopter goes on with it. */
  async abandon(): Promise<void> {
    await Promise.all(this.listeners.map((listener) => listener.close(0)));
    await this.gateway.carriers.stop();
    await this.gateway.close();
    await this.#keeper.close();
    await this.#closeRest();
  }

  async #closeRest(): Promise<void> {
    clearInterval(this.#liveNodes);
    await this.#limits.close();
    await this.#feed.close();
  }
}

/** What every node holds in memory of the store, kept in step. */
async function openLists(
  options: NodeOptions,
): Promise<{ feed: ChangeFeed; recipients: RecipientLists; numbers: NumberNetworks }> {
  const feed = new ChangeFeed({
    connect: () => options.connect('changes'),
    onFailed: (error) => options.observer.note('warn', 'changesNotRead', { reason: String(error) }),
  });
  try {
    const recipients = await RecipientLists.open({ ...options, feed });
    return { feed, recipients, numbers: await NumberNetworks.open({ ...options, feed }) };
  } catch (error) {
    await feed.close();
    throw error;
  }
}

/** Waits for a port. @throws Error of one line with what to do when it is not to be had */
export async function opened<Address>(
  setting: string,
  listening: Promise<Address>,
): Promise<Address> {
  try {
    return await listening;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `${setting} cannot be opened (${reason}): end what listens there, or set ${setting} to another`,
    );
  }
}

function openDoor(door: Door, options: NodeOptions, gateway: Gateway): EsmeListener {
  const { customers } = gateway;
  const handler: EsmeListenerHandler = {
    onBind: (session, pdu) => customers.onBind(session, pdu),
    onRequest: (session, pdu) => customers.onRequest(session, pdu),
    onResponse: (session, pdu, context) => customers.onResponse(session, pdu, context),
    onWindowOpen: (session) => customers.onWindowOpen(session),
    onClosed: (session, reason, inFlight) => customers.onClosed(session, reason, inFlight),
    onConnectionRefused: (address, why, detail) =>
      options.observer.note('warn', 'connectionRefused', { address, why, detail }),
    onListenerError: (error) =>
      options.observer.note('error', 'listenerFailed', { reason: error.message }),
  };
  const session = sessionOptions({
    side: 'smsc',
    now: () => performance.now(),
    maxPduOctets: options.maxPduOctets,
    overWindowStatus: ESME_RMSGQFUL,
    responseTimeoutMs: options.responseTimeoutMs ?? SESSION_DEFAULTS.responseTimeoutMs,
    observer: protocolWatch(options.observer, 'customer', {
      bound: (bound) => gateway.bindBook.bound('customer', bound.systemId, bound),
      ended: (ended, reason) => void gateway.bindBook.ended(ended, reason),
      overWindow: (over, pdu) => customers.onOverWindow(over, pdu),
    }),
    tap: options.taps?.customers,
  });
  return new EsmeListener({ ...door, session }, handler);
}

async function countLiveNodes(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ nodes: number }>(
    'select count(*)::int as nodes from node_epoch where adopted_by is null and not closed and valid_until > now()',
  );
  return Math.max(1, rows[0]?.nodes ?? 1);
}
