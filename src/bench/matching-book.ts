import type { Client } from 'pg';
import { type BookLine, bookLines } from './book-lines.ts';

/** message_state of each word (SMPP 5.0 §4.7.15); the judge shares no table with the gateway. */
const stateNumbers: Readonly<Record<string, number>> = {
  DELIVRD: 2,
  EXPIRED: 3,
  DELETED: 4,
  UNDELIV: 5,
  UNKNOWN: 7,
  REJECTD: 8,
};
/** An answer may have been lost with its session when that ended so soon after it, milliseconds. */
const doubtMs = 1000;
/** Answers of the simulator's `slow` come after 5 s, those to `early` after 50 ms. */
const latestAnswerMs = 5100;
/** Rows of the store in one round trip. */
const page = 50_000;

/**
 * What is known of every message of a run, in flat arrays by its number: some 40 octets each, so that a million are
 * judged beside everything else. A number stands at the end of its destination, as many digits as `digits` says.
 */
export class MatchingBook {
  readonly digits: number;
  /** Customer: accepted, and final receipts: how many, the first one's state, whether another said otherwise. */
  readonly accepted: Uint8Array;
  readonly receipts: Uint8Array;
  readonly state: Uint8Array;
  readonly contradicted: Uint8Array;
  /** `err` of its receipt that is not its own, as carriers stamp it. */
  readonly foreignErr: Uint8Array;
  /** Carriers: segments in all; bits of those with a fit receipt, and of those with one that says DELIVRD, or not. */
  readonly segments: Uint8Array;
  readonly receipted: Uint16Array;
  readonly delivered: Uint16Array;
  readonly failed: Uint16Array;
  /** Final receipts taken that name a known id, and those of which nobody can say whether the gateway knew it. */
  readonly fit: Uint8Array;
  readonly doubtful: Uint8Array;
  /** How often any final receipt of it was sent: again where a session ended before the deliver_sm_resp came. */
  readonly sent: Uint8Array;
  /** Bits of the states of both. */
  readonly said: Uint16Array;
  /** Store: how many receipts left a trace, its final state, and whether a receipt made it. */
  readonly traces: Uint8Array;
  readonly outcome: Uint8Array;
  readonly byReceipt: Uint8Array;
  /** Receipts stored at it, as its end, a segment's or noted, whose `err` is another message's. */
  readonly foreignTraces: Uint8Array;
  readonly #indexById = new Map<string, number>();
  /** Receipts by what is wrong with them, for the report. */
  readonly unfit: Record<string, number> = {};

  constructor(digits: number, messages: number) {
    this.digits = digits;
    const octets = () => new Uint8Array(messages);
    const pairs = () => new Uint16Array(messages);
    this.accepted = octets();
    this.receipts = octets();
    this.state = octets();
    this.contradicted = octets();
    this.foreignErr = octets();
    this.segments = octets();
    this.receipted = pairs();
    this.delivered = pairs();
    this.failed = pairs();
    this.fit = octets();
    this.doubtful = octets();
    this.sent = octets();
    this.said = pairs();
    this.traces = octets();
    this.outcome = octets();
    this.byReceipt = octets();
    this.foreignTraces = octets();
  }

  get size(): number {
    return this.accepted.length;
  }

  /** Adds a customer's book. */
  async readCustomer(file: string): Promise<void> {
    const destinations = new Map<number, number>();
    for await (const line of bookLines(file)) {
      if (line.event === 'submit') destinations.set(Number(line.n), this.#indexOf(line));
      else if (line.event === 'answer') {
        const n = Number(line.n);
        const index = destinations.get(n);
        destinations.delete(n);
        if (index === undefined || line.status !== 0) continue;
        this.accepted[index] = 1;
        this.#indexById.set(String(line.id), index);
      } else if (line.event === 'receipt' && line.intermediate !== true)
        this.#customerReceipt(line);
    }
  }

  /** Adds a carrier's book. */
  async readCarrier(file: string): Promise<void> {
    const ends = new Map<number, number>();
    for await (const line of bookLines(file))
      if (line.event === 'end') ends.set(Number(line.session), Number(line.at));
    const submits = new Map<string, { isKnown: boolean; segment: number }>();
    for await (const line of bookLines(file)) {
      if (line.event === 'submit') this.#carrierSubmit(line, ends, submits);
      else if (line.event === 'receipt') this.#sending(line);
      else if (line.event === 'receiptAnswer' && line.status === 0) this.#receipt(line, submits);
    }
  }

  /** Adds what the store says of each message. Needs the customers' books. */
  async readStore(client: Client): Promise<void> {
    let after = '0';
    for (;;) {
      const { rows } = await client.query<StoreRow>({
        rowMode: 'array',
        text: storeRows,
        values: [after, page],
      });
      for (const row of rows) this.addStored(row);
      after = rows.at(-1)?.[0] ?? '';
      if (rows.length < page) return;
    }
  }

  /** Adds one row of the store. */
  addStored([, customerId, state, cause, err, segments, notes]: StoreRow): void {
    const index = this.#indexById.get(customerId);
    if (index === undefined) return;
    const isByReceipt = cause === 'receipt';
    this.outcome[index] = state ?? 0;
    this.byReceipt[index] = isByReceipt ? 1 : 0;
    const ofSegments = (this.segments[index] as number) > 1;
    const ends = ofSegments ? segments : isByReceipt ? [err] : [];
    const traces = [...ends, ...notes];
    this.traces[index] = Math.min(255, traces.length);
    const own = this.errOf(index);
    const foreign = traces.filter((each) => each !== null && each !== own);
    this.foreignTraces[index] = Math.min(255, foreign.length);
  }

  /** What a message's carriers stamp its receipts with (`--receipt-err destination`). */
  errOf(index: number): number {
    return index % 1000;
  }

  #indexOf({ destination }: BookLine): number {
    return Number(String(destination).slice(-this.digits));
  }

  #customerReceipt(line: BookLine): void {
    const index = this.#indexOf(line);
    const state = stateNumbers[String(line.state)] ?? 0;
    if (this.#count(this.receipts, index) === 1) this.state[index] = state;
    else if (this.state[index] !== state) this.contradicted[index] = 1;
    // The receipt of one message under the id of another.
    const named = this.#indexById.get(String(line.id));
    const isForeign = named !== undefined && named !== index;
    if (isForeign || Number(line.err) !== this.errOf(index)) this.foreignErr[index] = 1;
  }

  #carrierSubmit(
    line: BookLine,
    ends: ReadonlyMap<number, number>,
    submits: Map<string, { isKnown: boolean; segment: number }>,
  ): void {
    const part = line.part as { total: number; number: number } | undefined;
    this.segments[this.#indexOf(line)] = part?.total ?? 1;
    const at = Number(line.at);
    const endedAt = ends.get(Number(line.session)) ?? Number.POSITIVE_INFINITY;
    const how = Array.isArray(line.how) ? line.how : [];
    const answeredAt = at + (how.includes('slow') ? latestAnswerMs : 0);
    const isKnown = line.status === 0 && endedAt > answeredAt + doubtMs;
    submits.set(keyOf(line, line.id), { isKnown, segment: part?.number ?? 1 });
  }

  /** One of a strange id may still settle a submit without an answer: what it says counts, whether it was matched does not. */
  #sending(line: BookLine): void {
    const state = stateNumbers[String(line.state)];
    if (state === undefined || (!isReadable(line) && line.unfit !== 'strange-id')) return;
    const index = this.#indexOf(line);
    this.#count(this.sent, index);
    this.said[index] = (this.said[index] as number) | (1 << state);
  }

  #receipt(
    line: BookLine,
    submits: ReadonlyMap<string, { isKnown: boolean; segment: number }>,
  ): void {
    const state = stateNumbers[String(line.state)];
    if (state === undefined) return; // intermediate
    if (!isReadable(line)) {
      const why = String(line.unfit);
      this.unfit[why] = (this.unfit[why] ?? 0) + 1;
      return;
    }
    const index = this.#indexOf(line);
    const submit = submits.get(keyOf(line, line.answerId));
    if (!submit?.isKnown) {
      this.#count(this.doubtful, index);
      return;
    }
    this.#count(this.fit, index);
    const bit = 1 << submit.segment;
    this.receipted[index] = (this.receipted[index] as number) | bit;
    const side = state === stateNumbers.DELIVRD ? this.delivered : this.failed;
    side[index] = (side[index] as number) | bit;
  }

  #count(of: Uint8Array, index: number): number {
    const count = Math.min(255, (of[index] as number) + 1);
    of[index] = count;
    return count;
  }
}

/** Of a message: id, customer's id, state, cause, err, err of each segment's end, err of each receipt noted. */
export type StoreRow = [
  string,
  string,
  number | null,
  string | null,
  number | null,
  (number | null)[],
  (number | null)[],
];

const storeRows = `select m.id::text, coalesce(m.customer_id, m.id::text), o.state, o.cause, o.err,
    array(select s.err from segment_receipt s where s.id = m.id),
    array(select n.err from receipt_note n
      where n.message = m.id and n.state is not null and n.kind in ('repeated', 'contradictory', 'late'))
  from message m left join outcome o on o.id = m.id
  where m.id > $1::bigint order by m.id limit $2`;

/** A final receipt that names an id and a state. */
function isReadable({ state, unfit }: BookLine): boolean {
  return unfit === undefined && stateNumbers[String(state)] !== undefined;
}

function keyOf({ destination }: BookLine, id: unknown): string {
  return `${String(id)} ${String(destination)}`;
}
