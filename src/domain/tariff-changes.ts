import { type Credits, formatCredits, ZERO } from './money.ts';
import type { FieldChange } from './spec-changes.ts';
import {
  ANY_DESTINATION,
  type CompiledTariff,
  compileTariffSpec,
  hasLimit,
  priceEntries,
} from './tariff.ts';
import { CHANGE_MAX, type PriceSpec, type TariffSpec } from './tariff-schema.ts';

/** A price that would change by its tariff's `changeMax` times or more. */
export interface LargeChange {
  /** Of the entries as they would be; undefined: an entry is removed, and what applies instead is so different. */
  readonly index: number | undefined;
  /** The price, in words: `966 class otp`. */
  readonly entry: string;
  readonly before: Credits;
  readonly after: Credits;
}

/**
 * Prices that would change too much at once, up or down, or between free and not free. What counts is the price that
 * applies: a new entry is compared with what numbers of its prefix cost so far. A number that had no price, or has none
 * any more, is not compared.
 * @param nowMs when it would come into force
 */
export function largeChanges(before: TariffSpec, after: TariffSpec, nowMs: number): LargeChange[] {
  const max = hasLimit(after) ? after.changeMax : CHANGE_MAX;
  const old = compileTariffSpec('before', 0, before);
  const next = compileTariffSpec('after', 0, after);
  const wanted = priceEntries(after);
  const keys = new Set(wanted.map(entryText));
  const found: LargeChange[] = [];
  const compare = (entry: PriceSpec, index: number | undefined): void => {
    const [was, is] = [priceAt(old, entry, nowMs), priceAt(next, entry, nowMs)];
    if (was === undefined || is === undefined || !isLarge(was, is, max)) return;
    found.push({ index, entry: entryText(entry), before: was, after: is });
  };
  for (const [index, entry] of wanted.entries()) compare(entry, index);
  for (const entry of priceEntries(before))
    if (!keys.has(entryText(entry))) compare(entry, undefined);
  return found;
}

/** A large change in words: `966: 0.05 -> 0.5`. */
export function largeChangeText({ entry, before, after }: LargeChange): string {
  return `${entry}: ${formatCredits(before)} -> ${formatCredits(after)}`;
}

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

/** What applies to traffic that an entry is meant for, when it is in force or is applied. */
function priceAt(tariff: CompiledTariff, entry: PriceSpec, nowMs: number): Credits | undefined {
  const { prefix, network, class: trafficClass = '', sender, from } = entry;
  const msisdn = prefix === undefined || prefix === ANY_DESTINATION ? '' : prefix;
  const atMs = from === undefined ? nowMs : Math.max(nowMs, Date.parse(from));
  return tariff.priceFor(msisdn, { network, trafficClass, sender, atMs });
}

/** Credits to the millionth: the factor, in thousandths, divides nothing away. */
function isLarge(before: Credits, after: Credits, max: number): boolean {
  if (before === after) return false;
  if (before === ZERO || after === ZERO) return true;
  const factor = BigInt(Math.round(max * 1000));
  return after * 1000n >= before * factor || before * 1000n >= after * factor;
}

function limitText(spec: TariffSpec): string | undefined {
  return hasLimit(spec) ? String(spec.changeMax) : undefined;
}
