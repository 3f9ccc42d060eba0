import { describe, expect, it } from 'vitest';
import { type QualityChange, TrafficQuality } from '../../src/domain/traffic-quality.ts';

const START = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;

/** Numbers in [0, 1) that are the same in each run (mulberry32). */
function seeded(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** One minute of a carrier. */
interface Minute {
  readonly submits: number;
  /** Share delivered; the others fail. */
  readonly delivered: number;
  /** Share that is receipted at all. */
  readonly receipted: number;
  /** Typical seconds to the receipt; single ones differ by factors. */
  readonly receiptSeconds: number;
  readonly submitSeconds: number;
  /** Unmatched receipts for each matched one. */
  readonly unmatched: number;
}

const USUAL: Minute = {
  submits: 60,
  delivered: 0.85,
  receipted: 0.97,
  receiptSeconds: 6,
  submitSeconds: 0.05,
  unmatched: 0.01,
};

/** A carrier whose minutes one describes. */
class Series {
  readonly quality = new TrafficQuality(START);
  readonly changes: (Pick<QualityChange, 'measure' | 'what'> & { readonly minute: number })[] = [];
  readonly #random: () => number;
  #minute = 0;
  #coming: { atMs: number; seconds: number; delivered: boolean; unmatched: boolean }[] = [];

  constructor(seed: number) {
    this.#random = seeded(seed);
  }

  /** Passes so many minutes. */
  pass(minutes: number, changed: Partial<Minute> = {}): void {
    const like = { ...USUAL, ...changed };
    for (let n = 0; n < minutes; n++) {
      this.#traffic(like);
      this.#minute++;
      const nowMs = START + this.#minute * MINUTE;
      this.#receiptsUntil(nowMs);
      this.quality.window.tick(nowMs);
      for (const { measure, what } of this.quality.step(nowMs))
        this.changes.push({ measure, what, minute: this.#minute });
    }
  }

  told(): string[] {
    return this.changes.map(({ measure, what }) => `${measure} ${what}`);
  }

  /** Minutes from one point to the first change of a measure after it. */
  minutesTo(what: QualityChange['what'], measure: string, from: number): number {
    const change = this.changes.find(
      (one) => one.minute > from && one.what === what && one.measure === measure,
    );
    return (change?.minute ?? Number.POSITIVE_INFINITY) - from;
  }

  /** Submits of one minute; their receipts are to come. */
  #traffic(like: Minute): void {
    const { window } = this.quality;
    const fromMs = START + this.#minute * MINUTE;
    // Traffic is never quite even.
    const submits = Math.round(like.submits * (0.5 + this.#random()));
    for (let n = 0; n < submits; n++) {
      window.submitAnswered(true, like.submitSeconds * (0.5 + this.#random()));
      if (this.#random() >= like.receipted) continue;
      const seconds = like.receiptSeconds * Math.exp(1.2 * gauss(this.#random));
      this.#coming.push({
        atMs: fromMs + this.#random() * MINUTE + seconds * 1_000,
        seconds,
        delivered: this.#random() < like.delivered,
        unmatched: this.#random() < like.unmatched,
      });
    }
  }

  #receiptsUntil(nowMs: number): void {
    const { window } = this.quality;
    const due = this.#coming.filter(({ atMs }) => atMs < nowMs);
    this.#coming = this.#coming.filter(({ atMs }) => atMs >= nowMs);
    for (const { atMs, seconds, delivered, unmatched } of due.sort((a, b) => a.atMs - b.atMs)) {
      window.tick(atMs);
      window.receipt(delivered, seconds, delivered && seconds < 1);
      if (unmatched) window.unmatched(1);
    }
  }
}

/** A standard normal (Box and Muller). */
function gauss(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

const LEARNT = 240;

describe('TrafficQuality', () => {
  it.each([
    ['busy', 600],
    ['usual', 60],
    ['thin', 12],
    ['thinnest', 1],
  ])('says nothing of two days of steady noise (%s)', (_, submits) => {
    for (const seed of [1, 2, 3]) {
      const series = new Series(seed);
      series.pass(2 * 24 * 60, { submits });
      expect(series.told()).toEqual([]);
    }
  });

  it('says nothing of a ratio that slowly follows the day', () => {
    const series = new Series(4);
    for (let hour = 0; hour < 48; hour++)
      series.pass(60, { delivered: 0.8 + 0.1 * Math.sin((hour / 24) * 2 * Math.PI) });
    expect(series.told()).toEqual([]);
  });

  it('says so within ten minutes when deliveries drop, and when they are back', () => {
    const series = new Series(5);
    series.pass(LEARNT);
    series.pass(60, { delivered: 0.5 });
    series.pass(60);
    expect(series.told()).toEqual(['deliveryRatio began', 'deliveryRatio ended']);
    expect(series.minutesTo('began', 'deliveryRatio', LEARNT)).toBeLessThanOrEqual(10);
    expect(series.minutesTo('ended', 'deliveryRatio', LEARNT + 60)).toBeLessThanOrEqual(15);
  });

  it('sees a drop where an hour has a hundred messages, only later', () => {
    const series = new Series(6);
    series.pass(24 * 60, { submits: 2 });
    series.pass(120, { submits: 2, delivered: 0.2 });
    expect(series.told()).toContain('deliveryRatio began');
  });

  it('says so when every message is suddenly delivered', () => {
    const series = new Series(7);
    series.pass(LEARNT);
    series.pass(30, { delivered: 1 });
    expect(series.told()).toEqual(['deliveryRatio began']);
    expect(series.quality.view().bands.deliveryRatio.alert?.side).toBe('above');
  });

  it('says so when receipts come sooner than any handset answers, from the first hour on', () => {
    const series = new Series(8);
    series.pass(10, { delivered: 1, receiptSeconds: 0.05 });
    expect(series.told()).toEqual(['quickRatio began']);
    series.pass(30);
    expect(series.told()).toContain('quickRatio ended');
  });

  it('says so when receipts of a known carrier become quick, by both of its signs', () => {
    const series = new Series(9);
    series.pass(LEARNT);
    series.pass(20, { receiptSeconds: 0.1 });
    expect(series.told()).toContain('receiptSeconds began');
    expect(series.quality.view().bands.receiptSeconds.alert?.side).toBe('below');
  });

  it('says so when receipts are lost, once the submits are ripe', () => {
    const series = new Series(10);
    series.pass(LEARNT);
    series.pass(40, { receipted: 0.4 });
    expect(series.told()).toEqual(['receiptRatio began']);
    expect(series.minutesTo('began', 'receiptRatio', LEARNT)).toBeLessThanOrEqual(20);
  });

  it('says so when no receipt comes any more, and not that the ratio of none is odd', () => {
    const series = new Series(11);
    series.pass(LEARNT);
    series.pass(40, { receipted: 0 });
    expect(series.told()).toEqual(['receiptRatio began']);
  });

  it('says so when receipts no longer fit, and when answers become slow', () => {
    const series = new Series(12);
    series.pass(LEARNT);
    series.pass(20, { unmatched: 0.3 });
    expect(series.told()).toEqual(['unmatchedRatio began']);
    series.pass(30);
    series.pass(20, { submitSeconds: 2 });
    expect(series.told().slice(1)).toEqual(['unmatchedRatio ended', 'submitSeconds began']);
  });

  it('does not flap where a value stays at the edge of the band', () => {
    const series = new Series(13);
    series.pass(LEARNT);
    const before = series.told().length;
    // The band is ten points wide at least: 0.85 - 0.1.
    series.pass(6 * 60, { delivered: 0.75 });
    expect(series.told().length - before).toBeLessThanOrEqual(6);
  });

  it('does not learn from what is unusual, for a day; then that is the new usual', () => {
    const series = new Series(14);
    series.pass(LEARNT);
    series.pass(23 * 60, { delivered: 0.5 });
    expect(series.told()).toEqual(['deliveryRatio began']);
    series.pass(4 * 60, { delivered: 0.5 });
    expect(series.told()).toEqual(['deliveryRatio began', 'deliveryRatio ended']);
    expect(series.quality.view().bands.deliveryRatio.usual).toBeCloseTo(0.5, 1);
    series.pass(30);
    expect(series.told().at(-1)).toBe('deliveryRatio began');
  });

  it('ends what it said when nothing passes any more', () => {
    const series = new Series(15);
    series.pass(LEARNT);
    series.pass(20, { delivered: 0.4 });
    series.pass(75, { submits: 0 });
    expect(series.told()).toEqual(['deliveryRatio began', 'deliveryRatio ended']);
  });

  it('has no band before half an hour of traffic', () => {
    const series = new Series(16);
    series.pass(25);
    expect(series.quality.view().bands.deliveryRatio.usual).toBeUndefined();
    series.pass(25);
    const { usual, low, high } = series.quality.view().bands.deliveryRatio;
    expect(usual).toBeCloseTo(0.85, 1);
    expect(low).toBeLessThanOrEqual(0.76);
    expect(high).toBeGreaterThanOrEqual(0.9);
  });
});
