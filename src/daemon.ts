import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { type Config, isDemoAllowed, withDemoHosts } from './config.ts';
import type { Catalog } from './domain/catalog.ts';
import { Authenticator } from './gateway/authenticate.ts';
import { CatalogSource } from './gateway/catalog-source.ts';
import { GatewayNode, opened } from './gateway/node.ts';
import { QualityBook } from './gateway/quality.ts';
import { ensureAdminToken } from './ops/admin-token.ts';
import { announceDemo, announceServing, type HttpDoor } from './ops/announce.ts';
import { CarrierFiles } from './ops/books/carrier-files.ts';
import { Counter } from './ops/books/counter.ts';
import { Keeper } from './ops/books/keeper.ts';
import { Traits } from './ops/books/traits.ts';
import type { ServeOptions } from './ops/cli/context.ts';
import { type Database, openDatabase } from './ops/database.ts';
import { demoCarrierOf, hasDemoObjects, holdsDemo, withDemoPort } from './ops/demo.ts';
import { buildHttpServer } from './ops/http/server.ts';
import { type Keyring, keyring } from './ops/keyring.ts';
import { LiveCounts } from './ops/live-counts.ts';
import { LiveRuntime } from './ops/live-runtime.ts';
import { createLog, type OpsLog } from './ops/logs.ts';
import { createMetrics } from './ops/metrics.ts';
import { SmppDoors } from './ops/smpp-doors.ts';
import { readText, StartResources } from './ops/start-resources.ts';
import { storedGauges } from './ops/stored-gauges.ts';
import { TraceHub } from './ops/trace/hub.ts';
import { Recordings } from './ops/trace/recordings.ts';
import { refuseUnsupported } from './ops/unsupported.ts';
import { WebhookSender } from './ops/webhooks.ts';
import { startSimulatedCarrier } from './simulator/carrier.ts';
import type { SimulatedCarrier } from './simulator/carrier-options.ts';
import { sendSample } from './simulator/sample.ts';
import { statusName } from './smpp/status.ts';
import { ContentKeys } from './store/content-keys.ts';
import { connectStore, createStorePool } from './store/pool.ts';

/** What is in flight has this long to finish on SIGTERM; with unbinding and storing the end comes within 20 s. */
const DRAIN_MS = 10_000;
/** After a lost epoch or a failed start of a node: the pause before the next life. */
const RESTART_MS = 1_000;
const VERSION = '0.1.0';

/**
 * Runs the daemon until SIGTERM, SIGINT or POST /v1/drain has drained it. Starts the parts in this order and stops
 * them in reverse: database, keys, resources (or demo), node (epoch, pipeline, doors), HTTP.
 * @throws an Error whose message is one line with what to do
 */
export async function runDaemon(settings: Config, options: ServeOptions): Promise<void> {
  refuseUnsupported(settings);
  const log = createLog(
    settings.log.level as 'info',
    options.logJson ? { write: (line) => process.stdout.write(line) } : process.stdout,
  );
  const database = await openDatabase(settings, log);
  try {
    await serve(settings, database, log, options.allowLargeChanges);
  } finally {
    await database.close();
  }
}

async function serve(
  settings: Config,
  database: Database,
  log: OpsLog,
  allowLargeChanges: boolean,
): Promise<void> {
  const keys = keyring(settings, database.embedded);
  const pool = openPool(database.url);
  const isDemo = isDemoAllowed(settings) && (database.isEmpty || (await holdsDemo(pool)));
  const config = isDemo ? withDemoHosts(settings) : settings;
  try {
    const daemon = new Daemon(config, database, log, keys, pool);
    if (isDemo && database.isEmpty) await daemon.resources.applyDemo();
    else await daemon.resources.applyAtStart(allowLargeChanges);
    await daemon.run(isDemo && database.isEmpty);
  } finally {
    await pool.end();
  }
}

/** The pool. pg leaves a client that is lent out without a listener: a server that dies then would take us along. */
function openPool(url: string): Pool {
  const pool = createStorePool({ url, applicationName: 'smppgate' });
  // Whoever has it learns of the loss by its next query.
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

/** The parts of a running daemon and their order. */
class Daemon {
  readonly resources: StartResources;
  readonly #config: Config;
  readonly #database: Database;
  readonly #log: OpsLog;
  readonly #keys: Keyring;
  readonly #pool: Pool;
  readonly #doors: SmppDoors;
  readonly #authenticator: Authenticator;
  readonly #metrics = createMetrics();
  readonly #counts: LiveCounts;
  readonly #traces: { readonly hub: TraceHub; readonly recordings: Recordings };
  #catalog: CatalogSource | undefined;
  #node: GatewayNode | undefined;
  #draining = false;
  #stop: () => void = () => {};

  constructor(config: Config, database: Database, log: OpsLog, keys: Keyring, pool: Pool) {
    this.#config = config;
    this.#database = database;
    this.#log = log;
    this.#keys = keys;
    this.#pool = pool;
    this.resources = new StartResources({
      pool,
      secrets: keys.secrets,
      metrics: this.#metrics,
      log,
      dataDir: config.dataDir,
      file: config.resources,
    });
    this.#doors = new SmppDoors(config.smpp, Date.now);
    this.#authenticator = new Authenticator({ pepper: keys.pepper, now: Date.now });
    const quality = new QualityBook({ catalog: () => this.#catalog?.current, now: Date.now });
    this.#counts = new LiveCounts(this.#metrics, log, statusName, quality);
    const hub = new TraceHub({ now: Date.now, monotonic: () => performance.now() });
    const folder = join(config.dataDir, 'traces');
    this.#traces = { hub, recordings: new Recordings({ folder, hub, log, now: Date.now }) };
  }

  async run(firstDemoStart: boolean): Promise<void> {
    const stopped = new Promise<void>((resolve) => {
      this.#stop = resolve;
    });
    const onSignal = (): void => this.#drain('signal');
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
    // What was started is stopped in the opposite order, also when the next cannot start.
    const stops: (() => unknown)[] = [
      () => this.#metrics.close(),
      () => process.off('SIGTERM', onSignal).off('SIGINT', onSignal),
    ];
    try {
      await this.#serveWith(stops, stopped, firstDemoStart);
    } finally {
      for (const stop of stops.toReversed()) await stop();
    }
    this.#log.info('stopped');
  }

  /** @param stops what is to be called in the end, last first */
  async #serveWith(
    stops: (() => unknown)[],
    stopped: Promise<void>,
    firstDemoStart: boolean,
  ): Promise<void> {
    const simulator: { carrier: SimulatedCarrier | undefined } = { carrier: undefined };
    const catalog = await CatalogSource.open({
      pool: this.#pool,
      connect: () => this.#connect('config'),
      observer: this.#counts,
      adjust: (next) => withDemoPort(next, simulator.carrier?.port),
    });
    this.#catalog = catalog;
    stops.push(() => catalog.close());
    simulator.carrier = await this.#startSimulator(catalog);
    stops.push(() => simulator.carrier?.close());
    if (simulator.carrier !== undefined) await catalog.reload(true);
    const runtime = this.#runtime(catalog);
    const http = await this.#startHttp(runtime, stops);
    const webhooks = this.#startWebhooks(catalog);
    stops.push(() => webhooks.close());
    const books = this.#books(catalog);
    books.start();
    stops.push(() => books.close());
    const samples = setInterval(() => this.#counts.sample(Date.now()), 1_000);
    stops.push(() => clearInterval(samples));
    const onHangup = (): void => {
      this.#reloadTls();
      void this.resources.applyFile().then(
        () => catalog.reload(),
        (error) => this.#log.error('reload failed', { reason: String(error) }),
      );
    };
    process.on('SIGHUP', onHangup);
    stops.push(() => process.off('SIGHUP', onHangup));
    await this.#live(catalog, stopped, async () =>
      this.#announce(catalog.current, runtime, http, firstDemoStart),
    );
  }

  /** One life of the node after the other, until it is told to stop. */
  async #live(
    catalog: CatalogSource,
    stopped: Promise<void>,
    onFirst: () => Promise<void>,
  ): Promise<void> {
    for (let lives = 0; !this.#draining; lives++) {
      const node = await this.#begin(catalog, lives > 0);
      if (node === undefined) continue;
      this.#node = node;
      // A reload while it started found no node to tell.
      const { tls } = this.#doors;
      if (tls !== undefined) node.reloadTls(tls);
      catalog.watch((next) => node.onCatalog(next));
      if (lives === 0) await onFirst();
      const lost = await Promise.race([node.lost.then(() => true), stopped.then(() => false)]);
      this.#node = undefined;
      if (!lost) return node.drain(DRAIN_MS);
      await node.abandon();
      await pause(RESTART_MS);
    }
  }

  /** Begins a life of the node. A later one that cannot begin yet (the database is away) is tried again. */
  async #begin(catalog: CatalogSource, again: boolean): Promise<GatewayNode | undefined> {
    try {
      return await GatewayNode.start({
        name: this.#config.node.name,
        pool: this.#pool,
        connect: (name) => this.#connect(name),
        sealing: this.#keys.sealing,
        observer: this.#counts,
        authenticator: this.#authenticator,
        redisUrl: this.#config.redis.url,
        maxPduOctets: this.#config.smpp.maxPduOctets,
        doors: this.#doors.doors,
        taps: this.#traces.hub,
        catalog: () => catalog.current,
      });
    } catch (error) {
      if (!again) throw error;
      this.#log.error('node not started', { reason: String(error) });
      await pause(RESTART_MS);
      return undefined;
    }
  }

  /** What is done behind the traffic: chain, usage, checks, carriers' files. */
  #books(catalog: CatalogSource): Keeper {
    const keys = new ContentKeys({
      pool: this.#pool,
      sealing: this.#keys.sealing,
      random: randomBytes,
    });
    const current = () => catalog.current;
    const networkOf = (msisdn: string) =>
      this.#node?.gateway.router.networkOf(msisdn) ?? catalog.current.networks.networkOf(msisdn);
    return new Keeper({
      pool: this.#pool,
      connect: () => this.#connect('books'),
      counter: new Counter(new Traits({ catalog: current, keys, networkOf }), current),
      files: new CarrierFiles({
        pool: this.#pool,
        log: this.#log,
        folder: join(this.#config.dataDir, 'reports', 'carriers'),
      }),
      log: this.#log,
      now: Date.now,
    });
  }

  #runtime(catalog: CatalogSource): LiveRuntime {
    return new LiveRuntime({
      facts: {
        version: VERSION,
        node: this.#config.node.name,
        startedAtMs: Date.now(),
        resourcesFile: this.#config.resources,
      },
      pool: this.#pool,
      catalog,
      counts: this.#counts,
      bans: this.#authenticator.bans,
      gateway: () => this.#node?.gateway,
      listening: () =>
        this.#node?.listeners.every((listener) => listener.address !== undefined) ?? false,
      draining: () => this.#draining,
      traces: () => this.#traces.hub.running,
      resourcesFileInForce: () => this.resources.isFileInForce,
      drain: (actor) => this.#drain(actor),
    });
  }

  async #startHttp(runtime: LiveRuntime, stops: (() => unknown)[]): Promise<HttpDoor> {
    const { http, admin, metrics, dataDir } = this.#config;
    const { token, path } = ensureAdminToken(dataDir, admin.token);
    this.#metrics.attach(runtime, storedGauges(this.#pool));
    const server = await buildHttpServer({
      pool: this.#pool,
      runtime,
      metrics: this.#metrics,
      log: this.#log,
      secrets: this.#keys.secrets,
      sealing: this.#keys.sealing,
      now: Date.now,
      tls:
        http.tls === undefined
          ? undefined
          : { cert: readText(http.tls.cert), key: readText(http.tls.key) },
      tokens: [{ name: 'admin', role: 'admin', token }, ...admin.tokens],
      traces: this.#traces,
      metricsToken: metrics.token,
    });
    stops.push(() => server.close());
    this.#traces.recordings.start();
    const address = await opened('http.port', server.listen({ host: http.host, port: http.port }));
    return { address, token, tokenPath: path };
  }

  #startWebhooks(catalog: CatalogSource): WebhookSender {
    const webhooks = new WebhookSender({
      pool: this.#pool,
      metrics: this.#metrics,
      log: this.#log,
      catalog: () => catalog.current,
      open: (sealed) => this.#keys.sealing.openSecret(sealed),
      now: Date.now,
    });
    webhooks.start();
    return webhooks;
  }

  async #startSimulator(catalog: CatalogSource): Promise<SimulatedCarrier | undefined> {
    const demo = demoCarrierOf(catalog.current);
    if (demo === undefined) return undefined;
    return startSimulatedCarrier({
      systemId: demo.systemId,
      password: this.#keys.sealing.openSecret(demo.sealedPassword),
    });
  }

  async #announce(
    catalog: Catalog,
    runtime: LiveRuntime,
    http: HttpDoor,
    firstDemoStart: boolean,
  ): Promise<void> {
    const [listener, tlsListener] = this.#node?.listeners ?? [];
    const smpp = listener?.address;
    if (smpp === undefined) throw new Error('the SMPP listener has an address');
    announceServing(this.#log, {
      smpp,
      smppTls: tlsListener?.address,
      http,
      version: runtime.facts.version,
      doors: this.#doors,
    });
    if (hasDemoObjects(catalog))
      await announceDemo({
        smpp,
        smppHost: this.#config.smpp.host,
        http,
        dataDir: this.#config.dataDir,
        log: this.#log,
        sendSample: firstDemoStart ? sendSample : undefined,
      });
  }

  #connect(name: string): ReturnType<typeof connectStore> {
    return connectStore({ url: this.#database.url, applicationName: `smppgate ${name}` });
  }

  /** The certificate files again: what is not usable leaves the old in force, and no session is touched either way. */
  #reloadTls(): void {
    try {
      const tls = this.#doors.reload();
      if (tls === undefined) return;
      this.#node?.reloadTls(tls);
      this.#log.info('certificate reloaded', { ...this.#doors.certificate });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#log.error('certificate not reloaded', { reason, ...this.#doors.certificate });
    }
  }

  #drain(actor: string): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#log.info('draining', { actor });
    this.#stop();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
