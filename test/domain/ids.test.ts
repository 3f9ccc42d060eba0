import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ClockStepError,
  firstIdAt,
  MESSAGE_ID_EPOCH_MS,
  MessageIdSequence,
  messageIdMs,
  messageIdNode,
} from '../../src/domain/ids.ts';

const NOON = Date.UTC(2026, 5, 1, 12);

describe('MessageIdSequence', () => {
  it('puts milliseconds since 2025, node and sequence at their places', () => {
    const ids = new MessageIdSequence(5, 0);
    const first = ids.next(Date.UTC(2025, 0, 1, 0, 0, 1));
    expect(first).toBe((1000n << 22n) | (5n << 12n));
    expect(ids.next(Date.UTC(2025, 0, 1, 0, 0, 1))).toBe(first + 1n);
  });

  it('rises strictly and keeps its node, whatever the clock does within 5 s', () => {
    const steps = fc.array(fc.integer({ min: -5000, max: 20 }), { maxLength: 300 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 0, max: 1023 }), (offsets, node) => {
        const ids = new MessageIdSequence(node, 0);
        let last = ids.next(NOON);
        for (const offset of offsets) {
          const id = ids.next(messageIdMs(last) + offset);
          expect(id > last).toBe(true);
          expect(messageIdNode(id)).toBe(node);
          last = id;
        }
      }),
    );
  });

  it('begins the next millisecond when 4096 ids of one are used up', () => {
    const ids = new MessageIdSequence(1, 0);
    const made = Array.from({ length: 4097 }, () => ids.next(NOON));
    expect(new Set(made).size).toBe(4097);
    expect(made.slice(0, 4096).every((id) => messageIdMs(id) === NOON)).toBe(true);
    expect(made.at(-1)).toBe(firstIdAt(NOON + 1) | (1n << 12n));
  });

  it('stays on the last millisecond while the clock is up to 5 s behind', () => {
    const ids = new MessageIdSequence(1, 0);
    const last = ids.next(NOON);
    expect(ids.next(NOON - 5000)).toBe(last + 1n);
  });

  it('throws when the clock is more than 5 s behind, and goes on when it has caught up', () => {
    const ids = new MessageIdSequence(1, 0);
    const last = ids.next(NOON);
    expect(() => ids.next(NOON - 5001)).toThrow(ClockStepError);
    expect(ids.next(NOON - 4999)).toBe(last + 1n);
  });

  it('never issues an id below its floor, the node the same or not', () => {
    const ids = new MessageIdSequence(0, NOON + 3000);
    const id = ids.next(NOON);
    expect(messageIdMs(id)).toBe(NOON + 3000);
    expect(() => new MessageIdSequence(0, NOON + 6000).next(NOON)).toThrow(ClockStepError);
  });

  it('refuses a node number that ten bits cannot hold', () => {
    expect(() => new MessageIdSequence(1024, 0)).toThrow(RangeError);
    expect(() => new MessageIdSequence(-1, 0)).toThrow(RangeError);
  });

  it('makes ids that PostgreSQL can keep in a bigint until 2094', () => {
    const ids = new MessageIdSequence(1023, 0);
    expect(ids.next(MESSAGE_ID_EPOCH_MS + 2 ** 41 - 1) < 2n ** 63n).toBe(true);
    expect(() => ids.next(MESSAGE_ID_EPOCH_MS + 2 ** 41)).toThrow(RangeError);
  });
});

describe('firstIdAt', () => {
  it('bounds the ids of a millisecond from below, over all nodes', () => {
    expect(messageIdMs(firstIdAt(NOON))).toBe(NOON);
    expect(new MessageIdSequence(0, 0).next(NOON)).toBe(firstIdAt(NOON));
    expect(new MessageIdSequence(1023, 0).next(NOON - 1) < firstIdAt(NOON)).toBe(true);
  });

  it('refuses times before 2025', () => {
    expect(() => firstIdAt(MESSAGE_ID_EPOCH_MS - 1)).toThrow(RangeError);
  });
});
