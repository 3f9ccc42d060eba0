import type { MessageId } from '../domain/ids.ts';
import type { PolicyNote } from '../domain/policy-notes.ts';
import type { Queryable } from './snapshot.ts';

/**
 * Notes on the timeline of an accepted message that a rule refuses it now; said again by the same rule it is one note.
 * What rules did at accept is noted there (accept.ts).
 * @param reason in words without content
 */
export async function notePolicy(
  db: Queryable,
  id: MessageId,
  rule: string,
  reason: string | undefined,
): Promise<void> {
  await db.query(
    `insert into policy_note (id, nth, event, rule, reason)
     select $1, coalesce(max(nth) + 1, 0), 'refusedByPolicy', $2, $3 from policy_note where id = $1
     having not coalesce(bool_or(event = 'refusedByPolicy' and rule = $2), false)
     on conflict do nothing`,
    [id, rule, reason ?? null],
  );
}

/** Notes on its timeline what rules did about a replacement of a message, behind what it has. */
export async function noteReplacement(
  db: Queryable,
  id: MessageId,
  notes: readonly PolicyNote[],
): Promise<void> {
  await db.query(
    `insert into policy_note (id, nth, event, rule, reason)
     select $1, b.nth + t.n, t.event, t.rule, t.reason
     from unnest($2::text[], $3::text[], $4::text[]) with ordinality as t (event, rule, reason, n),
       (select coalesce(max(nth), -1) as nth from policy_note where id = $1) as b
     on conflict do nothing`,
    [
      id,
      notes.map(({ event }) => event),
      notes.map(({ rule }) => rule),
      notes.map(({ reason }) => reason ?? null),
    ],
  );
}
