import { Counter, Histogram, type Registry } from 'prom-client';

/** One counter of one set of labels. Keep it where it is counted: `inc` is one addition. */
export class CounterChild {
  value = 0;
  readonly labels: Readonly<Record<string, string>>;

  constructor(labels: Readonly<Record<string, string>>) {
    this.labels = labels;
  }

  /** Adds `by` (default 1); never negative. */
  inc(by = 1): void {
    this.value += by;
  }
}

/** One histogram of one set of labels. `observe` walks the dozen bounds, no allocation. */
export class HistogramChild {
  readonly labels: Readonly<Record<string, string>>;
  readonly bounds: readonly number[];
  /** Observations per bucket, not cumulated; the last is above every bound. */
  readonly counts: Float64Array;
  sum = 0;

  constructor(labels: Readonly<Record<string, string>>, bounds: readonly number[]) {
    this.labels = labels;
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** Counts one value, in the metric's unit (seconds, rows). */
  observe(value: number): void {
    const bounds = this.bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket += 1;
    this.counts[bucket] = (this.counts[bucket] as number) + 1;
    this.sum += value;
  }
}

/**
 * A prom-client counter whose children are plain objects: prom-client's own builds and hashes a label string at every
 * inc (about 1 us), these are found by one or two Map look-ups or kept by the caller. Children live as long as the
 * process; their number is bounded because labels are names out of the configuration, never numbers or ids.
 */
export class HotCounter extends Counter<string> {
  readonly #children = new LabelTree<CounterChild>();
  readonly #names: readonly string[];
  readonly #help: string;
  readonly #metricName: string;
  readonly #divisor: number;

  /** @param divisor what the children count of one unit: micro-credits stay whole numbers until the scrape */
  constructor(
    registry: Registry,
    name: string,
    help: string,
    labelNames: readonly string[],
    divisor = 1,
  ) {
    super({ name, help, labelNames: [...labelNames], registers: [registry] });
    this.#names = labelNames;
    this.#metricName = name;
    this.#help = help;
    this.#divisor = divisor;
  }

  /** The child of these label values, in the order of the metric's label names. */
  child(...values: readonly string[]): CounterChild {
    return (
      this.#children.find(values) ??
      this.#children.add(values, new CounterChild(namedLabels(this.#names, values)))
    );
  }

  override async get(): ReturnType<Counter<string>['get']> {
    const values = this.#children.all.map((child) => ({
      value: child.value / this.#divisor,
      labels: child.labels,
    }));
    if (values.length === 0 && this.#names.length === 0) values.push({ value: 0, labels: {} });
    return { ...(await super.get()), name: this.#metricName, help: this.#help, values };
  }
}

/** As HotCounter, for a histogram. */
export class HotHistogram extends Histogram<string> {
  readonly #children = new LabelTree<HistogramChild>();
  readonly #names: readonly string[];
  readonly #bounds: readonly number[];
  readonly #help: string;
  readonly #metricName: string;

  constructor(
    registry: Registry,
    spec: { name: string; help: string; labelNames: readonly string[]; buckets: readonly number[] },
  ) {
    super({
      name: spec.name,
      help: spec.help,
      labelNames: [...spec.labelNames],
      buckets: [...spec.buckets],
      registers: [registry],
    });
    this.#names = spec.labelNames;
    this.#bounds = spec.buckets;
    this.#help = spec.help;
    this.#metricName = spec.name;
  }

  /** The child of these label values, in the order of the metric's label names. */
  child(...values: readonly string[]): HistogramChild {
    return (
      this.#children.find(values) ??
      this.#children.add(values, new HistogramChild(namedLabels(this.#names, values), this.#bounds))
    );
  }

  override async get(): ReturnType<Histogram<string>['get']> {
    const values = this.#children.all.flatMap((child) => exportBuckets(this.#metricName, child));
    const exported = { name: this.#metricName, help: this.#help, type: 'histogram', values };
    // prom-client's types say a number where its code has the word that stands in the scrape.
    return exported as unknown as ReturnType<Histogram<string>['get']>;
  }

  /** What a scrape calls instead of get(); prom-client's would read its own, empty children. */
  async getForPromString(): ReturnType<Histogram<string>['get']> {
    return this.get();
  }
}

function exportBuckets(
  name: string,
  child: HistogramChild,
): { value: number; labels: Record<string, string | number>; metricName: string }[] {
  let count = 0;
  const values = [];
  for (const [index, inBucket] of child.counts.entries()) {
    count += inBucket;
    const le = child.bounds[index] ?? '+Inf';
    values.push({ value: count, labels: { ...child.labels, le }, metricName: `${name}_bucket` });
  }
  values.push({ value: child.sum, labels: { ...child.labels }, metricName: `${name}_sum` });
  values.push({ value: count, labels: { ...child.labels }, metricName: `${name}_count` });
  return values;
}

function namedLabels(names: readonly string[], values: readonly string[]): Record<string, string> {
  if (names.length !== values.length) {
    throw new Error(`a metric with the labels ${names.join(', ')} got ${values.length} values`);
  }
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']));
}

/** Children by their label values: one Map a label, so that a look-up builds no key string. */
class LabelTree<Child> {
  readonly all: Child[] = [];
  readonly #root = new Map<string, unknown>();
  #single: Child | undefined;

  find(values: readonly string[]): Child | undefined {
    if (values.length === 0) return this.#single;
    let node: Map<string, unknown> | undefined = this.#root;
    const last = values.length - 1;
    for (let depth = 0; depth < last; depth += 1) {
      node = node.get(values[depth] as string) as Map<string, unknown> | undefined;
      if (node === undefined) return undefined;
    }
    return node.get(values[last] as string) as Child | undefined;
  }

  add(values: readonly string[], child: Child): Child {
    this.all.push(child);
    if (values.length === 0) {
      this.#single = child;
      return child;
    }
    let node = this.#root;
    const last = values.length - 1;
    for (let depth = 0; depth < last; depth += 1) {
      const value = values[depth] as string;
      let next = node.get(value) as Map<string, unknown> | undefined;
      if (next === undefined) {
        next = new Map();
        node.set(value, next);
      }
      node = next;
    }
    node.set(values[last] as string, child);
    return child;
  }
}
