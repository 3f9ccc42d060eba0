import { describe, expect, it } from 'vitest';
import { type CarrierId, carrierId, messageId } from '../../src/domain/ids.ts';
import { DeadLinks, type WatchedCarrier } from '../../src/gateway/dead-links.ts';
import { Jobs } from '../../src/gateway/jobs.ts';
import { CarrierQueue } from '../../src/gateway/queue.ts';
import type { Waiting } from '../../src/gateway/reroute.ts';

const A = carrierId(1);
const B = carrierId(2);

/** Two carriers whose links a test moves, and who hand over what they have queued. */
class Pair {
  nowMs = 1_000_000;
  /** When each queue was looked through, in ms since the start. */
  readonly looks: { at: number; from: CarrierId }[] = [];
  readonly running = new Map<CarrierId, WatchedCarrier>();
  readonly links: DeadLinks;
  /** Where everything can go; undefined: nowhere. */
  to: CarrierId | undefined;

  constructor(failoverAfterMs: number, paused = false) {
    for (const id of [A, B])
      this.running.set(id, {
        carrier: { failoverAfterMs, paused },
        dispatcher: waiting(),
        upSinceMs: this.nowMs,
        downSinceMs: 0,
        wasUp: true,
      });
    this.links = new DeadLinks({
      now: () => this.nowMs,
      running: () => this.running,
      isUsable: (id) => this.running.get(id)?.upSinceMs !== undefined,
      next: () => this.to,
      moved: () => {},
      reroute: (from, { queue }) => {
        this.looks.push({ at: this.nowMs - 1_000_000, from });
        const ids = this.to === undefined ? [] : queue.takeCold(1, queue.coldDepth(1));
        for (const id of ids) this.running.get(this.to ?? A)?.dispatcher.queue.pushId(1, id);
        queue.putBack(1, []);
        const moved = new Map(this.to === undefined ? [] : [[this.to, ids.length]]);
        return Promise.resolve({ moved, stayed: queue.length, interrupted: false });
      },
    });
  }

  set(id: CarrierId, up: boolean): void {
    const one = this.running.get(id);
    if (one === undefined) throw new Error('one of the pair');
    const downSinceMs = up ? 0 : this.nowMs;
    this.running.set(id, { ...one, upSinceMs: up ? this.nowMs : undefined, downSinceMs });
    if (up) this.links.onChange();
  }

  queue(id: CarrierId, count: number): void {
    for (let i = 0; i < count; i++)
      this.running.get(id)?.dispatcher.queue.pushId(1, messageId(BigInt(i + 1)));
  }

  /** Lets time pass in steps of 100 ms, as the gateway's tick does. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 100) {
      this.nowMs += 100;
      this.links.tick(this.nowMs);
      await Promise.resolve();
      await Promise.resolve();
    }
  }
}

function waiting(): Waiting {
  return { queue: new CarrierQueue(10), jobs: new Jobs(), isBusy: false, pump: () => {} };
}

describe('DeadLinks', () => {
  it('looks a queue through when the link is down for failoverAfterSeconds, once while nothing changes', async () => {
    const pair = new Pair(500);
    pair.queue(A, 3);
    await pair.pass(1_000);
    expect(pair.looks).toEqual([]);
    pair.set(A, false);
    await pair.pass(400);
    expect(pair.looks).toEqual([]);
    await pair.pass(600_000);
    expect(pair.looks).toEqual([{ at: 1_500, from: A }]);
  });

  it('looks again when a carrier came up, or something came', async () => {
    const pair = new Pair(0);
    pair.queue(A, 3);
    pair.set(A, false);
    await pair.pass(100_000);
    pair.links.onChange();
    await pair.pass(100_000);
    pair.queue(A, 1);
    await pair.pass(100_000);
    expect(pair.looks).toHaveLength(3);
  });

  it('leaves a queue alone whose carrier was paused, and one that nobody can take', async () => {
    const paused = new Pair(0, true);
    paused.queue(A, 3);
    paused.set(A, false);
    await paused.pass(10_000);
    const alone = new Pair(0);
    alone.queue(A, 3);
    alone.set(A, false);
    alone.set(B, false);
    await alone.pass(10_000);
    expect([paused.looks, alone.looks]).toEqual([[], []]);
  });

  it('hands a queue to and fro between two carriers that flap ever more seldom', async () => {
    const pair = new Pair(0);
    pair.queue(A, 100);
    for (let i = 0; i < 1_000; i++) {
      const [down, up] = i % 2 === 0 ? [A, B] : [B, A];
      pair.set(up, true);
      pair.set(down, false);
      pair.to = up;
      await pair.pass(500);
    }
    // 500 s: without a limit it would be a thousand times. Doubled from 1 s to 60 s it is a dozen each.
    expect(pair.looks.length).toBeGreaterThan(4);
    expect(pair.looks.length).toBeLessThan(30);
  });

  it('moves the queue of a carrier that is no more, and gives it back when it turns up', async () => {
    const pair = new Pair(0);
    const gone = carrierId(3);
    pair.links.strayOf(gone).queue.pushId(1, messageId(7n));
    expect(pair.links.floor()).toBe(7n);
    await pair.pass(100);
    expect(pair.looks).toEqual([{ at: 100, from: gone }]);
    const found = waiting();
    const carrier = { failoverAfterMs: 0, paused: false };
    const up = { upSinceMs: pair.nowMs, downSinceMs: 0, wasUp: true };
    pair.running.set(gone, { carrier, dispatcher: found, ...up });
    await pair.pass(100);
    expect([found.queue.length, pair.links.floor()]).toEqual([1, undefined]);
  });
});
