import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accountId } from '../../../src/domain/ids.ts';
import { refusedBy, ruleOf } from './judge-rule.ts';

const rule = { recipientPattern: {} };

/** How many of these recipients were refused, and the index of the first. */
function judged(recipients: readonly (string | number)[], spec: object = rule) {
  const judge = ruleOf(spec);
  const refused = recipients.map(
    (one) => refusedBy(judge({ destination: String(one) })) !== undefined,
  );
  return { refused: refused.filter(Boolean).length, first: refused.indexOf(true) };
}

const up = (from: number, count: number, step = 1) =>
  Array.from({ length: count }, (_, i) => from + i * step);
/** The same numbers each time: a test that fails once fails again. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('recipientPattern', () => {
  it.each([
    ['counted up', up(966_500_000_000, 100)],
    ['counted down', up(966_500_000_000, 100).reverse()],
    ['counted up by seven', up(966_500_000_000, 100, 7)],
  ])('refuses from the tenth of %s on, long before the run is complete', (_, recipients) => {
    expect(judged(recipients)).toEqual({ refused: 91, first: 9 });
  });

  it('sees a run whose recipients come in any order, as over parallel binds, and interleaved with another', () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray(up(966_500_000_000, 40), { minLength: 40, maxLength: 40 }),
        (shuffled) => {
          const { refused, first } = judged(shuffled);
          expect(first).toBeGreaterThanOrEqual(9);
          expect(first).toBeLessThan(40);
          expect(refused).toBeGreaterThan(0);
        },
      ),
      { numRuns: 50 },
    );
    const [one, other] = [up(966_500_000_000, 30), up(923_001_000_000, 30)];
    const both = one.flatMap((number, i) => [number, other[i] ?? 0]);
    expect(judged(both)).toEqual({ refused: 42, first: 18 });
  });

  it('keeps accounts apart, and forgets what is long ago', () => {
    const judge = ruleOf({ recipientPattern: { recent: 20 } });
    for (const [i, destination] of up(966_500_000_000, 30).entries())
      expect(
        refusedBy(judge({ destination: String(destination), accountId: accountId((i % 4) + 1) })),
      ).toBeUndefined();
    const next = random(1);
    const others = Array.from(
      { length: 20 },
      () => 966_550_000_000 + Math.floor(next() * 9_000_000),
    );
    expect(
      judged([...up(966_500_000_000, 9), ...others, ...up(966_500_000_009, 9)], {
        recipientPattern: { recent: 20 },
      }).refused,
    ).toBe(0);
  });

  it('lets one recipient have as many messages as he likes', () => {
    expect(judged(Array.from({ length: 1_000 }, () => 966_500_000_000)).refused).toBe(0);
  });

  // Subscriber numbers as operators give them out; a company of 50,000 customers in a city of ten million numbers.
  it.each([
    ['in no order', false],
    ['sorted by number', true],
  ])('refuses nobody of the lists of customers, %s', (_, sorted) => {
    const plans: readonly (readonly string[])[] = [
      ['96650', '96653', '96654', '96655', '96656', '96658', '96659'],
      ['7903', '7905', '7906', '7909', '7910', '7915', '7916', '7925', '7926', '7985'],
      ['9230', '9231', '9232', '9233', '9234'],
      [
        '120255',
        '121255',
        '131255',
        '141555',
        '161755',
        '171355',
        '181855',
        '191655',
        '130355',
        '140455',
      ],
      [
        '4530',
        '4540',
        '4551',
        '4560',
        '4571',
        '4581',
        '4592',
        '4522',
        '4526',
        '4528',
        '4542',
        '4561',
      ],
    ];
    for (const [i, prefixes] of plans.entries()) {
      const next = random(i + 1);
      const customers = Array.from({ length: 20_000 }, () => {
        const prefix = prefixes[Math.floor(next() * prefixes.length)] ?? '';
        const length = prefix.startsWith('45')
          ? 10
          : prefix.startsWith('1') || prefix.startsWith('7')
            ? 11
            : 12;
        const digits = length - prefix.length;
        return prefix + String(Math.floor(next() * 10 ** digits)).padStart(digits, '0');
      });
      // Families and small companies have neighbouring numbers.
      for (let at = 0; at < customers.length; at += 500) {
        const first = Number(customers[at]);
        for (let n = 1; n < 5; n++) customers[at + n] = String(first + n);
      }
      if (sorted) customers.sort();
      expect(judged(customers).refused, prefixes[0]).toBe(0);
    }
  });

  it('finds numbers out of the whole of a numbering plan before 200 are sent', () => {
    const next = random(9);
    const made = Array.from(
      { length: 400 },
      () => 966_000_000_000 + Math.floor(next() * 1_000_000_000),
    );
    const { first, refused } = judged(made);
    expect(first).toBeGreaterThan(79);
    expect(first).toBeLessThan(200);
    expect(refused).toBeGreaterThan(150);
    expect(judged(made, { recipientPattern: { random: false } }).refused).toBe(0);
  });

  it('finds numbers in area codes that do not exist', () => {
    const next = random(11);
    const made = Array.from(
      { length: 200 },
      () => 12_000_000_000 + Math.floor(next() * 8_000_000_000),
    );
    expect(judged(made).first).toBeLessThan(150);
    expect(judged(made).first).toBeGreaterThan(0);
  });
});
