import type { Client, Pool } from 'pg';
import type { Catalog } from '../domain/catalog.ts';
import { compileCatalog } from '../domain/compile-catalog.ts';
import type { CompiledPolicy } from '../domain/policy.ts';
import type { StoredResources } from '../domain/resources.ts';
import { CONFIG_CHANNEL, readConfigVersion } from '../store/config-version.ts';
import { loadResources } from '../store/resource-rows.ts';
import type { GatewayObserver } from './observer.ts';
import { PoliciesInForce } from './policies-in-force.ts';
import { WordsInForce } from './words-in-force.ts';

/** A change whose notification was lost is seen after this. */
const POLL_MS = 5_000;

export interface CatalogSourceOptions {
  readonly pool: Pool;
  connect(): Promise<Client>;
  readonly observer: GatewayObserver;
  /** Last changes before a catalog is in force (the demo's carrier gets its port). */
  adjust(catalog: Catalog): Catalog;
}

/** The catalog in force: read from the store, read again whenever any node changes the configuration. */
export class CatalogSource {
  readonly #options: CatalogSourceOptions;
  readonly #rules: RulesInForce;
  #current: Catalog;
  #client: Client | undefined;
  #timer: NodeJS.Timeout | undefined;
  #reading: Promise<void> = Promise.resolve();
  #changed: (catalog: Catalog) => void = () => {};

  static async open(options: CatalogSourceOptions): Promise<CatalogSource> {
    const stored = await loadResources(options.pool);
    const rules = new RulesInForce();
    const catalog = options.adjust(compileCatalog(stored, await rules.of(stored)));
    return new CatalogSource(options, catalog, rules);
  }

  private constructor(options: CatalogSourceOptions, catalog: Catalog, rules: RulesInForce) {
    this.#options = options;
    this.#rules = rules;
    this.#current = catalog;
  }

  get current(): Catalog {
    return this.#current;
  }

  /** Calls back with each new catalog from now on, and listens for changes of other nodes. */
  watch(changed: (catalog: Catalog) => void): void {
    this.#changed = changed;
    this.#timer ??= setInterval(() => void this.#poll(), POLL_MS);
    void this.#poll();
  }

  /** Reads the configuration again; settles when it is in force. `force`: also when its version is the same. */
  reload(force = false): Promise<void> {
    this.#reading = this.#reading.catch(() => {}).then(() => this.#read(force));
    return this.#reading;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#reading.catch(() => {});
    await this.#client?.end().catch(() => {});
    this.#client = undefined;
  }

  async #read(force: boolean): Promise<void> {
    const stored = await loadResources(this.#options.pool);
    // The version counts applies; pausing and suspending raise it too.
    if (stored.version === this.#current.version && !force) return;
    const policies = await this.#rules.of(stored);
    this.#current = this.#options.adjust(compileCatalog(stored, policies));
    this.#changed(this.#current);
  }

  async #poll(): Promise<void> {
    try {
      if (this.#client === undefined) await this.#listen();
      if ((await readConfigVersion(this.#options.pool)) !== this.#current.version)
        await this.reload();
    } catch (error) {
      this.#options.observer.note('warn', 'configurationNotRead', { reason: String(error) });
    }
  }

  async #listen(): Promise<void> {
    const client = await this.#options.connect();
    client.on('notification', () => void this.reload().catch(() => {}));
    client.on('end', () => {
      if (this.#client === client) this.#client = undefined;
    });
    await client.query(`listen ${CONFIG_CHANNEL}`);
    this.#client = client;
  }
}

/** Word lists and the policies that use them, compiled in turns and only where they changed. */
class RulesInForce {
  readonly #words = new WordsInForce();
  readonly #policies = new PoliciesInForce();

  async of(stored: StoredResources): Promise<ReadonlyMap<string, CompiledPolicy>> {
    return this.#policies.of(stored, await this.#words.of(stored));
  }
}
