import type { MessageContent } from './message-text.ts';
import type { Mix } from './misbehaviours.ts';
import type { LimitKind } from './rate-limiter.ts';

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

/**
 * How the carrier writes the ids of its messages. `text` is a word that is no number ("S-1a2b"); padded are
 * decimals of ten and hex of eight digits, zeros in front.
 */
export const idBases = [
  'text',
  'decimal',
  'decimal-padded',
  'hex',
  'hex-upper',
  'hex-padded',
  'hex-upper-padded',
] as const;

/** One of `idBases`. */
export type IdBase = (typeof idBases)[number];

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
  /** The text, with {id} {sub} {dlvrd} {submit} {done} {stat} {err} {text}; default as SMPP 3.4 appendix B. */
  text?: string;
  /** The operation that carries them; default deliver_sm. */
  carriage?: 'deliver_sm' | 'data_sm';
  /** true: data_coding 4 (binary) with the text's ASCII inside. */
  binary?: boolean;
  /** true: `err` is made of the destination's last three digits, so that a judge sees whose receipt it was. */
  errByDestination?: boolean;
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
  /** Answers this late, milliseconds; taking more meanwhile. */
  answerDelayMs?: number;
  /** More unanswered submits on a session get ESME_RMSGQFUL. */
  windowMax?: number;
  /** Above this many a second: ESME_RTHROTTLED. */
  throttlePerSecond?: number;
  /** How that is counted (RateLimiter); default second. */
  throttleKind?: LimitKind;
  /** Of a bucket: submits at once after a rest; default one second's worth. */
  throttleBurst?: number;
  /** Of a gap: how much too early a submit may be, milliseconds; default 0. */
  throttleToleranceMs?: number;
  /** What is answered above the rate; default ESME_RTHROTTLED 0x58. */
  throttleStatus?: number;
  /** congestion_state (SMPP 5.0 §4.8.4.18) in each submit_sm_resp of status 0 (npm smpp writes others without a body): how much of the rate is used. */
  congestion?: boolean;
  /** Cuts the session without an answer at its Nth submit. That message was taken: its receipt comes after the rebind. */
  cutAfter?: number;
  /** Share of submits, 0 to 1, to which each misbehaviour happens. */
  mix?: Mix;
  /** command_status for binds; with refusedBinds only for the first so many. */
  bindStatus?: number;
  refusedBinds?: number;
  /** Sends an unbind so long after each bind, milliseconds. */
  unbindEveryMs?: number;
  /** false: enquire_link is not answered. */
  answersEnquireLink?: boolean;
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
  /** After so many messages the numbers start again at the first; default: never. */
  idsInAll?: number;
  receipts?: ReceiptOptions;
  behaviour?: CarrierBehaviour;
  /** false: the last digits of the destination mean nothing (see destinationTable). */
  destinationTable?: boolean;
  /** JSON lines file of every submit and receipt (CarrierEvent), each written before its answer. */
  log?: string;
  /** true: reads that file first and owes the receipts that stand out in it, as a carrier does that was restarted. */
  resume?: boolean;
  /** Connects there and sends an outbind, every 5 s while no session of it is bound. */
  outbind?: { host: string; port: number };
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
      /** Of the receipt to come; absent: none. */
      state?: ReceiptState;
      /** Misbehaviours drawn for it. */
      how?: readonly string[];
    } & Omit<MessageContent, 'head'>)
  | ({
      event: 'receipt';
      at: number;
      /** As the receipt carries it. */
      id: string;
      destination: string;
      state: string;
      attempt: number;
    } & ReceiptOrigin)
  | ({
      event: 'receiptAnswer';
      at: number;
      id: string;
      destination: string;
      state: string;
      status: number;
    } & ReceiptOrigin);

/** Which submit a receipt is about, and what keeps a reader from seeing that. */
export interface ReceiptOrigin {
  /** The id as the submit_sm_resp had it. */
  answerId: string;
  /** Set where no reader can match or read it: `strange-id`, `unparsable`, `unknown-state`. */
  unfit?: string;
}

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
