import type { Pool } from 'pg';
import type { AccountId, EpochId } from '../domain/ids.ts';
import type { Session } from '../session/session.ts';
import type { SessionEndReason } from '../session/session-types.ts';
import {
  type BindCount,
  type BindSession,
  type BindSide,
  writeBinds,
} from '../store/bind-history.ts';
import { withClient } from '../store/pool.ts';
import type { GatewayObserver } from './observer.ts';

/** Sessions that wait to be written: 10,000 customers that return after a restart, and as many that end. 5 MB. */
const UNWRITTEN_MAX = 20_000;
/** Rows of one statement: some 10 ms of the database. */
const BATCH = 500;
/** Sessions of one peer that get a row each in a minute; more are counted. A customer that rebinds in a loop fills no disk. */
const LISTED_PER_MINUTE = 600;
/** Counts of one minute told apart by address and peer; more are one line. A guesser with many addresses gains nothing. */
const COUNTS_MAX = 1_000;
/** Longest detail kept, in characters: a few words. */
const DETAIL_MAX = 200;
const MINUTE_MS = 60_000;
/** The address of counts that are not told apart. */
const ANY_ADDRESS = '*';

/** A session that is bound, or was. */
export interface LiveBind extends BindSession {
  readonly live: Session;
  ended: BindSession['ended'];
  /** It has a row of its own in the history. */
  readonly listed: boolean;
}

export interface BindBookDeps {
  readonly pool: Pool;
  readonly epoch: EpochId;
  readonly now: () => number;
  readonly observer: GatewayObserver;
  accountOf(systemId: string): AccountId | undefined;
}

/**
 * Knows every bound session of this node, of both sides, and writes the history of binds behind the traffic:
 *
 *   bound ──> live ──> ended          refused, or too many a minute ──> counted by (minute, peer, address)
 *     └─────────┴──> unwritten <───────────────────────────────────────────┘
 *                        └── once a second, in batches ──> bind_session, bind_count
 *
 * What finds `unwritten` full is lost to the history, counted and said; the traffic never waits for it.
 */
export class BindBook {
  readonly #deps: BindBookDeps;
  readonly #live = new Map<Session, LiveBind>();
  readonly #unwritten = new Set<LiveBind>();
  #counts = new Map<string, BindCount>();
  readonly #listed = new Map<string, number>();
  #minuteMs = 0;
  #writing: Promise<void> | undefined;
  #lost = 0;
  #lostSaid = 0;

  constructor(deps: BindBookDeps) {
    this.#deps = deps;
  }

  /** Sessions bound now. */
  get live(): Iterable<LiveBind> {
    return this.#live.values();
  }

  /** Entries that the history lacks, since the start of this node's life. */
  get lost(): number {
    return this.#lost;
  }

  /** A session was bound. @param peer system_id, or the carrier's name */
  bound(side: BindSide, peer: string, session: Session): void {
    const nowMs = this.#deps.now();
    const listed = this.#isListed(side, peer, nowMs);
    const bind: LiveBind = {
      live: session,
      session: session.id,
      side,
      peer,
      account: side === 'customer' ? this.#deps.accountOf(peer) : undefined,
      address: session.peerAddress,
      port: session.peerPort,
      boundAs: session.boundAs ?? '',
      version: session.interfaceVersion,
      tls: session.isTls,
      boundAtMs: nowMs,
      ended: undefined,
      listed,
    };
    this.#live.set(session, bind);
    if (listed) this.#toWrite(bind);
    else this.#count({ side, peer, address: session.peerAddress, reason: 'bound' }, nowMs);
  }

  /** A session is over. One that was never bound is none of ours. @returns what it was */
  ended(session: Session, reason: SessionEndReason): LiveBind | undefined {
    const bind = this.#live.get(session);
    if (bind === undefined) return undefined;
    this.#live.delete(session);
    bind.ended = {
      atMs: this.#deps.now(),
      reason: reason.kind,
      detail: reason.detail.slice(0, DETAIL_MAX),
      submits: session.submits,
      receipts: session.delivers,
    };
    if (bind.listed) this.#toWrite(bind);
    return bind;
  }

  /** A bind was refused. @param peer system_id where it is one of ours, else `-`: guesses must not fill the table */
  refused(side: BindSide, peer: string, address: string, reason: string): void {
    this.#count({ side, peer, address, reason }, this.#deps.now());
  }

  /** Writes all that waits. What cannot be written now waits on; never rejects. */
  async flush(): Promise<void> {
    if (this.#writing !== undefined) await this.#writing;
    this.#writing = this.#write().catch((error) =>
      this.#deps.observer.note('warn', 'bindHistoryNotWritten', { reason: String(error) }),
    );
    await this.#writing;
    this.#writing = undefined;
  }

  /** Once a second. */
  tick(): void {
    this.#sayLost();
    const idle = this.#unwritten.size === 0 && this.#counts.size === 0;
    if (!idle && this.#writing === undefined) void this.flush();
  }

  async #write(): Promise<void> {
    while (this.#unwritten.size > 0 || this.#counts.size > 0) {
      const sessions = this.#takeSessions();
      const counts = this.#counts;
      this.#counts = new Map();
      try {
        await withClient(this.#deps.pool, (client) =>
          writeBinds(client, this.#deps.epoch, sessions, [...counts.values()]),
        );
      } catch (error) {
        for (const bind of sessions) this.#toWrite(bind);
        for (const [key, count] of counts) this.#addCount(key, count);
        throw error;
      }
    }
  }

  /** Out of the set before they are written: one that ends meanwhile goes in again. */
  #takeSessions(): LiveBind[] {
    const sessions: LiveBind[] = [];
    for (const bind of this.#unwritten) {
      if (sessions.length === BATCH) break;
      sessions.push(bind);
      this.#unwritten.delete(bind);
    }
    return sessions;
  }

  #toWrite(bind: LiveBind): void {
    if (this.#unwritten.size < UNWRITTEN_MAX || this.#unwritten.has(bind))
      this.#unwritten.add(bind);
    else this.#lost++;
  }

  #isListed(side: BindSide, peer: string, nowMs: number): boolean {
    if (nowMs - this.#minuteMs >= MINUTE_MS || nowMs < this.#minuteMs) {
      this.#minuteMs = nowMs;
      this.#listed.clear();
    }
    const key = `${side} ${peer}`;
    const listed = (this.#listed.get(key) ?? 0) + 1;
    this.#listed.set(key, listed);
    return listed <= LISTED_PER_MINUTE;
  }

  #count(of: Omit<BindCount, 'minuteMs' | 'count'>, nowMs: number): void {
    const minuteMs = nowMs - (nowMs % MINUTE_MS);
    this.#addCount(keyOf({ ...of, minuteMs }), { ...of, minuteMs, count: 1 });
  }

  #addCount(key: string, more: BindCount): void {
    const known = this.#counts.get(key);
    if (known !== undefined) {
      known.count += more.count;
      known.reason = more.reason;
    } else if (this.#counts.size < COUNTS_MAX) this.#counts.set(key, more);
    else this.#addToRest({ ...more, peer: '-', address: ANY_ADDRESS });
  }

  /** One line a minute for all that is not told apart: COUNTS_MAX and the minutes of an outage at most. */
  #addToRest(more: BindCount): void {
    const key = keyOf(more);
    const rest = this.#counts.get(key);
    if (rest !== undefined) rest.count += more.count;
    else if (this.#counts.size < 2 * COUNTS_MAX) this.#counts.set(key, more);
    else this.#lost += more.count;
  }

  #sayLost(): void {
    if (this.#lost === this.#lostSaid) return;
    const entries = this.#lost - this.#lostSaid;
    this.#lostSaid = this.#lost;
    this.#deps.observer.note('warn', 'bindHistoryLost', { entries });
  }
}

function keyOf(of: Pick<BindCount, 'minuteMs' | 'side' | 'peer' | 'address'>): string {
  return `${of.minuteMs} ${of.side} ${of.address} ${of.peer}`;
}
