import { describe, expect, it } from 'vitest';
import { LatencyHistogram } from '../../src/bench/latency.ts';
import { median } from '../../src/bench/performance.ts';
import { Pipe } from '../../src/bench/pipe.ts';
import { cpuUs, memory, readStat } from '../../src/bench/proc-stat.ts';
import { ReceiptRing } from '../../src/bench/receipt-ring.ts';
import { allTo, benchAccounts, resourcesFile } from '../../src/bench/resources.ts';
import { seededRandom, shuffled } from '../../src/bench/seeded.ts';
import { parseResources } from '../../src/domain/resource-file.ts';

describe('LatencyHistogram', () => {
  it('gives the upper edge of the bin of a quantile', () => {
    const histogram = new LatencyHistogram();
    for (let value = 1; value <= 100; value += 1) histogram.add(value);
    expect(histogram.quantile(0.5)).toBeCloseTo(50.1, 5);
    expect(histogram.quantile(0.99)).toBeCloseTo(99.1, 5);
    expect(histogram.quantile(1)).toBeCloseTo(100.1, 5);
  });

  it('says 0 of nothing and counts what is over a minute as a minute', () => {
    const histogram = new LatencyHistogram();
    expect(histogram.quantile(0.5)).toBe(0);
    histogram.add(1_000_000);
    expect(histogram.quantile(0.5)).toBe(60_000);
  });
});

describe('ReceiptRing', () => {
  it('gives receipts back in their order over many turns and growths', () => {
    const ring = new ReceiptRing();
    let next = 0;
    let expected = 0;
    for (let round = 0; round < 50; round += 1) {
      for (let n = 0; n < 300; n += 1) ring.push(next, next * 10, next++);
      for (let n = 0; n < 200; n += 1) {
        expect([ring.dueMs, ring.id, ring.destination]).toEqual([
          expected,
          expected * 10,
          expected,
        ]);
        expected += 1;
        ring.shift();
      }
    }
    expect(ring.size).toBe(50 * 100);
  });
});

describe('Pipe', () => {
  it('hands items over in order, waits when full, and ends', async () => {
    const pipe = new Pipe<number>(2);
    const taken: number[] = [];
    const producer = (async () => {
      for (let n = 0; n < 100; n += 1) await pipe.put(n);
      pipe.close();
    })();
    for (let item = await pipe.take(); item !== undefined; item = await pipe.take())
      taken.push(item);
    await producer;
    expect(taken).toEqual(Array.from({ length: 100 }, (_, n) => n));
  });
});

describe('readStat', () => {
  it('reads this process', () => {
    const stat = readStat(process.pid);
    expect(stat?.parent).toBe(process.ppid);
    const used = process.cpuUsage();
    // Two clocks: ticks of 10 ms against microseconds of a moment later.
    expect(Math.abs(cpuUs(process.pid) - used.user - used.system)).toBeLessThan(500_000);
    expect(memory(process.pid).rss).toBeGreaterThan(10_000_000);
  });

  it('gives undefined for a process that is not there', () => {
    expect(readStat(2 ** 22 + 1)).toBeUndefined();
  });
});

describe('resourcesFile', () => {
  it('is a file that apply accepts', () => {
    const text = resourcesFile({
      accounts: benchAccounts(3),
      price: '0.05',
      carriers: [
        { name: 'one', port: 2785, binds: 2, windowMax: 100, unknownWaitSeconds: 5 },
        { name: 'two', port: 2786, binds: 1, windowMax: 10, idBase: 'auto' },
      ],
      routes: [
        ...allTo('one'),
        {
          prefix: '966',
          carriers: [
            { name: 'two', priority: 1 },
            { name: 'one', priority: 2 },
          ],
        },
      ],
      customerWindow: 100,
    });
    const parsed = parseResources(text);
    expect('errors' in parsed ? parsed.errors : []).toEqual([]);
  });
});

describe('seededRandom', () => {
  it('repeats itself for a seed and differs for another', () => {
    const draw = (seed: number) => Array.from({ length: 5 }, seededRandom(seed));
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    for (const value of draw(7)) expect(value).toBeGreaterThanOrEqual(0);
  });

  it('shuffles without losing anything', () => {
    const order = shuffled([1, 2, 3, 4, 5, 6], seededRandom(1));
    expect([...order].sort()).toEqual([1, 2, 3, 4, 5, 6]);
  });
});

describe('median', () => {
  it('is the middle one', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([])).toBe(0);
  });
});
