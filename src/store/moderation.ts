import type { ClientBase } from 'pg';
import { type MessageId, messageId } from '../domain/ids.ts';
import { type Credits, credits } from '../domain/money.ts';
import { writeAudit } from './audit.ts';
import type { Queryable } from './snapshot.ts';

/**
 * A message that waits for a moderator, or waited: with all its parts, where its customer cut it into such. Neither
 * number nor text: those are sealed in `content`.
 */
export interface HeldMessage {
  /** Of the part that came first. */
  readonly id: MessageId;
  /** Messages that are its parts, in their order: those that have not ended, or all of them. */
  readonly parts: readonly MessageId[];
  readonly account: string;
  /** Of the rule that held it. */
  readonly rule: string;
  readonly reason: string | undefined;
  readonly since: Date;
  /** Its own time to be sent; undefined: at once. */
  readonly releaseAt: Date | undefined;
  readonly validUntil: Date;
  /** Of all parts. */
  readonly segments: number;
  readonly price: Credits;
  /** Of its content, of all parts together; 0: as submitted. */
  readonly version: number;
  /** It waits, or is refused and its end is being written. */
  readonly isOpen: boolean;
  readonly decision: Decision | undefined;
}

/** What a moderator said. */
export interface Decision {
  readonly is: DecisionKind;
  readonly at: Date;
  readonly by: string;
  readonly reason: string;
}

/** The two things that a moderator can do. */
export type DecisionKind = 'released' | 'refused';

/** Why nothing was decided: an earlier decision, or it ended, was replaced since that version, or was never held. */
export type DecideRefusal = 'unknown' | 'ended' | 'replaced' | DecisionKind;

/** Held messages that nobody decided about, oldest first, after an id; `account` by name. */
export async function listHeld(
  db: Queryable,
  asked: { readonly account: string | undefined; readonly after: bigint; readonly limit: number },
): Promise<HeldMessage[]> {
  const { rows } = await db.query<HeldColumns>(
    heldOf(`select distinct coalesce(m.entry, m.id) from moderation m join account a on a.id = m.account
      where m.is_open and m.decision is null and coalesce(m.entry, m.id) > $1 and ($2::text is null or a.name = $2)
        and not exists (select from outcome o where o.id = m.id)
      order by 1 limit $3`),
    [asked.after.toString(), asked.account ?? null, asked.limit],
  );
  return rows.map(heldMessage);
}

/** One message that is or was held, by its id or that of a part. */
export async function findHeld(db: Queryable, id: bigint): Promise<HeldMessage | undefined> {
  const { rows } = await db.query<HeldColumns>(
    heldOf('select coalesce(m.entry, m.id) from moderation m where m.id = $1'),
    [id.toString()],
  );
  return rows[0] && heldMessage(rows[0]);
}

/**
 * Writes a moderator's decision about a message, all its parts, and its audit row in the caller's transaction; call it
 * last there. A release makes the
 * message due at once, or at its own time; a refusal stands, and the message's end is for the gateway to write.
 * @param version of the content that he saw; undefined: whatever it is now
 */
export async function decideHeld(
  client: ClientBase,
  decision: {
    readonly id: bigint;
    readonly version: number | undefined;
    readonly is: DecisionKind;
    readonly by: string;
    readonly reason: string;
  },
): Promise<'decided' | DecideRefusal> {
  const { id, version, is, by, reason } = decision;
  const { rows } = await client.query<{ told: 'decided' | DecideRefusal }>(
    'select decide_held($1, $2, $3, $4, $5) as told',
    [id.toString(), version ?? null, is, by, reason],
  );
  const told = rows[0]?.told ?? 'unknown';
  if (told !== 'decided') return told;
  const action = is === 'released' ? 'moderation.release' : 'moderation.refuse';
  await writeAudit(client, { actor: by, action, subject: id.toString(), detail: { reason } });
  return told;
}

/** Messages that were refused and have no end yet: oldest first. */
export async function refusedWithoutEnd(client: ClientBase, limit: number): Promise<MessageId[]> {
  const { rows } = await client.query<{ id: bigint }>(
    `select id from moderation m where is_open and decision = 'refused'
       and not exists (select from outcome o where o.id = m.id) order by id limit $1`,
    [limit],
  );
  return rows.map((row) => messageId(row.id));
}

/** Takes held messages that have ended off the list. @returns how many */
export async function closeHeld(client: ClientBase, limit: number): Promise<number> {
  const { rows } = await client.query<{ n: number }>('select close_held($1) as n', [limit]);
  return rows[0]?.n ?? 0;
}

/** How many messages of an account wait for a moderator, and how long the oldest of all does. */
export interface HeldCounts {
  readonly byAccount: ReadonlyMap<string, number>;
  /** The same, each part of a long message counted. */
  readonly partsByAccount: ReadonlyMap<string, number>;
  readonly oldestSeconds: number;
}

/** Counts what waits for a moderator. */
export async function countHeld(db: Queryable): Promise<HeldCounts> {
  const { rows } = await db.query<{
    name: string;
    held: number;
    parts: number;
    oldest: number;
  }>(
    `select a.name, count(distinct coalesce(m.entry, m.id))::int as held, count(*)::int as parts,
       extract(epoch from now() - min(m.since))::float8 as oldest
     from moderation m join account a on a.id = m.account
     where m.is_open and m.decision is null and not exists (select from outcome o where o.id = m.id)
     group by a.name`,
  );
  return {
    byAccount: new Map(rows.map(({ name, held }) => [name, held])),
    partsByAccount: new Map(rows.map(({ name, parts }) => [name, parts])),
    oldestSeconds: Math.max(0, ...rows.map(({ oldest }) => oldest)),
  };
}

/** @param entries a query of their ids */
function heldOf(entries: string): string {
  return `with parts as (
    select coalesce(m.entry, m.id) as entry, m.id, m.account, m.rule, m.reason, m.since, m.release_at, m.version,
      m.is_open, m.decision, m.decided_at, m.part, coalesce(r.valid_until, x.valid_until) as valid_until,
      coalesce(r.segments, x.segments) as segments, x.unit_price * coalesce(r.segments, x.segments) as price,
      exists (select from outcome o where o.id = m.id) as ended
    from moderation m
      cross join lateral (select * from message y where y.id = m.id offset 0) x
      left join lateral (select v.valid_until, v.segments from replacement v where v.id = m.id
        order by v.version desc limit 1) r on true
    where coalesce(m.entry, m.id) in (${entries})
  ), told as (
    -- What has ended is told of only where nothing is left.
    select p.*, not p.ended or bool_and(p.ended) over (partition by p.entry) as is_told from parts p
  ), whole as (
    select p.entry, sum(p.version)::int as version, bool_or(p.is_open) as is_open,
      array_agg(p.id order by p.part, p.id) filter (where p.is_told) as ids,
      (array_agg(p.account))[1] as account, (array_agg(p.rule order by p.since, p.id))[1] as rule,
      (array_agg(p.reason order by p.since, p.id))[1] as reason, min(p.since) as since, min(p.release_at) as release_at,
      min(p.valid_until) filter (where p.is_told) as valid_until,
      sum(p.segments) filter (where p.is_told)::int as segments,
      sum(p.price) filter (where p.is_told)::text as price,
      bool_or(p.is_open and p.decision is null and not p.ended) as waits,
      (array_agg(p.id order by p.decided_at desc) filter (where p.decision is not null))[1] as decided
    from told p group by p.entry
  )
  select w.entry as id, a.name, w.ids, w.rule, w.reason, w.since, w.release_at, w.version, w.is_open, d.decision,
    d.decided_at, d.decided_by, d.decision_reason, w.valid_until, w.segments, w.price
  from whole w join account a on a.id = w.account left join moderation d on d.id = w.decided and not w.waits
  order by w.entry`;
}

interface HeldColumns {
  id: bigint | string;
  ids: readonly (bigint | string)[];
  name: string;
  rule: string;
  reason: string | null;
  since: Date;
  release_at: Date | null;
  version: number;
  is_open: boolean;
  decision: DecisionKind | null;
  decided_at: Date | null;
  decided_by: string | null;
  decision_reason: string | null;
  valid_until: Date;
  segments: number;
  price: string;
}

function heldMessage(row: HeldColumns): HeldMessage {
  const { decision: is, decided_at: at } = row;
  return {
    id: messageId(BigInt(row.id)),
    parts: row.ids.map((id) => messageId(BigInt(id))),
    account: row.name,
    rule: row.rule,
    reason: row.reason ?? undefined,
    since: row.since,
    releaseAt: row.release_at ?? undefined,
    validUntil: row.valid_until,
    segments: row.segments,
    price: credits(BigInt(row.price)),
    version: row.version,
    isOpen: row.is_open,
    decision:
      is === null || at === null
        ? undefined
        : { is, at, by: row.decided_by ?? '', reason: row.decision_reason ?? '' },
  };
}
