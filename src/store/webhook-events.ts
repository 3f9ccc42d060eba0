import type { Pool } from 'pg';
import type { AccountId } from '../domain/ids.ts';
import { accountId } from '../domain/ids.ts';
import type { Queryable } from './snapshot.ts';

/** What a customer's system is told. `body`: JSON without content, numbers or secrets. */
export interface NewEvent<Event extends string = CreditEvent> {
  readonly account: AccountId;
  readonly event: Event;
  /** Happens once an account: a second event of the same cause is dropped. */
  readonly cause: string;
  readonly body: Readonly<Record<string, string | number>>;
  /** False: it is counted, and sent nowhere. */
  readonly sent: boolean;
}

/** Names of events: the `event` label of `smppgate_credit_warnings_total`. */
export type CreditEvent = 'credit.expiring' | 'credit.expired' | 'credit.low';

/** The same of the account itself and its traffic: the `event` label of `smppgate_account_notices_total`. */
export type AccountEvent =
  | 'account.dormant'
  | 'account.suspended'
  | 'account.terminated'
  | 'traffic.unusual'
  | 'traffic.usual';

/** Stores events, those of a cause that was there already left out. @returns those that are new */
export async function addEvents<Event extends string>(
  db: Queryable,
  events: readonly NewEvent<Event>[],
): Promise<NewEvent<Event>[]> {
  if (events.length === 0) return [];
  const { rows } = await db.query<{ account: number; cause: string }>(
    `insert into webhook_event (account, event, cause, body, next_try_at)
       select t.account, t.event, t.cause, t.body::jsonb, case when t.sent then now() end
       from unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::boolean[]) as t (account, event, cause, body, sent)
     on conflict (account, cause) do nothing returning account, cause`,
    [
      events.map(({ account }) => account),
      events.map(({ event }) => event),
      events.map(({ cause }) => cause),
      events.map(({ body }) => JSON.stringify(body)),
      events.map(({ sent }) => sent),
    ],
  );
  const added = new Set(rows.map(({ account, cause }) => `${account} ${cause}`));
  return events.filter(({ account, cause }) => added.has(`${account} ${cause}`));
}

/** An event to be sent now. */
export interface DueEvent {
  readonly id: bigint;
  readonly account: AccountId;
  readonly accountName: string;
  readonly event: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly at: Date;
  /** This try's number, from 1. */
  readonly tries: number;
}

/**
 * Takes events that are due, oldest first, for `leaseMs`: whoever takes them and dies leaves them to be taken again
 * then. Nodes that ask at once take different ones.
 */
export async function takeEvents(pool: Pool, limit: number, leaseMs: number): Promise<DueEvent[]> {
  const { rows } = await pool.query<{
    id: bigint;
    account: number;
    name: string;
    event: string;
    body: Record<string, unknown>;
    at: Date;
    tries: number;
  }>(
    `update webhook_event e set next_try_at = now() + $2 * interval '1 millisecond', tries = e.tries + 1
     from account a
     where a.id = e.account and e.id in (select id from webhook_event where next_try_at <= now()
       order by next_try_at limit $1 for update skip locked)
     returning e.id, e.account, a.name, e.event, e.body, e.at, e.tries`,
    [limit, leaseMs],
  );
  return rows.map(({ name, account, ...row }) => ({
    ...row,
    account: accountId(account),
    accountName: name,
  }));
}

/** Notes what came of a try. @param status of the answer, undefined when none came @param againMs undefined: no more */
export async function noteTry(
  pool: Pool,
  id: bigint,
  status: number | undefined,
  againMs: number | undefined,
): Promise<void> {
  await pool.query(
    `update webhook_event set status = $2, next_try_at = now() + $3::float8 * interval '1 millisecond' where id = $1`,
    [id.toString(), status ?? null, againMs ?? null],
  );
}

/** Forgets events that are done with and older than this many days; a page a call. */
export async function pruneEvents(db: Queryable, days: number): Promise<void> {
  await db.query(
    `delete from webhook_event where id in (select id from webhook_event
       where next_try_at is null and at < now() - $1 * interval '1 day' order by id limit 5000)`,
    [days],
  );
}
