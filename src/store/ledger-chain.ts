import type { ClientBase, Pool } from 'pg';

/**
 * Chains up to `limit` entries that have no hash yet (some 30 us each), every account's in the order of versions.
 * @returns how many; fewer than `limit`: nothing is left
 */
export async function chainEntries(client: ClientBase, limit: number): Promise<number> {
  const { rows } = await client.query<{ chained: number }>('select chain_entries($1) as chained', [
    limit,
  ]);
  return rows[0]?.chained ?? 0;
}

/** Entries that are not chained yet, over all accounts. */
export async function chainLag(pool: Pool): Promise<bigint> {
  const { rows } = await pool.query<{ lag: bigint }>('select chain_lag() as lag');
  return rows[0]?.lag ?? 0n;
}

/** A link's place in the order of accounts, sides and versions. */
export interface ChainPlace {
  readonly account: number;
  readonly side: number;
  readonly version: bigint;
}

/** Before the first link. */
export const CHAIN_START: ChainPlace = { account: 0, side: 0, version: 0n };

/** The place of the `count`th link after one; undefined where fewer are left. */
export async function chainPlaceAfter(
  client: ClientBase,
  after: ChainPlace,
  count: number,
): Promise<ChainPlace | undefined> {
  const { rows } = await client.query<ChainPlace>(
    `select account, side, version from ledger_chain where (account, side, version) > ($1, $2, $3)
     order by account, side, version offset $4 limit 1`,
    [after.account, after.side, after.version.toString(), count - 1],
  );
  return rows[0];
}

/**
 * The differences of CHAIN_DIFFERENCES among the links after one place up to another (undefined: the last), in their
 * order; each as reconcile has it. At most `limit`.
 */
export async function chainDifferences(
  client: ClientBase,
  after: ChainPlace,
  upTo: ChainPlace | undefined,
  limit: number,
): Promise<ChainDifference[]> {
  const { rows } = await client.query<ChainDifference>(
    `${differences('(account, side, version) > ($1, $2, $3) and ($4::int is null or (account, side, version) <= ($4, $5, $6))')} limit $7`,
    [
      after.account,
      after.side,
      after.version.toString(),
      upTo?.account ?? null,
      upTo?.side ?? null,
      upTo?.version.toString() ?? null,
      limit,
    ],
  );
  return rows;
}

/** A row of CHAIN_DIFFERENCES. */
export interface ChainDifference {
  readonly account: string | null;
  readonly place: string;
  readonly what: string;
  readonly expected: string | null;
  readonly found: string | null;
}

/**
 * Entries that are not what was chained: changed (the hash differs), removed (a link without entry), added beside (an
 * entry among chained ones without a link). Each is compared with the stored hash before it, so that one that was
 * changed is named and not all that follow.
 */
export const CHAIN_DIFFERENCES: string = differences('true');

/** @param among which (account, side, version), as a condition */
function differences(among: string): string {
  return `
  select a.name as account, 'entry ' || coalesce(d.entry, d.link_entry) || ' (' || coalesce(d.kind || ', ', '') || 'side ' || d.side
      || ', version ' || d.version || ')' as place,
    case when d.entry is null then 'number of entries' when d.link_entry is null then 'number of links' else 'hash' end as what,
    case when d.entry is null or d.link_entry is null then '1' else encode(d.hash, 'hex') end as expected,
    case when d.entry is null or d.link_entry is null then '0' else encode(d.actual, 'hex') end as found
  from (select account, side, version, e.id as entry, e.kind, c.entry as link_entry, c.hash,
      case when e.id is not null and c.entry is not null then entry_hash(coalesce((select p.hash from ledger_chain p
        where p.account = c.account and p.side = c.side and p.version < c.version
        order by p.version desc limit 1), '\\x'), e) end as actual
    from (select * from ledger_chain where ${among}) c
      full join (select x.* from ledger_entry x join (select account as chained, side as chained_side,
          max(version) as chained_to from ledger_chain group by 1, 2) h
        on h.chained = x.account and h.chained_side = x.side and x.version <= h.chained_to where ${among}) e
      using (account, side, version)) d
    left join account a on a.id = d.account
  where d.entry is null or d.link_entry is null or d.entry <> d.link_entry or d.actual <> d.hash
  order by d.account, d.side, d.version`;
}
