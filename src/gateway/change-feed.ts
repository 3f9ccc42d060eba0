import type { Client } from 'pg';

/** A change whose notification was lost is seen after this. */
const POLL_MS = 5_000;
/**
 * Who changed a list waits this long until it is in force here: a request of 50,000 entries is read in well under a second,
 * a list of millions that another one writes meanwhile in some.
 */
const CAUGHT_UP_MS = 5_000;

export interface ChangeFeedOptions {
  connect(): Promise<Client>;
  /** Something could not be read; it is tried again within seconds. */
  onFailed(error: unknown): void;
}

/**
 * Keeps what this node holds of some tables in step with them, over one connection: each is read to its end when it is
 * followed, then on whenever any node changes it (NOTIFY on its channel), and every few seconds for what was not heard.
 */
export class ChangeFeed {
  readonly #options: ChangeFeedOptions;
  readonly #followed = new Map<string, Followed>();
  #timer: NodeJS.Timeout | undefined;
  #client: Client | undefined;
  #connecting = false;
  #closed = false;

  constructor(options: ChangeFeedOptions) {
    this.#options = options;
  }

  /**
   * Reads all, then goes on behind.
   * @param channel what every node is told at the commit of a change
   * @param read reads on from where it stood; never called while it runs
   * @throws what the first read throws
   */
  async follow(channel: string, read: () => Promise<void>): Promise<void> {
    await read();
    this.#followed.set(channel, { read, reading: Promise.resolve(true), isNext: false });
    this.#timer ??= setInterval(() => this.#poll(), POLL_MS);
    await this.#client?.query(`listen ${channel}`).catch(() => {});
    this.#poll();
  }

  /**
   * Reads on, and settles when all that was committed before the call is held here.
   * @returns false: not within CAUGHT_UP_MS, or the store is away; it is read within seconds all the same
   */
  async caughtUp(channel: string): Promise<boolean> {
    const followed = this.#followed.get(channel);
    if (followed === undefined || this.#closed) return false;
    // What is being read now may have begun before the commit: this is the reading after it.
    this.#readOn(followed);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, CAUGHT_UP_MS, false);
    });
    return Promise.race([followed.reading, late]).finally(() => clearTimeout(timer));
  }

  /** Settles when nothing is being read any more. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    for (const { reading } of this.#followed.values()) await reading;
    await this.#client?.end().catch(() => {});
    this.#client = undefined;
  }

  #poll(): void {
    if (this.#client === undefined && !this.#connecting) void this.#listen();
    for (const followed of this.#followed.values()) this.#readOn(followed);
  }

  #readOn(followed: Followed | undefined): void {
    if (followed === undefined || followed.isNext || this.#closed) return;
    followed.isNext = true;
    followed.reading = followed.reading
      .then(() => {
        followed.isNext = false;
        return followed.read();
      })
      .then(
        () => true,
        (error: unknown) => {
          this.#options.onFailed(error);
          return false;
        },
      );
  }

  async #listen(): Promise<void> {
    this.#connecting = true;
    try {
      const client = await this.#options.connect();
      client.on('notification', ({ channel }) => this.#readOn(this.#followed.get(channel)));
      client.on('end', () => {
        if (this.#client === client) this.#client = undefined;
      });
      client.on('error', () => {}); // its end follows
      if (this.#closed) return await client.end();
      this.#client = client;
      for (const channel of this.#followed.keys()) await client.query(`listen ${channel}`);
      // What changed while nobody listened.
      for (const followed of this.#followed.values()) this.#readOn(followed);
    } catch (error) {
      this.#options.onFailed(error);
    } finally {
      this.#connecting = false;
    }
  }
}

interface Followed {
  readonly read: () => Promise<void>;
  /** Never rejects; false: it failed. */
  reading: Promise<boolean>;
  /** Another reading waits for this one to end: it will see what is told meanwhile. */
  isNext: boolean;
}
