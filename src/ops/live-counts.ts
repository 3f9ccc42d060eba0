import type { CatalogAccount, CatalogCarrier } from '../domain/catalog.ts';
import type { EndCause } from '../domain/message-state.ts';
import type { SubmitResult } from '../gateway/observer.ts';
import type { CarrierQualityChange } from '../gateway/quality.ts';
import { MetricsObserver } from './observer.ts';
import type { ThroughputView } from './runtime.ts';

/** Lines of one event a second in the log; a flood of refused binds must not fill the disk. */
const LINES_PER_SECOND = 20;
/** Rates are taken over this long. */
const SPAN_MS = 2_000;

interface Sample {
  readonly atMs: number;
  readonly submits: number;
  readonly segments: number;
  readonly receipts: number;
  readonly byCarrier: ReadonlyMap<string, number>;
}

/** The observer that also knows how much passed in the last seconds, for the page. */
export class LiveCounts extends MetricsObserver {
  #submits = 0;
  #segments = 0;
  #receipts = 0;
  readonly #byCarrier = new Map<string, number>();
  /** Lines of each event since the last sample. */
  readonly #lines = new Map<string, number>();
  #older: Sample | undefined;
  #newer: Sample | undefined;

  override submitAnswered(
    account: CatalogAccount | undefined,
    result: SubmitResult,
    seconds: number,
  ): void {
    this.#submits++;
    super.submitAnswered(account, result, seconds);
  }

  override segmentsSent(account: CatalogAccount, carrier: CatalogCarrier, segments: number): void {
    this.#segments += segments;
    this.#byCarrier.set(carrier.name, (this.#byCarrier.get(carrier.name) ?? 0) + segments);
    super.segmentsSent(account, carrier, segments);
  }

  override messageEnded(
    carrier: CatalogCarrier | undefined,
    stat: string,
    fault: string,
    cause: EndCause,
    seconds: number | undefined,
  ): void {
    this.#receipts++;
    super.messageEnded(carrier, stat, fault, cause, seconds);
  }

  /** As in the log, but no more than LINES_PER_SECOND of one event; how many were left out is said a second later. */
  override note(
    level: 'info' | 'warn' | 'error',
    event: string,
    fields: Readonly<Record<string, string | number | boolean>>,
  ): void {
    const lines = (this.#lines.get(event) ?? 0) + 1;
    this.#lines.set(event, lines);
    if (lines <= LINES_PER_SECOND) super.note(level, event, fields);
  }

  /** To be called once a second. */
  sample(nowMs: number): void {
    for (const [event, lines] of this.#lines) {
      if (lines > LINES_PER_SECOND)
        super.note('warn', 'linesLeftOut', { event, lines: lines - LINES_PER_SECOND });
    }
    this.#lines.clear();
    for (const change of this.quality.tick(nowMs)) this.#noteQuality(change);
    if (this.#newer !== undefined && nowMs - this.#newer.atMs < SPAN_MS / 2) return;
    this.#older = this.#newer;
    this.#newer = {
      atMs: nowMs,
      submits: this.#submits,
      segments: this.#segments,
      receipts: this.#receipts,
      byCarrier: new Map(this.#byCarrier),
    };
  }

  perSecond(): ThroughputView {
    const rate = (of: (sample: Sample) => number): number => this.#rate(of);
    return {
      submitsPerSecond: rate((s) => s.submits),
      segmentsPerSecond: rate((s) => s.segments),
      receiptsPerSecond: rate((s) => s.receipts),
    };
  }

  segmentsPerSecondOf(carrier: string): number {
    return this.#rate((sample) => sample.byCarrier.get(carrier) ?? 0);
  }

  /** A carrier's traffic became unusual, or is usual again. The prefix is the configuration's, no one's number. */
  #noteQuality({ carrier, prefix, measure, what, value, band }: CarrierQualityChange): void {
    const level = what === 'began' ? 'warn' : 'info';
    const event = what === 'began' ? 'carrierQualityUnusual' : 'carrierQualityUsual';
    this.note(level, event, {
      carrier,
      prefix,
      measure,
      side: band.alert?.side ?? '',
      value: rounded(value),
      usual: rounded(band.usual),
      low: rounded(band.low),
      high: rounded(band.high),
    });
  }

  #rate(of: (sample: Sample) => number): number {
    if (this.#older === undefined || this.#newer === undefined) return 0;
    return ((of(this.#newer) - of(this.#older)) * 1_000) / (this.#newer.atMs - this.#older.atMs);
  }
}

/** Three decimals: shares and seconds alike. */
function rounded(value: number | undefined): number | string {
  return value === undefined ? '' : Math.round(value * 1_000) / 1_000;
}
