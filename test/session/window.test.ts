import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RequestWindow, SEQUENCE_MAX, WINDOW_LIMIT } from '../../src/session/window.ts';

const SUBMIT_SM = 0x04;

describe('RequestWindow.add', () => {
  it('gives numbers from 1 on, one by one', () => {
    const window = new RequestWindow(10);
    expect([1, 2, 3].map(() => window.add('c', SUBMIT_SM, 0, 0))).toEqual([1, 2, 3]);
  });

  it('goes on with 1 after 0x7fffffff', () => {
    const window = new RequestWindow(10, SEQUENCE_MAX - 1);
    expect([1, 2].map(() => window.add('c', SUBMIT_SM, 0, 0))).toEqual([SEQUENCE_MAX, 1]);
  });

  it('skips numbers that are outstanding when it comes round to them', () => {
    const window = new RequestWindow(10, SEQUENCE_MAX);
    expect(window.add('old', SUBMIT_SM, 0, 0)).toBe(1);
    const round = new Set<number>();
    for (let i = 0; i < 100; i++) {
      const sequence = window.add('new', SUBMIT_SM, 0, 0);
      round.add(sequence);
      window.release(window.find(sequence));
    }
    expect(round.has(1)).toBe(false);
    expect(window.contextAt(window.find(1))).toBe('old');
  });

  it('gives 0 when max are outstanding', () => {
    const window = new RequestWindow(2);
    window.add('a', SUBMIT_SM, 0, 0);
    window.add('b', SUBMIT_SM, 0, 0);
    expect(window.free).toBe(0);
    expect(window.add('c', SUBMIT_SM, 0, 0)).toBe(0);
  });

  it('holds as many as the limit says', () => {
    const window = new RequestWindow(WINDOW_LIMIT);
    for (let i = 1; i <= WINDOW_LIMIT; i++) expect(window.add(i, SUBMIT_SM, 0, 0)).toBe(i);
    expect(window.contextAt(window.find(40_000))).toBe(40_000);
  });

  it('refuses a limit that makes no sense', () => {
    for (const max of [0, -1, 1.5, WINDOW_LIMIT + 1, Number.NaN]) {
      expect(() => new RequestWindow(max)).toThrow(RangeError);
    }
  });

  it('behaves as a Map of what is outstanding', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constant('add' as const), fc.nat(200)), { maxLength: 300 }),
        fc.integer({ min: SEQUENCE_MAX - 100, max: SEQUENCE_MAX }),
        (steps, last) => {
          const window = new RequestWindow(60, last);
          const model = new Map<number, object>();
          for (const step of steps) {
            if (step === 'add') {
              const context = {};
              const sequence = window.add(context, SUBMIT_SM, 0, 0);
              if (sequence === 0) expect(model.size).toBe(60);
              else {
                expect(model.has(sequence)).toBe(false);
                expect(sequence).toBeGreaterThan(0);
                expect(sequence).toBeLessThanOrEqual(SEQUENCE_MAX);
                model.set(sequence, context);
              }
            } else if (model.size > 0) {
              const sequence = [...model.keys()][step % model.size] ?? 0;
              const slot = window.find(sequence);
              expect(window.contextAt(slot)).toBe(model.get(sequence));
              window.release(slot);
              expect(window.find(sequence)).toBe(-1);
              model.delete(sequence);
            }
            expect(window.size).toBe(model.size);
          }
          const left = window.takeAll(0).map((request) => request.context);
          expect(left).toEqual([...model.values()]);
        },
      ),
    );
  });
});

describe('RequestWindow.find', () => {
  it('knows only what is outstanding', () => {
    const window = new RequestWindow(10);
    expect(window.find(1)).toBe(-1);
    const sequence = window.add('a', SUBMIT_SM, 5, 0);
    expect(window.commandAt(window.find(sequence))).toBe(SUBMIT_SM);
    expect(window.sentAtMs(window.find(sequence))).toBe(5);
    // The same slot, another number; numbers no request ever has.
    for (const other of [sequence + 16, 0, -1, 0x80000001, 0xffffffff])
      expect(window.find(other)).toBe(-1);
  });
});

describe('RequestWindow.overdue', () => {
  it('finds what is unanswered for the timeout, and nothing younger', () => {
    const window = new RequestWindow(10);
    window.add('a', SUBMIT_SM, 1_000, 0);
    window.add('b', SUBMIT_SM, 1_500, 0);
    expect(window.overdue(1_999, 1_000, 0)).toEqual([]);
    expect(window.take(window.overdue(2_000, 1_000, 0), -1).map((r) => r.context)).toEqual(['a']);
    expect(window.overdue(2_499, 1_000, 0)).toEqual([]);
    expect(window.take(window.overdue(2_500, 1_000, 0), -1).map((r) => r.context)).toEqual(['b']);
    expect(window.size).toBe(0);
  });

  it('does not count time before the grace', () => {
    const window = new RequestWindow(10);
    window.add('a', SUBMIT_SM, 1_000, 0);
    expect(window.overdue(2_500, 1_000, 2_000)).toEqual([]);
    expect(window.overdue(3_000, 1_000, 2_000)).toHaveLength(1);
  });
});

describe('RequestWindow.takeAll', () => {
  it('gives everything once, oldest first across the wrap, and says what was never written', () => {
    const window = new RequestWindow(10, SEQUENCE_MAX - 1);
    window.add('a', SUBMIT_SM, 1, 7);
    window.add('b', 0x103, 2, 7);
    window.add('c', SUBMIT_SM, 3, 8);
    expect(window.takeAll(8)).toEqual([
      { context: 'a', commandId: SUBMIT_SM, sentAtMs: 1, written: true },
      { context: 'b', commandId: 0x103, sentAtMs: 2, written: true },
      { context: 'c', commandId: SUBMIT_SM, sentAtMs: 3, written: false },
    ]);
    expect(window.takeAll(8)).toEqual([]);
    expect(window.free).toBe(10);
  });
});
