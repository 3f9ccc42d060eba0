import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RateBucket, type TokenSource } from '../../src/cluster/rate-bucket.ts';

describe('RateBucket alone', () => {
  it('passes its burst at once and then its rate', () => {
    const bucket = new RateBucket('k', 100, 20, 0);
    expect(pass(bucket, 50, 0)).toBe(20);
    expect(pass(bucket, 50, 100)).toBe(10);
    expect(pass(bucket, 50, 10_000)).toBe(20);
  });

  it('passes everything at a rate of 0', () => {
    expect(pass(new RateBucket('k', 0, 0, 0), 100_000, 0)).toBe(100_000);
  });

  it('passes a message of more segments than the burst when full, and then waits for the debt', () => {
    const bucket = new RateBucket('k', 10, 5, 0);
    expect(take(bucket, 8, 0)).toBe(true);
    expect(take(bucket, 1, 300)).toBe(false);
    expect(take(bucket, 1, 400)).toBe(true);
  });

  it('keeps its fill when the numbers change, up to the new burst', () => {
    const bucket = new RateBucket('k', 100, 100, 0);
    expect(pass(bucket, 70, 0)).toBe(70);
    bucket.reshape(200, 200, 0);
    expect(pass(bucket, 1_000, 0)).toBe(30);
    expect(pass(bucket, 1_000, 500)).toBe(100);
    bucket.reshape(10, 5, 10_000);
    expect(pass(bucket, 1_000, 10_000)).toBe(5);
  });

  it('starts full when it was unlimited, and is unlimited when it was not', () => {
    const bucket = new RateBucket('k', 0, 0, 0);
    bucket.reshape(10, 10, 5_000);
    expect(pass(bucket, 100, 5_000)).toBe(10);
    bucket.reshape(0, 0, 5_000);
    expect(pass(bucket, 100, 5_000)).toBe(100);
  });

  it('has its share of rate and burst, at least one token of burst', () => {
    const bucket = new RateBucket('k', 100, 20, 0);
    bucket.setShare(1 / 2, 0);
    expect(pass(bucket, 100, 0)).toBe(10);
    expect(pass(bucket, 100, 100)).toBe(5);
    const slow = new RateBucket('k', 1, 1, 0);
    slow.setShare(1 / 4, 0);
    expect(pass(slow, 100, 0)).toBe(1);
    expect(pass(slow, 100, 3_999)).toBe(0);
    expect(pass(slow, 100, 4_000)).toBe(1);
  });

  it('neither gains nor loses when the clock goes back', () => {
    const bucket = new RateBucket('k', 100, 10, 1_000);
    expect(pass(bucket, 10, 1_000)).toBe(10);
    expect(pass(bucket, 10, 0)).toBe(0);
    expect(pass(bucket, 10, 50)).toBe(5);
  });
});

describe('RateBucket shared', () => {
  it('passes the first message after any rest without waiting for an answer', () => {
    for (const [rate, burst, nodes] of [
      [1, 1, 4],
      [1_000, 1_000, 2],
      [10, 3, 8],
    ] as const) {
      const bucket = shared(new RateBucket('k', rate, burst, 0), nodes, new Asked(), 0);
      expect(take(bucket, 1, 0)).toBe(true);
      // A message as long as the burst as well: its share of the burst is there.
      const rested = shared(new RateBucket('k', rate, burst, 0), nodes, new Asked(), 0);
      expect(take(rested, burst, 60_000)).toBe(true);
    }
  });

  it('asks once, however much is taken meanwhile', () => {
    const asked = new Asked();
    const bucket = shared(new RateBucket('k', 1_000, 1_000, 0), 2, asked, 0);
    expect(pass(bucket, 2_000, 0)).toBe(500);
    expect(asked.times).toBe(1);
    // The debt of 500 and 125 ahead.
    expect(bucket.wanted()).toBe(625);
    expect(bucket.receive(625, 625, 375, 0)).toBe(false);
    expect(pass(bucket, 2_000, 0)).toBe(125 + Math.floor(375 / 2));
    expect(asked.times).toBe(2);
  });

  it('asks again when it was given less, and refuses until then', () => {
    const bucket = shared(new RateBucket('k', 100, 10, 0), 1, new Asked(), 0);
    expect(pass(bucket, 10, 0)).toBe(10);
    expect(bucket.receive(bucket.wanted(), 0, 0, 0)).toBe(true);
    expect(take(bucket, 1, 0)).toBe(false);
  });

  it('gives back what nobody took for two looks, and asks for nothing then', () => {
    const bucket = shared(new RateBucket('k', 80, 80, 0), 2, new Asked(), 0);
    expect(take(bucket, 1, 0)).toBe(true);
    bucket.receive(11, 11, 69, 0);
    expect(bucket.takeUnused()).toBe(0);
    expect(bucket.takeUnused()).toBe(10);
    expect(bucket.takeUnused()).toBe(0);
    expect(bucket.wanted()).toBe(0);
  });

  it('loses and gains nothing when Redis goes and comes back at once', () => {
    const source = new Asked();
    const bucket = shared(new RateBucket('k', 100, 100, 0), 2, source, 0);
    expect(pass(bucket, 20, 0)).toBe(20);
    bucket.detach(0);
    bucket.attach(source, 0);
    bucket.detach(0);
    expect(pass(bucket, 1_000, 0)).toBe(30);
  });

  it('never passes more than burst + rate x time + what was held + one burst, over any time, nodes and delays', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 400 }) }),
      fc.record({
        do: fc.constantFrom('serve' as const, 'answer' as const, 'sweep' as const),
        node: fc.nat(3),
      }),
      fc.record({
        do: fc.constant('submit' as const),
        node: fc.nat(3),
        messages: fc.integer({ min: 1, max: 120 }),
      }),
    );
    const limits = fc.record({
      nodes: fc.integer({ min: 1, max: 4 }),
      rate: fc.integer({ min: 1, max: 400 }),
      burst: fc.integer({ min: 1, max: 400 }),
    });
    fc.assert(
      fc.property(
        limits,
        fc.array(step, { minLength: 1, maxLength: 80 }),
        ({ nodes, rate, burst }, steps) => {
          const cluster = new Model(nodes, rate, burst);
          for (const one of steps) {
            if (one.do === 'wait') cluster.now += one.ms;
            else if (one.do === 'submit') cluster.submit(one.node % nodes, one.messages);
            else cluster[one.do](one.node % nodes);
          }
          const held = nodes * Math.max(1, Math.ceil(Math.min(burst, rate / 8)));
          const most = (ms: number) => burst + (rate * ms) / 1_000 + held + Math.max(burst, nodes);
          expect(cluster.worst(most)).toBeLessThanOrEqual(1e-6);
        },
      ),
      { numRuns: 300 },
    );
  });
});

function take(bucket: RateBucket, n: number, nowMs: number): boolean {
  const has = bucket.has(n, nowMs);
  if (has) bucket.spend(n);
  return has;
}

/** How many of `messages` of one segment pass. */
function pass(bucket: RateBucket, messages: number, nowMs: number): number {
  let passed = 0;
  for (let i = 0; i < messages; i++) if (take(bucket, 1, nowMs)) passed++;
  return passed;
}

function shared(bucket: RateBucket, nodes: number, source: TokenSource, nowMs: number): RateBucket {
  bucket.setShare(1 / nodes, nowMs);
  bucket.attach(source, nowMs);
  return bucket;
}

class Asked implements TokenSource {
  times = 0;
  fetchFor(): void {
    this.times++;
  }
}

interface ModelNode {
  readonly bucket: RateBucket;
  readonly source: Asked;
  /** Wanted, given, left: on its way. */
  answer: [number, number, number] | undefined;
}

/** Nodes and a bucket that they share, with answers that take as long as they like. */
class Model {
  now = 0;
  readonly #rate: number;
  readonly #burst: number;
  readonly #nodes: ModelNode[] = [];
  readonly #passes: { at: number; count: number }[] = [];
  #tokens: number;
  #at = 0;

  constructor(nodes: number, rate: number, burst: number) {
    this.#rate = rate;
    this.#burst = burst;
    this.#tokens = burst;
    for (let i = 0; i < nodes; i++) {
      const bucket = new RateBucket('k', rate, burst, 0);
      const node: ModelNode = { bucket, source: new Asked(), answer: undefined };
      shared(bucket, nodes, node.source, 0);
      this.#nodes.push(node);
    }
  }

  submit(index: number, messages: number): void {
    this.#passes.push({ at: this.now, count: pass(this.#node(index).bucket, messages, this.now) });
  }

  /** The question reaches Redis. */
  serve(index: number): void {
    const node = this.#node(index);
    if (node.source.times === 0 || node.answer !== undefined) return;
    const wanted = node.bucket.wanted();
    const given = this.#take(wanted);
    node.answer = [wanted, given, this.#tokens];
  }

  /** Its answer reaches the node. */
  answer(index: number): void {
    const node = this.#node(index);
    if (node.answer === undefined) return;
    node.source.times = 0;
    const again = node.bucket.receive(...node.answer, this.now);
    node.answer = undefined;
    if (again) node.bucket.ask();
  }

  sweep(index: number): void {
    this.#take(-this.#node(index).bucket.takeUnused());
  }

  /** By how much the worst stretch of time is over what is allowed in it. */
  worst(most: (ms: number) => number): number {
    let worst = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < this.#passes.length; i++) {
      let sum = 0;
      for (const { at, count } of this.#passes.slice(i)) {
        sum += count;
        worst = Math.max(worst, sum - most(at - (this.#passes[i]?.at ?? 0)));
      }
    }
    return worst;
  }

  #take(wanted: number): number {
    this.#tokens = Math.min(
      this.#burst,
      this.#tokens + ((this.now - this.#at) * this.#rate) / 1_000,
    );
    this.#at = this.now;
    const given = Math.min(wanted, Math.floor(this.#tokens));
    this.#tokens = Math.min(this.#burst, this.#tokens - given);
    return given;
  }

  #node(index: number) {
    const node = this.#nodes[index];
    if (node === undefined) throw new Error('no such node');
    return node;
  }
}
