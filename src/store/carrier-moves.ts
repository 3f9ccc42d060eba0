import type { CarrierId, MessageId } from '../domain/ids.ts';
import type { Queryable } from './snapshot.ts';

/** A message that waits and is taken to another carrier. */
export interface CarrierMove {
  readonly id: MessageId;
  /** The next one, which is made there. */
  readonly attempt: number;
  readonly to: CarrierId;
}

/**
 * Stores where a requeue (its request's id) takes messages from one carrier: once committed they are there, whoever
 * queues them next. A row each, some 5 us.
 */
export async function storeMoves(
  db: Queryable,
  request: bigint,
  from: CarrierId,
  moves: readonly CarrierMove[],
): Promise<void> {
  await db.query(
    `insert into carrier_move (id, attempt, from_carrier, to_carrier, request)
     select t.id, t.attempt, $4, t.to_carrier, $5
     from unnest($1::int8[], $2::smallint[], $3::int[]) as t (id, attempt, to_carrier)`,
    [
      moves.map(({ id }) => id),
      moves.map(({ attempt }) => attempt),
      moves.map(({ to }) => to),
      from,
      request,
    ],
  );
}
