import type { ClientBase } from 'pg';
import { type AccountId, accountId, type EpochId } from '../domain/ids.ts';
import type { Queryable } from './snapshot.ts';

/*
 * The last recipients of accounts, as nodes tell each other (sql/0061_held_whole.sql).
 */

/** No rule looks at more of them. */
export const RECIPIENTS_MAX = 2_000;
/** They are forgotten after so long: nothing of a person is kept for longer than it is of use. */
const KEPT_HOURS = 24;

/** Which rule remembers of whom. */
export interface RecipientsKey {
  readonly account: AccountId;
  readonly rule: string;
}

/** Recipients that a node judged. */
export interface RecipientsRow extends RecipientsKey {
  readonly id: bigint;
  /** Sealed, 8 octets each; below 0 as `RememberedNumbers` says. */
  readonly numbers: Buffer;
}

/** Stores what a node judged since it last did. */
export async function addRecipients(
  db: Queryable,
  epoch: EpochId,
  rows: readonly (RecipientsKey & { readonly amount: number; readonly numbers: Buffer })[],
): Promise<void> {
  await db.query(
    `insert into recent_recipients (epoch, account, rule, amount, numbers)
       select $1, t.account, t.rule, t.amount, t.numbers
       from unnest($2::int[], $3::text[], $4::int2[], $5::bytea[]) as t (account, rule, amount, numbers)`,
    [
      epoch,
      rows.map(({ account }) => account),
      rows.map(({ rule }) => rule),
      rows.map(({ amount }) => amount),
      rows.map(({ numbers }) => numbers),
    ],
  );
}

/** What is stored of these, the oldest first. */
export async function recipientsOf(
  db: Queryable,
  keys: readonly RecipientsKey[],
): Promise<RecipientsRow[]> {
  const { rows } = await db.query<RecipientsColumns>(
    `select r.id, r.account, r.rule, r.numbers from unnest($1::int[], $2::text[]) as t (account, rule)
       cross join lateral (select * from recent_recipients x where x.account = t.account and x.rule = t.rule
         order by x.id desc limit $3) r
     order by r.id`,
    [keys.map(({ account }) => account), keys.map(({ rule }) => rule), RECIPIENTS_MAX],
  );
  return rows.map(recipientsRow);
}

/** What other nodes stored in the last seconds, the oldest first. */
export async function recipientsSince(
  db: Queryable,
  epoch: EpochId,
  seconds: number,
): Promise<RecipientsRow[]> {
  const { rows } = await db.query<RecipientsColumns>(
    `select id, account, rule, numbers from recent_recipients
     where at > clock_timestamp() - $2 * interval '1 second' and epoch <> $1 order by id`,
    [epoch, seconds],
  );
  return rows.map(recipientsRow);
}

/** Forgets what no rule looks at any more, of these. */
export async function trimRecipients(db: Queryable, keys: readonly RecipientsKey[]): Promise<void> {
  await db.query(
    `delete from recent_recipients r using (
       select t.account, t.rule, (select x.id from (select y.id, sum(y.amount) over (order by y.id desc) as total
           from recent_recipients y where y.account = t.account and y.rule = t.rule) x
         where x.total >= $3 order by x.id desc limit 1) as oldest
       from unnest($1::int[], $2::text[]) as t (account, rule)) k
     where r.account = k.account and r.rule = k.rule and r.id < k.oldest`,
    [keys.map(({ account }) => account), keys.map(({ rule }) => rule), RECIPIENTS_MAX],
  );
}

/** Forgets what is old. @returns how many rows, at most `limit` */
export async function pruneRecipients(client: ClientBase, limit: number): Promise<number> {
  const { rowCount } = await client.query(
    `delete from recent_recipients where id = any (array(select id from recent_recipients
       where at < now() - $2 * interval '1 hour' order by at limit $1))`,
    [limit, KEPT_HOURS],
  );
  return rowCount ?? 0;
}

interface RecipientsColumns {
  readonly id: bigint | string;
  readonly account: number;
  readonly rule: string;
  readonly numbers: Buffer;
}

function recipientsRow({ id, account, rule, numbers }: RecipientsColumns): RecipientsRow {
  return { id: BigInt(id), account: accountId(account), rule, numbers };
}
