import type { Pool } from 'pg';
import { type AccountId, accountId } from '../domain/ids.ts';
import { type Credits, ZERO } from '../domain/money.ts';
import { setStatusWithin } from './accounts.ts';
import { writeAudit } from './audit.ts';
import { inTransaction } from './pool.ts';
import { addEvents, type NewEvent } from './webhook-events.ts';

/** terms.dormancy of an account that is active. */
export interface DormancyRule {
  readonly account: AccountId;
  readonly name: string;
  readonly noticeAfterDays: number;
  readonly thenAfterDays: number;
  readonly then: 'suspend' | 'terminate';
  /** It has a webhook. */
  readonly sent: boolean;
}

/** What became of an account that lies unused. */
export interface DormancyStep {
  readonly account: AccountId;
  readonly name: string;
  readonly event: 'account.dormant' | 'account.suspended' | 'account.terminated';
  /** Credit taken with its end. */
  readonly forfeited: Credits;
}

/** Who warned or stopped an account, in the audit. */
const ACTOR = 'terms';

/**
 * The accounts among these that have something ahead of them: unused for noticeAfterDays, or told so before. An account
 * in use costs one look into an index.
 */
export async function dormantAmong(
  pool: Pool,
  rules: readonly DormancyRule[],
): Promise<AccountId[]> {
  const { rows } = await pool.query<{ id: number }>(
    `select t.id from unnest($1::int[], $2::int[]) as t (id, days)
     where exists (select from dormancy d where d.account = t.id)
       or not exists (select from ledger_entry e where e.account = t.id and e.kind in ('charge', 'reserve')
           and e.at > now() - t.days * interval '1 day')
         and last_used(t.id) <= now() - t.days * interval '1 day'`,
    [rules.map(({ account }) => account), rules.map(({ noticeAfterDays }) => noticeAfterDays)],
  );
  return rows.map(({ id }) => accountId(id));
}

/**
 * Takes one such account a step further, in one commit: it is told; or thenAfterDays after that it is suspended or
 * terminated; or it was used since, and is forgotten here. Undefined: nothing is due. Doing it again changes nothing.
 */
export async function stepDormancy(
  pool: Pool,
  rule: DormancyRule,
): Promise<DormancyStep | undefined> {
  const { account, name, noticeAfterDays, thenAfterDays } = rule;
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<{
      used: string;
      is_unused: boolean;
      is_told: boolean;
      is_due: boolean;
    }>(
      `select u.at::text as used, u.at <= now() - $2 * interval '1 day' as is_unused,
         d.account is not null and d.since >= u.at as is_told,
         coalesce(d.noticed_at <= now() - $3 * interval '1 day', false) as is_due
       from account a cross join lateral (select last_used(a.id) as at) u left join dormancy d on d.account = a.id
       where a.id = $1 and a.status = 'active' for no key update of a`,
      [account, noticeAfterDays, thenAfterDays],
    );
    const [row] = rows;
    if (row === undefined || !row.is_unused) {
      await client.query('delete from dormancy where account = $1', [account]);
      return undefined;
    }
    const since = new Date(row.used).toISOString();
    if (row.is_told) return row.is_due ? stop(client, rule, since) : undefined;
    await client.query(
      `insert into dormancy (account, since) values ($1, $2)
       on conflict (account) do update set since = excluded.since, noticed_at = now()`,
      [account, row.used],
    );
    await addEvents(client, [eventOf(rule, 'account.dormant', since)]);
    const detail = { since, after: thenAfterDays, then: rule.then };
    await writeAudit(client, { actor: ACTOR, action: 'account.dormant', subject: name, detail });
    return { account, name, event: 'account.dormant' as const, forfeited: ZERO };
  });
}

async function stop(
  client: Parameters<typeof setStatusWithin>[0],
  rule: DormancyRule,
  since: string,
): Promise<DormancyStep | undefined> {
  const { account, name } = rule;
  const status = rule.then === 'suspend' ? 'suspended' : 'terminated';
  await client.query('delete from dormancy where account = $1', [account]);
  const event = `account.${status}` as const;
  await addEvents(client, [eventOf(rule, event, since)]);
  const done = await setStatusWithin(client, {
    name,
    status,
    reason: `unused since ${since}`,
    actor: ACTOR,
    dropBinds: true,
    forfeit: status === 'terminated' ? 'byTerms' : undefined,
  });
  if ('refused' in done || !done.changed) return undefined;
  return { account, name, event, forfeited: done.forfeited };
}

function eventOf(
  { account, name, thenAfterDays, then, sent }: DormancyRule,
  event: DormancyStep['event'],
  since: string,
): NewEvent<DormancyStep['event']> {
  const body = { account: name, unusedSince: since, thenAfterDays, then };
  return { account, event, cause: `${event} ${since}`, body, sent };
}
