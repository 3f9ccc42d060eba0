/** What the three books are judged by. */
export interface JudgeTerms {
  /** Price of one segment, micro-credits. */
  unitPrice: bigint;
  /** Opening credit of each account, micro-credits. */
  openingCredit: bigint;
  /** Fault classes whose end is refunded by itself, where the price was charged at the submit. */
  refundedFaults: ReadonlySet<string>;
  /** When the daemon was killed, unix milliseconds: only then may a receipt be repeated. */
  kills: readonly number[];
  /** A deliver_sm_resp that came at most so long before a kill may be unstored. */
  unstoredMs: number;
}

/** What can be wrong. */
export type FaultKind =
  | 'lost' // answered positively, and not stored, not ended or without receipt
  | 'doubled' // seen twice by the carrier or returned twice without a reason
  | 'mischarged' // money that differs from what the messages cost
  | 'stray' // at the carrier or at the customer, and nobody's
  | 'inconsistent'; // books that contradict each other otherwise

/** One fault. */
export interface JudgeFault {
  kind: FaultKind;
  detail: string;
}

/** The judgement. */
export interface Verdict {
  ok: boolean;
  counts: {
    submitted: number;
    answeredPositively: number;
    answeredNegatively: number;
    unanswered: number;
    stored: number;
    seenByCarrier: number;
    /** Submits beyond a message's first, each listed as unknown before. */
    listedRepeats: number;
    unknownOutcomes: number;
    /** Receipts beyond a message's first, each near a kill. */
    repeatedReceipts: number;
    chargedMicroCredits: string;
  };
  faultCounts: Partial<Record<FaultKind, number>>;
  /** The first hundred. */
  faults: JudgeFault[];
}
