import type { z } from 'zod';
import { MESSAGE_STATE } from './message-state.ts';
import type { receiptDialect } from './receipt-dialect-schema.ts';
import { clockOf, type ToUtc } from './zone-clock.ts';

/** The fields of a receipt's text. */
export type ReceiptTextField =
  | 'id'
  | 'sub'
  | 'dlvrd'
  | 'submitDate'
  | 'doneDate'
  | 'stat'
  | 'err'
  | 'text';

/** How a carrier's receipts are read: plain options of `parseReceipt` (smpp/receipt-text.ts). */
export interface ReceiptDialect {
  /** esm_class bits 5-2 that mark a receipt: of a final state, and of an intermediate one. */
  readonly finalTypes: readonly number[];
  readonly intermediateTypes: readonly number[];
  /** A message of type 0 whose text reads as a receipt is one. */
  readonly byText: boolean;
  readonly read: 'any' | 'text' | 'tlv';
  readonly octets: 'auto' | 'latin1' | 'gsm7' | 'gsm7-packed' | 'ucs2' | 'ucs2le';
  /** Names beyond the usual, in lower case letters and digits alone. */
  readonly names: ReadonlyMap<string, ReceiptTextField>;
  /** Fields without names: by their place between separators. Undefined: they have names. */
  readonly columns:
    | { readonly separator: string; readonly fields: readonly (ReceiptTextField | '-')[] }
    | undefined;
  /** Tried in order; undefined: as appendix B has them. */
  readonly dates: readonly string[] | undefined;
  /** Undefined: they are UTC, or of a zone yet to be learnt. */
  readonly toUtc: ToUtc | undefined;
  /** The dates' zone is what matched receipts showed (clock-offsets.ts). */
  readonly learnsZone: boolean;
  /** message_state by the carrier's own word in upper case. */
  readonly states: ReadonlyMap<string, number>;
  readonly errFrom: 'text' | 'tlv' | 'tlv+type';
  readonly errBase: 'decimal' | 'hex';
}

type DialectSpec = { readonly [K in keyof typeof receiptDialect]?: Dialect<K> };
type Dialect<K extends keyof typeof receiptDialect> = z.output<(typeof receiptDialect)[K]>;

/** Compiles the dialect of a carrier; undefined when it has none. */
export function compileReceiptDialect({
  receiptDialect: spec,
  receiptMarks: marks,
}: DialectSpec): ReceiptDialect | undefined {
  if (spec === undefined && marks === undefined) return undefined;
  const names = new Map<string, ReceiptTextField>();
  for (const [field, aliases] of Object.entries(spec?.fields ?? {}))
    for (const name of aliases ?? []) names.set(bareName(name), field as ReceiptTextField);
  const zone = spec?.timeZone ?? 'utc';
  return {
    finalTypes: (marks?.final ?? [RECEIPT]).map(typeOf),
    intermediateTypes: (marks?.intermediate ?? [NOTIFICATION]).map(typeOf),
    byText: marks?.text ?? false,
    read: spec?.read ?? 'any',
    octets: spec?.octets ?? 'auto',
    names,
    columns: spec?.columns,
    dates: spec?.dates,
    toUtc: zone === 'learnt' || zone === 'utc' ? undefined : toUtcOf(zone),
    learnsZone: zone === 'learnt',
    states: new Map(
      Object.entries(spec?.states ?? {}).map(([word, state]) => [
        word.toUpperCase(),
        MESSAGE_STATE[state],
      ]),
    ),
    errFrom: spec?.err.from ?? 'text',
    errBase: spec?.err.base ?? 'decimal',
  };
}

/** esm_class of a receipt and of an intermediate one (SMPP 3.4 §5.2.12). */
const RECEIPT = 0x04;
const NOTIFICATION = 0x20;
const MESSAGE_TYPE = 0x3c;

function typeOf(esmClass: number): number {
  return esmClass & MESSAGE_TYPE;
}

function bareName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

function toUtcOf(zone: string): ToUtc {
  const clock = clockOf(zone);
  return (wallMs) => clock.toUtc(wallMs);
}
