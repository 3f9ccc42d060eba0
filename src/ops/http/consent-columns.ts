import { type EvidenceField, evidenceBits } from '../../domain/rules/consent.ts';
import type { ConsentOrigin } from '../../store/consents.ts';

/** What is told of a consent beside its number. */
export interface ConsentEntry {
  readonly class?: string | undefined;
  readonly textVersion?: string | undefined;
  readonly source?: string | undefined;
  /** Unix ms */
  readonly at?: number | undefined;
  readonly evidence?: string | undefined;
}

/** What many consents of a list have in common, as it is told: by class, not yet by scope. */
export interface ToldOrigin extends Omit<ConsentOrigin, 'scope'> {
  /** '' is any. */
  readonly class: string;
}

/**
 * What a request tells of consents, in columns: half a million of them as objects would take 200 MB. In the order in
 * which they were added.
 */
export class ConsentColumns {
  readonly #origins: ToldOrigin[] = [];
  readonly #byKey = new Map<string, number>();
  readonly #originOf: number[] = [];
  readonly #atsMs: number[] = [];
  /** Of those that have evidence in words. */
  readonly #sealed = new Map<number, Buffer>();

  /**
   * @param nowMs when it was given, where it does not say
   * @param sealed its number and evidence, where that is more than the number
   */
  add(consent: ConsentEntry, nowMs: number, sealed: Buffer | undefined): void {
    const nth = this.#originOf.length;
    this.#originOf.push(this.#origin(consent));
    this.#atsMs.push(consent.at ?? nowMs);
    if (sealed !== undefined) this.#sealed.set(nth, sealed);
  }

  /** Of all of them, each once. */
  classes(): string[] {
    return [...new Set(this.#origins.map((origin) => origin.class))];
  }

  originOf(nth: number): ToldOrigin {
    const origin = this.#origins[this.#originOf[nth] ?? -1];
    if (origin === undefined) throw new RangeError(`there is no consent ${nth}`);
    return origin;
  }

  /** Unix ms */
  atMs(nth: number): number {
    return this.#atsMs[nth] ?? 0;
  }

  sealed(nth: number): Buffer | undefined {
    return this.#sealed.get(nth);
  }

  /** Mostly the same as of the consent before. */
  #origin(consent: ConsentEntry): number {
    const { class: trafficClass = '', textVersion = '', source = '' } = consent;
    const has = evidenceBits((field) => isTold(consent, field));
    const last = this.#originOf.at(-1) ?? -1;
    const before = this.#origins[last];
    if (
      before?.evidence === has &&
      before.source === source &&
      before.textVersion === textVersion &&
      before.class === trafficClass
    )
      return last;
    const key = `${has} ${trafficClass.length} ${textVersion.length} ${trafficClass}${textVersion}${source}`;
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const index =
      this.#origins.push({ class: trafficClass, textVersion, source, evidence: has }) - 1;
    this.#byKey.set(key, index);
    return index;
  }
}

/** An empty text tells nothing. */
export function isTold(consent: ConsentEntry, field: EvidenceField): boolean {
  return (consent[field] ?? '') !== '';
}
