import type { ClientBase } from 'pg';
import type { MessageId } from '../domain/ids.ts';

/** Sums of a day and group to be added to usage_day. Money in micro-credits. */
export interface UsageSum {
  messages: number;
  segments: number;
  charged: bigint;
  refunded: bigint;
  reserved: bigint;
  released: bigint;
}

/** Sums of ends, to be added to delivery_day. */
export interface DeliverySum {
  messages: number;
  segments: number;
  income: bigint;
  timed: number;
  sumMs: bigint;
  maxMs: bigint;
  within1s: number;
  within10s: number;
  within60s: number;
}

/** Segments that a carrier took, to be added to carrier_day. */
export interface CarrierSum {
  segments: number;
  uncosted: number;
  cost: bigint;
}

/** Sums by their key: `[day, group]`, `[day, group, carrier, state, fault]`, `[day, group, carrier]`. */
export class Sums<Key extends readonly (string | number)[], Sum> {
  readonly #sums = new Map<string, { readonly key: Key; readonly sum: Sum }>();
  readonly #zero: () => Sum;

  constructor(zero: () => Sum) {
    this.#zero = zero;
  }

  /** The sum of a key, to be added to. */
  of(key: Key): Sum {
    const name = key.join('/');
    const held = this.#sums.get(name);
    if (held !== undefined) return held.sum;
    const made = { key, sum: this.#zero() };
    this.#sums.set(name, made);
    return made.sum;
  }

  get all(): readonly { readonly key: Key; readonly sum: Sum }[] {
    return [...this.#sums.values()];
  }
}

export type UsageSums = Sums<readonly [day: string, group: number], UsageSum>;
export type DeliverySums = Sums<
  readonly [day: string, group: number, carrier: number, state: number, fault: number],
  DeliverySum
>;
export type CarrierSums = Sums<readonly [day: string, group: number, carrier: number], CarrierSum>;

/** No usage. */
export const usageSums = (): UsageSums =>
  new Sums(() => ({
    messages: 0,
    segments: 0,
    charged: 0n,
    refunded: 0n,
    reserved: 0n,
    released: 0n,
  }));
/** No ends. */
export const deliverySums = (): DeliverySums =>
  new Sums(() => ({
    messages: 0,
    segments: 0,
    income: 0n,
    timed: 0,
    sumMs: 0n,
    maxMs: 0n,
    within1s: 0,
    within10s: 0,
    within60s: 0,
  }));
/** No segments. */
export const carrierSums = (): CarrierSums =>
  new Sums(() => ({ segments: 0, uncosted: 0, cost: 0n }));

/** From where to where a job has counted. */
export interface CountedSpan {
  readonly job: 'books-messages' | 'books-ends';
  readonly after: bigint;
  readonly upTo: bigint;
}

/** What was counted in one step. */
export interface CountedStep {
  readonly span: CountedSpan;
  /** The group of each counted message. */
  readonly groups?: { readonly ids: readonly MessageId[]; readonly groups: readonly number[] };
  readonly usage: UsageSums;
  readonly deliveries?: DeliverySums;
  readonly carriers?: CarrierSums;
}

/**
 * Stores what was counted, and that it was, in one transaction: nothing counts twice or not at all.
 * @returns false when somebody else has counted it: nothing is stored
 */
export async function storeCounted(client: ClientBase, step: CountedStep): Promise<boolean> {
  await client.query('begin');
  try {
    const { job, after, upTo } = step.span;
    const { rowCount } = await client.query(
      'update job set value = $3, at = now() where name = $1 and value = $2',
      [job, after.toString(), upTo.toString()],
    );
    if (rowCount === 1) await storeSums(client, step);
    await client.query('commit');
    return rowCount === 1;
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw error;
  }
}

async function storeSums(client: ClientBase, step: CountedStep): Promise<void> {
  const { groups, usage, deliveries, carriers } = step;
  if (groups !== undefined && groups.ids.length > 0)
    await client.query(
      'insert into message_group (id, grp) select * from unnest($1::bigint[], $2::int[])',
      [groups.ids.map(String), groups.groups],
    );
  await addUsage(client, usage);
  if (deliveries !== undefined) await addDeliveries(client, deliveries);
  if (carriers !== undefined) await addCarriers(client, carriers);
}

async function addUsage(client: ClientBase, { all }: UsageSums): Promise<void> {
  if (all.length === 0) return;
  await client.query(
    `insert into usage_day as u (day, grp, messages, segments, charged, refunded, reserved, released)
       select * from unnest($1::date[], $2::int[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
     on conflict (grp, day) do update set messages = u.messages + excluded.messages,
       segments = u.segments + excluded.segments, charged = u.charged + excluded.charged,
       refunded = u.refunded + excluded.refunded, reserved = u.reserved + excluded.reserved,
       released = u.released + excluded.released`,
    [
      all.map(({ key }) => key[0]),
      all.map(({ key }) => key[1]),
      all.map(({ sum }) => sum.messages),
      all.map(({ sum }) => sum.segments),
      all.map(({ sum }) => String(sum.charged)),
      all.map(({ sum }) => String(sum.refunded)),
      all.map(({ sum }) => String(sum.reserved)),
      all.map(({ sum }) => String(sum.released)),
    ],
  );
}

async function addDeliveries(client: ClientBase, { all }: DeliverySums): Promise<void> {
  if (all.length === 0) return;
  await client.query(
    `insert into delivery_day as u (day, grp, carrier, state, fault, messages, segments, income, timed, sum_ms, max_ms,
         within_1s, within_10s, within_60s)
       select * from unnest($1::date[], $2::int[], $3::int[], $4::smallint[], $5::smallint[], $6::bigint[], $7::bigint[],
         $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[])
     on conflict (grp, day, carrier, state, fault) do update set messages = u.messages + excluded.messages,
       segments = u.segments + excluded.segments, income = u.income + excluded.income, timed = u.timed + excluded.timed,
       sum_ms = u.sum_ms + excluded.sum_ms, max_ms = greatest(u.max_ms, excluded.max_ms),
       within_1s = u.within_1s + excluded.within_1s, within_10s = u.within_10s + excluded.within_10s,
       within_60s = u.within_60s + excluded.within_60s`,
    [
      ...[0, 1, 2, 3, 4].map((part) => all.map(({ key }) => key[part])),
      all.map(({ sum }) => sum.messages),
      all.map(({ sum }) => sum.segments),
      all.map(({ sum }) => String(sum.income)),
      all.map(({ sum }) => sum.timed),
      all.map(({ sum }) => String(sum.sumMs)),
      all.map(({ sum }) => String(sum.maxMs)),
      all.map(({ sum }) => sum.within1s),
      all.map(({ sum }) => sum.within10s),
      all.map(({ sum }) => sum.within60s),
    ],
  );
}

async function addCarriers(client: ClientBase, { all }: CarrierSums): Promise<void> {
  if (all.length === 0) return;
  await client.query(
    `insert into carrier_day as u (day, grp, carrier, segments, uncosted, cost)
       select * from unnest($1::date[], $2::int[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[])
     on conflict (grp, day, carrier) do update set segments = u.segments + excluded.segments,
       uncosted = u.uncosted + excluded.uncosted, cost = u.cost + excluded.cost`,
    [
      ...[0, 1, 2].map((part) => all.map(({ key }) => key[part])),
      all.map(({ sum }) => sum.segments),
      all.map(({ sum }) => sum.uncosted),
      all.map(({ sum }) => String(sum.cost)),
    ],
  );
}
