import type { FieldChange } from './spec-changes.ts';
import { hasLimit, priceEntries } from './tariff.ts';
import type { PriceSpec, TariffSpec } from './tariff-schema.ts';

/** How two tariffs differ, an item for each price. */
export function tariffChanges(before: TariffSpec, after: TariffSpec): FieldChange[] {
  const changes: FieldChange[] = [];
  const old = new Map(priceEntries(before).map((entry) => [entryText(entry), entry.price]));
  const fresh = new Map(priceEntries(after).map((entry) => [entryText(entry), entry.price]));
  const told = (path: string, from: string | undefined, to: string | undefined): void => {
    if (from === to) return;
    changes.push({ path, before: quoted(from), after: quoted(to), hidden: false });
  };
  told('changeMax', limitText(before), limitText(after));
  for (const key of new Set([...old.keys(), ...fresh.keys()]))
    told(key, old.get(key), fresh.get(key));
  // The order decides between prices that are equally exact.
  if (changes.length === 0 && JSON.stringify(before) !== JSON.stringify(after))
    changes.push({ path: 'form or order', before: undefined, after: undefined, hidden: true });
  return changes;
}

function quoted(text: string | undefined): string | undefined {
  return text && JSON.stringify(text);
}

/** A price by what it is for: `966`, `*`, `network 42001 class otp sender alphanumeric from 2026-01-01T00:00:00.000Z`. */
function entryText({ prefix, network, class: trafficClass, sender, from, until }: PriceSpec) {
  const parts = [
    network === undefined ? (prefix ?? '') : `network ${network}`,
    trafficClass && `class ${trafficClass}`,
    sender && `sender ${sender}`,
    from && `from ${from}`,
    until && `until ${until}`,
  ];
  return parts.filter((part) => part !== undefined && part !== '').join(' ');
}

function limitText(spec: TariffSpec): string | undefined {
  return hasLimit(spec) ? String(spec.changeMax) : undefined;
}
