import type { Command } from 'commander';
import type { FigureOptions, FigureReport } from './figure.ts';
import { measureFailover } from './measure-failover.ts';
import { measureMisbehave } from './measure-misbehave.ts';
import { measureSlow } from './measure-slow.ts';
import { measureThrottled } from './measure-throttled.ts';
import { wholeNumber } from './whole-number.ts';

/** What the figures towards carriers are asked for by. */
export interface CarrierFigureFlags {
  misbehave?: true | number;
  failover?: boolean;
  slowCarrier?: boolean;
  throttledCarrier?: true | number;
  loadRate: number;
  downSeconds: number;
  waitSeconds: number;
  // Shared with other figures.
  messages: number;
  pairs: number;
  pacedSeconds: number;
  rate: number;
  seed?: number;
}

/** How many messages misbehaving carriers get, and how many a second the throttling one allows, unless told. */
const usual = { misbehave: 100_000, throttled: 500 };

/** Adds the figures towards carriers to `bench`. */
export function addCarrierFigureOptions(command: Command): void {
  command
    .option(
      '--misbehave [n]',
      `n messages (${usual.misbehave}) to carriers that misbehave in every way: receipts matched`,
      wholeNumber,
    )
    .option('--failover', 'kills one carrier of two under load; with --messages')
    .option('--load-rate <n>', 'failover: submits a second; 0: all that goes', wholeNumber, 0)
    .option('--down-seconds <n>', 'failover: how long it is away', wholeNumber, 5)
    .option('--wait-seconds <n>', 'failover: onUnknownOutcome.waitSeconds', wholeNumber, 10)
    .option('--slow-carrier', 'latency of one route beside a carrier that answers in 5 s: pairs')
    .option(
      '--throttled-carrier [n]',
      `throughput to carriers that allow n (${usual.throttled}) a second, counted in three ways`,
      wholeNumber,
    );
}

/** The figure that is asked for, if one is. */
export function carrierFiguresOf(
  flags: CarrierFigureFlags,
  common: FigureOptions,
): Promise<FigureReport> | undefined {
  const { misbehave, throttledCarrier, pairs, pacedSeconds: seconds } = flags;
  if (misbehave !== undefined)
    return measureMisbehave({
      ...common,
      messages: misbehave === true ? usual.misbehave : misbehave,
      perSecond: flags.rate,
      seed: flags.seed ?? 1,
    });
  if (flags.failover)
    return measureFailover({
      ...common,
      messages: flags.messages,
      perSecond: flags.loadRate,
      downSeconds: flags.downSeconds,
      waitSeconds: flags.waitSeconds,
    });
  if (flags.slowCarrier) return measureSlow({ ...common, pairs, seconds });
  if (throttledCarrier !== undefined)
    return measureThrottled({
      ...common,
      perSecond: throttledCarrier === true ? usual.throttled : throttledCarrier,
      seconds,
    });
  return undefined;
}
