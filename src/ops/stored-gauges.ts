import type { Pool } from 'pg';
import type { StoredGauges } from './metrics.ts';

/** The gauges that only a query knows. */
export function storedGauges(pool: Pool): StoredGauges {
  return {
    async balances() {
      const { rows } = await pool.query<{ name: string; credits: bigint }>(
        'select a.name, sum(b.credits)::int8 as credits from account a join balance b on b.account = a.id group by a.name',
      );
      return new Map(rows.map((row) => [row.name, row.credits]));
    },
    async unknownOutcomes() {
      const { rows } = await pool.query<{ name: string; open: bigint }>(
        `select c.name, count(u.id) as open from carrier c
         left join unknown_outcome u on u.carrier = c.id and u.resolved_at is null group by c.name`,
      );
      return new Map(rows.map((row) => [row.name, Number(row.open)]));
    },
  };
}
