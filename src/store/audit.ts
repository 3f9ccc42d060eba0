import { AsyncLocalStorage } from 'node:async_hooks';
import type { ClientBase, Pool } from 'pg';

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
 * The address that the act under way was asked from; nothing within: the daemon acts by itself. The HTTP server sets it
 * for each request, so that no posting between it and the audit has to hand it on, or can forget to.
 */
export const askedFrom = new AsyncLocalStorage<string>();

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
         $5::text as address, (select hash from audit order by id desc limit 1) as previous)
     insert into audit (at, actor, action, subject, detail, address, previous, hash)
       select at, actor, action, subject, detail, address, previous, ${HASH} from made`,
    [row.actor, row.action, row.subject, JSON.stringify(row.detail), askedFrom.getStore() ?? null],
  );
}

/** A row of the audit as it stands. */
export interface AuditEntry extends AuditRow {
  readonly id: bigint;
  readonly at: Date;
  /** Undefined: the daemon acted by itself. */
  readonly address: string | undefined;
}

/** Which rows are asked for; undefined: any. */
export interface AuditQuery {
  readonly actor: string | undefined;
  /** In full, or the beginning up to a dot: `account` has `account.topUp`. */
  readonly action: string | undefined;
  readonly subject: string | undefined;
  readonly from: Date;
  readonly until: Date;
  /** Only ids below it: the last of the page before. */
  readonly before: bigint | undefined;
  readonly limit: number;
}

/** Rows of from <= at < until, newest first. */
export async function readAudit(pool: Pool, query: AuditQuery): Promise<AuditEntry[]> {
  const { rows } = await pool.query<Omit<AuditEntry, 'id' | 'address'> & StoredEntry>(
    `select id::text, at, actor, action, subject, detail, address from audit
     where at >= $1 and at < $2 and ($3::bigint is null or id < $3) and ($4::text is null or actor = $4)
       and ($5::text is null or action = $5 or starts_with(action, $5 || '.')) and ($6::text is null or subject = $6)
     order by id desc limit $7`,
    [
      ...[query.from, query.until, query.before ?? null, query.actor ?? null],
      ...[query.action ?? null, query.subject ?? null, query.limit],
    ],
  );
  return rows.map((row) => ({ ...row, id: BigInt(row.id), address: row.address ?? undefined }));
}

interface StoredEntry {
  readonly id: string;
  readonly address: string | null;
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

/**
 * The unit separator keeps ("a", "bc") and ("ab", "c") apart; times as microseconds, whatever the session's zone.
 * concat_ws leaves an address that is null out, with its separator: as rows from before there was one.
 */
const HASH = `sha256(coalesce(previous, '') || convert_to(concat_ws(E'\\x1f',
  (extract(epoch from at) * 1000000)::bigint, actor, action, coalesce(subject, ''), detail, address), 'UTF8'))`;
