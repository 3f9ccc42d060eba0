import { MCC_DIGITS } from './mobile-country-codes.ts';
import { type Credits, formatCredits, ZERO } from './money.ts';
import { compileNetworks, type NetworkSpec } from './networks.ts';
import type { SenderKind } from './sender-kind.ts';
import {
  ANY_DESTINATION,
  hasLimit,
  moneyOf,
  type PricedTraffic,
  PriceIndex,
  priceEntries,
} from './tariff.ts';
import { CHANGE_MAX, type PriceSpec, type TariffSpec } from './tariff-schema.ts';

/** A price list, ready to be compared. */
export class PriceList {
  /** How many times its prices may change at once. */
  readonly changeMax: number;
  readonly entries: readonly PriceSpec[];
  readonly index: PriceIndex<ListedPrice>;
  /** Its prices depend on class, sender or time. */
  readonly hasVariants: boolean;

  /** @throws Error for money that is none: the schema lets none through */
  constructor(spec: TariffSpec) {
    this.changeMax = hasLimit(spec) ? spec.changeMax : CHANGE_MAX;
    this.entries = priceEntries(spec);
    this.index = new PriceIndex(this.entries, (entry, index) => ({
      list: this,
      entry,
      index,
      price: moneyOf(entry.price),
    }));
    this.hasVariants = this.entries.some(({ class: trafficClass, sender, from, until }) =>
      [trafficClass, sender, from, until].some((part) => part !== undefined),
    );
  }
}

/** A price and where it stands. */
export interface ListedPrice {
  readonly list: PriceList;
  readonly entry: PriceSpec;
  /** Of the entries of its list. */
  readonly index: number;
  readonly price: Credits;
}

/** What somebody pays: the lists in the order in which they are asked, his own prices before his tariff's. */
export type Offer = readonly PriceList[];

/** A price that would change too much at once. */
export interface LargeChange {
  /** What it is of, in words: `966 class otp`. */
  readonly of: string;
  readonly before: ListedPrice;
  readonly after: ListedPrice;
}

/** A large change in words: `966: 0.05 -> 0.5`. */
export function largeChangeText({ of, before, after }: LargeChange): string {
  return `${of}: ${formatCredits(before.price)} -> ${formatCredits(after.price)}`;
}

/** Numbers that are priced alike, and the network that they have before and after. */
interface Place {
  readonly msisdn: string;
  readonly was: string | undefined;
  readonly is: string | undefined;
}

type Variant = Omit<PricedTraffic, 'network'>;

/** Compares what numbers cost before and after a change of the resources. */
export class PriceComparison {
  readonly #before: NumberPlan;
  readonly #after: NumberPlan;
  readonly #nowMs: number;
  readonly #places = new Map<PriceList, readonly Place[]>();
  readonly #known = new Map<string, Place>();

  /** @param nowMs when the change would come into force; later prices are compared at their own time */
  constructor(
    before: ReadonlyMap<string, NetworkSpec>,
    after: ReadonlyMap<string, NetworkSpec>,
    nowMs: number,
  ) {
    this.#before = new NumberPlan(before);
    this.#after = before === after ? this.#before : new NumberPlan(after);
    this.#nowMs = nowMs;
  }

  /**
   * Prices that would change by `max` times or more, up or down, or between free and not free. What counts is the price
   * that applies to a number, whatever list it comes from; one without a price before or after is not compared. Of all
   * numbers whose price changes from the same entry to the same entry, the shortest prefix is named.
   */
  largeChanges(before: Offer, after: Offer, max: number): LargeChange[] {
    const found: LargeChange[] = [];
    const hasVariants = [...before, ...after].some((list) => list.hasVariants);
    const plain: readonly Variant[] = [{ trafficClass: '', sender: undefined, atMs: this.#nowMs }];
    const seen = new Map<ListedPrice, Set<ListedPrice>>();
    for (const place of this.#placesOf(before, after)) {
      for (const variant of hasVariants ? this.#variantsAt(place, before, after) : plain) {
        const was = priceIn(before, place.msisdn, { ...variant, network: place.was });
        const is = priceIn(after, place.msisdn, { ...variant, network: place.is });
        if (was === undefined || is === undefined) continue;
        if (!isLarge(was.price, is.price, max) || seen.get(was)?.has(is) === true) continue;
        const others = seen.get(was);
        if (others === undefined) seen.set(was, new Set([is]));
        else others.add(is);
        found.push({ of: this.#text(place, variant, was, is), before: was, after: is });
      }
    }
    return found;
  }

  /** Where prices may differ, the shortest prefix first. */
  #placesOf(before: Offer, after: Offer): readonly Place[] {
    const isShared = (list: PriceList): boolean =>
      before.includes(list) &&
      after.includes(list) &&
      (this.#before === this.#after || !list.index.usesNetworks);
    const lists = new Set([...before, ...after]);
    const shared = [...lists].filter(isShared);
    const differing = [...lists].filter((list) => !isShared(list));
    const places = new Set<Place>();
    for (const list of differing) for (const place of this.#placesIn(list)) places.add(place);
    // What both have makes a difference only below what one of them alone has a price for.
    const covers = (offer: Offer, msisdn: string): boolean =>
      offer.some((list) => !isShared(list) && list.index.find(msisdn) !== undefined);
    for (const { msisdn } of shared.length === 0 ? [] : [...places]) {
      if (covers(before, msisdn) && covers(after, msisdn)) continue;
      for (const list of shared)
        for (const place of under(this.#placesIn(list), msisdn)) places.add(place);
    }
    return [...places].sort((a, b) => a.msisdn.length - b.msisdn.length);
  }

  /** All numbers of a list, sorted by their digits. */
  #placesIn(list: PriceList): readonly Place[] {
    const known = this.#places.get(list);
    if (known !== undefined) return known;
    const places: Place[] = [];
    const add = (msisdn: string): void => {
      const was = this.#before.networkOf(msisdn);
      places.push(this.#place(msisdn, was, this.#after.networkOf(msisdn)));
    };
    for (const prefix of list.index.prefixes) add(prefix);
    for (const network of new Set(list.entries.flatMap((entry) => entry.network ?? []))) {
      const prefixes = [...this.#before.prefixesOf(network), ...this.#after.prefixesOf(network)];
      for (const msisdn of new Set(prefixes.length === 0 ? [''] : prefixes)) {
        add(msisdn);
        // A number may belong to it whatever its prefix says.
        places.push(this.#place(msisdn, network, network));
      }
    }
    places.sort((a, b) => (a.msisdn < b.msisdn ? -1 : Number(a.msisdn > b.msisdn)));
    this.#places.set(list, places);
    return places;
  }

  /** The same object for what is the same: most lists are about the same numbers. */
  #place(msisdn: string, was: string | undefined, is: string | undefined): Place {
    const key = was === undefined && is === undefined ? msisdn : `${msisdn} ${was} ${is}`;
    const place = this.#known.get(key) ?? { msisdn, was, is };
    this.#known.set(key, place);
    return place;
  }

  /** Every class, sender and time that decides there, those without conditions first. */
  *#variantsAt({ msisdn, was, is }: Place, before: Offer, after: Offer): Generator<Variant> {
    const classes = new Set(['']);
    const senders = new Set<SenderKind | undefined>([undefined]);
    const times = new Set([this.#nowMs]);
    for (const [offer, network] of [[before, was] as const, [after, is] as const]) {
      for (const { hasVariants, index } of offer) {
        if (!hasVariants) continue;
        for (const { trafficClass, sender, fromMs, untilMs } of index.pricesOf(msisdn, network)) {
          classes.add(trafficClass ?? '');
          senders.add(sender);
          for (const atMs of [fromMs, untilMs])
            if (atMs > this.#nowMs && Number.isFinite(atMs)) times.add(atMs);
        }
      }
    }
    for (const atMs of [...times].sort((a, b) => a - b))
      for (const trafficClass of classes)
        for (const sender of senders) yield { trafficClass, sender, atMs };
  }

  #text({ msisdn }: Place, variant: Variant, was: ListedPrice, is: ListedPrice): string {
    const { trafficClass, sender, atMs } = variant;
    const network = is.entry.network ?? was.entry.network;
    const number = msisdn === '' ? ANY_DESTINATION : msisdn;
    return [
      network === undefined ? number : `network ${network}`,
      trafficClass === '' ? [] : `class ${trafficClass}`,
      sender === undefined ? [] : `sender ${sender}`,
      atMs === this.#nowMs ? [] : `from ${new Date(atMs).toISOString()}`,
    ]
      .flat()
      .join(' ');
  }
}

/** Which numbers are of which network, by the `networks` of the resources. */
class NumberPlan {
  readonly networkOf: (msisdn: string) => string | undefined;
  readonly #prefixes: ReadonlyMap<string, readonly string[]>;

  constructor(networks: ReadonlyMap<string, NetworkSpec>) {
    const compiled = compileNetworks(networks);
    this.networkOf = (msisdn) => compiled.networkOf(msisdn);
    const prefixes = new Map<string, string[]>();
    for (const [network, spec] of networks) {
      for (const key of new Set([network, network.slice(0, MCC_DIGITS)]))
        prefixes.set(key, [...(prefixes.get(key) ?? []), ...spec.prefixes]);
    }
    this.#prefixes = prefixes;
  }

  /** Of an MCC those of all its networks; of a network that has none of its own, its MCC's. */
  prefixesOf(network: string): readonly string[] {
    return this.#prefixes.get(network) ?? this.#prefixes.get(network.slice(0, MCC_DIGITS)) ?? [];
  }
}

function priceIn(offer: Offer, msisdn: string, traffic: PricedTraffic): ListedPrice | undefined {
  for (const { index } of offer) {
    const found = index.find(msisdn, traffic);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Those of sorted places that begin with a prefix: a binary search, then a run. */
function* under(places: readonly Place[], prefix: string): Generator<Place> {
  let low = 0;
  for (let high = places.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if ((places[middle]?.msisdn ?? '') < prefix) low = middle + 1;
    else high = middle;
  }
  for (let place = places[low]; place?.msisdn.startsWith(prefix); place = places[++low])
    yield place;
}

/** Credits to the millionth: the factor, in thousandths, divides nothing away. */
function isLarge(before: Credits, after: Credits, max: number): boolean {
  if (before === after) return false;
  if (before === ZERO || after === ZERO) return true;
  const factor = BigInt(Math.round(max * 1000));
  return after * 1000n >= before * factor || before * 1000n >= after * factor;
}
