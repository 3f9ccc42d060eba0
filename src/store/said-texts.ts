import type { ClientBase } from 'pg';
import type { AccountId, MessageId } from '../domain/ids.ts';
import type { IfSaid } from '../domain/policy.ts';
import type { SaidText } from '../domain/policy-rule.ts';
import type { Queryable } from './snapshot.ts';

/*
 * Texts that accounts said to recipients (sql/0060_said_texts.sql, sql/0068_said_anew_and_consents.sql).
 */

/** A text that a message says. */
export interface SayingRow extends SaidText {
  readonly account: AccountId;
  readonly id: MessageId;
}

/** Whether another message said one of the texts of this one. @param nth its place in `said`, from 0 */
export function wasSaid(answer: number, nth: number): boolean {
  return ((answer >> (4 + nth)) & 1) === 1;
}

/**
 * What rules do where a text was said before, as accept_said and replace_said have it: a row for each key that a text is
 * known by, with the place of its message from 1.
 */
export function saidColumns(rows: readonly { readonly said?: readonly IfSaid[] | undefined }[]) {
  const all = rows.flatMap(({ said = [] }, i) =>
    said.flatMap((one, nth) =>
      keysOf(one).map((asked) => ({ ...one, ...asked, place: i + 1, bit: 1 << nth })),
    ),
  );
  return [
    all.map(({ place }) => place),
    all.map(({ bit }) => bit),
    all.map(({ key }) => key),
    all.map(({ withinSeconds }) => withinSeconds),
    all.map(({ refused, held }) => (refused !== undefined ? REFUSE : held && HOLD) ?? TELL),
    all.map(({ held }) => held?.rule ?? null),
    all.map(({ held }) => held?.reason ?? null),
    all.map(({ held }) => held?.violates ?? false),
  ];
}

const TELL = 0;
const REFUSE = 1;
const HOLD = 2;

/**
 * Says texts that no accept says: of wholes whose parts came to several nodes.
 * @returns of each row the message that said it first; 0: another, whichever
 */
export async function sayTexts(db: Queryable, rows: readonly SayingRow[]): Promise<bigint[]> {
  const asked = rows.flatMap((row, nth) => keysOf(row).map((key) => ({ ...row, ...key, nth })));
  const { rows: said } = await db.query<{ first_id: bigint | string }>(
    'select first_id from say_texts($1, $2, $3, $4) order by nth',
    [
      asked.map(({ account }) => account),
      asked.map(({ key }) => key),
      asked.map(({ id }) => id.toString()),
      asked.map(({ withinSeconds }) => withinSeconds),
    ],
  );
  const first = rows.map(({ id }): bigint => id);
  for (const [i, { nth, id }] of asked.entries()) {
    const by = BigInt(said[i]?.first_id ?? id);
    if (by !== id) first[nth] = by;
  }
  return first;
}

/** The messages that said these texts first, in their order; undefined: none did. Says nothing. */
export async function whoSaid(
  db: Queryable,
  account: AccountId,
  texts: readonly Pick<SaidText, 'key' | 'otherKeys'>[],
): Promise<(bigint | undefined)[]> {
  const asked = texts.flatMap(({ key, otherKeys }, nth) =>
    [key, ...otherKeys].map((one) => ({ key: one, nth })),
  );
  const { rows } = await db.query<{ id: bigint | string | null; nth: number }>(
    `select t.nth, s.id from unnest($2::bytea[], $3::int[]) as t (key, nth)
       join said_text s on s.account = $1 and s.key = t.key and s.until > clock_timestamp()`,
    [account, asked.map(({ key }) => key), asked.map(({ nth }) => nth)],
  );
  const by = texts.map((): bigint | undefined => undefined);
  for (const { id, nth } of rows) if (id !== null) by[nth] ??= BigInt(id);
  return by;
}

/** Forgets texts whose time is over. @returns how many, at most `limit` */
export async function pruneSaidTexts(client: ClientBase, limit: number): Promise<number> {
  const { rowCount } = await client.query(
    `delete from said_text where ctid = any (array(
       select ctid from said_text where until <= now() order by until limit $1))`,
    [limit],
  );
  return rowCount ?? 0;
}

/** Its own key is said, the others are only looked for (0 seconds). */
function keysOf({
  key,
  otherKeys,
  withinSeconds,
}: SaidText): Pick<SayingRow, 'key' | 'withinSeconds'>[] {
  if (otherKeys.length === 0) return [{ key, withinSeconds }];
  return [{ key, withinSeconds }, ...otherKeys.map((one) => ({ key: one, withinSeconds: 0 }))];
}
