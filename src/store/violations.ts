import type { ClientBase, Pool } from 'pg';
import type { AccountStatus } from '../domain/catalog.ts';
import type { AccountId } from '../domain/ids.ts';
import { type Credits, ZERO } from '../domain/money.ts';
import { setStatusWithin } from './accounts.ts';
import { inTransaction } from './pool.ts';
import type { Queryable } from './snapshot.ts';

/** Violations of one account that are to be counted. */
export interface NewViolations {
  readonly account: AccountId;
  /** The name of the rule of each that is not stored yet; those of held messages are, by their accept. */
  readonly rules: readonly string[];
  /** The rule that suspends at once, whatever the count; undefined: none does. */
  readonly suspendedBy: string | undefined;
  /** terms.onViolation. */
  readonly terms: { readonly suspendAfter: number; readonly forfeitBalance: boolean };
}

/** An account that a rule suspended just now. */
export interface SuspendedAccount {
  readonly name: string;
  readonly reason: string;
  /** Since its last resume, or ever. */
  readonly violations: number;
  /** Credit taken with it. */
  readonly forfeited: Credits;
}

/** Who an account that a rule suspended was suspended by, in the audit. */
const ACTOR = 'policy';

/**
 * Stores violations and suspends the account when the terms' number is reached: status, forfeiture, audit and the new
 * version of the configuration in one commit. What counts is what came after its last resume. An account that is not
 * active is left as it is.
 */
export async function recordViolations(
  pool: Pool,
  violations: NewViolations,
): Promise<SuspendedAccount | undefined> {
  return inTransaction(pool, async (client) => {
    const { account, rules, suspendedBy, terms } = violations;
    const { rows } = await client.query<{ name: string; status: AccountStatus }>(
      'select name, status from account where id = $1 for no key update',
      [account],
    );
    await client.query('insert into violation (account, rule) select $1, unnest($2::text[])', [
      account,
      rules,
    ]);
    const [row] = rows;
    if (row === undefined || row.status !== 'active') return undefined;
    const since = await violationsSinceResume(client, account);
    if (suspendedBy === undefined && since.count < terms.suspendAfter) return undefined;
    const reason = `rule ${suspendedBy ?? since.lastRule}: ${since.count} violations`;
    const change = { name: row.name, status: 'suspended', reason, actor: ACTOR } as const;
    const forfeit = terms.forfeitBalance ? 'violation' : undefined;
    const done = await setStatusWithin(client, { ...change, dropBinds: true, forfeit });
    const forfeited = 'refused' in done ? ZERO : done.forfeited;
    return { name: row.name, reason, violations: since.count, forfeited };
  });
}

/** One violation of an account. */
export interface ViolationRow {
  readonly id: bigint;
  readonly rule: string;
  readonly at: Date;
  /** Of one that was held; undefined: refused, and never stored. */
  readonly message: string | undefined;
}

/** Violations of an account, newest first, before an id. */
export async function listViolations(
  db: Queryable,
  asked: {
    readonly account: AccountId;
    readonly before: bigint | undefined;
    readonly limit: number;
  },
): Promise<ViolationRow[]> {
  const { rows } = await db.query<{ id: string; rule: string; at: Date; message: string | null }>(
    `select id::text, rule, at, message::text from violation
     where account = $1 and ($2::bigint is null or id < $2) order by id desc limit $3`,
    [asked.account, asked.before?.toString() ?? null, asked.limit],
  );
  return rows.map(({ id, rule, at, message }) => ({
    id: BigInt(id),
    rule,
    at,
    message: message ?? undefined,
  }));
}

/** How many violations count against an account now: those after its last resume. */
export async function violationsSinceResume(
  db: Queryable | ClientBase,
  account: AccountId,
): Promise<{ count: number; lastRule: string }> {
  const { rows } = await db.query<{ count: number; last: string | null }>(
    `select count(*)::int as count, (array_agg(v.rule order by v.id desc))[1] as last
     from violation v join account a on a.id = v.account
     where v.account = $1 and (a.resumed_at is null or v.at > a.resumed_at)`,
    [account],
  );
  return { count: rows[0]?.count ?? 0, lastRule: rows[0]?.last ?? '' };
}
