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

/** Of these messages those that a rule held, by its name. */
export async function rulesThatHeld(
  client: ClientBase,
  ids: readonly MessageId[],
): Promise<ReadonlyMap<bigint, string>> {
  const { rows } = await client.query<{ id: bigint; rule: string }>(
    'select id, rule from moderation where id = any ($1)',
    [ids],
  );
  return new Map(rows.map(({ id, rule }) => [BigInt(id), rule]));
}
