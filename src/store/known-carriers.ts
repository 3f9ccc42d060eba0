import { type CarrierId, carrierId } from '../domain/ids.ts';
import { type CarrierSpec, readStoredSpec } from '../domain/resources.ts';
import type { Queryable } from './snapshot.ts';

/** A carrier that stands in the resources, or stood there: what it carried is found by its name. */
export interface KnownCarrier {
  readonly id: CarrierId;
  readonly name: string;
  /** Undefined: it stands in the resources. */
  readonly removedAt: Date | undefined;
  /** As it stands, or stood last. */
  readonly spec: CarrierSpec;
}

/**
 * The carrier that has or had a name; undefined: none ever did. For the past: reports, invoices, what came from it. What is
 * asked about now is in the catalog, which has those of the resources alone.
 */
export async function findKnownCarrier(
  db: Queryable,
  name: string,
): Promise<KnownCarrier | undefined> {
  const { rows } = await db.query<Row>(`${KNOWN} where name = $1`, [name]);
  return rows[0] && knownCarrier(rows[0]);
}

/** All that there are and were. */
export async function listKnownCarriers(db: Queryable): Promise<KnownCarrier[]> {
  const { rows } = await db.query<Row>(`${KNOWN} order by id`);
  return rows.map(knownCarrier);
}

const KNOWN = 'select id, name, removed_at, spec from carrier';

interface Row {
  readonly id: number;
  readonly name: string;
  readonly removed_at: Date | null;
  readonly spec: unknown;
}

function knownCarrier({ id, name, removed_at, spec }: Row): KnownCarrier {
  return {
    id: carrierId(id),
    name,
    removedAt: removed_at ?? undefined,
    spec: readStoredSpec('carriers', spec),
  };
}
