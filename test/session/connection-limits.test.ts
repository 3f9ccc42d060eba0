import { describe, expect, it } from 'vitest';
import { ConnectionCount } from '../../src/session/connection-limits.ts';

const LIMITS = {
  connectionsMax: 3,
  connectionsPerAddressMax: 2,
  connectionsPerAddressPerSecondMax: 3,
  connectionsPerBoundAddressPerSecondMax: 10,
};

describe('ConnectionCount.admit', () => {
  it('limits connections of one address and of all', () => {
    const count = new ConnectionCount(LIMITS);
    expect(count.admit('a', 0)).toBeUndefined();
    expect(count.admit('a', 0)).toBeUndefined();
    expect(count.admit('a', 0)).toBe('connectionsPerAddress');
    expect(count.admit('b', 0)).toBeUndefined();
    expect(count.admit('c', 0)).toBe('connections');
    expect(count.total).toBe(3);
  });

  it('makes room when a connection is released', () => {
    const count = new ConnectionCount(LIMITS);
    for (const address of ['a', 'a', 'b']) count.admit(address, 0);
    count.release('a');
    expect(count.admit('c', 1_000)).toBeUndefined();
    expect(count.admit('a', 2_000)).toBe('connections');
  });

  it('limits new connections of one address in a second, also refused ones', () => {
    const count = new ConnectionCount({ ...LIMITS, connectionsMax: 100 });
    for (let i = 0; i < 3; i++) {
      count.admit('a', 999);
      count.release('a');
    }
    expect(count.admit('a', 999)).toBe('connectionsPerAddressPerSecond');
    expect(count.admit('b', 999)).toBeUndefined();
    expect(count.admit('a', 1_000)).toBeUndefined();
  });

  it('counts one without an address in the total alone', () => {
    const count = new ConnectionCount(LIMITS);
    for (let n = 0; n < 3; n++) expect(count.admit(undefined, 0)).toBeUndefined();
    expect(count.admit(undefined, 0)).toBe('connections');
    count.release(undefined);
    expect(count.admit('a', 0)).toBeUndefined();
  });
});

describe('ConnectionCount.identify', () => {
  it('holds a connection to the limits of the address that it turned out to have', () => {
    const count = new ConnectionCount({ ...LIMITS, connectionsMax: 100 });
    for (let n = 0; n < 4; n++) count.admit(undefined, 0);
    expect(count.identify('a', 0)).toBeUndefined();
    expect(count.identify('a', 0)).toBeUndefined();
    expect(count.identify('a', 0)).toBe('connectionsPerAddress');
    expect(count.identify('a', 0)).toBe('connectionsPerAddressPerSecond');
    expect(count.total).toBe(4);
    count.release('a');
    expect(count.identify('a', 1_000)).toBeUndefined();
    expect(count.total).toBe(3);
  });
});

describe('ConnectionCount.bound', () => {
  const wide = { ...LIMITS, connectionsMax: 1_000 };
  /** How many of so many new connections at once are let in; they stay. */
  const admitted = (count: ConnectionCount, tries: number, nowMs: number): number =>
    Array.from({ length: tries }, () => count.admit('a', nowMs)).filter((why) => !why).length;

  it('leaves only connections that are not bound to the limit of an address', () => {
    const count = new ConnectionCount(wide);
    for (let n = 0; n < 100; n++) {
      expect(count.admit('a', n * 1_000)).toBeUndefined();
      count.bound('a', n * 1_000);
    }
    expect(admitted(count, 3, 200_000)).toBe(2);
    count.unbound('a');
    count.release('a');
    expect(count.admit('a', 300_000)).toBe('connectionsPerAddress');
  });

  it('lets an address with a bound session connect at a higher rate, and save up some of it', () => {
    const count = new ConnectionCount({ ...wide, connectionsPerAddressMax: 1_000 });
    expect(admitted(count, 100, 0)).toBe(3);
    count.bound('a', 0);
    expect(count.admit('a', 0)).toBe('connectionsPerAddressPerSecond');
    expect(admitted(count, 100, 500)).toBe(5);
    expect(admitted(count, 100, 1_500)).toBe(10 + 3);
    expect(admitted(count, 100, 60_000)).toBe(50 + 3);
    expect(count.admit('b', 60_000)).toBeUndefined();
  });

  it('earns no burst by going away and coming back', () => {
    const count = new ConnectionCount(wide);
    for (let round = 0; round < 3; round++) {
      count.admit('a', 500);
      count.bound('a', 500);
      // In either order, as a socket and its session end.
      if (round === 1) count.release('a');
      count.unbound('a');
      if (round !== 1) count.release('a');
    }
    expect(count.total).toBe(0);
    expect(count.admit('a', 999)).toBe('connectionsPerAddressPerSecond');
    expect(count.admit('a', 1_000)).toBeUndefined();
  });
});
