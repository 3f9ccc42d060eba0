import { describe, expect, it } from 'vitest';
import type {
  CarrierBook,
  CustomerBook,
  LedgerBook,
  LedgerMessage,
  LedgerOutcome,
} from '../../src/bench/books.ts';
import { judge } from '../../src/bench/judge.ts';
import type { JudgeTerms } from '../../src/bench/verdict.ts';

const price = 50_000n; // 0.05 credits
const opening = 1_000_000n;

/** Three books of one account that agree: message 0 on submit, message 1 refused, message 2 unanswered but stored. */
function honestBooks(): {
  customer: CustomerBook;
  carrier: CarrierBook;
  ledger: LedgerBook;
  terms: JudgeTerms;
} {
  const customer: CustomerBook = {
    account: 'acme',
    submits: new Map([
      [0, { destination: '10', at: 1000, textHash: 'h0', status: 0, id: '100' }],
      [1, { destination: '11', at: 1001, textHash: 'h1', status: 0x58, id: '' }],
      [2, { destination: '12', at: 1002, textHash: 'h2' }],
    ]),
    receipts: new Map([
      ['100', [{ at: 2000, state: 'DELIVRD', destination: '10' }]],
      ['102', [{ at: 2002, state: 'DELIVRD', destination: '12' }]],
    ]),
  };
  const carrier: CarrierBook = {
    submits: new Map([
      ['10', [{ id: 'u10', at: 1100, status: 0, textHash: 'h0' }]],
      ['12', [{ id: 'u12', at: 1102, status: 0, textHash: 'h2' }]],
    ]),
    receipts: new Map([
      ['u10', new Set(['DELIVRD'])],
      ['u12', new Set(['DELIVRD'])],
    ]),
  };
  const ledger: LedgerBook = {
    messages: [delivered('100'), delivered('102')],
    dispatches: new Map([
      ['100', [{ upstreamId: 'u10', status: 0, attempt: 1 }]],
      ['102', [{ upstreamId: 'u12', status: 0, attempt: 1 }]],
    ]),
    unknown: new Map(),
    entries: [
      entry(1n, 'top_up', opening, opening),
      entry(2n, 'charge', -2n * price, opening - 2n * price),
    ],
    balances: [
      { account: 'acme', side: 0, credits: opening - 2n * price, reserved: 0n, version: 2n },
      { account: 'acme', side: 1, credits: 0n, reserved: 0n, version: 0n },
    ],
  };
  const terms: JudgeTerms = {
    unitPrice: price,
    openingCredit: opening,
    refundedFaults: new Set(['platform']),
    kills: [],
    unstoredMs: 5000,
  };
  return { customer, carrier, ledger, terms };
}

function delivered(id: string): LedgerMessage {
  const outcome: LedgerOutcome = {
    state: 'DELIVRD',
    fault: 'none',
    cause: 'receipt',
    refund: 0n,
    charge: 0n,
    release: 0n,
  };
  return {
    id,
    customerId: id,
    account: 'acme',
    unitPrice: price,
    segments: 1,
    chargeOnDelivery: false,
    outcome,
  };
}

function entry(version: bigint, kind: string, amount: bigint, creditsAfter: bigint, side = 0) {
  return {
    account: 'acme',
    side,
    version,
    kind,
    amount,
    reservedDelta: 0n,
    creditsAfter,
    reservedAfter: 0n,
  };
}

type Books = ReturnType<typeof honestBooks>;

function judged(plant: (books: Books) => void = () => {}) {
  const books = honestBooks();
  plant(books);
  return judge([books.customer], books.carrier, books.ledger, books.terms);
}

/** Lists a message's first attempt as unknown and resent, and gives the carrier a second submit of it. */
function resend(books: Books, resentAt: number): void {
  const listed = { attempt: 1, since: 1100, resolvedAt: resentAt - 10, resolution: 'resent' };
  books.ledger.unknown.set('100', [listed]);
  books.carrier.submits.get('10')?.push({ id: 'u10b', at: resentAt, status: 0, textHash: 'h0' });
}

describe('judge', () => {
  it('passes books that agree, and counts what they hold', () => {
    const verdict = judged();
    expect(verdict.faults).toEqual([]);
    expect(verdict.ok).toBe(true);
    expect(verdict.counts).toMatchObject({
      submitted: 3,
      answeredPositively: 1,
      answeredNegatively: 1,
      unanswered: 1,
      stored: 2,
      seenByCarrier: 2,
      chargedMicroCredits: '100000',
    });
  });

  it('finds an accepted message that is not stored', () => {
    const verdict = judged(({ ledger }) => ledger.messages.shift());
    expect(verdict.faultCounts.lost).toBeGreaterThan(0);
    expect(verdict.ok).toBe(false);
  });

  it('finds an accepted message without a receipt', () => {
    const verdict = judged(({ customer }) => customer.receipts.delete('100'));
    expect(verdict.faultCounts).toEqual({ lost: 1 });
  });

  it('finds a stored message without a final state', () => {
    const verdict = judged(({ ledger }) => {
      delete ledger.messages[1]?.outcome;
    });
    expect(verdict.faultCounts.lost).toBe(1);
  });

  it('finds a receipt of the carrier that was lost, when the message ended in another way', () => {
    const verdict = judged(({ ledger, customer }) => {
      const outcome = ledger.messages[0]?.outcome;
      if (outcome)
        Object.assign(outcome, { state: 'UNKNOWN', fault: 'unknown', cause: 'noReceipt' });
      customer.receipts.set('100', [{ at: 2000, state: 'UNKNOWN', destination: '10' }]);
    });
    expect(verdict.faultCounts).toEqual({ lost: 1 });
  });

  it('finds a message that the carrier got twice', () => {
    const verdict = judged(({ carrier }) =>
      carrier.submits.get('10')?.push({ id: 'u10b', at: 1200, status: 0, textHash: 'h0' }),
    );
    expect(verdict.faultCounts).toEqual({ doubled: 1 });
  });

  it('allows a second submit that was listed as unknown before', () => {
    const verdict = judged((books) => resend(books, 5000));
    expect(verdict.faults).toEqual([]);
    expect(verdict.counts.listedRepeats).toBe(1);
  });

  it('allows one second submit for each listing, not two', () => {
    const verdict = judged((books) => {
      resend(books, 5000);
      books.carrier.submits.get('10')?.push({ id: 'u10c', at: 6000, status: 0, textHash: 'h0' });
    });
    expect(verdict.faultCounts).toEqual({ doubled: 1 });
  });

  it('finds a second submit that was listed only afterwards', () => {
    const verdict = judged((books) => {
      resend(books, 5000);
      const [listed] = books.ledger.unknown.get('100') ?? [];
      if (listed) Object.assign(listed, { since: 5600, resolvedAt: 5700 });
    });
    expect(verdict.faultCounts).toEqual({ doubled: 1 });
  });

  it('takes a refused submit of the carrier and its retry for one message', () => {
    const verdict = judged(({ carrier }) =>
      carrier.submits.get('10')?.unshift({ id: 'x', at: 1050, status: 0x58, textHash: 'h0' }),
    );
    expect(verdict.ok).toBe(true);
  });

  it('finds a receipt that came twice for no reason', () => {
    const verdict = judged(({ customer }) =>
      customer.receipts.get('100')?.push({ at: 2500, state: 'DELIVRD', destination: '10' }),
    );
    expect(verdict.faultCounts).toEqual({ doubled: 1 });
  });

  it('allows a repeated receipt where a kill followed the first one', () => {
    const verdict = judged(({ customer, terms }) => {
      customer.receipts.get('100')?.push({ at: 9000, state: 'DELIVRD', destination: '10' });
      Object.assign(terms, { kills: [2100] });
    });
    expect(verdict.faults).toEqual([]);
    expect(verdict.counts.repeatedReceipts).toBe(1);
  });

  it('finds a repeated receipt long before the kill', () => {
    const verdict = judged(({ customer, terms }) => {
      customer.receipts.get('100')?.push({ at: 19_000, state: 'DELIVRD', destination: '10' });
      Object.assign(terms, { kills: [12_000] });
    });
    expect(verdict.faultCounts).toEqual({ doubled: 1 });
  });

  it('finds a refused message that was sent nevertheless', () => {
    const verdict = judged(({ carrier }) =>
      carrier.submits.set('11', [{ id: 'u11', at: 1101, status: 0, textHash: 'h1' }]),
    );
    expect(verdict.faultCounts.stray).toBeGreaterThan(0);
  });

  it('finds a submit at the carrier that nobody asked for', () => {
    const verdict = judged(({ carrier }) =>
      carrier.submits.set('99', [{ id: 'u99', at: 1101, status: 0, textHash: 'h' }]),
    );
    expect(verdict.faultCounts).toEqual({ stray: 1 });
  });

  it('finds a receipt for a message that was never stored', () => {
    const verdict = judged(({ customer }) =>
      customer.receipts.set('777', [{ at: 2000, state: 'DELIVRD', destination: '10' }]),
    );
    expect(verdict.faultCounts).toEqual({ stray: 1 });
  });

  it('finds a text that reached the carrier as another one', () => {
    const verdict = judged(({ carrier }) => {
      const [submit] = carrier.submits.get('10') ?? [];
      if (submit) submit.textHash = 'other';
    });
    expect(verdict.faultCounts).toEqual({ inconsistent: 1 });
  });

  it('finds a receipt that says another state than the ledger', () => {
    const verdict = judged(({ customer }) =>
      customer.receipts.set('100', [{ at: 2000, state: 'UNDELIV', destination: '10' }]),
    );
    expect(verdict.faultCounts).toEqual({ inconsistent: 1 });
  });

  it('finds a charge that is one micro-credit too much', () => {
    const verdict = judged(({ ledger }) => {
      const [, charge] = ledger.entries;
      const [balance] = ledger.balances;
      if (!charge || !balance) return;
      charge.amount -= 1n;
      charge.creditsAfter -= 1n;
      balance.credits -= 1n;
    });
    expect(verdict.faultCounts).toEqual({ mischarged: 1 });
  });

  it('finds a message that was charged twice', () => {
    const verdict = judged(({ ledger }) => {
      const [balance] = ledger.balances;
      if (!balance) return;
      balance.credits -= price;
      ledger.entries.push(entry(3n, 'charge', -price, balance.credits));
    });
    expect(verdict.faultCounts).toEqual({ mischarged: 1 });
  });

  it('finds a balance that is not the sum of its entries', () => {
    const verdict = judged(({ ledger }) => {
      const [balance] = ledger.balances;
      if (balance) balance.credits += 1n;
    });
    expect(verdict.faultCounts).toEqual({ mischarged: 1 });
  });

  it('finds a missing entry by the balance after the next one', () => {
    const verdict = judged(({ ledger }) => ledger.entries.shift());
    expect(verdict.faultCounts.mischarged).toBeGreaterThan(0);
  });

  it('finds a refund that the terms do not give', () => {
    const verdict = judged(({ ledger }) => {
      const outcome = ledger.messages[0]?.outcome;
      if (outcome) outcome.refund = price;
      ledger.entries.push(entry(1n, 'refund', price, price, 1));
      const side = ledger.balances[1];
      if (side) side.credits = price;
    });
    expect(verdict.faultCounts).toEqual({ mischarged: 1 });
  });

  it('demands the refund of a message that was never sent', () => {
    const neverSent: Partial<LedgerOutcome> = {
      state: 'EXPIRED',
      fault: 'platform',
      cause: 'neverSent',
    };
    const withoutRefund = judged(({ ledger, carrier, customer }) => {
      Object.assign(ledger.messages[0]?.outcome ?? {}, neverSent);
      ledger.dispatches.delete('100');
      carrier.submits.delete('10');
      customer.receipts.set('100', [{ at: 2000, state: 'EXPIRED', destination: '10' }]);
    });
    expect(withoutRefund.faultCounts).toEqual({ mischarged: 1 });
  });

  it('judges charges on delivery: reserved at accept, charged at the outcome', () => {
    const verdict = judged(({ ledger }) => {
      for (const message of ledger.messages) {
        message.chargeOnDelivery = true;
        if (message.outcome) message.outcome.charge = price;
      }
      const held = 2n * price;
      ledger.entries = [
        entry(1n, 'top_up', opening, opening),
        { ...entry(2n, 'reserve', 0n, opening), reservedDelta: held, reservedAfter: held },
        { ...entry(1n, 'charge', -held, -held, 1), reservedDelta: -held, reservedAfter: -held },
      ];
      ledger.balances = [
        { account: 'acme', side: 0, credits: opening, reserved: held, version: 2n },
        { account: 'acme', side: 1, credits: -held, reserved: -held, version: 1n },
      ];
    });
    expect(verdict.faults).toEqual([]);
  });

  it('demands the release of what was reserved and not delivered, whoever is at fault', () => {
    const charged = judged(({ ledger, customer, carrier }) => {
      const [message] = ledger.messages;
      if (!message?.outcome) return;
      message.chargeOnDelivery = true;
      Object.assign(message.outcome, { state: 'UNDELIV', fault: 'recipient', charge: price });
      customer.receipts.set('100', [{ at: 2000, state: 'UNDELIV', destination: '10' }]);
      carrier.receipts.set('u10', new Set(['UNDELIV']));
    });
    expect(charged.faults.map(({ detail }) => detail)).toContainEqual(
      'message 100 (UNDELIV, recipient): refund 0, charge 50000, release 0',
    );
  });
});
