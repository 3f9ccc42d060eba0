/** Width of a bin, milliseconds: as fine as the figures are printed. */
const binMs = 0.1;
/** Everything over a minute falls in the last bin. */
const bins = 600_000;

/** Counts latencies in bins of 0.1 ms up to a minute; 2.4 MB, no garbage while counting. */
export class LatencyHistogram {
  #counts = new Uint32Array(bins);
  #total = 0;

  add(milliseconds: number): void {
    const bin = Math.min(bins - 1, Math.max(0, Math.floor(milliseconds / binMs)));
    this.#counts[bin] = (this.#counts[bin] as number) + 1;
    this.#total += 1;
  }

  reset(): void {
    this.#counts.fill(0);
    this.#total = 0;
  }

  /** The upper edge of the bin in which the share lies, milliseconds; 0 when nothing was counted. */
  quantile(share: number): number {
    if (this.#total === 0) return 0;
    let left = Math.ceil(this.#total * share);
    for (let bin = 0; bin < bins; bin += 1) {
      left -= this.#counts[bin] as number;
      if (left <= 0) return Math.round((bin + 1) * binMs * 10) / 10;
    }
    return bins * binMs;
  }
}
