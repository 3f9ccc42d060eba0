import type { CompiledTariff, PricedTraffic } from './tariff.ts';

/** What a carrier takes for a segment, at each moment of a time that is past. */
export type CostHistory = Pick<CompiledTariff, 'priceFor' | 'changesAtMs'>;

/** What a carrier's `cost` was from a moment on, until the next one. */
export interface CostVersion {
  /** Unix ms: when it was applied. */
  readonly fromMs: number;
  /** Undefined: its cost was not known, or no longer. */
  readonly tariff: CompiledTariff | undefined;
}

/**
 * Costs as they were applied one after the other: what a segment cost is what was in force when the carrier took it (the
 * `atMs` of the traffic), whatever was applied since. Before any cost was known the first one that was counts.
 * @param versions ascending
 */
export function costHistory(versions: readonly CostVersion[]): CostHistory {
  const first = versions.findIndex(({ tariff }) => tariff !== undefined);
  const known = first < 0 ? [] : versions.slice(first);
  const changes = known.flatMap(({ fromMs, tariff }) => [fromMs, ...(tariff?.changesAtMs ?? [])]);
  return {
    changesAtMs: [...new Set(changes)].sort((a, b) => a - b),
    priceFor: (msisdn: string, traffic?: PricedTraffic) =>
      versionAt(known, traffic?.atMs ?? Number.POSITIVE_INFINITY)?.tariff?.priceFor(
        msisdn,
        traffic,
      ),
  };
}

function versionAt(versions: readonly CostVersion[], atMs: number): CostVersion | undefined {
  return versions.findLast(({ fromMs }) => fromMs <= atMs) ?? versions[0];
}
