import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accountId } from '../../../src/domain/ids.ts';
import { RecentRecipients } from '../../../src/domain/rules/recipient-pattern.ts';
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

  it('refuses again whom it refused, and none that passed, as often as they are sent again', () => {
    const judge = ruleOf({ recipientPattern: { run: 5 } });
    const passed = (recipients: readonly number[]) =>
      recipients.map((one) => refusedBy(judge({ destination: String(one) })) === undefined);
    const serial = up(966_500_000_000, 8);
    const first = passed(serial);
    expect(first).toEqual([true, true, true, true, false, false, false, false]);
    for (let n = 0; n < 3; n++) expect(passed(serial)).toEqual(first);
    expect(passed(serial.toReversed())).toEqual(first.toReversed());
  });

  it('refuses again what was drawn at random, and counts it once', () => {
    const next = random(5);
    const made = Array.from({ length: 40 }, () => 70_000_000_000 + Math.floor(next() * 10 ** 10));
    const judge = ruleOf({
      recipientPattern: { random: { window: 50, blocks: 20, unassignedPercent: 100 } },
    });
    const passed = () =>
      made.map((one) => refusedBy(judge({ destination: String(one) })) === undefined);
    const first = passed();
    expect(first.slice(0, 19)).toEqual(first.slice(0, 19).fill(true));
    expect(first.filter((isPassed) => !isPassed).length).toBeGreaterThan(15);
    for (let n = 0; n < 3; n++) expect(passed()).toEqual(first);
  });

  it('lets a refused one pass when the run is not among the last recipients any more, and then always', () => {
    const passes = (others: number) => {
      const judge = ruleOf({ recipientPattern: { recent: 20, random: false } });
      const one = (to: number) => refusedBy(judge({ destination: String(to) })) === undefined;
      const run = up(966_500_000_000, 10).map(one);
      expect(run.indexOf(false)).toBe(9);
      for (let n = 0; n < others; n++) one(923_001_000_000 + 1_000 * n * n);
      return [one(966_500_000_009), one(966_500_000_009)];
    };
    expect(passes(10)).toEqual([false, false]);
    // The first of the ten is forgotten.
    expect(passes(11)).toEqual([true, true]);
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

describe('RecentRecipients under a rule that was changed', () => {
  const spec = { run: 5, step: 1, recent: 100, random: false } as const;
  const random = { window: 50, blocks: 10, unassignedPercent: 100 };

  it('finds what completes something by the new rule among those that came before', () => {
    const node = new RecentRecipients({ ...spec, run: 10 });
    const serial = up(966_500_000_000, 7).map(String);
    for (const one of serial) expect(node.add(one)).toBeUndefined();
    expect(node.under(spec).add('966500000007')).toBe('serial');
    // Who passed passes.
    expect(node.under(spec).add('966500000006')).toBeUndefined();
    expect(node.under({ ...spec, run: 9 }).add('966500000007')).toBeUndefined();

    for (let n = 0; n < 9; n++) node.add(`7${9 - n}${n}5550123${n}`);
    expect(node.under({ ...spec, random }).add('70155501239')).toBe('random');
  });

  it('remembers as many as it says, the last ones, and whom of them it found', () => {
    const added = (recent: number) => {
      const node = new RecentRecipients(spec);
      for (const one of up(966_500_000_000, 8)) node.add(String(one));
      node.under({ ...spec, recent });
      return node.add('966500000006');
    };
    expect([added(5), added(4)]).toEqual(['serial', undefined]);
  });
});

describe('RecentRecipients at two nodes', () => {
  const spec = { run: 5, step: 1, recent: 100, random: false } as const;
  const serial = up(966_500_000_000, 8);
  const added = (node: RecentRecipients) => serial.map((one) => node.add(String(one)));
  const FOUND = [...Array<undefined>(4).fill(undefined), ...Array<string>(4).fill('serial')];

  it('refuses what the other refused and lets pass what the other let pass', () => {
    const [here, there] = [new RecentRecipients(spec), new RecentRecipients(spec)];
    expect(added(here)).toEqual(FOUND);
    there.learn(here.takeNew());
    expect(added(there)).toEqual(FOUND);
    // Nothing came that the first would have to hear of.
    expect(there.takeNew()).toEqual([]);
    expect(here.takeNew()).toEqual([]);
  });

  it('refuses what one let pass before it heard that the other had refused it', () => {
    const [here, there] = [new RecentRecipients(spec), new RecentRecipients(spec)];
    added(here);
    expect(there.add(String(serial[7]))).toBeUndefined();
    there.learn(here.takeNew());
    here.learn(there.takeNew());
    expect([added(here), added(there)]).toEqual([FOUND, FOUND]);
  });
});
