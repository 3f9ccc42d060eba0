import type { ClientBase } from 'pg';
import { type CostHistory, type CostVersion, costHistory } from '../domain/cost-history.ts';
import { type CarrierId, carrierId } from '../domain/ids.ts';
import { readStoredSpec } from '../domain/resources.ts';
import { type CompiledTariff, compileTariffSpec } from '../domain/tariff.ts';

/** Versions of one resource that are read: a price list that changes daily, for more than a year. Older times have the oldest. */
const VERSIONS_MAX = 500;

/**
 * What carriers took since a time, by each version of their `cost` and of the tariffs that it named: those that were
 * applied since, and the ones before these. Costs some milliseconds a large price list.
 * @param carrier undefined: all that there are and were
 */
export async function readCostHistories(
  client: ClientBase,
  since: Date | undefined,
  carrier?: number,
): Promise<ReadonlyMap<CarrierId, CostHistory>> {
  const carriers = await client.query<CarrierRow>(
    `select c.id, v.at, v.spec->>'cost' as cost from carrier c
     cross join lateral (${VERSIONS.replaceAll('$kind', "'carriers'").replaceAll('$name', 'c.name')}) v
     where $2::int is null or c.id = $2 order by c.id, v.version`,
    [since ?? null, carrier ?? null],
  );
  const names = [...new Set(carriers.rows.flatMap(({ cost }) => cost ?? []))];
  const tariffs = await client.query<TariffRow>(
    `select n.name, v.version, v.at, v.spec from unnest($2::text[]) as n (name)
     cross join lateral (${VERSIONS.replaceAll('$kind', "'tariffs'").replaceAll('$name', 'n.name')}) v
     order by v.version`,
    [since ?? null, names],
  );
  const lists = Map.groupBy(tariffs.rows.map(tariffVersion), ({ name }) => name);
  const histories = [...Map.groupBy(carriers.rows, ({ id }) => id)].map(
    ([id, rows]) => [carrierId(id), costHistory(costVersions(rows, lists))] as const,
  );
  return new Map(histories);
}

/** Of one name: what was applied after $1, and the newest before; without $1 all. */
const VERSIONS = `select * from (
    select x.version, x.at, x.spec from resource_version x where x.kind = $kind and x.name = $name
      and x.version >= coalesce((select max(y.version) from resource_version y
        where y.kind = $kind and y.name = $name and y.at <= $1::timestamptz), 0)
    order by x.version desc limit ${VERSIONS_MAX}) newest`;

interface CarrierRow {
  readonly id: number;
  readonly at: Date;
  readonly cost: string | null;
}

interface TariffRow {
  readonly name: string;
  readonly version: number;
  readonly at: Date;
  /** Null: removed. */
  readonly spec: unknown;
}

interface NamedVersion extends CostVersion {
  readonly name: string;
}

function tariffVersion({ name, version, at, spec }: TariffRow): NamedVersion {
  const tariff =
    spec === null ? undefined : compileTariffSpec(name, version, readStoredSpec('tariffs', spec));
  return { name, fromMs: at.getTime(), tariff };
}

/** A carrier's cost changes where it names another tariff, and where that changes. */
function costVersions(
  carrier: readonly CarrierRow[],
  lists: ReadonlyMap<string, readonly CostVersion[]>,
): CostVersion[] {
  return carrier.flatMap(({ at, cost }, n) => {
    const fromMs = at.getTime();
    const untilMs = carrier[n + 1]?.at.getTime() ?? Number.POSITIVE_INFINITY;
    const versions = cost === null ? [] : (lists.get(cost) ?? []);
    const atFirst: CompiledTariff | undefined = versions.findLast(
      (version) => version.fromMs <= fromMs,
    )?.tariff;
    const later = versions.filter((version) => version.fromMs > fromMs && version.fromMs < untilMs);
    return [{ fromMs, tariff: atFirst }, ...later];
  });
}
