import type { ClientBase } from 'pg';
import { type AccountId, accountId } from '../domain/ids.ts';
import type { SenderRegistration } from '../domain/policy-rule.ts';
import type { Queryable } from './snapshot.ts';

/** The channel on which every node hears that registrations of senders changed. */
export const SENDER_CHANNEL = 'smppgate_senders';

/** A registration as it is written; '' is any. */
export interface SenderSetting {
  readonly account: AccountId;
  /** As it was given. */
  readonly sender: string;
  readonly trafficClass: string;
  readonly country: string;
  readonly operator: string;
  readonly status: SenderRegistration['status'] | 'removed';
  readonly from: string | undefined;
  readonly until: string | undefined;
  readonly note: string | undefined;
}

/** A registration as it is stored. */
export interface StoredSender extends SenderSetting {
  readonly at: Date;
  /** Rises with each commit. */
  readonly change: bigint;
}

/** The sender by which registrations are found: "Acme" is "ACME". */
export function senderKey(sender: string): string {
  return sender.toLowerCase();
}

/**
 * Writes registrations, inside the caller's transaction, in place of those of the same account, sender, class, country
 * and operator; returns how many changed. Lock class 7314, so that `change` rises with the commits.
 */
export async function putSenders(
  client: ClientBase,
  senders: readonly SenderSetting[],
): Promise<number> {
  await client.query('select pg_advisory_xact_lock(7314, 0)');
  const { rowCount } = await client.query(
    `insert into sender_registration as r (account, sender, class, country, operator, shown, status, from_at, until_at,
         note, change)
       select distinct on (account, sender, class, country, operator)
         account, sender, class, country, operator, shown, status, from_at, until_at, note, nextval('sender_change')
       from unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
         $8::timestamptz[], $9::timestamptz[], $10::text[]) with ordinality
         as t (account, sender, class, country, operator, shown, status, from_at, until_at, note, nth)
       where status <> 'removed' or exists (select from sender_registration x where (x.account, x.sender, x.class,
         x.country, x.operator) = (t.account, t.sender, t.class, t.country, t.operator) and x.status <> 'removed')
       order by account, sender, class, country, operator, nth desc
     on conflict (account, sender, class, country, operator) do update set shown = excluded.shown,
       status = excluded.status, from_at = excluded.from_at, until_at = excluded.until_at, note = excluded.note,
       at = now(), change = excluded.change
     where (r.shown, r.status, r.from_at, r.until_at, r.note) is distinct from
       (excluded.shown, excluded.status, excluded.from_at, excluded.until_at, excluded.note)`,
    [
      senders.map((one) => one.account),
      senders.map((one) => senderKey(one.sender)),
      senders.map((one) => one.trafficClass),
      senders.map((one) => one.country),
      senders.map((one) => one.operator),
      senders.map((one) => one.sender),
      senders.map((one) => one.status),
      senders.map((one) => one.from ?? null),
      senders.map((one) => one.until ?? null),
      senders.map((one) => one.note ?? null),
    ],
  );
  await client.query('select pg_notify($1, $2)', [SENDER_CHANNEL, '']);
  return rowCount ?? 0;
}

/** The next changes of registrations over `after`, oldest first; removed ones are among them. */
export async function readSenders(
  db: Queryable,
  after: bigint,
  limit: number,
): Promise<StoredSender[]> {
  const { rows } = await db.query<SenderColumns>(
    'select * from sender_registration where change > $1 order by change limit $2',
    [after, limit],
  );
  return rows.map(senderOf);
}

/** The registrations of an account and of all accounts, by sender. */
export async function listSenders(
  db: Queryable,
  account: AccountId,
  page: { readonly after: bigint; readonly limit: number; readonly sender: string | undefined },
): Promise<StoredSender[]> {
  const { rows } = await db.query<SenderColumns>(
    `select * from sender_registration where account = $1 and status <> 'removed' and change > $2
       and ($4::text is null or sender = $4) order by change limit $3`,
    [account, page.after, page.limit, page.sender ?? null],
  );
  return rows.map(senderOf);
}

/** How many registrations there are. */
export async function countSenders(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ n: number }>(
    `select count(*)::int as n from sender_registration where status <> 'removed'`,
  );
  return rows[0]?.n ?? 0;
}

interface SenderColumns {
  readonly account: number;
  readonly class: string;
  readonly country: string;
  readonly operator: string;
  readonly shown: string;
  readonly status: SenderSetting['status'];
  readonly from_at: Date | null;
  readonly until_at: Date | null;
  readonly note: string | null;
  readonly at: Date;
  readonly change: bigint;
}

function senderOf(row: SenderColumns): StoredSender {
  return {
    account: accountId(row.account),
    sender: row.shown,
    trafficClass: row.class,
    country: row.country,
    operator: row.operator,
    status: row.status,
    from: row.from_at?.toISOString(),
    until: row.until_at?.toISOString(),
    note: row.note ?? undefined,
    at: row.at,
    change: BigInt(row.change),
  };
}
