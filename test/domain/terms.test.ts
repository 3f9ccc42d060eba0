import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  END_CAUSE,
  type EndCause,
  type FaultClass,
  MESSAGE_STATE,
  type MessageState,
} from '../../src/domain/message-state.ts';
import { credits, times } from '../../src/domain/money.ts';
import {
  type CompiledTerms,
  correctionOf,
  moneyAtEnd,
  type RefundClause,
  refunds,
  refundsSegment,
} from '../../src/domain/terms.ts';

// The terms of the interface's example.
const terms: CompiledTerms = {
  name: 'platform-fault-only',
  version: 1,
  chargeOn: 'submit',
  creditValidDays: 365,
  topUpExtendsBalance: true,
  topUpMinimum: credits(0n),
  refundAutomatic: ['platform'],
  refundOnRequest: [],
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

const TO = '923001234567';
const UNIT = credits(50_000n);

function charged(segments: number, chargeOnDelivery: boolean) {
  return { chargeOnDelivery, unitPrice: UNIT, segments, price: times(UNIT, segments) };
}

/** A whole message of one end, its refundable segments counted as callers count them. */
function endOf(
  state: MessageState,
  fault: FaultClass,
  cause: EndCause,
  segments: number,
  own: CompiledTerms,
  chargeOnDelivery: boolean,
) {
  const refundableSegments = refundsSegment(own, chargeOnDelivery, state, fault, TO) ? segments : 0;
  return { state, fault, cause, refundableSegments };
}

describe('moneyAtEnd', () => {
  // "How a message ends, and its money": state, fault, cause, terms that differ, what goes back of two segments.
  const table: [
    string,
    MessageState,
    FaultClass,
    EndCause,
    Partial<CompiledTerms>,
    paid: bigint,
    reserved: bigint,
  ][] = [
    ['keeps the price of a delivered message', 'DELIVRD', 'none', 'receipt', {}, 0n, 0n],
    [
      'keeps it for a recipient’s fault that the terms do not name',
      'UNDELIV',
      'recipient',
      'receipt',
      {},
      0n,
      2n,
    ],
    [
      'gives it back for a fault that they name',
      'UNDELIV',
      'recipient',
      'receipt',
      { refundAutomatic: ['recipient'] },
      2n,
      2n,
    ],
    ['keeps it for a carrier’s REJECTD', 'REJECTD', 'carrier', 'receipt', {}, 0n, 2n],
    [
      'gives it back for a carrier’s REJECTD by terms',
      'REJECTD',
      'carrier',
      'receipt',
      { refundAutomatic: ['carrier'] },
      2n,
      2n,
    ],
    ['keeps it for a receipt EXPIRED', 'EXPIRED', 'recipient', 'receipt', {}, 0n, 2n],
    [
      'gives all back when it was never sent',
      'EXPIRED',
      'platform',
      'neverSent',
      { refundAutomatic: [] },
      2n,
      2n,
    ],
    [
      'gives all back when it was cancelled',
      'DELETED',
      'none',
      'cancelled',
      { refundAutomatic: [] },
      2n,
      2n,
    ],
    ['gives it back on a later refusal', 'REJECTD', 'customer', 'refusedLater', {}, 2n, 2n],
    [
      'keeps it on a later refusal by terms',
      'REJECTD',
      'customer',
      'refusedLater',
      { onRefusal: 'keep', refundAutomatic: ['customer'] },
      0n,
      0n,
    ],
    [
      'keeps it for a carrier’s permanent error',
      'REJECTD',
      'carrier',
      'carrierRefused',
      {},
      0n,
      2n,
    ],
    [
      'gives it back for a permanent error by terms',
      'REJECTD',
      'carrier',
      'carrierRefused',
      { refundAutomatic: ['carrier'] },
      2n,
      2n,
    ],
    ['keeps it without a receipt', 'UNKNOWN', 'unknown', 'noReceipt', {}, 0n, 0n],
    [
      'gives it back without a receipt by terms',
      'UNKNOWN',
      'unknown',
      'noReceipt',
      { noReceipt: 'refund' },
      2n,
      2n,
    ],
  ];

  it.each(table)('%s (%s, %s)', (_, state, fault, cause, differs, paid, reserved) => {
    const own = { ...terms, ...differs };
    expect(moneyAtEnd(charged(2, false), endOf(state, fault, cause, 2, own, false), own)).toEqual({
      refund: UNIT * paid,
      charge: 0n,
      release: 0n,
    });
    expect(moneyAtEnd(charged(2, true), endOf(state, fault, cause, 2, own, true), own)).toEqual({
      refund: 0n,
      charge: UNIT * (2n - reserved),
      release: UNIT * reserved,
    });
  });

  it('refunds only the segments with a refundable fault', () => {
    const end = {
      state: 'UNDELIV',
      fault: 'platform',
      cause: 'receipt',
      refundableSegments: 1,
    } as const;
    expect(moneyAtEnd(charged(3, false), end, terms).refund).toBe(50_000n);
  });

  it('charges only the delivered segments of a price that was reserved', () => {
    const end = {
      state: 'UNDELIV',
      fault: 'recipient',
      cause: 'receipt',
      refundableSegments: 1,
      deliveredSegments: 2,
    } as const;
    expect(moneyAtEnd(charged(3, true), end, terms)).toEqual({
      refund: 0n,
      charge: 100_000n,
      release: 50_000n,
    });
  });

  it('keeps the segment without a receipt while another one’s fault is refunded', () => {
    const end = {
      state: 'UNKNOWN',
      fault: 'unknown',
      cause: 'noReceipt',
      refundableSegments: 2,
    } as const;
    expect(moneyAtEnd(charged(2, false), end, terms).refund).toBe(50_000n);
  });

  it('never refunds more than the price, and charge and release are the whole reserve', () => {
    const anyTerms = fc.record({
      refundAutomatic: fc.subarray(['platform', 'carrier', 'recipient', 'customer'] as const),
      onRefusal: fc.constantFrom('refund' as const, 'keep' as const),
      noReceipt: fc.constantFrom('refund' as const, 'keep' as const),
    });
    const anyEnd = fc.record({
      state: fc.constantFrom(...(Object.keys(MESSAGE_STATE) as MessageState[])),
      fault: fc.constantFrom<FaultClass>(
        'none',
        'platform',
        'carrier',
        'recipient',
        'customer',
        'unknown',
      ),
      cause: fc.constantFrom(...(Object.keys(END_CAUSE) as EndCause[])),
      refundableSegments: fc.integer({ min: -1, max: 300 }),
      deliveredSegments: fc.integer({ min: -1, max: 300 }),
    });
    fc.assert(
      fc.property(
        anyTerms,
        anyEnd,
        fc.integer({ min: 1, max: 255 }),
        fc.bigInt({ min: 0n, max: 10n ** 9n }),
        fc.boolean(),
        (t, end, segments, unit, chargeOnDelivery) => {
          const unitPrice = credits(unit);
          const message = {
            chargeOnDelivery,
            unitPrice,
            segments,
            price: times(unitPrice, segments),
          };
          const money = moneyAtEnd(message, end, { ...terms, ...t });
          for (const amount of Object.values(money))
            expect(amount >= 0n && amount <= message.price).toBe(true);
          if (chargeOnDelivery) {
            expect(money.refund).toBe(0n);
            expect(money.charge + money.release).toBe(message.price);
          } else {
            expect(money.charge + money.release).toBe(0n);
          }
        },
      ),
    );
  });
});

describe('correctionOf', () => {
  const money = (
    t: Partial<CompiledTerms>,
    reserved: boolean,
    state: MessageState,
    fault: FaultClass,
    cause: EndCause,
  ) => {
    const own = { ...terms, ...t };
    const end = endOf(state, fault, cause, 1, own, reserved);
    const deliveredSegments = state === 'DELIVRD' ? 1 : 0;
    return moneyAtEnd(charged(1, reserved), { ...end, deliveredSegments }, own);
  };

  // Ended UNKNOWN without a receipt; then the carrier says so: what is added to the credits, in units.
  it.each([
    ['kept', 'DELIVRD', { noReceipt: 'keep', refundAutomatic: ['recipient'] }, false, 0n],
    ['kept', 'UNDELIV', { noReceipt: 'keep', refundAutomatic: ['recipient'] }, false, 1n],
    ['kept', 'UNDELIV', { noReceipt: 'keep', refundAutomatic: [] }, false, 0n],
    ['refunded', 'DELIVRD', { noReceipt: 'refund', refundAutomatic: ['recipient'] }, false, -1n],
    ['refunded', 'UNDELIV', { noReceipt: 'refund', refundAutomatic: ['recipient'] }, false, 0n],
    ['refunded', 'UNDELIV', { noReceipt: 'refund', refundAutomatic: [] }, false, -1n],
    ['charged of the reserve', 'DELIVRD', { noReceipt: 'keep' }, true, 0n],
    ['charged of the reserve', 'UNDELIV', { noReceipt: 'keep' }, true, 1n],
    ['released', 'DELIVRD', { noReceipt: 'refund' }, true, -1n],
    ['released', 'UNDELIV', { noReceipt: 'refund' }, true, 0n],
  ] as const)('of a price that was %s, then %s under %j', (_posted, state, t, reserved, units) => {
    const posted = money(t, reserved, 'UNKNOWN', 'unknown', 'noReceipt');
    const fault = state === 'DELIVRD' ? 'none' : 'recipient';
    const word = money(t, reserved, state, fault, 'receipt');
    expect(correctionOf(posted, word)).toBe(UNIT * units);
  });
});

describe('refundsSegment', () => {
  it('never gives a delivered segment back', () => {
    const generous = {
      ...terms,
      refundAutomatic: ['platform', 'carrier', 'recipient', 'customer'] as const,
    };
    expect(refundsSegment(generous, false, 'DELIVRD', 'platform', TO)).toBe(false);
    expect(refundsSegment(generous, true, 'DELIVRD', 'none', TO)).toBe(false);
  });
});

describe('refunds', () => {
  const back = (clause: RefundClause, destination: string) =>
    refunds(['recipient', clause], 'carrier', destination);
  const [PK, US, CA] = ['923001234567', '12025550100', '14165550100'];

  it('knows countries by their numbering plans, those that share a calling code too', () => {
    expect(back({ fault: 'carrier', countries: ['PK', 'CA'] }, PK)).toBe(true);
    expect(back({ fault: 'carrier', countries: ['PK', 'CA'] }, CA)).toBe(true);
    expect(back({ fault: 'carrier', countries: ['PK', 'CA'] }, US)).toBe(false);
    expect(back({ fault: 'carrier', notCountries: ['PK'] }, PK)).toBe(false);
    expect(back({ fault: 'carrier', notCountries: ['PK'] }, US)).toBe(true);
  });

  it('takes prefixes beside countries, and leaves out whatever is named so', () => {
    const clause = { fault: 'carrier', countries: ['PK'], prefixes: ['1202'] } as const;
    expect(back(clause, PK)).toBe(true);
    expect(back(clause, US)).toBe(true);
    expect(back(clause, CA)).toBe(false);
    expect(back({ ...clause, notPrefixes: ['92300'] }, PK)).toBe(false);
  });

  it('speaks of its own fault alone, and of no number that is not known', () => {
    expect(back({ fault: 'platform', countries: ['PK'] }, PK)).toBe(false);
    expect(back({ fault: 'carrier', notCountries: ['PK'] }, '')).toBe(false);
    expect(refunds(['carrier'], 'carrier', '')).toBe(true);
  });
});
