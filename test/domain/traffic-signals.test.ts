import { describe, expect, it } from 'vitest';
import { judgeShare, judgeYield } from '../../src/domain/traffic-signals.ts';

const counts = (accepted: number, all: number, delivered = accepted, converted = 0) => ({
  accepted,
  delivered,
  converted,
  all,
});

type Rest = Parameters<typeof judgeYield> extends [unknown, ...infer Others] ? Others : never;

describe('judgeShare', () => {
  const limits = { messages: 50, historyMessages: 500, rise: 0.2 };
  const usual = counts(300, 1_000);

  it('finds a prefix that has far more of the traffic than it usually has', () => {
    expect(judgeShare(counts(90, 100), usual, limits)).toMatchObject({
      measure: 'share',
      value: 0.9,
      messages: 90,
    });
    expect(judgeShare(counts(60, 150), usual, limits)).toBeUndefined();
  });

  it('finds one that was never sent to', () => {
    expect(judgeShare(counts(60, 200), counts(0, 1_000), limits)?.value).toBe(0.3);
  });

  it('says nothing of few messages, of a new account, or of less than chance may do', () => {
    expect(judgeShare(counts(49, 49), usual, limits)).toBeUndefined();
    expect(judgeShare(counts(90, 100), counts(0, 499), limits)).toBeUndefined();
    // 0.51 of 100: out of 0.3 by 0.2, but four deviations of 0.3 in 100 are 0.183; of 50 they are 0.26.
    expect(judgeShare(counts(52, 100), usual, limits)).toBeDefined();
    const few = { ...limits, messages: 10 };
    expect(judgeShare(counts(26, 50), usual, few)).toBeUndefined();
  });
});

describe('judgeYield', () => {
  const judgeDelivery = (...given: Rest) => judgeYield('delivery', ...given);
  const limits = { messages: 50, historyMessages: 500, fall: 0.3, below: undefined };
  const usual = counts(1_000, 1_000, 920);

  it('finds a prefix where far less is delivered than usual', () => {
    const found = judgeDelivery(counts(100, 100, 40), usual, limits);
    expect(found).toMatchObject({ measure: 'deliveryRatio', value: 0.4, messages: 100 });
    expect(judgeDelivery(counts(100, 100, 70), usual, limits)).toBeUndefined();
  });

  it('needs no history for what is below a limit, and gives none', () => {
    const found = judgeDelivery(counts(100, 100, 10), counts(0, 0), { ...limits, below: 0.2 });
    expect(found).toMatchObject({ value: 0.1, usual: undefined });
    expect(judgeDelivery(counts(100, 100, 10), counts(0, 0), limits)).toBeUndefined();
    expect(judgeDelivery(counts(100, 100, 20), usual, { ...limits, fall: 1, below: 0.2 })).toBe(
      undefined,
    );
  });

  it('looks at what was confirmed where it is asked to, whatever was delivered', () => {
    // All of it arrives; four in five are entered usually, two in five now.
    const entered = counts(1_000, 1_000, 1_000, 800);
    const now = counts(100, 100, 100, 40);
    expect(judgeYield('delivery', now, entered, limits)).toBeUndefined();
    expect(judgeYield('conversion', now, entered, limits)).toMatchObject({
      measure: 'conversionRatio',
      value: 0.4,
      messages: 100,
    });
    expect(judgeYield('conversion', counts(100, 100, 100, 70), entered, limits)).toBeUndefined();
    // Of a customer who never confirms nothing falls.
    const silent = counts(1_000, 1_000);
    expect(judgeYield('conversion', counts(100, 100), silent, limits)).toBeUndefined();
  });
});
