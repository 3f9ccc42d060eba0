import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { carrierId } from '../../src/domain/ids.ts';
import { chooseCarrier, compileRoutes, type RouteCandidate } from '../../src/domain/routing.ts';

const candidate = (id: number, priority: number, weight = 1): RouteCandidate => ({
  carrier: carrierId(id),
  priority,
  weight,
});
const all = () => true;

describe('candidates', () => {
  it('are those of the longest prefix, the lowest priority number first', () => {
    const routes = compileRoutes([
      ['', [candidate(1, 1)]],
      ['966', [candidate(2, 5), candidate(3, 1)]],
    ]);
    expect(routes.candidates('966512345678')?.map(({ carrier }) => carrier)).toEqual([3, 2]);
    expect(routes.candidates('79161234567')?.map(({ carrier }) => carrier)).toEqual([1]);
  });

  it('are none where no route fits', () => {
    expect(compileRoutes([['966', [candidate(1, 1)]]]).candidates('79161234567')).toBeUndefined();
  });
});

describe('chooseCarrier', () => {
  it('shares one priority by weight', () => {
    const two = [candidate(1, 1, 1), candidate(2, 1, 3)];
    expect(chooseCarrier(two, all, 0)).toBe(1);
    expect(chooseCarrier(two, all, 0.249)).toBe(1);
    expect(chooseCarrier(two, all, 0.25)).toBe(2);
    expect(chooseCarrier(two, all, 0.999)).toBe(2);
  });

  it('goes to the next priority only when no carrier of the first is usable', () => {
    const three = [candidate(1, 1), candidate(2, 1), candidate(3, 2)];
    expect(chooseCarrier(three, (id) => id !== 1, 0)).toBe(2);
    expect(chooseCarrier(three, (id) => id === 3, 0.5)).toBe(3);
    expect(chooseCarrier(three, () => false, 0.5)).toBeUndefined();
  });

  it('gives a weight of 0 nothing', () => {
    expect(chooseCarrier([candidate(1, 1, 0), candidate(2, 2)], all, 0)).toBe(2);
    expect(chooseCarrier([candidate(1, 1, 0)], all, 0)).toBeUndefined();
  });

  it('always chooses a usable carrier of the lowest usable priority', () => {
    const candidates = fc
      .array(fc.record({ priority: fc.nat(3), weight: fc.nat(3), usable: fc.boolean() }), {
        maxLength: 8,
      })
      .map((list) =>
        list
          .sort((a, b) => a.priority - b.priority)
          .map((each, i) => ({ ...each, carrier: carrierId(i) })),
      );
    fc.assert(
      fc.property(candidates, fc.double({ min: 0, max: 0.999999, noNaN: true }), (list, random) => {
        const fit = list.filter(({ usable, weight }) => usable && weight > 0);
        const chosen = chooseCarrier(list, (id) => list[id]?.usable === true, random);
        const best = fit.filter(({ priority }) => priority === fit[0]?.priority);
        const allowed = best.map(({ carrier }) => carrier);
        expect(allowed.length === 0 ? [undefined] : allowed).toContain(chosen);
      }),
    );
  });
});
