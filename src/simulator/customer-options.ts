/** Settings of a simulated customer. */
export interface SimulatedCustomerOptions {
  host: string;
  port: number;
  systemId: string;
  password: string;
  /** TLS with a verified certificate; `ca` for one of your own making. */
  tls?: { ca?: string; servername?: string };
  bindAs?: 'transmitter' | 'receiver' | 'transceiver';
  /** Sessions, default 1. */
  binds?: number;
  /** How many to submit, default 0: only receive, until stop(). */
  messages?: number;
  /** Over all binds; default 0: as the windows allow. What could not be sent while unbound is not made up for. */
  ratePerSecond?: number;
  /** Unanswered submits on one session, default 10. */
  windowMax?: number;
  source?: string;
  /** Digits; each # becomes a digit of the message's number. Default 96650#######. */
  destination?: string;
  /** {n} becomes the message's number. Default "message {n}". */
  text?: string;
  /** Default 1: a final receipt whatever it says (SMPP 3.4 §5.2.17). */
  registeredDelivery?: number;
  /** JSON lines file of every submit, answer and receipt (CustomerEvent), each written before what follows from it. */
  log?: string;
  /** true: fsync that file at each write. */
  logSync?: boolean;
  onEvent?(event: CustomerEvent): void;
  /** After the last answer: how long without any receipt until it gives up waiting, default 30,000 ms; 0: does not wait. */
  receiptWaitMs?: number;
  /** A submit without an answer is given up after this and its session is cut, default 30,000 ms. */
  answerTimeoutMs?: number;
  /** false: the first lost session ends the run. Default true: bind again after 0.1 to 2 s. */
  rebind?: boolean;
  /** Unix milliseconds; default Date.now. */
  now?(): number;
  /** In [0, 1); default Math.random. */
  random?(): number;
}

/** One line of the customer's book. `n` numbers the messages from 0, `at` is unix milliseconds. */
export type CustomerEvent =
  | { event: 'bind'; at: number; bind: number; status: number }
  | { event: 'end'; at: number; bind: number }
  | { event: 'submit'; at: number; n: number; destination: string; textHash: string }
  | { event: 'answer'; at: number; n: number; status: number; id: string }
  /** The session ended before the answer. */
  | { event: 'unanswered'; at: number; n: number }
  | {
      event: 'receipt';
      at: number;
      id: string;
      destination: string;
      state: string;
      /** Sent for a state that is not final. */
      intermediate: boolean;
      /** `err:` of its text. */
      err?: string;
    }
  | { event: 'message'; at: number; source: string; destination: string; textHash: string };

/** What a run came to. Times in milliseconds. */
export interface CustomerSummary {
  submitted: number;
  accepted: number;
  /** command_status in hex to count. */
  refused: Record<string, number>;
  unanswered: number;
  /** State to count, repeats included. */
  receipts: Record<string, number>;
  repeatedReceipts: number;
  /** Accepted and never heard of again, if receipts were asked for. */
  withoutReceipt: number;
  elapsedMs: number;
  answerP50Ms: number;
  answerP99Ms: number;
}

/** A running simulated customer. */
export interface SimulatedCustomer {
  /** Settles when all is submitted and the receipts came (or receiptWaitMs passed), or after stop(). Rejects when the first bind is refused. */
  readonly done: Promise<CustomerSummary>;
  /** So far. */
  summary(): CustomerSummary;
  /** Submits no more, waits for answers and receipts as at the end of a run, then settles `done`. */
  drain(): Promise<CustomerSummary>;
  /** Unbinds at once and settles `done`. */
  stop(): Promise<CustomerSummary>;
}
