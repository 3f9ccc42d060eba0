import {
  type LargeChange,
  largeChangeText,
  type Offer,
  PriceComparison,
  PriceList,
} from './price-changes.ts';
import type { ResourceSet } from './resources.ts';
import { hasLimit } from './tariff.ts';
import type { TariffSpec } from './tariff-schema.ts';
import { type DataPath, keyText } from './yaml-document.ts';

/** A price that would change too much at once, and where it stands: a DiffError. */
export interface PriceError {
  readonly path: DataPath;
  readonly key: string;
  readonly message: string;
  readonly isLargeChange: true;
}

/** Price errors that are told; how many more there are says the last one. */
const ERRORS_MAX = 100;
/** Prices that the error of an account tells. */
const PRICES_TOLD = 5;
/** Whoever applies reads what he can do: the option of the commands, the query parameter of HTTP. */
const LARGE_ALLOWED =
  'if that is meant, --allow-large-changes of apply, tariff import and serve (over HTTP ?allowLargeChanges=true) lets it pass';

/** Which resources an apply changes. */
export interface ChangedNames {
  readonly tariffs: ReadonlySet<string>;
  readonly accounts: ReadonlySet<string>;
  /** Any network. */
  readonly networks: boolean;
}

/**
 * What changes too much at once for those who pay it: prices of a tariff, of carriers' costs too, and what an account
 * pays, because its own prices or its tariff are others. How much is too much says the tariff as it was. What is new is
 * not compared.
 * @param nowMs unix ms: when it would come into force
 */
export function priceErrors(
  current: ResourceSet,
  result: ResourceSet,
  changed: ChangedNames,
  nowMs: number,
): PriceError[] {
  const comparison = new OfferComparison(current, result, changed, nowMs);
  const errors: PriceError[] = [];
  let untold = 0;
  const tell = (path: DataPath, key: string, large: string): void => {
    const message = `changes a price by a large factor, ${large}: ${LARGE_ALLOWED}`;
    if (errors.length < ERRORS_MAX) errors.push({ path, key, message, isLargeChange: true });
    else untold += 1;
  };
  for (const [name, spec] of result.tariffs)
    for (const large of comparison.ofTariff(name)) {
      const path = ['tariffs', name];
      tell([...path, ...placeOf(spec, large)], keyText(path), largeChangeText(large));
    }
  for (const [name, { tariff, prices }] of result.accounts) {
    const found = comparison.ofAccount(name);
    if (found.length === 0) continue;
    const moved = current.accounts.get(name)?.tariff !== tariff;
    const path = ['accounts', name, moved ? 'tariff' : 'prices'];
    const own = found.find(({ after }) => after.list !== comparison.listAfter(tariff));
    const at = own && prices && ['accounts', name, 'prices', ...placeOf(prices, own)];
    tell(at ?? path, keyText(path), severalText(found));
  }
  const last = errors.at(-1);
  if (last !== undefined && untold > 0)
    errors.push({ ...last, path: [], key: '', message: `and ${untold} more changes of prices` });
  return errors;
}

/** Offers before and after an apply. Many accounts have the same: each pair is compared once. */
class OfferComparison {
  readonly #current: ResourceSet;
  readonly #result: ResourceSet;
  readonly #changed: ChangedNames;
  readonly #comparison: PriceComparison;
  readonly #lists = new Map<TariffSpec, PriceList>();
  readonly #compared = new Map<string, readonly LargeChange[]>();

  constructor(current: ResourceSet, result: ResourceSet, changed: ChangedNames, nowMs: number) {
    this.#current = current;
    this.#result = result;
    this.#changed = changed;
    const after = changed.networks ? result.networks : current.networks;
    this.#comparison = new PriceComparison(current.networks, after, nowMs);
  }

  ofTariff(name: string): readonly LargeChange[] {
    const { tariffs, networks } = this.#changed;
    if (!networks && !tariffs.has(name)) return [];
    return this.#compare({ tariff: name }, { tariff: name });
  }

  /** Empty where the change of its tariff says it all. */
  ofAccount(name: string): readonly LargeChange[] {
    const { accounts, networks } = this.#changed;
    if (!networks && !accounts.has(name)) return [];
    const [was, is] = [this.#current.accounts.get(name), this.#result.accounts.get(name)];
    if (was === undefined || is === undefined) return [];
    const sameOwn = JSON.stringify(was.prices) === JSON.stringify(is.prices);
    if (sameOwn && was.tariff === is.tariff && !(networks && is.prices !== undefined)) return [];
    if (sameOwn && !networks) {
      // Own prices that stay only hide what differs behind them.
      if (this.#compare({ tariff: was.tariff }, { tariff: is.tariff }).length === 0) return [];
    }
    return this.#compare(was, is);
  }

  /** Of a tariff as it would be. */
  listAfter(tariff: string): PriceList | undefined {
    const spec = this.#specAfter(tariff);
    return spec && this.#list(spec);
  }

  #compare(was: Priced, is: Priced): readonly LargeChange[] {
    const key = JSON.stringify([was.tariff, is.tariff, was.prices, is.prices]);
    const known = this.#compared.get(key);
    if (known !== undefined) return known;
    const before = this.#current.tariffs.get(was.tariff);
    const found =
      before === undefined
        ? []
        : this.#comparison.largeChanges(
            this.#offer(was, before),
            this.#offer(is, this.#specAfter(is.tariff)),
            this.#list(before).changeMax,
          );
    this.#compared.set(key, found);
    return found;
  }

  /** A tariff that does not change is the same object: what both sides have is not compared. */
  #specAfter(name: string): TariffSpec | undefined {
    const { tariffs } = this.#changed.tariffs.has(name) ? this.#result : this.#current;
    return tariffs.get(name) ?? this.#result.tariffs.get(name);
  }

  #offer({ prices }: Priced, tariff: TariffSpec | undefined): Offer {
    return [prices, tariff].flatMap((spec) => (spec === undefined ? [] : this.#list(spec)));
  }

  #list(spec: TariffSpec): PriceList {
    const list = this.#lists.get(spec) ?? new PriceList(spec);
    this.#lists.set(spec, list);
    return list;
  }
}

/** What decides what somebody pays. */
interface Priced {
  readonly tariff: string;
  readonly prices?: TariffSpec | undefined;
}

/** Where a price stands in its list as data. */
function placeOf(spec: TariffSpec, { after: { entry, index } }: LargeChange): DataPath {
  const inner = hasLimit(spec) ? ['prices'] : [];
  const prices = hasLimit(spec) ? spec.prices : spec;
  return [...inner, Array.isArray(prices) ? index : (entry.prefix ?? '')];
}

function severalText(found: readonly LargeChange[]): string {
  const told = found.slice(0, PRICES_TOLD).map(largeChangeText).join(', ');
  return found.length <= PRICES_TOLD ? told : `${told} and ${found.length - PRICES_TOLD} more`;
}
