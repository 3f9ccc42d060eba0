import { beforeAll, describe, expect, it } from 'vitest';
import type { CatalogCarrier } from '../../src/domain/catalog.ts';
import { ClockOffsets } from '../../src/gateway/clock-offsets.ts';
import type { ReceiptFields } from '../../src/smpp/receipt-text.ts';
import { carrierOf, catalogOf } from './messages.ts';

let one: CatalogCarrier;
let other: CatalogCarrier;
const SENT_MS = Date.UTC(2026, 10, 22, 12, 34, 56);
const HOUR_MS = 3_600_000;

beforeAll(async () => {
  const carriers = { one: { port: 1, prefix: '1' }, other: { port: 1, prefix: '2' } };
  const catalog = await catalogOf({ accounts: { a: {} }, carriers });
  [one, other] = [carrierOf(catalog, 'one'), carrierOf(catalog, 'other')];
});

function submitted(atMs: number | undefined): ReceiptFields {
  return { submitDateMs: atMs } as ReceiptFields;
}

describe('ClockOffsets', () => {
  it('knows nothing of a carrier before its first matched receipt', () => {
    expect(new ClockOffsets().offsetMs(one.id)).toBeUndefined();
  });

  it.each([
    { zone: 'UTC, told in whole minutes', off: -56_000, learnt: 0 },
    { zone: '+03:00', off: 3 * HOUR_MS - 56_000, learnt: 3 * HOUR_MS },
    { zone: '-05:00', off: -5 * HOUR_MS, learnt: -5 * HOUR_MS },
    { zone: '+05:45', off: 5.75 * HOUR_MS - 30_000, learnt: 5.75 * HOUR_MS },
  ])('learns the zone $zone to a quarter of an hour', ({ off, learnt }) => {
    const clocks = new ClockOffsets();
    clocks.learn(one, submitted(SENT_MS + off), SENT_MS);
    expect(clocks.offsetMs(one.id)).toBeCloseTo(learnt);
    expect(clocks.offsetMs(other.id)).toBeUndefined();
  });

  it('follows summer time: the last receipt counts', () => {
    const clocks = new ClockOffsets();
    clocks.learn(one, submitted(SENT_MS + HOUR_MS), SENT_MS);
    clocks.learn(one, submitted(SENT_MS + 2 * HOUR_MS), SENT_MS);
    expect(clocks.offsetMs(one.id)).toBe(2 * HOUR_MS);
  });

  it('learns nothing of a receipt without a date, or of a write whose time is not known', () => {
    const clocks = new ClockOffsets();
    clocks.learn(one, submitted(undefined), SENT_MS);
    clocks.learn(one, submitted(SENT_MS), 0);
    expect(clocks.offsetMs(one.id)).toBeUndefined();
  });
});
