import { codesOf } from './mobile-country-codes.ts';
import { type Credits, parseCredits } from './money.ts';
import { PrefixTable } from './prefix-table.ts';
import type { SenderKind } from './sender-kind.ts';
import type { PriceSpec, TariffPrices, TariffSpec } from './tariff-schema.ts';

/** What a price may depend on beside the number. */
export interface PricedTraffic {
  /** MCC and MNC, or MCC alone; undefined: not known. */
  readonly network: string | undefined;
  readonly trafficClass: string;
  /** Undefined: there is no sender. */
  readonly sender: SenderKind | undefined;
  /** Unix ms: of the accept. */
  readonly atMs: number;
}

/** A price list, compiled from a `tariffs` resource. */
export interface CompiledTariff {
  readonly name: string;
  readonly version: number;
  /** Prices depend on more than the number: `traffic` is needed to tell them. */
  readonly isConditional: boolean;
  /** Some price is of a network. */
  readonly usesNetworks: boolean;
  /** When a price begins or ends, unix ms, ascending: between two of them no price changes. */
  readonly changesAtMs: readonly number[];
  /** Every prefix that has a price. */
  readonly prefixes: readonly string[];
  /**
   * The price of one segment to a number (digits); undefined when it has none. A price of its network goes before any of
   * a prefix, MCC with MNC before MCC; then the longest prefix counts, "*" last. Among prices of the same one that
   * apply, more conditions (class, sender) go before fewer, then a limited time before none, then the order of the list.
   * @param traffic undefined: only prices without conditions apply
   */
  priceFor(msisdn: string, traffic?: PricedTraffic): Credits | undefined;
}

/** The key that prices every number no prefix fits. */
export const ANY_DESTINATION = '*';

/** Compiles a price list of prefix (digits or "*") to unit price: one walk over the digits a look-up. */
export function compileTariff(
  name: string,
  version: number,
  prices: Iterable<readonly [prefix: string, price: Credits]>,
): CompiledTariff {
  const all = [...prices].map(([prefix, price]) => [rooted(prefix), price] as const);
  const table = new PrefixTable<Credits>(all);
  return {
    name,
    version,
    isConditional: false,
    usesNetworks: false,
    changesAtMs: [],
    prefixes: all.map(([prefix]) => prefix),
    priceFor: (msisdn) => table.longest(msisdn),
  };
}

/**
 * Compiles a tariff as data.
 * @throws Error for money that is none: the schema lets none through
 */
export function compileTariffSpec(name: string, version: number, spec: TariffSpec): CompiledTariff {
  const entries = priceEntries(spec);
  return entries.some(isConditional)
    ? conditionalTariff(name, version, entries)
    : compileTariff(
        name,
        version,
        entries.map(({ prefix = ANY_DESTINATION, price }) => [prefix, moneyOf(price)] as const),
      );
}

/** A tariff with an account's own prices before its: name and version stay the tariff's. */
export function overriddenTariff(base: CompiledTariff, own: CompiledTariff): CompiledTariff {
  return {
    name: base.name,
    version: base.version,
    isConditional: base.isConditional || own.isConditional,
    usesNetworks: base.usesNetworks || own.usesNetworks,
    changesAtMs: ascending([...base.changesAtMs, ...own.changesAtMs]),
    prefixes: [...base.prefixes, ...own.prefixes],
    priceFor: (msisdn, traffic) => own.priceFor(msisdn, traffic) ?? base.priceFor(msisdn, traffic),
  };
}

/** The prices of any form, as a list. */
export function priceEntries(spec: TariffSpec): readonly PriceSpec[] {
  const prices: TariffPrices = hasLimit(spec) ? spec.prices : spec;
  return isList(prices)
    ? prices
    : Object.entries(prices).map(([prefix, price]) => ({ prefix, price }));
}

/** Whether a tariff has the form `{changeMax, prices}`. */
export function hasLimit(
  spec: TariffSpec,
): spec is { readonly changeMax: number; readonly prices: TariffPrices } {
  return !Array.isArray(spec) && 'prices' in spec;
}

function isList(prices: TariffPrices): prices is PriceSpec[] {
  return Array.isArray(prices);
}

/** Whether anything but a prefix decides. */
export function isConditional(entry: PriceSpec): boolean {
  const { network, sender, from, until } = entry;
  return [network, entry.class, sender, from, until].some((part) => part !== undefined);
}

/** One price of a list, ready to be compared. */
export interface IndexedPrice<T> {
  readonly trafficClass: string | undefined;
  readonly sender: SenderKind | undefined;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly value: T;
}

/** The prices of one prefix or network, the most exact first, and those of the next shorter prefix. */
interface Leaf<T> {
  readonly prices: readonly IndexedPrice<T>[];
  shorter: Leaf<T> | undefined;
}

/** Finds the entry of a price list that prices a number, by the rules of {@link CompiledTariff.priceFor}. */
export class PriceIndex<T> {
  readonly usesNetworks: boolean;
  readonly changesAtMs: readonly number[];
  readonly prefixes: readonly string[];
  readonly #networks: ReadonlyMap<string, Leaf<T>>;
  readonly #table: PrefixTable<Leaf<T>>;

  /** @param toValue what is found of an entry; `index` is its place in the list */
  constructor(entries: readonly PriceSpec[], toValue: (entry: PriceSpec, index: number) => T) {
    const prices = entries.map((entry, index) => ({
      entry,
      price: indexed(entry, index, toValue),
    }));
    this.#networks = leavesBy(prices, ({ network }) => network);
    this.usesNetworks = this.#networks.size > 0;
    this.changesAtMs = ascending(
      entries
        .flatMap(({ from, until }) => [from, until])
        .flatMap((at) => (at ? Date.parse(at) : [])),
    );
    const leaves = leavesBy(prices, ({ prefix }) => prefix && rooted(prefix));
    this.prefixes = [...leaves.keys()];
    this.#table = new PrefixTable(leaves);
    for (const [prefix, leaf] of leaves)
      leaf.shorter = prefix === '' ? undefined : shorterOf(prefix, leaves);
  }

  /** @param traffic without it only prices without conditions are found */
  find(msisdn: string, traffic: PricedTraffic = ANY_TRAFFIC): T | undefined {
    const { network } = traffic;
    if (network !== undefined && this.usesNetworks) {
      for (const code of codesOf(network)) {
        const price = priceAmong(this.#networks.get(code), traffic);
        if (price !== undefined) return price.value;
      }
    }
    for (let leaf = this.#table.longest(msisdn); leaf !== undefined; leaf = leaf.shorter) {
      const price = priceAmong(leaf, traffic);
      if (price !== undefined) return price.value;
    }
    return undefined;
  }

  /** Every price of a number, whatever class, sender and time have to be. */
  *pricesOf(msisdn: string, network: string | undefined): Generator<IndexedPrice<T>> {
    if (network !== undefined && this.usesNetworks) {
      for (const code of codesOf(network)) yield* this.#networks.get(code)?.prices ?? [];
    }
    for (let leaf = this.#table.longest(msisdn); leaf !== undefined; leaf = leaf.shorter)
      yield* leaf.prices;
  }
}

function conditionalTariff(
  name: string,
  version: number,
  entries: readonly PriceSpec[],
): CompiledTariff {
  const index = new PriceIndex(entries, ({ price }) => moneyOf(price));
  const { usesNetworks, changesAtMs, prefixes } = index;
  return {
    name,
    version,
    isConditional: true,
    usesNetworks,
    changesAtMs,
    prefixes,
    priceFor: (msisdn, traffic) => index.find(msisdn, traffic),
  };
}

const ANY_TRAFFIC: PricedTraffic = {
  network: undefined,
  trafficClass: '',
  sender: undefined,
  atMs: Number.NaN,
};

function priceAmong<T>(
  leaf: Leaf<T> | undefined,
  traffic: PricedTraffic,
): IndexedPrice<T> | undefined {
  if (leaf === undefined) return undefined;
  for (const price of leaf.prices) {
    if (price.trafficClass !== undefined && price.trafficClass !== traffic.trafficClass) continue;
    if (price.sender !== undefined && price.sender !== traffic.sender) continue;
    if (price.fromMs !== Number.NEGATIVE_INFINITY && !(traffic.atMs >= price.fromMs)) continue;
    if (price.untilMs !== Number.POSITIVE_INFINITY && !(traffic.atMs < price.untilMs)) continue;
    return price;
  }
  return undefined;
}

function ascending(moments: readonly number[]): number[] {
  return [...new Set(moments)].sort((a, b) => a - b);
}

/** @param keyOf undefined: the price stands elsewhere */
function leavesBy<T>(
  prices: readonly { readonly entry: PriceSpec; readonly price: IndexedPrice<T> }[],
  keyOf: (entry: PriceSpec) => string | undefined,
): Map<string, Leaf<T>> {
  const groups = Map.groupBy(prices, ({ entry }) => keyOf(entry));
  const leaves = new Map<string, Leaf<T>>();
  for (const [key, group] of groups) {
    if (key === undefined) continue;
    // sort() is stable: the order of the list remains where nothing else decides.
    const sorted = group.sort((a, b) => rank(b.entry) - rank(a.entry));
    leaves.set(key, { prices: sorted.map(({ price }) => price), shorter: undefined });
  }
  return leaves;
}

/** Class and sender count before a time. */
function rank({ class: trafficClass, sender, from, until }: PriceSpec): number {
  const conditions = (trafficClass === undefined ? 0 : 1) + (sender === undefined ? 0 : 1);
  return conditions * 2 + (from === undefined && until === undefined ? 0 : 1);
}

function indexed<T>(
  entry: PriceSpec,
  index: number,
  toValue: (entry: PriceSpec, index: number) => T,
): IndexedPrice<T> {
  const { class: trafficClass, sender, from, until } = entry;
  return {
    trafficClass,
    sender,
    fromMs: from === undefined ? Number.NEGATIVE_INFINITY : Date.parse(from),
    untilMs: until === undefined ? Number.POSITIVE_INFINITY : Date.parse(until),
    value: toValue(entry, index),
  };
}

function shorterOf<T>(prefix: string, leaves: ReadonlyMap<string, Leaf<T>>): Leaf<T> | undefined {
  for (let length = prefix.length - 1; length >= 0; length--) {
    const leaf = leaves.get(prefix.slice(0, length));
    if (leaf !== undefined) return leaf;
  }
  return undefined;
}

/** "*" is the empty prefix: it fits every number and every other prefix is longer. */
function rooted(prefix: string): string {
  return prefix === ANY_DESTINATION ? '' : prefix;
}

/** A price as data. @throws Error for money that is none: the schema lets none through */
export function moneyOf(text: string): Credits {
  const parsed = parseCredits(text);
  if (typeof parsed !== 'bigint') throw new Error(`money ${text} ${parsed.error}`);
  return parsed;
}
