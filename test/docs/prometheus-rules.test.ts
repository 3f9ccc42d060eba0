import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { QUALITY_MEASURES } from '../../src/domain/traffic-quality.ts';
import { createMetrics } from '../../src/ops/metrics.ts';

const file = join(import.meta.dirname, '../../docker/prometheus-rules.yaml');
const rules = parse(readFileSync(file, 'utf8')) as {
  groups: { name: string; rules: { alert: string; expr: string }[] }[];
};
const metrics = createMetrics();
afterAll(() => metrics.close());

describe('docker/prometheus-rules.yaml', () => {
  const all = rules.groups.flatMap((group) => group.rules);

  it('asks only for metrics and labels that there are', async () => {
    const known = new Map(
      metrics.registry.getMetricsAsArray().map((metric) => {
        const { name, labelNames } = metric as unknown as { name: string; labelNames: string[] };
        return [name, labelNames];
      }),
    );
    for (const { expr } of all) {
      for (const [, name = '', labels = ''] of expr.matchAll(/(smppgate_\w+)(?:\{([^}]*)\})?/g)) {
        const names = known.get(name);
        expect(names, `${name} of ${expr}`).toBeDefined();
        for (const [, label] of labels.matchAll(/(\w+)\s*!?=/g)) expect(names).toContain(label);
      }
    }
  });

  it('names measures as they are', () => {
    const named = all.flatMap(({ expr }) =>
      [...expr.matchAll(/measure="(\w+)"/g)].map(([, measure]) => measure),
    );
    expect(named.length).toBeGreaterThan(0);
    for (const measure of named) expect(QUALITY_MEASURES).toContain(measure);
  });

  it('has each alert once', () => {
    expect(new Set(all.map(({ alert }) => alert)).size).toBe(all.length);
  });
});
