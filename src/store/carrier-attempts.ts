import type { ClientBase } from 'pg';
import type { TrafficGroup } from '../domain/traffic-group.ts';
import { groupOf } from './usage-count.ts';

/** A submit_sm that a carrier answered. No number, no text. */
export interface CarrierAttempt extends Omit<TrafficGroup, 'account'> {
  readonly at: Date;
  readonly id: bigint;
  readonly account: string;
  readonly segment: number;
  readonly attempt: number;
  readonly upstreamId: string | null;
  /** command_status of submit_sm_resp. */
  readonly status: number;
  /** Of the message; null: it has not ended. */
  readonly state: number | null;
  readonly fault: number | null;
  /** What it is told apart by is known: until then its group is `-`. */
  readonly isCounted: boolean;
}

/** Rows of one fetch: memory is theirs, whatever the day has. */
const PAGE = 5_000;

/** The submits that a carrier answered in a time, in its order, as they stand now. The client is in use until the end. */
export async function* carrierAttempts(
  client: ClientBase,
  carrier: number,
  from: Date,
  until: Date,
): AsyncGenerator<CarrierAttempt[]> {
  await client.query('begin isolation level repeatable read, read only');
  try {
    await client.query(
      "set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0; set local work_mem = '32MB'",
    );
    await client.query(`declare attempts no scroll cursor for ${ATTEMPTS}`, [carrier, from, until]);
    for (;;) {
      const { rows } = await client.query<CarrierAttempt>(`fetch ${PAGE} from attempts`);
      if (rows.length === 0) return;
      yield rows;
    }
  } finally {
    await client.query('rollback');
  }
}

const ATTEMPTS = `
  select d.at, d.id, coalesce(a.name, '?') as account, d.segment, d.attempt, d.upstream_id as "upstreamId", d.status,
    o.state, o.fault, coalesce(t.class, '-') as class, coalesce(t.sender, '-') as sender, coalesce(t.prefix, '-') as prefix,
    coalesce(t.network, '') as network, t.id is not null as "isCounted"
  from dispatch d
    left join lateral (select x.account, ${groupOf('x')} as grp from message x where x.id = d.id offset 0) m on true
    left join account a on a.id = m.account
    left join lateral (select x.state, x.fault from outcome x where x.id = d.id offset 0) o on true
    left join traffic_group t on t.id = m.grp
  where d.carrier = $1 and d.at >= $2 and d.at < $3
  order by d.at, d.id, d.segment`;
