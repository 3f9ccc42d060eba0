import type { MessageContent } from './message-text.ts';

/** Final and intermediate states as receipts write them, with their message_state numbers (SMPP 3.4 §5.2.28). */
export const receiptStates = {
  ENROUTE: 1,
  DELIVRD: 2,
  EXPIRED: 3,
  DELETED: 4,
  UNDELIV: 5,
  ACCEPTD: 6,
  UNKNOWN: 7,
  REJECTD: 8,
} as const;

/** A state as a receipt's `stat:` field writes it. */
export type ReceiptState = keyof typeof receiptStates;

/** How the carrier writes the ids of its messages. `text` is a word that is no number ("S-1a2b"). */
export type IdBase = 'text' | 'decimal' | 'hex';

/** How and when the carrier returns receipts. */
export interface ReceiptOptions {
  /** From the answer to the receipt, milliseconds; default 0. */
  delayMs?: number;
  /** Added to delayMs, evenly distributed from 0; default 0. */
  delaySpreadMs?: number;
  /** Weights of the final states; default all DELIVRD. */
  states?: Partial<Record<ReceiptState, number>>;
  /** Where the fields stand: in the text, in TLVs only, or in both (default). */
  format?: 'text' | 'tlv' | 'both';
  /** Dates in the text: YYMMDDhhmm (default) or with seconds. */
  dates?: 'minutes' | 'seconds';
  /** The carrier's clock zone in minutes east of UTC; default 0. */
  zoneMinutes?: number;
  /** false: no receipts at all. */
  sent?: boolean;
  /** true: before the submit_sm_resp. */
  early?: boolean;
  /** How many times each receipt is sent, default 1. */
  copies?: number;
  /** Unanswered deliver_sm on one session, default 100. */
  windowMax?: number;
  /** A negatively answered receipt is sent again after this, default 1000 ms. */
  retryMs?: number;
}

/** What the carrier does to submits, beside the destination table. All off by default; `setBehaviour` changes them while it runs. */
export interface CarrierBehaviour {
  /** Takes submits, answers none, sends no receipts. */
  silent?: boolean;
  /** Answers this late, milliseconds. */
  answerDelayMs?: number;
  /** Above this many a second: ESME_RTHROTTLED. */
  throttlePerSecond?: number;
  /** Cuts the session without an answer at its Nth submit. That message was taken: its receipt comes after the rebind. */
  cutAfter?: number;
  /** command_status for destinations that begin with a prefix, longest first. */
  statusByPrefix?: Readonly<Record<string, number>>;
}

/** Settings of a simulated carrier. */
export interface SimulatedCarrierOptions {
  /** Default 127.0.0.1. */
  host?: string;
  /** Default 0: any free port. */
  port?: number;
  /** When given, binds must name it; default: any. */
  systemId?: string;
  /** When given, binds must give it; default: any. */
  password?: string;
  /** How the ids of submit_sm_resp and of receipts are written; default decimal in both. With response `text` the receipt is text, too. */
  ids?: { response?: IdBase; receipt?: IdBase };
  /** Number of the first message; default: the time in microseconds, so that a restart repeats none. */
  firstId?: number;
  receipts?: ReceiptOptions;
  behaviour?: CarrierBehaviour;
  /** false: the last digits of the destination mean nothing (see destinationTable). */
  destinationTable?: boolean;
  /** JSON lines file of every submit and receipt (CarrierEvent), each written before its answer. */
  log?: string;
  /** Each event as it is logged. */
  onEvent?(event: CarrierEvent): void;
  /** Receipts kept at most; above it submits get ESME_RMSGQFUL 0x14. Default 2,000,000, about 500 MB. */
  owedMax?: number;
  /** Unix milliseconds; default Date.now. */
  now?(): number;
  /** In [0, 1); default Math.random. */
  random?(): number;
}

/** One line of the carrier's book. `at` is unix milliseconds, `session` counts binds from 1. */
export type CarrierEvent =
  | { event: 'bind'; at: number; session: number; systemId: string; type: string; status: number }
  | { event: 'end'; at: number; session: number }
  | ({
      event: 'submit';
      at: number;
      session: number;
      id: string;
      source: string;
      destination: string;
      /** null: it will not be answered. */
      status: number | null;
    } & Omit<MessageContent, 'head'>)
  | {
      event: 'receipt';
      at: number;
      id: string;
      destination: string;
      state: string;
      attempt: number;
    }
  | { event: 'receiptAnswer'; at: number; id: string; status: number };

/** Counters since the start. */
export interface CarrierStats {
  binds: number;
  submits: number;
  accepted: number;
  receiptsSent: number;
  receiptsTaken: number;
  receiptsOwed: number;
}

/** A running simulated carrier. */
export interface SimulatedCarrier {
  readonly host: string;
  readonly port: number;
  stats(): CarrierStats;
  /** Replaces the behaviour; submits from now on see it. */
  setBehaviour(behaviour: CarrierBehaviour): void;
  /** Cuts every session, as a network failure would. Receipts stay owed. */
  cut(): void;
  /** Stops listening, cuts every session and closes the book. Idempotent. */
  close(): Promise<void>;
}
