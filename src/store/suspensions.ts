import type { ClientBase } from 'pg';
import type { Suspension } from '../domain/suspensions.ts';
import type { Queryable } from './snapshot.ts';

/** The channel on which every node hears that destinations are suspended or open again. */
export const SUSPENSION_CHANNEL = 'smppgate_suspensions';

/** An order as it is stored. */
export interface StoredSuspension extends Suspension {
  readonly actor: string;
  readonly at: Date;
}

/** What an order is about, as its key: "prefix 92". */
export function suspensionKey({
  prefix,
  country,
  network,
}: Pick<Suspension, 'prefix' | 'country' | 'network'>): string {
  if (prefix !== undefined) return `prefix ${prefix}`;
  return country === undefined ? `network ${network ?? ''}` : `country ${country}`;
}

/** Every order, in order of what it is about. */
export async function listSuspensions(db: Queryable): Promise<StoredSuspension[]> {
  const { rows } = await db.query<{
    what: string;
    reason: string;
    order_reference: string | null;
    from_at: Date | null;
    until_at: Date | null;
    actor: string;
    at: Date;
  }>('select * from destination_suspension order by what');
  return rows.map(({ what, reason, order_reference, from_at, until_at, actor, at }) => {
    const [kind = '', value = ''] = what.split(' ');
    return {
      [kind]: value,
      reason,
      order: order_reference ?? undefined,
      from: from_at?.toISOString(),
      until: until_at?.toISOString(),
      actor,
      at,
    };
  });
}

/** How many orders there are. */
export async function countSuspensions(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ n: number }>(
    'select count(*)::int as n from destination_suspension',
  );
  return rows[0]?.n ?? 0;
}

/** Writes an order in place of any about the same; every node hears of it at the commit. */
export async function putSuspension(
  client: ClientBase,
  suspension: Suspension,
  actor: string,
): Promise<void> {
  const { reason, order, from, until } = suspension;
  await client.query(
    `insert into destination_suspension (what, reason, order_reference, from_at, until_at, actor)
       values ($1, $2, $3, $4, $5, $6)
     on conflict (what) do update set reason = excluded.reason, order_reference = excluded.order_reference,
       from_at = excluded.from_at, until_at = excluded.until_at, actor = excluded.actor, at = now()`,
    [suspensionKey(suspension), reason, order ?? null, from ?? null, until ?? null, actor],
  );
  await client.query('select pg_notify($1, $2)', [SUSPENSION_CHANNEL, '']);
}

/** Ends an order. @returns whether there was one */
export async function removeSuspension(client: ClientBase, what: string): Promise<boolean> {
  const { rowCount } = await client.query('delete from destination_suspension where what = $1', [
    what,
  ]);
  await client.query('select pg_notify($1, $2)', [SUSPENSION_CHANNEL, '']);
  return rowCount === 1;
}
