import { describe, expect, it } from 'vitest';
import { messageId } from '../../src/domain/ids.ts';
import type { FaultClass, MessageState } from '../../src/domain/message-state.ts';
import { credits } from '../../src/domain/money.ts';
import {
  type ClaimFacts,
  judgeOutage,
  judgeRequest,
  outageOf,
} from '../../src/domain/refund-claim.ts';
import type { CompiledTerms } from '../../src/domain/terms.ts';

const HOUR_MS = 3_600_000;
const TO = '923001234567';
const terms: CompiledTerms = {
  name: 'asked',
  version: 1,
  chargeOn: 'submit',
  creditValidDays: 365,
  topUpExtendsBalance: true,
  topUpMinimum: credits(0n),
  refundAutomatic: ['carrier'],
  refundOnRequest: ['platform'],
  reportWithinHours: 24,
  purchaseRefundWithinHours: 48,
  purchaseRefundOf: 'unspent',
  onRefusal: 'refund',
  noReceipt: 'keep',
  refundIntoExpired: 'forfeit',
  refundDueBusinessDays: 7,
  businessDays: { timeZone: 'utc', weekend: ['saturday', 'sunday'], holidays: [] },
  onTermination: { content: 'erase' },
  onViolation: { suspendAfter: 3, forfeitBalance: false },
};

/** A message of four segments at 10: delivered, failed by the platform, the carrier, the recipient. */
function claim(more: Partial<ClaimFacts> = {}): ClaimFacts {
  const ends: [MessageState, FaultClass][] = [
    ['DELIVRD', 'none'],
    ['EXPIRED', 'platform'],
    ['REJECTD', 'carrier'],
    ['UNDELIV', 'recipient'],
  ];
  return {
    id: messageId(7n),
    acceptedAtMs: 0,
    purchasedAtMs: undefined,
    unitPrice: credits(10n),
    segments: 4,
    chargeOnDelivery: false,
    carrier: 1,
    tries: [{ carrier: 1, atMs: HOUR_MS }],
    end: {
      state: 'REJECTD',
      fault: 'carrier',
      cause: 'receipt',
      atMs: 2 * HOUR_MS,
      segments: new Map(ends.map(([state, fault], n) => [n + 1, { state, fault }])),
    },
    // The carrier's segment went back at its end.
    givenBack: credits(10n),
    wasRefunded: false,
    ...more,
  };
}

const outage = {
  ...{ id: 3, fromMs: HOUR_MS / 2, untilMs: 1.5 * HOUR_MS, carrier: 1, prefix: '92' },
};

describe('judgeRequest', () => {
  it('pays only the segments with a fault that is refunded on request', () => {
    expect(judgeRequest(claim(), terms, HOUR_MS, undefined, TO)).toMatchObject({
      finding: 'refundable',
      amount: 10n,
    });
  });

  it('pays in an outage all that failed, less what went back', () => {
    expect(judgeRequest(claim(), terms, HOUR_MS, outage, TO)).toMatchObject({
      ...{ finding: 'refundable', amount: 20n, fault: 'platform', outage: 3 },
    });
    const whole = claim({ givenBack: credits(30n) });
    expect(judgeRequest(whole, terms, HOUR_MS, outage, TO).finding).toBe('alreadyRefunded');
  });

  it('takes the last moment of the window, and nothing after it', () => {
    expect(judgeRequest(claim(), terms, 24 * HOUR_MS, undefined, TO).finding).toBe('refundable');
    expect(judgeRequest(claim(), terms, 24 * HOUR_MS + 1, undefined, TO).finding).toBe('tooLate');
  });

  it('does not blame an outage for what the customer or his account ended', () => {
    const { end } = claim();
    const stopped = end && { ...end, cause: 'refusedLater' as const };
    expect(
      judgeRequest(claim({ end: stopped }), terms, HOUR_MS, outage, TO).outage,
    ).toBeUndefined();
  });
});

describe('judgeRequest with clauses about numbers', () => {
  // P5.6: no refund for international failures caused by carriers, from a provider at home in Pakistan.
  const home: CompiledTerms = {
    ...terms,
    refundAutomatic: [],
    refundOnRequest: ['platform', { fault: 'carrier', countries: ['PK'] }],
  };
  const failed = claim({ givenBack: credits(0n) });

  it('refunds a fault of the carrier at home and not abroad', () => {
    expect(judgeRequest(failed, home, HOUR_MS, undefined, TO).amount).toBe(20n);
    expect(judgeRequest(failed, home, HOUR_MS, undefined, '12025550100').amount).toBe(10n);
  });

  it('counts an outage as the platform fault that it is, wherever the number', () => {
    const abroad = { ...outage, prefix: undefined };
    expect(judgeRequest(failed, home, HOUR_MS, abroad, '12025550100').amount).toBe(30n);
  });

  it('gives nothing back by a clause about numbers when the number is gone', () => {
    expect(judgeRequest(failed, home, HOUR_MS, undefined, '').amount).toBe(10n);
  });
});

describe('judgeOutage', () => {
  it('gives back by itself only where refundAutomatic has platform', () => {
    expect(judgeOutage(claim(), terms, TO)).toBe(0n);
    const automatic: CompiledTerms = { ...terms, refundAutomatic: ['platform'] };
    expect(judgeOutage(claim({ givenBack: credits(10n) }), automatic, TO)).toBe(20n);
    expect(judgeOutage(claim({ wasRefunded: true }), automatic, TO)).toBe(0n);
  });
});

describe('outageOf', () => {
  it('wants the time, the carrier and the number', () => {
    const found = (more: object, to: string | undefined) =>
      outageOf(claim(), [{ ...outage, ...more }], to)?.id;
    expect(found({}, '923001234567')).toBe(3);
    expect(found({}, '971501234567')).toBeUndefined();
    expect(found({}, undefined)).toBeUndefined();
    expect(found({ carrier: 2 }, '923001234567')).toBeUndefined();
    expect(found({ fromMs: 3 * HOUR_MS, untilMs: undefined }, '923001234567')).toBeUndefined();
    expect(found({ fromMs: HOUR_MS + 1, untilMs: 2 * HOUR_MS }, '923001234567')).toBeUndefined();
  });
});
