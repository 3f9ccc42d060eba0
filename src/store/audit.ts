import type { ClientBase } from 'pg';

/** Who did what. Never a secret, a number or a text: names, amounts, reasons. */
export interface AuditRow {
  /** Name of the token that asked, or `startup`, `sighup`, `demo`. */
  readonly actor: string;
  /** `resources.apply`, `account.suspend`, `account.topUp` ... */
  readonly action: string;
  /** What it was done to, by name; null when it was the whole. */
  readonly subject: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
}

/**
 * Writes one row of the audit inside the caller's transaction. Each row carries the hash of the one before, so that a
 * row taken out or changed later shows. The lock makes the writers of one chain take turns until they commit: audit
 * last in a transaction.
 */
export async function writeAudit(client: ClientBase, row: AuditRow): Promise<void> {
  await client.query('select pg_advisory_xact_lock($1, 0)', [AUDIT_LOCK_CLASS]);
  await client.query(
    `with made as (
       select clock_timestamp() as at, $1::text as actor, $2::text as action, $3::text as subject, $4::jsonb as detail,
         (select hash from audit order by id desc limit 1) as previous)
     insert into audit (at, actor, action, subject, detail, previous, hash)
       select at, actor, action, subject, detail, previous, ${HASH} from made`,
    [row.actor, row.action, row.subject, JSON.stringify(row.detail)],
  );
}

/** The id of the first audit row whose hash does not fit, undefined when the chain is whole. */
export async function findBrokenAudit(client: ClientBase): Promise<bigint | undefined> {
  const { rows } = await client.query<{ id: string }>(
    `select id::text from (select *, lag(hash) over (order by id) as before from audit) a
     where hash <> ${HASH} or previous is distinct from before order by id limit 1`,
  );
  return rows[0] && BigInt(rows[0].id);
}

/** Advisory lock classes 7301 to 7304 are the epochs', leases' and jobs' (sql/0004_sending.sql). */
const AUDIT_LOCK_CLASS = 7305;

/** The unit separator keeps ("a", "bc") and ("ab", "c") apart; times as microseconds, whatever the session's zone. */
const HASH = `sha256(coalesce(previous, '') || convert_to(concat_ws(E'\\x1f',
  (extract(epoch from at) * 1000000)::bigint, actor, action, coalesce(subject, ''), detail), 'UTF8'))`;
