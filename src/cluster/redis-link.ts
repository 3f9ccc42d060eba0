import type { Redis } from 'ioredis';
import { BEAT, GONE, nodeKeyOf, type Script } from './scripts.ts';

/** How fast the link notices and mends. */
export interface LinkTimings {
  /** A command unanswered for so long means that Redis is lost. */
  readonly commandMs: number;
  /** Between two signs of life to Redis: also how long a silent loss may go unnoticed, plus `commandMs`. */
  readonly beatMs: number;
  /** Without a sign of life for so long the node is dead to the others and its binds are free. */
  readonly nodeTtlMs: number;
  /** Between two attempts to connect, at most. */
  readonly retryMaxMs: number;
}

/**
 * Ten times the 50 ms that count as slow; a dead node's places are free after 8 s (10 s are allowed), which
 * leaves three missed beats; a Redis that is back is found within 2 s, by one attempt each.
 */
export const LINK_TIMINGS: LinkTimings = {
  commandMs: 500,
  beatMs: 2_000,
  nodeTtlMs: 8_000,
  retryMaxMs: 2_000,
};

export interface RedisLinkOptions {
  readonly url: string;
  /** Names this start of this node: never used again by another. */
  readonly nodeKey: string;
  readonly timings: LinkTimings;
  /** For the jitter of attempts to connect. */
  readonly random: () => number;
  /** Redis answers (again); scripts can be run. */
  readonly onUp: () => void;
  readonly onDown: () => void;
  /** Redis answers, but had forgotten this node: it was emptied, or we stood still for long. */
  readonly onForgotten: () => void;
  /** Every `beatMs` while up, after the sign of life. */
  readonly onBeat: () => void;
  /** Once for each change, and once for the first attempt. */
  readonly onState: (up: boolean, reason: string) => void;
}

/**
 * The connection to Redis, up or down:
 *
 *     connecting --ready and a beat answered--> up --error, timeout, close--> down
 *          ^------------- ioredis, backing off up to retryMaxMs ----------------'
 *
 * Nothing waits for a connection: a command while down is refused at once, one in flight when the link goes
 * down rejects, none is sent again.
 */
export class RedisLink {
  readonly #redis: Redis;
  readonly #options: RedisLinkOptions;
  readonly #beats: NodeJS.Timeout;
  #up: boolean | undefined;
  /** Connection in use, counted: an answer of an earlier one changes nothing. */
  #connection = 0;
  #ready = false;
  #beating = false;
  #closed = false;
  #lastError = 'no answer';
  #firstKnown: () => void = () => {};

  private constructor(redis: Redis, options: RedisLinkOptions) {
    this.#redis = redis;
    this.#options = options;
    redis.on('ready', () => this.#onReady());
    redis.on('close', () => this.#onClose());
    redis.on('error', (error: Error) => this.#onError(error));
    this.#beats = setInterval(() => void this.#beat(), options.timings.beatMs);
    this.#beats.unref();
  }

  /** Resolves when Redis has answered or failed for the first time, after `commandMs` at the latest. Never rejects. */
  static async connect(options: RedisLinkOptions): Promise<RedisLink> {
    const { Redis } = await import('ioredis');
    const { commandMs, retryMaxMs } = options.timings;
    const redis = new Redis(options.url, {
      lazyConnect: true,
      // RESP2 is understood by every Redis and needs no HELLO.
      protocol: 2,
      disableClientInfo: true,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      connectTimeout: 2 * commandMs,
      commandTimeout: commandMs,
      disconnectTimeout: commandMs,
      // 100, 200, 400 ... ms, less up to half, so that nodes do not come back in step.
      retryStrategy: (times) =>
        Math.min(retryMaxMs, 50 * 2 ** Math.min(times, 10)) * (1 - options.random() / 2),
    });
    const link = new RedisLink(redis, options);
    await link.#firstAnswer(commandMs);
    return link;
  }

  get up(): boolean {
    return this.#up === true;
  }

  /**
   * Runs a script.
   * @throws Error when the link is down or goes down, or the script fails (which takes the link down).
   */
  async run(
    script: Script,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    if (this.#up !== true) throw new Error('Redis is down');
    return this.#call(script, keys, args);
  }

  /** Says goodbye, so that this node's places are free at once, and disconnects. */
  async close(): Promise<void> {
    if (this.#closed) return;
    clearInterval(this.#beats);
    if (this.#up === true) {
      await this.#call(GONE, [nodeKeyOf(this.#options.nodeKey)], []).catch(() => {
        // Then they expire.
      });
    }
    this.abandon();
  }

  /** Disconnects without a word, as a node that dies: its places expire after `nodeTtlMs`. */
  abandon(): void {
    clearInterval(this.#beats);
    this.#closed = true;
    this.#up = false;
    this.#redis.disconnect();
  }

  async #firstAnswer(withinMs: number): Promise<void> {
    const known = new Promise<void>((resolve) => {
      this.#firstKnown = resolve;
    });
    const timer = setTimeout(() => this.#down(this.#lastError), withinMs);
    this.#redis.connect().catch((error: Error) => this.#down(error.message));
    await known;
    clearTimeout(timer);
  }

  async #call(
    script: Script,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    const connection = this.#connection;
    try {
      return await this.#evaluate(script, keys, args);
    } catch (error) {
      if (connection === this.#connection) this.#fail(error);
      throw error;
    }
  }

  async #evaluate(
    script: Script,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    try {
      return await this.#redis.evalsha(script.sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return await this.#redis.eval(script.lua, keys.length, ...keys, ...args);
    }
  }

  #onReady(): void {
    this.#ready = true;
    this.#connection++;
    this.#beating = false;
    void this.#beat();
  }

  #onClose(): void {
    this.#ready = false;
    this.#connection++;
    if (this.#up === true) this.#down('connection lost');
  }

  #onError(error: Error): void {
    this.#lastError = error.message;
    if (this.#up === undefined) this.#down(error.message);
  }

  /** A command was not answered, or refused by a Redis that cannot serve us (read-only, out of memory). */
  #fail(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#down(reason);
    // A Redis that hangs would let commands pile up behind it: a new connection, after a pause.
    if (!reason.startsWith('Command timed out') || this.#closed) return;
    this.#ready = false;
    this.#connection++;
    this.#redis.disconnect(true);
  }

  async #beat(): Promise<void> {
    if (!this.#ready || this.#beating || this.#closed) return;
    this.#beating = true;
    const connection = this.#connection;
    try {
      const known = await this.#call(
        BEAT,
        [nodeKeyOf(this.#options.nodeKey)],
        [this.#options.timings.nodeTtlMs],
      );
      if (connection !== this.#connection || this.#closed) return;
      if (this.#up !== true) this.#setUp();
      else if (known === 0) this.#options.onForgotten();
      this.#options.onBeat();
    } catch {
      // #call has taken the link down; the next beat or connection tries again.
    } finally {
      if (connection === this.#connection) this.#beating = false;
    }
  }

  #setUp(): void {
    this.#up = true;
    this.#options.onUp();
    this.#options.onState(true, 'connected');
    this.#firstKnown();
  }

  #down(reason: string): void {
    if (this.#up === false || this.#closed) return;
    const known = this.#up !== undefined;
    this.#up = false;
    if (known) this.#options.onDown();
    this.#options.onState(false, reason);
    this.#firstKnown();
  }
}
