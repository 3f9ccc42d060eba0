import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type MessageId, MessageIdSequence, messageId } from '../../src/domain/ids.ts';
import { IdFifo } from '../../src/gateway/id-fifo.ts';

function id(n: number | bigint): MessageId {
  return messageId(BigInt(n));
}

/** The last id that 63 bits can say. */
const LAST = 2n ** 63n - 1n;

/** Runs of ids as they come: by ones, over milliseconds, of other nodes, adopted ones that are older, and any at all. */
const runs = fc.oneof(
  fc.record({
    from: fc.bigInt({ min: 0n, max: LAST - 2n ** 50n }),
    step: fc.constantFrom(1n, 3n, 2n ** 12n, 2n ** 22n, 33n * 2n ** 22n, 2n ** 40n / 1000n),
    count: fc.integer({ min: 1, max: 5_000 }),
  }),
  fc.record({
    from: fc.bigInt({ min: 2n ** 50n, max: LAST }),
    step: fc.constantFrom(-1n, -(2n ** 22n), -(2n ** 35n)),
    count: fc.integer({ min: 1, max: 5_000 }),
  }),
  fc.record({ any: fc.array(fc.bigInt({ min: 0n, max: LAST }), { maxLength: 200 }) }),
);

function idsOf(run: typeof runs extends fc.Arbitrary<infer T> ? T : never): MessageId[] {
  if ('any' in run) return run.any.map((n) => id(n));
  return Array.from({ length: run.count }, (_, n) => id(run.from + run.step * BigInt(n)));
}

function least(ids: readonly MessageId[]): MessageId | undefined {
  return ids.reduce<MessageId | undefined>((a, b) => (a === undefined || b < a ? b : a), undefined);
}

describe('IdFifo', () => {
  it('is a plain array in all it gives, whatever ids come and however many are taken at once', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(runs, fc.record({ take: fc.integer({ min: 1, max: 6_000 }) })), {
          maxLength: 12,
        }),
        (steps) => {
          const fifo = new IdFifo();
          const model: MessageId[] = [];
          for (const step of steps) {
            if ('take' in step) expect(fifo.take(step.take)).toEqual(model.splice(0, step.take));
            else
              for (const one of idsOf(step)) {
                model.push(one);
                fifo.push(one);
              }
            expect(fifo.length).toBe(model.length);
            expect(fifo.floor()).toBe(least(model));
          }
          expect(fifo.take(Number.MAX_SAFE_INTEGER)).toEqual(model);
          expect([fifo.length, fifo.octets, fifo.floor()]).toEqual([0, 0, undefined]);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('has for floor the smallest id held, though older ids come later and smaller ones were taken', () => {
    const fifo = new IdFifo();
    for (const n of [50, 60, 10, 70]) fifo.push(id(n));
    expect(fifo.floor()).toBe(id(10));
    fifo.take(3);
    expect(fifo.floor()).toBe(id(70));
    fifo.push(id(20));
    expect(fifo.floor()).toBe(id(20));
    fifo.push(id(5));
    expect(fifo.take(2)).toEqual([id(70), id(20)]);
    expect(fifo.floor()).toBe(id(5));
  });

  it('gives what comes between two takes after what was there', () => {
    const fifo = new IdFifo();
    const expected: MessageId[] = [];
    const taken: MessageId[] = [];
    for (let n = 0; n < 20_000; n++) {
      expected.push(id(n * 7));
      fifo.push(id(n * 7));
      if (n % 3 === 0) taken.push(...fifo.take(2));
    }
    taken.push(...fifo.take(20_000));
    expect(taken).toEqual(expected);
  });

  it('holds ids in under 3 octets each at any rate, though every second one is in another lane', () => {
    const startMs = Date.UTC(2026, 0, 1);
    for (const perSecond of [100, 1_000, 5_000, 20_000]) {
      const sequence = new MessageIdSequence(3, startMs);
      const fifo = new IdFifo();
      for (let n = 0; n < 200_000; n++) {
        const next = sequence.next(startMs + Math.floor((n * 1_000) / perSecond));
        if (n % 2 === 0) fifo.push(next);
      }
      expect(fifo.octets / fifo.length).toBeLessThan(3);
    }
  });
});
