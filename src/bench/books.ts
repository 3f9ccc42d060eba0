import { bookLines } from './book-lines.ts';

/** What a customer was told and sent, from the lines of `simulate customer --log`. */
export interface CustomerBook {
  /** The account that the customer's binds belong to. */
  account: string;
  /** Message number to its submit_sm. */
  submits: Map<number, CustomerSubmit>;
  /** Message id to what came for it, in order of arrival. */
  receipts: Map<string, CustomerReceipt[]>;
}

/** One submit_sm of the customer. `status` undefined: never answered. */
export interface CustomerSubmit {
  destination: string;
  at: number;
  textHash: string;
  status?: number;
  id?: string;
}

/** One final receipt as the customer got it. */
export interface CustomerReceipt {
  at: number;
  state: string;
  destination: string;
}

/** What the carrier saw and sent, from the lines of `simulate carrier --log`. */
export interface CarrierBook {
  /** Destination to the submit_sm that came for it, in order. */
  submits: Map<string, CarrierSubmit[]>;
  /** The carrier's id to the final states it sent. */
  receipts: Map<string, Set<string>>;
}

/** One submit_sm as the carrier saw it. `status` null: it did not answer. */
export interface CarrierSubmit {
  id: string;
  at: number;
  status: number | null;
  textHash: string;
}

/** The ledger and the message tables, as SQL gives them. Money in micro-credits. */
export interface LedgerBook {
  messages: LedgerMessage[];
  /** By message id in decimal. */
  dispatches: Map<string, LedgerDispatch[]>;
  unknown: Map<string, LedgerUnknown[]>;
  entries: LedgerEntry[];
  balances: LedgerBalance[];
}

/** A stored message with its outcome, if it has one. */
export interface LedgerMessage {
  id: string;
  /** As the customer knows it. */
  customerId: string;
  account: string;
  unitPrice: bigint;
  segments: number;
  chargeOnDelivery: boolean;
  outcome?: LedgerOutcome;
}

/** A message's final state and what it moved. `cause` is `receipt` when the carrier said it. */
export interface LedgerOutcome {
  state: string;
  fault: string;
  cause: string;
  refund: bigint;
  charge: bigint;
  release: bigint;
}

/** A stored answer of the carrier. */
export interface LedgerDispatch {
  upstreamId: string | null;
  status: number;
  attempt: number;
}

/** A submit_sm listed as of unknown outcome. Times in unix milliseconds. */
export interface LedgerUnknown {
  attempt: number;
  since: number;
  resolvedAt: number | null;
  resolution: string | null;
}

/** One entry, with the balance of its side after it. */
export interface LedgerEntry {
  account: string;
  side: number;
  version: bigint;
  kind: string;
  amount: bigint;
  reservedDelta: bigint;
  creditsAfter: bigint;
  reservedAfter: bigint;
}

/** One side of an account's balance. */
export interface LedgerBalance {
  account: string;
  side: number;
  credits: bigint;
  reserved: bigint;
  version: bigint;
}

/** Reads a customer's book. A line cut short at the end (the process was killed) is passed over. */
export async function readCustomerBook(file: string, account: string): Promise<CustomerBook> {
  const book: CustomerBook = { account, submits: new Map(), receipts: new Map() };
  for await (const line of bookLines(file)) {
    if (line.event === 'submit') {
      book.submits.set(Number(line.n), {
        destination: String(line.destination),
        at: Number(line.at),
        textHash: String(line.textHash),
      });
    } else if (line.event === 'answer') {
      const submit = book.submits.get(Number(line.n));
      if (!submit) continue;
      submit.status = Number(line.status);
      submit.id = String(line.id);
    } else if (line.event === 'receipt' && line.intermediate !== true) {
      const receipt = {
        at: Number(line.at),
        state: String(line.state),
        destination: String(line.destination),
      };
      const id = String(line.id);
      const known = book.receipts.get(id);
      if (known) known.push(receipt);
      else book.receipts.set(id, [receipt]);
    }
  }
  return book;
}

/** Reads the carrier's book. */
export async function readCarrierBook(file: string): Promise<CarrierBook> {
  const book: CarrierBook = { submits: new Map(), receipts: new Map() };
  for await (const line of bookLines(file)) {
    if (line.event === 'submit') {
      const submit: CarrierSubmit = {
        id: String(line.id),
        at: Number(line.at),
        status: line.status === null ? null : Number(line.status),
        textHash: String(line.textHash),
      };
      const destination = String(line.destination);
      const known = book.submits.get(destination);
      if (known) known.push(submit);
      else book.submits.set(destination, [submit]);
    } else if (line.event === 'receipt') {
      const states = book.receipts.get(String(line.id)) ?? new Set<string>();
      states.add(String(line.state));
      book.receipts.set(String(line.id), states);
    }
  }
  return book;
}
