import type { Pool } from 'pg';
import { type AccountId, accountId } from '../domain/ids.ts';
import { type Credits, credits, formatCredits } from '../domain/money.ts';
import { EXPIRING, type ExpiredCredit } from './lots.ts';
import { inTransaction } from './pool.ts';
import type { Queryable } from './snapshot.ts';
import { addEvents, type NewEvent } from './webhook-events.ts';

/** An account that wants to be told of its credit. */
export interface WatchedAccount {
  readonly id: AccountId;
  readonly name: string;
  readonly expiryDays: readonly number[];
  readonly balanceBelow: Credits | undefined;
  /** It has a webhook. */
  readonly sent: boolean;
}

const DAY_MS = 86_400_000;

/**
 * Notes that credit expires within some of the account's expiryDays, once for each expiry and number of days, and that what
 * is available fell below balanceBelow, once until it is at it again.
 * @returns the events that are new
 */
export async function noteWarnings(
  pool: Pool,
  watched: readonly WatchedAccount[],
  nowMs: number,
): Promise<NewEvent[]> {
  if (watched.length === 0) return [];
  const expiring = await addEvents(pool, await expiringEvents(pool, watched, nowMs));
  const low = watched.filter(({ balanceBelow }) => balanceBelow !== undefined);
  return [...expiring, ...(await noteLow(pool, low))];
}

/** Notes that credit has expired. */
export async function noteExpired(
  db: Queryable,
  watched: readonly WatchedAccount[],
  expired: readonly ExpiredCredit[],
): Promise<NewEvent[]> {
  const byName = new Map(watched.map((account) => [account.name, account]));
  const events = expired.flatMap(({ account, kind, entry, amount }): NewEvent[] => {
    const told = byName.get(account);
    if (told === undefined || kind !== 'expiry') return [];
    const body = { account, credits: formatCredits(amount), entry: entry.toString() };
    return [
      {
        account: told.id,
        event: 'credit.expired',
        cause: `expired ${entry}`,
        body,
        sent: told.sent,
      },
    ];
  });
  return addEvents(db, events);
}

async function expiringEvents(
  db: Queryable,
  watched: readonly WatchedAccount[],
  nowMs: number,
): Promise<NewEvent[]> {
  const byId = new Map(watched.map((account) => [account.id, account]));
  const longest = Math.max(...watched.flatMap(({ expiryDays }) => expiryDays), 0);
  const { rows } = await db.query<{
    account: number;
    lot: number | null;
    reference: string | null;
    left: string;
    expires_at: Date;
  }>(
    `select e.account, e.lot, e.reference, e.left_::text as left, e.expires_at from (${EXPIRING}) e
     where e.account = any ($1) and e.expires_at > now() and e.expires_at <= now() + $2 * interval '1 day' and e.left_ > 0`,
    [watched.map(({ id }) => id), longest],
  );
  return rows.flatMap((row): NewEvent[] => {
    const account = byId.get(accountId(row.account));
    const leftMs = row.expires_at.getTime() - nowMs;
    // Of several that are reached only the nearest: who is warned late is warned once.
    const days = account?.expiryDays.filter((each) => leftMs <= each * DAY_MS).at(-1);
    if (account === undefined || days === undefined) return [];
    const expiresAt = row.expires_at.toISOString();
    return [
      {
        account: account.id,
        event: 'credit.expiring',
        cause: `expiring ${row.lot ?? 'balance'} ${expiresAt} ${days}`,
        body: {
          account: account.name,
          credits: formatCredits(credits(BigInt(row.left))),
          expiresAt,
          withinDays: days,
          ...(row.reference !== null && { lot: row.reference }),
        },
        sent: account.sent,
      },
    ];
  });
}

async function noteLow(pool: Pool, watched: readonly WatchedAccount[]): Promise<NewEvent[]> {
  if (watched.length === 0) return [];
  const byId = new Map(watched.map((account) => [account.id, account]));
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ account: number; available: string; since: string }>(
      `with seen as materialized (select t.id, t.below, available(t.id) as available
           from unnest($1::int[], $2::bigint[]) as t (id, below)),
         back as (delete from low_credit l using seen s where l.account = s.id and s.available >= s.below),
         told as (insert into low_credit (account) select s.id from seen s where s.available < s.below
           on conflict do nothing returning account, at)
       select t.account, s.available::text, (extract(epoch from t.at) * 1000)::bigint::text as since
         from told t join seen s on s.id = t.account`,
      [watched.map(({ id }) => id), watched.map(({ balanceBelow }) => balanceBelow?.toString())],
    );
    const events = rows.flatMap((row): NewEvent[] => {
      const account = byId.get(accountId(row.account));
      if (account?.balanceBelow === undefined) return [];
      return [
        {
          account: account.id,
          event: 'credit.low',
          cause: `low ${row.since}`,
          body: {
            account: account.name,
            available: formatCredits(credits(BigInt(row.available))),
            below: formatCredits(account.balanceBelow),
          },
          sent: account.sent,
        },
      ];
    });
    return addEvents(client, events);
  });
}

/** An account whose credit is low by its own `warnings`. */
export interface LowCredit {
  readonly account: string;
  readonly available: Credits;
  readonly below: Credits;
  readonly since: Date;
}

/** Accounts whose credit is low, as noteWarnings noted it last and as it still is; those that are so for longest first. */
export async function listLow(db: Queryable, limit: number): Promise<LowCredit[]> {
  const { rows } = await db.query<{
    account: string;
    available: string;
    below: string;
    since: Date;
  }>(
    `select a.name as account, v.available::text, v.below::text, l.at as since
     from low_credit l join account a on a.id = l.account cross join lateral (select available(a.id) as available,
       ((a.spec #>> '{warnings,balanceBelow}')::numeric * 1000000)::bigint as below) v
     where v.available < v.below and a.status <> 'terminated' order by l.at, a.name limit $1`,
    [limit],
  );
  return rows.map(({ account, available, below, since }) => ({
    account,
    available: credits(BigInt(available)),
    below: credits(BigInt(below)),
    since,
  }));
}
