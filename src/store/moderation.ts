import type { ClientBase } from 'pg';
import { type MessageId, messageId } from '../domain/ids.ts';
import { type Credits, credits } from '../domain/money.ts';
import { writeAudit } from './audit.ts';
import type { Queryable } from './snapshot.ts';

/** A message that waits for a moderator, or waited. Neither number nor text: those are sealed in `content`. */
export interface HeldMessage {
  readonly id: MessageId;
  readonly account: string;
  /** Of the rule that held it. */
  readonly rule: string;
  readonly reason: string | undefined;
  readonly since: Date;
  /** Its own time to be sent; undefined: at once. */
  readonly releaseAt: Date | undefined;
  readonly validUntil: Date;
  readonly segments: number;
  readonly price: Credits;
  /** Of its content; 0: as submitted. */
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
    `${HELD} where m.is_open and m.decision is null and m.id > $1 and ($2::text is null or a.name = $2)
       and not exists (select from outcome o where o.id = m.id)
     order by m.id limit $3`,
    [asked.after.toString(), asked.account ?? null, asked.limit],
  );
  return rows.map(heldMessage);
}

/** One message that is or was held. */
export async function findHeld(db: Queryable, id: bigint): Promise<HeldMessage | undefined> {
  const { rows } = await db.query<HeldColumns>(`${HELD} where m.id = $1`, [id.toString()]);
  return rows[0] && heldMessage(rows[0]);
}

/**
 * Writes a moderator's decision and its audit row in the caller's transaction; call it last there. A release makes the
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
  readonly oldestSeconds: number;
}

/** Counts what waits for a moderator. */
export async function countHeld(db: Queryable): Promise<HeldCounts> {
  const { rows } = await db.query<{ name: string; held: number; oldest: number }>(
    `select a.name, count(*)::int as held, extract(epoch from now() - min(m.since))::float8 as oldest
     from moderation m join account a on a.id = m.account
     where m.is_open and m.decision is null and not exists (select from outcome o where o.id = m.id)
     group by a.name`,
  );
  return {
    byAccount: new Map(rows.map(({ name, held }) => [name, held])),
    oldestSeconds: Math.max(0, ...rows.map(({ oldest }) => oldest)),
  };
}

const HELD = `select m.id, a.name, m.rule, m.reason, m.since, m.release_at, m.version, m.is_open, m.decision, m.decided_at,
    m.decided_by, m.decision_reason, coalesce(r.valid_until, x.valid_until) as valid_until,
    coalesce(r.segments, x.segments) as segments, (x.unit_price * coalesce(r.segments, x.segments))::text as price
  from moderation m join account a on a.id = m.account join message x on x.id = m.id
    left join lateral (select v.valid_until, v.segments from replacement v where v.id = m.id
      order by v.version desc limit 1) r on true`;

interface HeldColumns {
  id: bigint | string;
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
