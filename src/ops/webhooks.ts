import { createHmac } from 'node:crypto';
import type { Pool } from 'pg';
import type { Catalog, Webhook } from '../domain/catalog.ts';
import { type DueEvent, noteTry, takeEvents } from '../store/webhook-events.ts';
import type { OpsLog } from './logs.ts';
import type { Metrics } from './metrics.ts';

/** Looks for due events so often; a warning may be a second late. */
const LOOK_EVERY_MS = 1_000;
/** Requests at once: other servers' slowness must cost sockets, not memory. */
const AT_ONCE = 20;
/** A server that takes longer has failed. */
const TIMEOUT_MS = 10_000;
/** Taken events are another node's again after this: longer than all requests of a turn. */
const LEASE_MS = 60_000;
/** Tries are 10 s apart, then twice as long each time, at most an hour: 30 of them are a day. */
const FIRST_WAIT_MS = 10_000;
const LONGEST_WAIT_MS = 3_600_000;
const TRIES_MAX = 30;

/** What the sender needs of the daemon. */
export interface WebhookDeps {
  readonly pool: Pool;
  readonly metrics: Metrics;
  readonly log: OpsLog;
  catalog(): Catalog;
  /** Opens a sealed secret. Throws when its key is gone. */
  open(sealed: string): string;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/**
 * Sends what accounts are to be told (store/webhook-events.ts) to their webhooks, signed, until a 2xx answer or a day is
 * over. The queue is in the store: a restart goes on with it, and several nodes share it. At least once: an answer that
 * was not noted is asked for again, with the same id.
 */
export class WebhookSender {
  readonly #deps: WebhookDeps;
  readonly #closing = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> | undefined;

  constructor(deps: WebhookDeps) {
    this.#deps = deps;
  }

  /** Begins to look for events. */
  start(): void {
    this.#timer = setInterval(() => void this.look(), LOOK_EVERY_MS);
  }

  /** Sends what is due, once; a look while another is under way is that one. */
  look(): Promise<void> {
    this.#turn ??= this.#sendDue()
      .catch((error) => this.#deps.log.warn('webhooks interrupted', { reason: String(error) }))
      .finally(() => {
        this.#turn = undefined;
      });
    return this.#turn;
  }

  /** Requests under way are given up; they are sent again by whoever looks next. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#closing.abort();
    await this.#turn;
  }

  async #sendDue(): Promise<void> {
    const due = await takeEvents(this.#deps.pool, AT_ONCE, LEASE_MS);
    await Promise.all(due.map((event) => this.#send(event)));
  }

  async #send(event: DueEvent): Promise<void> {
    const { pool, metrics, log } = this.#deps;
    const webhook = this.#deps.catalog().accounts.get(event.account)?.webhook;
    // The account has none any more: nobody is to be told.
    if (webhook === undefined) return noteTry(pool, event.id, undefined, undefined);
    const status = await this.#post(event, webhook);
    const taken = status !== undefined && status >= 200 && status < 300;
    const last = event.tries >= TRIES_MAX;
    const result = taken ? 'delivered' : last ? 'givenUp' : 'failed';
    metrics.webhooks.child(event.accountName, result).inc();
    if (result === 'givenUp')
      log.warn('webhook given up', { account: event.accountName, event: event.event, status });
    const waitMs = Math.min(FIRST_WAIT_MS * 2 ** (event.tries - 1), LONGEST_WAIT_MS);
    await noteTry(pool, event.id, status, taken || last ? undefined : waitMs);
  }

  /** @returns the status of the answer, undefined when none came in time */
  async #post(event: DueEvent, webhook: Webhook): Promise<number | undefined> {
    const { id, event: name, at, body } = event;
    const text = JSON.stringify({ id: id.toString(), event: name, at: at.toISOString(), ...body });
    const seconds = Math.floor(this.#deps.now() / 1_000);
    try {
      const response = await fetch(webhook.url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': 'smppgate',
          'x-smppgate-event': name,
          'x-smppgate-delivery': id.toString(),
          'x-smppgate-signature': signature(this.#deps.open(webhook.sealedSecret), seconds, text),
        },
        body: text,
        // Where else it would go nobody has checked.
        redirect: 'manual',
        signal: AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), this.#closing.signal]),
      });
      await response.body?.cancel();
      return response.status;
    } catch {
      return undefined;
    }
  }
}

/**
 * `t=<unix seconds>,v1=<hex>`: HMAC-SHA256 of `<seconds>.<body>` under the webhook's secret. The time in it lets a receiver
 * refuse what was recorded and sent again.
 */
export function signature(secret: string, seconds: number, body: string): string {
  const hmac = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex');
  return `t=${seconds},v1=${hmac}`;
}
