import type { ClientBase } from 'pg';
import { type AccountId, type MessageId, messageId } from '../domain/ids.ts';

/** Ids looked at in one step, whosever they are: an account of which there is little costs no more than all. */
const WINDOW = 2_000;

/** Messages of a step in order of id; `next` undefined: that was the last. `account` undefined: of all. */
export async function messagesBetween(
  client: ClientBase,
  asked: {
    readonly after: bigint;
    readonly until: bigint;
    readonly account: AccountId | undefined;
  },
): Promise<{ ids: MessageId[]; next: bigint | undefined }> {
  const { after, until, account } = asked;
  const window = await client.query<{ upto: bigint | null }>(
    'select message_window($1, $2, $3) as upto',
    [after, until, WINDOW],
  );
  const upto = window.rows[0]?.upto ?? undefined;
  if (upto === undefined) return { ids: [], next: undefined };
  const { rows } = await client.query<{ id: bigint }>(
    `select id from message where id > $1 and id <= $2 and ($3::int is null or account = $3) order by id`,
    [after, upto, account ?? null],
  );
  return { ids: rows.map(({ id }) => messageId(BigInt(id))), next: BigInt(upto) };
}

/** What rules made of a message when it was judged last: at its accept, or as it replaced another version. */
export interface JudgedThen {
  /** The rule that held it, by name. */
  readonly heldBy: string | undefined;
  /** The rule that deferred it. */
  readonly deferredBy: string | undefined;
  /** It was refused, by a receipt, for what no rule judges: no route, no credit. */
  readonly refusedOtherwise: boolean;
  /** Unix ms; undefined: it was not replaced. */
  readonly replacedAtMs: number | undefined;
}

/**
 * What was decided of these messages: of a replaced one by the notes since its last replacement. Hours that begin when
 * its validity is over are no rule's refusal by their note, but a rule's doing.
 */
export async function judgedThen(
  client: ClientBase,
  ids: readonly MessageId[],
): Promise<ReadonlyMap<bigint, JudgedThen>> {
  const { rows } = await client.query<{
    id: bigint;
    held: string | null;
    deferred: string | null;
    otherwise: boolean;
    replaced_ms: number | null;
  }>(
    `select m.id, (select h.rule from moderation h where h.id = m.id) as held, unix_ms(r.at)::float8 as replaced_ms,
       (select n.rule from policy_note n where n.id = m.id and n.event = 'deferred' and (r.at is null or n.at >= r.at)
         order by n.nth limit 1) as deferred,
       exists (select from policy_note n where n.id = m.id and n.event = 'refusedByPolicy' and n.rule = ''
         and not starts_with(n.reason, 'outsideHours:')) as otherwise
     from unnest($1::bigint[]) as m (id), lateral (select max(x.at) as at from replacement x where x.id = m.id) as r`,
    [ids],
  );
  return new Map(
    rows.map(({ id, held, deferred, otherwise, replaced_ms }) => [
      BigInt(id),
      {
        heldBy: held ?? undefined,
        deferredBy: deferred ?? undefined,
        refusedOtherwise: otherwise,
        replacedAtMs: replaced_ms ?? undefined,
      },
    ]),
  );
}
