import { countryCode } from '../../domain/country-code.ts';
import { csvLine, foreignCell } from '../../domain/csv.ts';
import { faultClassName, messageStateName } from '../../domain/message-state.ts';
import { credits, formatCredits } from '../../domain/money.ts';
import type { LateRow } from '../../store/usage-late.ts';
import type {
  CostRow,
  DeliveryRow,
  UsageReport,
  UsageRow,
  UsageTotals,
} from '../../store/usage-read.ts';

/** By what a report can have a row each. */
export const USAGE_BY = [
  'day',
  'account',
  'sender',
  'country',
  'prefix',
  'network',
  'class',
] as const;
export const DELIVERY_BY = [...USAGE_BY, 'carrier', 'state', 'fault'] as const;
export const MARGIN_BY = [...USAGE_BY, 'carrier'] as const;

/** A row of any report: what it is of, then its figures; money in decimals, counts as numbers. */
export type ReportRow = Readonly<Record<string, string | number>>;

/** A difference between what was counted and the ledger. */
export interface UsageDifference {
  readonly what: keyof UsageTotals;
  readonly counted: string;
  readonly ledger: string;
}

/** A usage report, folded. */
export interface FoldedUsage {
  readonly rows: readonly ReportRow[];
  readonly total: ReportRow;
  /** In the ledger, and not counted by day and group yet: a row of its own in the sums. */
  readonly pending: ReportRow;
  readonly ledger: ReportRow;
  readonly differences: readonly UsageDifference[];
  readonly otherEntries: Readonly<Record<string, string>>;
}

/** Folds a usage report, and holds its sums against the ledger. */
export function foldUsage(
  report: UsageReport,
  by: readonly (typeof USAGE_BY)[number][],
): FoldedUsage {
  const rows = fold(report.rows, by, usageDimension, addUsage, () => ({ ...NO_USAGE }));
  const total = { ...NO_USAGE };
  addUsage(total, report.pending);
  for (const row of report.rows) addUsage(total, row);
  const differences = USAGE_FIGURES.filter((what) => total[what] !== report.ledger[what]);
  return {
    rows: rows.map(([key, sum]) => ({ ...key, ...usageFigures(sum) })),
    total: usageFigures(total),
    pending: usageFigures(report.pending),
    ledger: usageFigures(report.ledger),
    differences: differences.map((what) => ({
      what,
      counted: String(usageFigures(total)[what]),
      ledger: String(usageFigures(report.ledger)[what]),
    })),
    otherEntries: Object.fromEntries(
      [...report.others].map(([kind, amount]) => [kind, moneyText(amount)]),
    ),
  };
}

/** How messages ended, and how long it took from accept to the carrier's answer. */
export function foldDeliveries(
  rows: readonly DeliveryRow[],
  by: readonly (typeof DELIVERY_BY)[number][],
): ReportRow[] {
  return fold(rows, by, deliveryDimension, addDelivery, () => ({ ...NO_DELIVERY })).map(
    ([key, sum]) => ({
      ...key,
      messages: Number(sum.messages),
      segments: Number(sum.segments),
      delivered: Number(sum.delivered),
      failed: Number(sum.messages - sum.delivered),
      deliveredPercent: percent(sum.delivered, sum.messages),
      upstreamMeanMs: sum.timed === 0n ? 0 : Number(sum.sumMs / sum.timed),
      upstreamMaxMs: Number(sum.maxMs),
      upstreamWithin1sPercent: percent(sum.within1s, sum.timed),
      upstreamWithin10sPercent: percent(sum.within10s, sum.timed),
      upstreamWithin60sPercent: percent(sum.within60s, sum.timed),
    }),
  );
}

/** What messages brought that ended, what was given back of them since, and what carriers took for them. */
export function foldMargin(
  ends: readonly DeliveryRow[],
  costs: readonly CostRow[],
  late: readonly LateRow[],
  by: readonly (typeof MARGIN_BY)[number][],
): ReportRow[] {
  const each = [
    ...late.map((row) => ({ ...row, ...NO_MARGIN, income: row.charged - row.refunded })),
    ...ends.map((row) => ({ ...row, cost: 0n, taken: 0n, uncosted: 0n })),
    ...costs.map((row) => ({ ...row, messages: 0n, income: 0n, taken: row.segments })),
  ];
  return fold(each, by, marginDimension, addMargin, () => ({ ...NO_MARGIN })).map(([key, sum]) => ({
    ...key,
    messages: Number(sum.messages),
    segmentsTaken: Number(sum.taken),
    income: moneyText(sum.income),
    cost: moneyText(sum.cost),
    margin: moneyText(sum.income - sum.cost),
    uncostedSegments: Number(sum.uncosted),
  }));
}

/** A report as CSV: the heading is that of the first row. */
export function reportCsv(rows: readonly ReportRow[]): string {
  const columns = Object.keys(rows[0] ?? {});
  const lines = rows.map((row) =>
    csvLine(
      columns.map((column) =>
        column === 'sender' ? foreignCell(String(row[column])) : row[column],
      ),
    ),
  );
  return csvLine(columns) + lines.join('');
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const NO_USAGE: UsageTotals = {
  messages: 0n,
  segments: 0n,
  charged: 0n,
  refunded: 0n,
  reserved: 0n,
  released: 0n,
};
const USAGE_FIGURES = Object.keys(NO_USAGE) as (keyof UsageTotals)[];

function addUsage(sum: Mutable<UsageTotals>, more: UsageTotals): void {
  for (const figure of USAGE_FIGURES) sum[figure] += more[figure];
}

function usageFigures(sum: UsageTotals): Record<keyof UsageTotals, string | number> {
  return {
    messages: Number(sum.messages),
    segments: Number(sum.segments),
    charged: moneyText(sum.charged),
    refunded: moneyText(sum.refunded),
    reserved: moneyText(sum.reserved),
    released: moneyText(sum.released),
  };
}

const NO_DELIVERY = {
  messages: 0n,
  segments: 0n,
  delivered: 0n,
  timed: 0n,
  sumMs: 0n,
  maxMs: 0n,
  within1s: 0n,
  within10s: 0n,
  within60s: 0n,
};

function addDelivery(sum: typeof NO_DELIVERY, row: DeliveryRow): void {
  sum.messages += row.messages;
  sum.segments += row.segments;
  if (messageStateName(row.state) === 'DELIVRD') sum.delivered += row.messages;
  sum.timed += row.timed;
  sum.sumMs += row.sumMs;
  if (row.maxMs > sum.maxMs) sum.maxMs = row.maxMs;
  sum.within1s += row.within1s;
  sum.within10s += row.within10s;
  sum.within60s += row.within60s;
}

const NO_MARGIN = { messages: 0n, income: 0n, cost: 0n, taken: 0n, uncosted: 0n };

function addMargin(sum: typeof NO_MARGIN, row: typeof NO_MARGIN): void {
  sum.messages += row.messages;
  sum.income += row.income;
  sum.cost += row.cost;
  sum.taken += row.taken;
  sum.uncosted += row.uncosted;
}

type Traits = Omit<UsageRow, keyof UsageTotals>;

function usageDimension(row: Traits, by: (typeof USAGE_BY)[number]): string {
  if (by === 'country') return countryCode(row.prefix) || '-';
  return row[by];
}

function marginDimension(
  row: Traits & { readonly carrier: string | null },
  by: (typeof MARGIN_BY)[number],
): string {
  return by === 'carrier' ? (row.carrier ?? '-') : usageDimension(row, by);
}

function deliveryDimension(row: DeliveryRow, by: (typeof DELIVERY_BY)[number]): string {
  if (by === 'state') return messageStateName(row.state) ?? 'UNKNOWN';
  if (by === 'fault') return faultClassName(row.fault);
  return marginDimension(row, by);
}

/** Sums of rows by some of what they are of, in the order of that. Without any there is one row. */
function fold<Row, By extends string, Sum>(
  rows: readonly Row[],
  by: readonly By[],
  dimension: (row: Row, by: By) => string,
  add: (sum: Sum, row: Row) => void,
  zero: () => Sum,
): (readonly [Record<string, string>, Sum])[] {
  const sums = new Map<string, readonly [Record<string, string>, Sum]>();
  if (by.length === 0) sums.set('[]', [{}, zero()]);
  for (const row of rows) {
    const values = by.map((each) => dimension(row, each));
    const name = JSON.stringify(values);
    const held = sums.get(name) ?? [
      Object.fromEntries(by.map((each, n) => [each, values[n] ?? ''])),
      zero(),
    ];
    add(held[1], row);
    sums.set(name, held);
  }
  return [...sums].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, folded]) => folded);
}

function moneyText(micro: bigint): string {
  return formatCredits(credits(micro));
}

/** With two decimals. */
function percent(part: bigint, whole: bigint): number {
  return whole === 0n ? 0 : Number((part * 10_000n) / whole) / 100;
}
