import type { CarrierId } from '../domain/ids.ts';
import type { IdReading } from '../smpp/message-ids.ts';

/** Where in a receipt an id stands: a carrier may write it in another base in the TLV than in the text. */
export type IdSource = 'tlv' | 'text';

/** So many matches that only one reading explains teach it. One wrong one by chance is one in ten million numbers. */
const LEARNT_FROM = 5;
/** ...and it must have this many times as many as the others together. */
const CLEARLY = 9;
/** Counted so far at most, so that a carrier that changes its base is followed after a few receipts. */
const COUNTED_MAX = 50;

/** What is known of one place of one carrier's receipts. */
export interface LearntReading {
  readonly source: IdSource;
  /** Undefined while the evidence is thin or divided. */
  readonly reading: IdReading | undefined;
  readonly evidence: Readonly<Record<IdReading, number>>;
}

/**
 * Learns, for carriers whose `ids` are `auto`, which reading of their receipts' ids is meant. Evidence is a receipt
 * whose destination agrees with a message's under one reading, and with no message's under any other. It is not
 * stored: after a restart the first receipts are all looked up in the store, and five of them teach it again.
 */
export class IdLearning {
  readonly #counts = new Map<string, Record<IdReading, number>>();

  /** A receipt was matched that only this reading explains. */
  learn(carrier: CarrierId, source: IdSource, reading: IdReading): void {
    const counts = this.#of(carrier, source);
    if (counts[reading] < COUNTED_MAX) counts[reading]++;
    else for (const other of READINGS) if (other !== reading) counts[other] >>= 1;
  }

  /** The reading that a carrier means; undefined while that is not known. */
  reading(carrier: CarrierId, source: IdSource): IdReading | undefined {
    const counts = this.#counts.get(keyOf(carrier, source));
    return counts === undefined ? undefined : learntFrom(counts);
  }

  /** All that was learnt of a carrier since this node started. */
  view(carrier: CarrierId): readonly LearntReading[] {
    return SOURCES.flatMap((source) => {
      const counts = this.#counts.get(keyOf(carrier, source));
      if (counts === undefined) return [];
      return [{ source, reading: learntFrom(counts), evidence: { ...counts } }];
    });
  }

  #of(carrier: CarrierId, source: IdSource): Record<IdReading, number> {
    const key = keyOf(carrier, source);
    let counts = this.#counts.get(key);
    if (counts === undefined) {
      counts = { same: 0, hexToDecimal: 0, decimalToHex: 0 };
      this.#counts.set(key, counts);
    }
    return counts;
  }
}

const SOURCES: readonly IdSource[] = ['tlv', 'text'];
const READINGS: readonly IdReading[] = ['same', 'hexToDecimal', 'decimalToHex'];

function learntFrom(counts: Readonly<Record<IdReading, number>>): IdReading | undefined {
  let best: IdReading = 'same';
  let all = 0;
  for (const reading of READINGS) {
    all += counts[reading];
    if (counts[reading] > counts[best]) best = reading;
  }
  const clear = counts[best] >= LEARNT_FROM && counts[best] >= CLEARLY * (all - counts[best]);
  return clear ? best : undefined;
}

function keyOf(carrier: CarrierId, source: IdSource): string {
  return `${carrier} ${source}`;
}
