/** The windows in which traffic is seen, in minutes: the short one sees a change soon, the long one where traffic is thin. */
export const WINDOW_MINUTES = { '5m': 5, '1h': 60 } as const;

/** One of the windows. */
export type WindowName = keyof typeof WINDOW_MINUTES;

/** A submit counts as without a receipt when it is older than this: the usual receipt takes seconds, few take more. */
export const RIPE_MINUTES = 10;

/** Minutes kept: the long window, what ripens before it, the one under way and one to spare. */
const RING_MINUTES = 60 + RIPE_MINUTES + 2;
const MINUTE_MS = 60_000;
/** Keeps the logarithm of an answer within the same millisecond finite; what is below it is as quick as it gets. */
const SECONDS_LEAST = 0.1;

/** What is counted of each minute, by its place in the minute's row. */
const SUBMITS = 0;
const SUBMIT_SECONDS = 1;
const ACCEPTED = 2;
const RECEIPTED = 3;
const RECEIPTS = 4;
const DELIVERED = 5;
const TIMED = 6;
const RECEIPT_SECONDS = 7;
const RECEIPT_LOG = 8;
const QUICK = 9;
const UNMATCHED = 10;
const FIELDS = 11;

/** A value and how many were counted for it; undefined: nothing to tell it by. */
export interface Measured {
  readonly value: number | undefined;
  readonly samples: number;
}

/** What a window shows; times in seconds, the others are shares between 0 and 1. */
export interface TrafficMeasures {
  /** Answers to submit_sm. */
  readonly submits: number;
  /** Final receipts of segments. */
  readonly receipts: number;
  /** Of the segments that were receipted those that were delivered. */
  readonly deliveryRatio: Measured;
  /** Of the segments accepted over ten minutes ago, a window long, those that have their receipt. */
  readonly receiptRatio: Measured;
  /** From submit_sm_resp to receipt: the mean. */
  readonly receiptSeconds: Measured;
  /** The same as a geometric mean, which single late ones do not move. */
  readonly receiptSecondsTypical: Measured;
  /** From submit_sm to submit_sm_resp. */
  readonly submitSeconds: Measured;
  /** Of the receipts those that belong to no message. */
  readonly unmatchedRatio: Measured;
  /** Of the receipts those that say DELIVRD sooner than a handset can answer. */
  readonly quickRatio: Measured;
}

/**
 * Counts of one carrier's traffic in minutes, for the last 72: some 6 KB. Counting is a few additions, whatever
 * passes; sums are made when they are asked for. Time moves by `tick` only.
 */
export class TrafficWindow {
  readonly #rows = new Float64Array(RING_MINUTES * FIELDS);
  #minute: number;
  #nowMs: number;
  /** Minutes since something was counted, whole ones. */
  #idleMinutes = 0;

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
    this.#minute = Math.floor(nowMs / MINUTE_MS);
  }

  /** Since so many minutes nothing was counted. */
  get idleMinutes(): number {
    return this.#idleMinutes;
  }

  /** Time has come to `nowMs` (Unix ms); what a clock says that went back is passed over. */
  tick(nowMs: number): void {
    const minute = Math.floor(nowMs / MINUTE_MS);
    this.#nowMs = Math.max(nowMs, this.#nowMs);
    const passed = Math.min(minute - this.#minute, RING_MINUTES);
    if (passed <= 0) return;
    for (let n = 1; n <= passed; n++) this.#rows.fill(0, ...this.#rowOf(minute - passed + n));
    this.#minute = minute;
    this.#idleMinutes += passed;
  }

  /** The carrier answered a submit_sm. `awaited`: it took it and owes a receipt. */
  submitAnswered(awaited: boolean, seconds: number): void {
    this.#add(SUBMITS, 1);
    this.#add(SUBMIT_SECONDS, seconds);
    if (awaited) this.#add(ACCEPTED, 1);
  }

  /**
   * The carrier's receipt ended a segment.
   * @param seconds since its submit_sm_resp; undefined when that is not known
   * @param quick DELIVRD sooner than can be
   */
  receipt(delivered: boolean, seconds: number | undefined, quick: boolean): void {
    this.#add(RECEIPTS, 1);
    if (delivered) this.#add(DELIVERED, 1);
    if (seconds === undefined) return;
    this.#add(TIMED, 1);
    this.#add(RECEIPT_SECONDS, seconds);
    this.#add(RECEIPT_LOG, Math.log(seconds + SECONDS_LEAST));
    if (quick) this.#add(QUICK, 1);
    // It is counted with the minute of its submit, so that a ratio is one of the same messages.
    const minute = Math.floor((this.#nowMs - seconds * 1_000) / MINUTE_MS);
    if (this.#minute - minute >= RING_MINUTES) return;
    const [row] = this.#rowOf(Math.min(minute, this.#minute));
    this.#rows[row + RECEIPTED] = (this.#rows[row + RECEIPTED] ?? 0) + 1;
  }

  /** Receipts that fit no message; negative when their message was found after all. */
  unmatched(count: 1 | -1): void {
    this.#add(UNMATCHED, count);
  }

  /** What a window shows, the minute under way included. */
  measures(window: WindowName): TrafficMeasures {
    const sums = this.#sum(0, WINDOW_MINUTES[window]);
    const ripe = this.#sum(RIPE_MINUTES, WINDOW_MINUTES[window]);
    const of = (field: number): number => sums[field] ?? 0;
    const ratio = (part: number, whole: number): Measured => ({
      value: whole > 0 ? Math.min(1, Math.max(0, part / whole)) : undefined,
      samples: whole,
    });
    const mean = (sum: number, samples: number): Measured => ({
      value: samples > 0 ? sum / samples : undefined,
      samples,
    });
    const log = mean(of(RECEIPT_LOG), of(TIMED)).value;
    const unmatched = Math.max(0, of(UNMATCHED));
    return {
      submits: of(SUBMITS),
      receipts: of(RECEIPTS),
      deliveryRatio: ratio(of(DELIVERED), of(RECEIPTS)),
      receiptRatio: ratio(ripe[RECEIPTED] ?? 0, ripe[ACCEPTED] ?? 0),
      receiptSeconds: mean(of(RECEIPT_SECONDS), of(TIMED)),
      receiptSecondsTypical: {
        value: log === undefined ? undefined : Math.max(0, Math.exp(log) - SECONDS_LEAST),
        samples: of(TIMED),
      },
      submitSeconds: mean(of(SUBMIT_SECONDS), of(SUBMITS)),
      unmatchedRatio: ratio(unmatched, of(RECEIPTS) + unmatched),
      quickRatio: ratio(of(QUICK), of(TIMED)),
    };
  }

  #add(field: number, by: number): void {
    const at = (this.#minute % RING_MINUTES) * FIELDS + field;
    this.#rows[at] = (this.#rows[at] ?? 0) + by;
    this.#idleMinutes = 0;
  }

  #rowOf(minute: number): readonly [start: number, end: number] {
    const start = (minute % RING_MINUTES) * FIELDS;
    return [start, start + FIELDS];
  }

  /** Sums of `minutes` whole minutes; from age 0 on the one under way is added. */
  #sum(age: number, minutes: number): Float64Array {
    const sums = new Float64Array(FIELDS);
    const newest = this.#minute - age;
    const count = age === 0 ? minutes + 1 : minutes;
    for (let minute = newest - count + 1; minute <= newest; minute++) {
      const [start] = this.#rowOf(minute);
      for (let f = 0; f < FIELDS; f++) sums[f] = (sums[f] ?? 0) + (this.#rows[start + f] ?? 0);
    }
    return sums;
  }
}
