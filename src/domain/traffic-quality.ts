import {
  type Measured,
  type TrafficMeasures,
  TrafficWindow,
  type WindowName,
} from './traffic-window.ts';
import { type BandSpec, type BandView, SAMPLES_LEAST, UsualBand } from './usual-band.ts';

/** What is held against what it usually is. */
export type QualityMeasure =
  | 'deliveryRatio'
  | 'receiptRatio'
  | 'receiptSeconds'
  | 'submitSeconds'
  | 'unmatchedRatio'
  | 'quickRatio';

/**
 * When each is out of its band. A ratio that is far better than ever is as odd as one that is worse: receipts that are
 * made up say DELIVRD. Answers that come quicker, and fewer unmatched receipts, are just good.
 */
const BANDS = {
  deliveryRatio: { scale: 'share', sides: 'both', least: 0.1 },
  receiptRatio: { scale: 'share', sides: 'below', least: 0.1 },
  receiptSeconds: { scale: 'seconds', sides: 'both', least: 2 },
  submitSeconds: { scale: 'seconds', sides: 'above', least: 2 },
  unmatchedRatio: { scale: 'share', sides: 'above', least: 0.05 },
} as const satisfies Record<Exclude<QualityMeasure, 'quickRatio'>, BandSpec>;

/** What is learnt, in the order in which it is shown. */
const LEARNT = Object.keys(BANDS) as (keyof typeof BANDS)[];

/** All measures, in the order in which they are shown. */
export const QUALITY_MEASURES: readonly QualityMeasure[] = [...LEARNT, 'quickRatio'];

/** So many of the receipts quicker than can be: they are made up, whatever was usual before. */
const QUICK_BEGIN = 0.9;
/** No longer. */
const QUICK_END = 0.5;

/** A measure left its band, or is back. */
export interface QualityChange {
  readonly measure: QualityMeasure;
  readonly what: 'began' | 'ended';
  /** As it stands; undefined when too little passes to tell, which ends an alert. */
  readonly value: number | undefined;
  readonly band: BandView;
}

/** What passed and what of it is unusual. */
export interface QualityView {
  readonly windows: Readonly<Record<WindowName, TrafficMeasures>>;
  readonly bands: Readonly<Record<QualityMeasure, BandView>>;
}

/**
 * The quality of one stream of traffic (a carrier's to one prefix): its counts, what they usually show, and whether
 * they do now. Each measure is taken from the short window, or where too little passed in it, from the long one.
 */
export class TrafficQuality {
  readonly window: TrafficWindow;
  readonly #bands: Record<keyof typeof BANDS, UsualBand>;
  #quickSinceMs: number | undefined;

  constructor(nowMs: number) {
    this.window = new TrafficWindow(nowMs);
    this.#bands = {
      deliveryRatio: new UsualBand(BANDS.deliveryRatio),
      receiptRatio: new UsualBand(BANDS.receiptRatio),
      receiptSeconds: new UsualBand(BANDS.receiptSeconds),
      submitSeconds: new UsualBand(BANDS.submitSeconds),
      unmatchedRatio: new UsualBand(BANDS.unmatchedRatio),
    };
  }

  /** One step further, once a minute. @returns what it changed, seldom anything */
  step(nowMs: number): readonly QualityChange[] {
    const short = this.window.measures('5m');
    const long = this.window.measures('1h');
    const changes: QualityChange[] = [];
    for (const measure of LEARNT) {
      const seen = sampleOf(measure, short, long);
      const band = this.#bands[measure];
      const before = band.view(seen?.samples);
      const what = band.step(seen, nowMs);
      if (what === undefined) continue;
      const after = what === 'began' ? band.view(seen?.samples) : before;
      changes.push({ measure, what, value: seen?.value, band: after });
    }
    const quick = this.#stepQuick(sampleOf('quickRatio', short, long), nowMs);
    if (quick !== undefined) changes.push(quick);
    return changes;
  }

  /** Everything that is known of it. */
  view(): QualityView {
    const windows = { '5m': this.window.measures('5m'), '1h': this.window.measures('1h') };
    const band = (measure: keyof typeof BANDS): BandView =>
      this.#bands[measure].view(sampleOf(measure, windows['5m'], windows['1h'])?.samples);
    return {
      windows,
      bands: {
        deliveryRatio: band('deliveryRatio'),
        receiptRatio: band('receiptRatio'),
        receiptSeconds: band('receiptSeconds'),
        submitSeconds: band('submitSeconds'),
        unmatchedRatio: band('unmatchedRatio'),
        quickRatio: this.#quickBand(),
      },
    };
  }

  /** Whether a measure is out of its band now. */
  isUnusual(measure: QualityMeasure): boolean {
    if (measure === 'quickRatio') return this.#quickSinceMs !== undefined;
    return this.#bands[measure].isAlert;
  }

  #stepQuick(seen: Sampled | undefined, nowMs: number): QualityChange | undefined {
    const value = seen?.value;
    const before = this.#quickBand();
    if (this.#quickSinceMs === undefined) {
      if (value === undefined || value < QUICK_BEGIN) return undefined;
      this.#quickSinceMs = nowMs;
      return { measure: 'quickRatio', what: 'began', value, band: this.#quickBand() };
    }
    if (value !== undefined && value > QUICK_END) return undefined;
    this.#quickSinceMs = undefined;
    return { measure: 'quickRatio', what: 'ended', value, band: before };
  }

  #quickBand(): BandView {
    const sinceMs = this.#quickSinceMs;
    return {
      usual: undefined,
      low: undefined,
      high: sinceMs === undefined ? QUICK_BEGIN : QUICK_END,
      alert: sinceMs === undefined ? undefined : { sinceMs, side: 'above' },
    };
  }
}

interface Sampled {
  readonly value: number;
  readonly samples: number;
}

/** A measure out of the shortest window in which enough was counted; undefined when neither has that. */
function sampleOf(
  measure: QualityMeasure,
  short: TrafficMeasures,
  long: TrafficMeasures,
): Sampled | undefined {
  return enough(measuredOf(measure, short)) ?? enough(measuredOf(measure, long));
}

function measuredOf(measure: QualityMeasure, measures: TrafficMeasures): Measured {
  return measure === 'receiptSeconds' ? measures.receiptSecondsTypical : measures[measure];
}

function enough({ value, samples }: Measured): Sampled | undefined {
  return value === undefined || samples < SAMPLES_LEAST ? undefined : { value, samples };
}
