import { createHash } from 'node:crypto';
import type { Client, Pool } from 'pg';
import { expect, vi } from 'vitest';
import type { Catalog } from '../../src/domain/catalog.ts';
import { type AccountId, accountId } from '../../src/domain/ids.ts';
import {
  type FaultClass,
  faultClassName,
  messageStateName,
} from '../../src/domain/message-state.ts';
import { credits, formatCredits } from '../../src/domain/money.ts';
import { Authenticator } from '../../src/gateway/authenticate.ts';
import { CatalogSource } from '../../src/gateway/catalog-source.ts';
import { GatewayNode, type NodeOptions } from '../../src/gateway/node.ts';
import type { GatewayObserver } from '../../src/gateway/observer.ts';
import { applyText, faultText } from '../../src/ops/apply.ts';
import { createSecretKeeper } from '../../src/ops/secret-keeper.ts';
import { setAccountStatus } from '../../src/store/accounts.ts';
import { setNumberNetworks } from '../../src/store/number-networks.ts';
import { connectStore, createStorePool, inTransaction } from '../../src/store/pool.ts';
import { reconcile } from '../../src/store/reconcile.ts';
import { writeRequeueRequest } from '../../src/store/requeue-requests.ts';
import { setCarrierPaused } from '../../src/store/resources.ts';
import { Sealing } from '../../src/store/sealing.ts';
import { createDatabase, type TestDatabase } from './postgres.ts';

/** A test waits at most this long for something to happen: it costs time only where nothing does. */
const PATIENCE_MS = 40_000;
const POLL_MS = 15;
const DRAIN_MS = 5_000;

/** What the gateway reported, in order: for waiting, and for counters that only metrics show. */
export interface Report {
  readonly what: keyof GatewayObserver;
  readonly args: readonly unknown[];
}

/** How a message stands in the tables. */
export interface StoredEnd {
  readonly state: string | undefined;
  readonly fault: FaultClass | undefined;
  readonly cause: string | null;
  /** Credits in decimals. */
  readonly refund: string | null;
  readonly charge: string | null;
  readonly release: string | null;
}

/** One row of the table `dispatch`. */
export interface StoredDispatch {
  readonly segment: number;
  readonly attempt: number;
  readonly status: number;
  readonly upstream: string | null;
}

/** A real node of the gateway in this process, on a database of its own, at a free port of 127.0.0.1. */
export class TestGateway {
  readonly reports: Report[] = [];
  readonly pool: Pool;
  /** How far the clock of binds (former passwords, bans) is ahead. */
  bindClockAheadMs = 0;
  readonly authenticator = new Authenticator({
    pepper: PEPPER,
    now: () => Date.now() + this.bindClockAheadMs,
  });
  readonly #database: TestDatabase;
  readonly #own: Partial<NodeOptions>;
  readonly #sealing = sealing();
  #catalog: CatalogSource | undefined;
  #node: GatewayNode | undefined;

  /**
   * Starts it with these resources (YAML or JSON). Call `close` in afterAll.
   * @param database in place of a fresh one; `close` drops it
   * @param own options of the node that differ from the usual
   */
  static async start(
    resources: string,
    database?: TestDatabase,
    own: Partial<NodeOptions> = {},
  ): Promise<TestGateway> {
    const gateway = new TestGateway(database ?? (await createDatabase()), own);
    try {
      await gateway.apply(resources);
      await gateway.up();
    } catch (error) {
      await gateway.close();
      throw error;
    }
    return gateway;
  }

  /**
   * Another node on the same database; close it before this one.
   * @param own options of the node that differ from the usual
   */
  async beside(own: Partial<NodeOptions> = {}): Promise<TestGateway> {
    const { url } = this.#database;
    const gateway = new TestGateway({ url, drop: async () => {} }, own);
    await gateway.up();
    return gateway;
  }

  private constructor(database: TestDatabase, own: Partial<NodeOptions> = {}) {
    this.#database = database;
    this.#own = own;
    this.pool = createStorePool({ url: database.url, applicationName: 'test' });
  }

  get node(): GatewayNode {
    if (this.#node === undefined) throw new Error('the node is not up');
    return this.#node;
  }

  /** The catalog in force. */
  get catalog(): Catalog {
    if (this.#catalog === undefined) throw new Error('the node is not up');
    return this.#catalog.current;
  }

  /** Writes down what is reported, as the node's own does. */
  get observer(): GatewayObserver {
    return recorder(this.reports);
  }

  /** What opens the content of its messages. */
  get sealing(): Sealing {
    return this.#sealing;
  }

  /** The port that customers bind to. */
  get port(): number {
    return this.portOf(0);
  }

  /** The port of one of its doors. */
  portOf(door: number): number {
    const port = this.node.listeners[door]?.address?.port;
    if (port === undefined) throw new Error('the node does not listen');
    return port;
  }

  /** Starts a node; for a restart after `drain` or `abandon`. */
  async up(): Promise<void> {
    const observer = recorder(this.reports);
    const connect = (name: string): Promise<Client> =>
      connectStore({ url: this.#database.url, applicationName: name });
    const catalog = await CatalogSource.open({
      pool: this.pool,
      connect: () => connect('config'),
      observer,
      adjust: (next) => next,
    });
    this.#catalog = catalog;
    const node = await GatewayNode.start({
      name: 'test',
      pool: this.pool,
      connect,
      sealing: this.#sealing,
      observer,
      authenticator: this.authenticator,
      redisUrl: undefined,
      maxPduOctets: 70_000,
      doors: [{ host: '127.0.0.1', port: 0 }],
      catalog: () => catalog.current,
      ...this.#own,
    });
    this.#node = node;
    catalog.watch((next) => node.onCatalog(next));
  }

  /** The orderly end of the node; the database stays. */
  async drain(): Promise<void> {
    const node = this.#node;
    this.#node = undefined;
    await node?.drain(DRAIN_MS);
    await this.#catalog?.close();
    this.#catalog = undefined;
  }

  /** The end of a node that has lost its epoch: at once, nothing is waited for; the database stays. */
  async abandon(): Promise<void> {
    const node = this.#node;
    this.#node = undefined;
    await node?.abandon();
    await this.#catalog?.close();
    this.#catalog = undefined;
  }

  /** Ends everything. */
  async close(): Promise<void> {
    try {
      await this.drain();
    } finally {
      await this.pool.end();
      await this.#database.drop();
    }
  }

  /** Applies resources and brings them into force. */
  async apply(text: string): Promise<void> {
    const secrets = createSecretKeeper({ sealing: this.#sealing, pepper: PEPPER });
    const result = await applyText(this.pool, secrets, { text, actor: 'test', dryRun: false });
    if ('faults' in result) throw new Error(result.faults.map(faultText).join('\n'));
    await this.#catalog?.reload();
  }

  /** As POST /v1/accounts/{name}/suspend, /resume or /terminate: the status, then the end of what is queued. */
  async setStatus(name: string, status: 'active' | 'suspended' | 'terminated'): Promise<void> {
    await setAccountStatus(this.pool, { name, status, reason: 'test', actor: 'test' });
    await this.#catalog?.reload();
    if (status !== 'active') await this.node.gateway.endQueuedOf(await this.accountId(name));
  }

  /** Brings into force what the store says. */
  async reload(): Promise<void> {
    await this.#catalog?.reload();
  }

  /** As POST /v1/carriers/{name}/pause or /resume. */
  async setPaused(name: string, paused: boolean): Promise<void> {
    await setCarrierPaused(this.pool, { name, paused, actor: 'test' });
    await this.#catalog?.reload();
  }

  /** As PUT (null: DELETE) /v1/number-networks. */
  async setNetworks(networks: Readonly<Record<string, string | null>>): Promise<void> {
    const entries = Object.entries(networks).map(([msisdn, network]) => ({
      hash: this.#sealing.numberHash(msisdn),
      network,
    }));
    await inTransaction(this.pool, (client) => setNumberNetworks(client, entries, 5_000_000));
  }

  /** Waits until messages may go to these carriers, or to all: a carrier that sees a bind is ahead of the node. */
  async carriersUp(...names: readonly string[]): Promise<void> {
    await eventually(() => {
      for (const { carrier, upSinceMs } of this.node.gateway.carriers.running.values())
        if (names.length === 0 || names.includes(carrier.name))
          expect({ carrier: carrier.name, isUp: upSinceMs !== undefined }).toMatchObject({
            isUp: true,
          });
    });
  }

  /** As POST /v1/routes/requeue: what this node did. */
  async requeue(carrier?: string): Promise<{ moved: number; kept: number }> {
    const request = await inTransaction(this.pool, (client) =>
      writeRequeueRequest(client, carrier),
    );
    const run = this.node.gateway.requeues.run(request);
    await run.done;
    return { moved: run.moved, kept: run.kept };
  }

  async accountId(name: string): Promise<AccountId> {
    const [row] = await this.sql<{ id: number }>('select id from account where name = $1', [name]);
    if (row === undefined) throw new Error(`no account ${name}`);
    return accountId(row.id);
  }

  async sql<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
    return (await this.pool.query<Row>(text, values)).rows;
  }

  /** What an account has, with the sum of its entries beside it: the two are equal at every instant. */
  async money(account: string): Promise<{ credits: string; reserved: string }> {
    const [row] = await this.sql<Record<'credits' | 'reserved' | 'amounts' | 'deltas', bigint>>(
      `select sum(b.credits)::int8 as credits, sum(b.reserved)::int8 as reserved,
         coalesce(sum(e.amount), 0)::int8 as amounts, coalesce(sum(e.reserved_delta), 0)::int8 as deltas
       from account a join balance b on b.account = a.id
       left join lateral (select sum(l.amount) as amount, sum(l.reserved_delta) as reserved_delta
         from ledger_entry l where l.account = b.account and l.side = b.side) e on true
       where a.name = $1`,
      [account],
    );
    if (row === undefined) throw new Error(`no account ${account}`);
    expect([row.amounts, row.deltas]).toEqual([row.credits, row.reserved]);
    return { credits: decimal(row.credits), reserved: decimal(row.reserved) };
  }

  /** The ledger of an account in order: "charge -0.05", for reservations "reserve +0.05r"; without entries of nothing. */
  async entries(account: string): Promise<string[]> {
    const rows = await this.sql<{ kind: string; amount: bigint; reserved_delta: bigint }>(
      `select kind, amount, reserved_delta from ledger_entry l join account a on a.id = l.account
       where a.name = $1 and (amount <> 0 or reserved_delta <> 0) order by l.id`,
      [account],
    );
    return rows.map(({ kind, amount, reserved_delta }) =>
      [
        kind,
        ...[amount].filter((n) => n !== 0n).map(signed),
        ...[reserved_delta].filter((n) => n !== 0n).map((n) => `${signed(n)}r`),
      ].join(' '),
    );
  }

  /** The outcome of a message by the id that its customer was given; all undefined while it has none. */
  async end(customerId: string): Promise<StoredEnd> {
    const [row] = await this.sql<OutcomeRow>(
      'select state, fault, cause, refund, charge, release from outcome where id = $1',
      [customerId],
    );
    if (row === undefined)
      return {
        state: undefined,
        fault: undefined,
        cause: null,
        refund: null,
        charge: null,
        release: null,
      };
    return {
      state: messageStateName(row.state),
      fault: faultClassName(row.fault),
      cause: row.cause,
      refund: decimal(row.refund),
      charge: decimal(row.charge),
      release: decimal(row.release),
    };
  }

  /** Every stored answer of carriers for a message, in order of segment and attempt. */
  async dispatches(customerId: string): Promise<StoredDispatch[]> {
    return this.sql<StoredDispatch>(
      `select segment, attempt, status, upstream_id as upstream from dispatch
       where id = $1 order by segment, attempt`,
      [customerId],
    );
  }

  /** Waits until a message has this outcome. */
  async ended(customerId: string, end: Partial<StoredEnd>): Promise<void> {
    await eventually(async () => expect(await this.end(customerId)).toMatchObject(end));
  }

  /**
   * Puts a message before the janitor now. It walks over messages of short validity when they are a minute old,
   * which is longer than a test may take; what it then does depends on the message's own times.
   */
  async bringBeforeJanitor(customerId: string): Promise<void> {
    await this.sql('insert into due (at, id) values (now(), $1) on conflict do nothing', [
      customerId,
    ]);
  }

  /** As if the validity of a message, and any grace of less than an hour, were over: the janitor looks at it now. */
  async outlive(customerId: string): Promise<void> {
    await this.sql(`update message set valid_until = now() - interval '1 hour' where id = $1`, [
      customerId,
    ]);
    await this.bringBeforeJanitor(customerId);
  }

  /** As if the time that scheduled messages wait for had come. */
  async sendNow(...customerIds: readonly string[]): Promise<void> {
    await this.sql('update scheduled set at = now() where id = any ($1)', [customerIds]);
  }

  /** As if the wait for receipts of messages whose outcome is unknown were over: until each is resolved. */
  async decideUnknown(...customerIds: readonly string[]): Promise<void> {
    await eventually(async () => {
      const open = await this.sql(
        // Again, for a link that comes up gives what is listed a time of its own.
        `update unknown_outcome set deadline = now() where id = any ($1) and resolved_at is null returning id`,
        [customerIds],
      );
      expect(open).toEqual([]);
    });
  }

  /** Waits until the books agree with each other, and says which do not. */
  async reconciled(): Promise<void> {
    const { ok, mismatches } = await reconcile(this.pool);
    expect({ ok, mismatches }).toEqual({ ok: true, mismatches: [] });
  }
}

/** Polls until a check passes; its last failure is the test's when it never does. */
export function eventually<T>(check: () => T | Promise<T>, patienceMs = PATIENCE_MS): Promise<T> {
  return vi.waitFor(check, { timeout: patienceMs, interval: POLL_MS });
}

const PEPPER = key('pepper');

export function sealing(): Sealing {
  return sealingUnder('master');
}

/** The same under keys of these uses, the current one first; `master` is what nodes have else. */
export function sealingUnder(...uses: readonly string[]): Sealing {
  return new Sealing(uses.map(key), (octets) => crypto.getRandomValues(Buffer.alloc(octets)));
}

function key(use: string): Buffer {
  return createHash('sha256').update(use).digest();
}

interface OutcomeRow {
  state: number;
  fault: number;
  cause: string;
  refund: bigint;
  charge: bigint;
  release: bigint;
}

function decimal(micro: bigint): string {
  return formatCredits(credits(micro));
}

function signed(micro: bigint): string {
  return micro > 0n ? `+${decimal(micro)}` : decimal(micro);
}

/** An observer that writes down every call. */
function recorder(reports: Report[]): GatewayObserver {
  const note =
    (what: keyof GatewayObserver) =>
    (...args: unknown[]): void => {
      reports.push({ what, args });
    };
  return {
    submitAnswered: note('submitAnswered'),
    upstreamAnswered: note('upstreamAnswered'),
    segmentsSent: note('segmentsSent'),
    messageSent: () => {},
    segmentReceipted: note('segmentReceipted'),
    messageEnded: note('messageEnded'),
    receiptUnmatched: note('receiptUnmatched'),
    unknownResolved: note('unknownResolved'),
    failover: note('failover'),
    bindEvent: note('bindEvent'),
    throttled: note('throttled'),
    policyDecision: note('policyDecision'),
    partSetsEnded: note('partSetsEnded'),
    money: note('money'),
    creditWarning: note('creditWarning'),
    accountNotice: note('accountNotice'),
    inbound: note('inbound'),
    deliveriesExpired: note('deliveriesExpired'),
    malformedPdu: note('malformedPdu'),
    protocolError: note('protocolError'),
    storeBatch: () => {},
    note: note('note'),
  };
}
