import type { ClientBase, Pool } from 'pg';
import { type Credits, credits } from '../domain/money.ts';
import type { OutageWindow } from '../domain/refund-claim.ts';
import { writeAudit } from './audit.ts';
import { inTransaction } from './pool.ts';
import type { Queryable } from './snapshot.ts';

/** An outage as it is declared. */
export interface OutageDeclaration {
  readonly from: Date;
  /** Undefined: it lasts. */
  readonly until: Date | undefined;
  /** A carrier's name; undefined: of any. */
  readonly carrier: string | undefined;
  /** Digits that numbers begin with; undefined: of all. */
  readonly prefix: string | undefined;
  readonly reason: string;
  readonly actor: string;
}

/** An outage that stands, with what was refunded for it by itself. */
export interface Outage extends OutageDeclaration {
  readonly id: number;
  readonly at: Date;
  /** When it was withdrawn: it counts no more. */
  readonly withdrawnAt: Date | undefined;
  readonly refundedMessages: number;
  readonly refunded: Credits;
  /** Whether every message that can be of it was looked at. */
  readonly lookedAll: boolean;
}

/** Outages listed at the most. */
const LIST_MAX = 1_000;

/** Declares an outage. Undefined: there is no such carrier. The same declaration twice is one. */
export async function declareOutage(
  pool: Pool,
  wanted: OutageDeclaration,
): Promise<{ outage: Outage; existing: boolean } | undefined> {
  return inTransaction(pool, async (client) => {
    await client.query('lock table outage in share row exclusive mode');
    const carrier = await carrierIdOf(client, wanted.carrier);
    if (carrier === undefined) return undefined;
    const { from, until = null, prefix = null, reason, actor } = wanted;
    const values = [from, until, carrier, prefix, reason];
    const same = await client.query<{ id: number }>(
      `select id from outage where withdrawn_at is null and from_at = $1 and until_at is not distinct from $2
         and carrier is not distinct from $3 and prefix is not distinct from $4 and reason = $5`,
      values,
    );
    const known = same.rows[0];
    const made =
      known ??
      (
        await client.query<{ id: number }>(
          `insert into outage (from_at, until_at, carrier, prefix, reason, actor, looked_until)
             values ($1, $2, $3, $4, $5, $6, $1) returning id`,
          [...values, actor],
        )
      ).rows[0];
    const outage = made && (await findOutage(client, made.id));
    if (outage === undefined) throw new Error('an outage must be there once it is declared');
    if (known === undefined)
      await writeAudit(client, {
        actor,
        action: 'outage.declare',
        subject: String(outage.id),
        detail: { from, until, carrier: wanted.carrier ?? null, prefix, reason },
      });
    return { outage, existing: known !== undefined };
  });
}

/** Ends an outage that lasts. @returns false: there is none, it had its end, or it would end before it began */
export async function endOutage(
  pool: Pool,
  wanted: { readonly id: number; readonly until: Date; readonly actor: string },
): Promise<boolean> {
  return inTransaction(pool, async (client) => {
    const { rowCount } = await client.query(
      `update outage set until_at = $2 where id = $1 and until_at is null and withdrawn_at is null and from_at < $2`,
      [wanted.id, wanted.until],
    );
    if (rowCount !== 1) return false;
    await writeAudit(client, {
      actor: wanted.actor,
      action: 'outage.end',
      subject: String(wanted.id),
      detail: { until: wanted.until },
    });
    return true;
  });
}

/** Withdraws an outage: it counts no more, what was refunded for it stays. @returns false: there is none that stands */
export async function withdrawOutage(
  pool: Pool,
  wanted: { readonly id: number; readonly actor: string },
): Promise<boolean> {
  return inTransaction(pool, async (client) => {
    const { rowCount } = await client.query(
      'update outage set withdrawn_at = now(), withdrawn_by = $2 where id = $1 and withdrawn_at is null',
      [wanted.id, wanted.actor],
    );
    if (rowCount !== 1) return false;
    await writeAudit(client, {
      actor: wanted.actor,
      action: 'outage.withdraw',
      subject: String(wanted.id),
      detail: {},
    });
    return true;
  });
}

/** One outage, withdrawn or not. */
export async function findOutage(db: Queryable, id: number): Promise<Outage | undefined> {
  const { rows } = await db.query<OutageRow>(`${OUTAGES} where o.id = $1`, [id]);
  return rows[0] && outageRow(rows[0]);
}

/** The newest outages, 1,000 at the most. */
export async function listOutages(
  db: Queryable,
  wanted: { readonly withdrawn: boolean },
): Promise<Outage[]> {
  const { rows } = await db.query<OutageRow>(
    `${OUTAGES} where $1 or o.withdrawn_at is null order by o.from_at desc, o.id desc limit ${LIST_MAX}`,
    [wanted.withdrawn],
  );
  return rows.map(outageRow);
}

/** The windows that count, by their ids. */
export async function readWindows(db: Queryable): Promise<OutageWindow[]> {
  const { rows } = await db.query<WindowRow>(
    `select id, unix_ms(from_at)::float8 as "fromMs", unix_ms(until_at)::float8 as "untilMs", carrier, prefix
     from outage where withdrawn_at is null order by id`,
  );
  return rows.map(windowOf);
}

interface WindowRow {
  readonly id: number;
  readonly fromMs: number;
  readonly untilMs: number | null;
  readonly carrier: number | null;
  readonly prefix: string | null;
}

function windowOf(row: WindowRow): OutageWindow {
  return {
    id: row.id,
    fromMs: row.fromMs,
    untilMs: row.untilMs ?? undefined,
    carrier: row.carrier ?? undefined,
    prefix: row.prefix ?? undefined,
  };
}

/** null: any carrier; undefined: there is none of this name. */
async function carrierIdOf(
  client: ClientBase,
  name: string | undefined,
): Promise<number | null | undefined> {
  if (name === undefined) return null;
  const { rows } = await client.query<{ id: number }>('select id from carrier where name = $1', [
    name,
  ]);
  return rows[0]?.id;
}

const OUTAGES = `select o.id, o.from_at, o.until_at, c.name as carrier, o.prefix, o.reason, o.actor, o.at, o.withdrawn_at,
    o.looked_all, r.messages, r.amount
  from outage o left join carrier c on c.id = o.carrier
    cross join lateral (select count(*) filter (where x.amount > 0)::int as messages, coalesce(sum(x.amount), 0)::text as amount
      from message_refund x where x.outage = o.id) r`;

interface OutageRow {
  readonly id: number;
  readonly from_at: Date;
  readonly until_at: Date | null;
  readonly carrier: string | null;
  readonly prefix: string | null;
  readonly reason: string;
  readonly actor: string;
  readonly at: Date;
  readonly withdrawn_at: Date | null;
  readonly looked_all: boolean;
  readonly messages: number;
  readonly amount: string;
}

function outageRow(row: OutageRow): Outage {
  return {
    id: row.id,
    from: row.from_at,
    until: row.until_at ?? undefined,
    carrier: row.carrier ?? undefined,
    prefix: row.prefix ?? undefined,
    reason: row.reason,
    actor: row.actor,
    at: row.at,
    withdrawnAt: row.withdrawn_at ?? undefined,
    refundedMessages: row.messages,
    refunded: credits(BigInt(row.amount)),
    lookedAll: row.looked_all,
  };
}
