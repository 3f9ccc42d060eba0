import type { Pool } from 'pg';
import { type AccountId, accountId } from '../domain/ids.ts';
import type { PrefixCounts, Signal, SignalFinding } from '../domain/traffic-signals.ts';
import { writeAudit } from './audit.ts';
import { forgetConversions } from './conversions.ts';
import { inTransaction } from './pool.ts';
import type { Queryable } from './snapshot.ts';
import { addEvents, type NewEvent } from './webhook-events.ts';

/** Counts of one account, class and prefix are kept by five minutes of accept. */
export const SLOT_MS = 300_000;
/** In the place of prefixes that are not told apart: they count to all of the traffic alone. */
export const OTHER_PREFIXES = '*';
/** Beyond the longest history that a rule may look at. */
const KEPT_DAYS = 32;
/** A message older than that does not count any more. */
export const KEPT_MS = (KEPT_DAYS - 1) * 86_400_000;
/** Who told of traffic, in the audit. */
const ACTOR = 'policy';

/** Messages that came to a count since it was last stored. */
export interface SlotCounts {
  readonly account: AccountId;
  readonly slotMs: number;
  readonly trafficClass: string;
  readonly prefix: string;
  readonly accepted: number;
  readonly delivered: number;
  /** Confirmed by the customer. */
  readonly converted?: number;
}

/** Adds up what a node counted. */
export async function addSlots(db: Queryable, counts: readonly SlotCounts[]): Promise<void> {
  await db.query(
    `insert into traffic_slot as s (account, slot, class, prefix, accepted, delivered, converted)
       select t.account, to_timestamp(t.slot / 1000.0::float8), t.class, t.prefix, t.accepted, t.delivered, t.converted
       from unnest($1::int[], $2::int8[], $3::text[], $4::text[], $5::int8[], $6::int8[], $7::int8[])
         as t (account, slot, class, prefix, accepted, delivered, converted)
       order by t.account, t.slot, t.class, t.prefix
     on conflict (account, slot, class, prefix) do update
       set accepted = s.accepted + excluded.accepted, delivered = s.delivered + excluded.delivered,
         converted = s.converted + excluded.converted`,
    [
      counts.map(({ account }) => account),
      counts.map(({ slotMs }) => slotMs),
      counts.map(({ trafficClass }) => trafficClass),
      counts.map(({ prefix }) => prefix),
      counts.map(({ accepted }) => accepted),
      counts.map(({ delivered }) => delivered),
      counts.map(({ converted = 0 }) => converted),
    ],
  );
}

/** Counts by prefix of so many digits, from a slot to before another. */
export async function countsBetween(
  db: Queryable,
  account: AccountId,
  { prefixDigits, classes }: Pick<Signal, 'prefixDigits' | 'classes'>,
  fromMs: number,
  untilMs: number,
): Promise<ReadonlyMap<string, PrefixCounts>> {
  const { rows } = await db.query<{
    prefix: string;
    accepted: number;
    delivered: number;
    converted: number;
    all: number;
  }>(
    `select left(prefix, $2) as prefix, sum(accepted)::float8 as accepted, sum(delivered)::float8 as delivered,
       sum(converted)::float8 as converted, (sum(sum(accepted)) over ())::float8 as "all"
     from traffic_slot
     where account = $1 and slot >= to_timestamp($3 / 1000.0::float8) and slot < to_timestamp($4 / 1000.0::float8)
       and ($5::text[] is null or class = any ($5)) group by 1`,
    [account, prefixDigits, fromMs, untilMs, classes ?? null],
  );
  return new Map(rows.map(({ prefix, ...counts }) => [prefix, counts]));
}

/** An account that a signal of its policy watches. */
export interface WatchedTraffic {
  readonly account: AccountId;
  readonly name: string;
  readonly signal: Signal;
  /** It has a webhook. */
  readonly sent: boolean;
}

/** A prefix became unusual or usual again. */
export interface TrafficChange {
  readonly event: 'traffic.unusual' | 'traffic.usual';
  readonly prefix: string;
}

/**
 * Keeps what is unusual of a watched account: what is new, and what was usual for long enough, is told to its webhook and
 * the audit in the same commit, once however many nodes say it.
 */
export async function keepAlerts(
  pool: Pool,
  { account, name, signal, sent }: WatchedTraffic,
  unusual: ReadonlyMap<string, SignalFinding>,
): Promise<TrafficChange[]> {
  const { rule, lastsSeconds } = signal;
  return inTransaction(pool, async (client) => {
    const changes: (TrafficChange & { since: string; detail: object })[] = [];
    for (const [prefix, finding] of unusual) {
      const { rows } = await client.query<{ since: Date; is_new: boolean }>(
        `insert into traffic_alert (account, rule, prefix, detail) values ($1, $2, $3, $4)
         on conflict (account, rule, prefix) do update set last_seen = now() returning since, xmax = 0 as is_new`,
        [account, rule, prefix, JSON.stringify(finding)],
      );
      const since = rows[0]?.since.toISOString() ?? '';
      if (rows[0]?.is_new === true)
        changes.push({ event: 'traffic.unusual', prefix, since, detail: rounded(finding) });
    }
    const ended = await client.query<{ prefix: string; since: Date }>(
      `delete from traffic_alert where account = $1 and rule = $2
         and last_seen < now() - $3 * interval '1 second' returning prefix, since`,
      [account, rule, lastsSeconds],
    );
    for (const { prefix, since } of ended.rows)
      changes.push({ event: 'traffic.usual', prefix, since: since.toISOString(), detail: {} });
    await addEvents(
      client,
      changes.map(
        ({ event, prefix, since, detail }): NewEvent<TrafficChange['event']> => ({
          account,
          event,
          cause: `${event} ${rule} ${prefix} ${since}`,
          body: { account: name, rule, prefix, since, ...detail },
          sent,
        }),
      ),
    );
    for (const { event, prefix, since, detail } of changes)
      await writeAudit(client, {
        actor: ACTOR,
        action: event,
        subject: name,
        detail: { rule, prefix, since, ...detail },
      });
    return changes;
  });
}

/** Something unusual, as it stands. */
export interface TrafficAlert {
  readonly account: AccountId;
  readonly rule: string;
  readonly prefix: string;
  readonly since: Date;
  readonly lastSeen: Date;
  readonly detail: SignalFinding;
}

/** All that is unusual now, of one account or of all. */
export async function readAlerts(db: Queryable, account?: AccountId): Promise<TrafficAlert[]> {
  const { rows } = await db.query<{
    account: number;
    rule: string;
    prefix: string;
    since: Date;
    last_seen: Date;
    detail: SignalFinding;
  }>(
    `select account, rule, prefix, since, last_seen, detail from traffic_alert
     where $1::int is null or account = $1 order by since, account, rule, prefix`,
    [account ?? null],
  );
  return rows.map(({ account: id, last_seen, ...row }) => ({
    ...row,
    account: accountId(id),
    lastSeen: last_seen,
  }));
}

/** Forgets counts older than any history, and what rules found that are no longer there. */
export async function pruneTraffic(
  db: Queryable,
  watched: readonly Pick<WatchedTraffic, 'account' | 'signal'>[],
  nowMs: number,
): Promise<void> {
  await db.query(
    `delete from traffic_slot where ctid in (select ctid from traffic_slot
       where slot < now() - $1 * interval '1 day' limit 5000)`,
    [KEPT_DAYS],
  );
  await forgetConversions(db, nowMs - KEPT_DAYS * 86_400_000);
  await db.query(
    `delete from traffic_alert a where not exists (select from unnest($1::int[], $2::text[]) as t (account, rule)
       where t.account = a.account and t.rule = a.rule)`,
    [watched.map(({ account }) => account), watched.map(({ signal }) => signal.rule)],
  );
}

function rounded({ measure, value, usual, messages }: SignalFinding) {
  const known = usual === undefined ? {} : { usual: Number(usual.toFixed(3)) };
  return { measure, value: Number(value.toFixed(3)), ...known, messages };
}
