import { describe, expect, it } from 'vitest';
import { CarrierAddresses, NO_ADDRESS } from '../../src/session/carrier-addresses.ts';

const A = { host: 'a.example', port: 2775 };
const B = { host: 'b.example', port: 2775 };
const BACKOFF = { firstMs: 1_000, maxMs: 8_000 };

/** random 0: half of the backoff. */
function made(...endpoints: { host: string; port: number }[]): CarrierAddresses {
  return new CarrierAddresses(endpoints, BACKOFF, () => 0);
}

describe('CarrierAddresses', () => {
  it('gives the first one to all binds at once while there is no other', () => {
    const addresses = made(A);
    expect([0, 0, 0].map((ms) => addresses.choose(ms))).toEqual([0, 0, 0]);
  });

  it('goes to the next while one rests, and back when the rest is over', () => {
    const addresses = made(A, B);
    expect(addresses.choose(0)).toBe(0);
    addresses.failed(0, 10);
    expect(addresses.choose(10)).toBe(1);
    addresses.bound(1, 20);
    expect(addresses.choose(509)).toBe(1);
    expect(addresses.choose(510)).toBe(0);
  });

  it('has one bind try a doubtful address, and lets the others go on after a second', () => {
    const addresses = made(A, B);
    expect(addresses.choose(0)).toBe(0);
    expect(addresses.choose(999)).toBe(NO_ADDRESS);
    expect(addresses.choose(1_000)).toBe(1);
    expect(addresses.choose(1_999)).toBe(NO_ADDRESS);
    addresses.bound(0, 1_999);
    expect(addresses.choose(2_000)).toBe(0);
  });

  it('rests longer with each failure, counts those of many binds once, and says when the rest ends', () => {
    const addresses = made(A);
    let now = 0;
    const rests: number[] = [];
    for (let i = 0; i < 5; i++) {
      addresses.choose(now);
      addresses.failed(0, now);
      addresses.failed(0, now);
      const next = addresses.nextAtMs(now) ?? 0;
      rests.push(next - now);
      now = next;
    }
    expect(rests).toEqual([500, 1_000, 2_000, 4_000, 4_000]);
  });

  it('rests for long at once when told', () => {
    const addresses = made(A);
    addresses.choose(0);
    addresses.failed(0, 0, true);
    expect(addresses.nextAtMs(0)).toBe(4_000);
  });

  it('lets the others follow when the one has lasted a second, not while it may be cut at once', () => {
    const addresses = made(A);
    addresses.choose(0);
    addresses.failed(0, 0);
    expect([addresses.choose(500), addresses.choose(500)]).toEqual([0, NO_ADDRESS]);
    addresses.bound(0, 600);
    expect(addresses.choose(1_599)).toBe(NO_ADDRESS);
    expect([addresses.choose(1_600), addresses.choose(1_600)]).toEqual([0, 0]);
  });

  it('counts a session that did not last as a failure of its address', () => {
    const addresses = made(A);
    addresses.choose(0);
    addresses.bound(0, 0);
    addresses.lost(0, 100, false);
    expect(addresses.choose(100)).toBe(NO_ADDRESS);
    expect(addresses.nextAtMs(100)).toBe(600);
    addresses.choose(600);
    addresses.bound(0, 600);
    addresses.lost(0, 60_000, true);
    expect(addresses.choose(60_000)).toBe(0);
    addresses.failed(0, 60_000);
    expect(addresses.nextAtMs(60_000)).toBe(60_500);
  });

  it('begins where a bind wants that was refused at the first', () => {
    const addresses = made(A, B);
    addresses.choose(0);
    addresses.bound(0, 0);
    expect(addresses.isInUse(0)).toBe(true);
    expect(addresses.choose(10, 1)).toBe(1);
    addresses.failed(1, 10);
    expect(addresses.choose(10, 1)).toBe(0);
  });
});
