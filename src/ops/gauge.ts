import { Gauge, type Registry } from 'prom-client';

/** Metrics are floats by Prometheus' format; the exact money is the API's. */
export const MICRO_PER_CREDIT = 1e6;

/** A gauge of the product, made anew at each scrape by `collect`. */
export function gauge(
  registry: Registry,
  name: string,
  help: string,
  labelNames: string[],
  collect?: (gauge: Gauge) => void | Promise<void>,
): Gauge {
  const made: Gauge = new Gauge({
    name: `smppgate_${name}`,
    help,
    labelNames,
    registers: [registry],
    ...(collect && {
      async collect() {
        made.reset();
        await collect(made);
      },
    }),
  });
  return made;
}

/** One query for all gauges of a scrape that ask for it; undefined when it fails. */
export function shared<T>(read: () => Promise<T> | undefined): () => Promise<T | undefined> {
  let reading: Promise<T | undefined> | undefined;
  return () => {
    reading ??= Promise.resolve(read())
      .catch(() => undefined)
      .finally(() => {
        reading = undefined;
      });
    return reading;
  };
}
