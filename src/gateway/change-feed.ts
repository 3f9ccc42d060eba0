import type { Client } from 'pg';

/** A change whose notification was lost is seen after this. */
const POLL_MS = 5_000;

export interface ChangeFeedOptions {
  /** What every node is told at the commit of a change. */
  readonly channel: string;
  connect(): Promise<Client>;
  /** Reads on from where it stood; never called while it runs. */
  read(): Promise<void>;
  /** It could not be read; it is tried again within seconds. */
  onFailed(error: unknown): void;
}

/**
 * Keeps what this node holds of a table in step with it: reads all of it first, then on whenever any node changes it
 * (NOTIFY), and every few seconds for what was not heard.
 */
export class ChangeFeed {
  readonly #options: ChangeFeedOptions;
  #client: Client | undefined;
  #timer: NodeJS.Timeout | undefined;
  #reading: Promise<void> = Promise.resolve();
  #closed = false;

  /** Reads all, then listens. @throws what the first read throws */
  static async open(options: ChangeFeedOptions): Promise<ChangeFeed> {
    const feed = new ChangeFeed(options);
    await options.read();
    feed.#timer = setInterval(() => void feed.#poll(), POLL_MS);
    void feed.#poll();
    return feed;
  }

  private constructor(options: ChangeFeedOptions) {
    this.#options = options;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#reading.catch(() => {});
    await this.#client?.end().catch(() => {});
    this.#client = undefined;
  }

  /** Reads what changed since the last time; settles when it is in force. */
  #readOn(): Promise<void> {
    this.#reading = this.#reading.catch(() => {}).then(() => this.#options.read());
    return this.#reading;
  }

  async #poll(): Promise<void> {
    try {
      if (this.#client === undefined) await this.#listen();
      await this.#readOn();
    } catch (error) {
      this.#options.onFailed(error);
    }
  }

  async #listen(): Promise<void> {
    const client = await this.#options.connect();
    client.on('notification', () => void this.#readOn().catch(() => {}));
    client.on('end', () => {
      if (this.#client === client) this.#client = undefined;
    });
    client.on('error', () => {}); // its end follows
    if (this.#closed) return client.end();
    this.#client = client;
    await client.query(`listen ${this.#options.channel}`);
  }
}
