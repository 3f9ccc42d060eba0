/** Highest sequence_number a sender may use; 0 and the numbers above are not for requests (SMPP 3.4 §3.2, 5.0 §4.7.24). */
export const SEQUENCE_MAX = 0x7fffffff;

/** Slots at first: an idle session holds none, a quiet one 16 (16 x 28 octets and a header). */
const FIRST_SLOTS = 16;

/** Most requests one session may have outstanding. SMPP 3.4 §2.9 advises at most 10; carriers sell up to some thousands. */
export const WINDOW_LIMIT = 65_535;

/** One request of ours that was never answered, handed back when its session ends. */
export interface InFlight {
  /** What the owner passed to `request`. */
  context: unknown;
  /** command_id of the request. */
  commandId: number;
  /** The session's clock when `request` took it, in ms. */
  sentAtMs: number;
  /** False only if no octet of it was ever handed to the socket: the peer certainly never saw it. */
  written: boolean;
}

/**
 * Our requests that the peer has not answered: at most `max`, found by sequence_number.
 *
 * A table addressed by the low bits of the sequence_number, because numbers are given out in turn:
 * no hashing and no object per request (15-26 ns for one request and its answer, against 60-70 ns for
 * a Map of objects, measured with 100 outstanding). The table holds at least twice what is outstanding; a
 * number whose slot is taken is skipped, so no number is ever used twice at once.
 */
export class RequestWindow {
  #max: number;
  #size = 0;
  #last: number;
  #mask = -1;
  #sequence = new Int32Array(0);
  #command: Int32Array = this.#sequence;
  #flush: Int32Array = this.#sequence;
  #sentAt = NO_TIMES;
  #context: unknown[] = NO_CONTEXTS;
  /** No outstanding request is older than this; exact after each scan. */
  #oldestMs = 0;

  /**
   * @param max requests outstanding at once, 1..WINDOW_LIMIT
   * @param last the number before the first one given out (tests start near the wrap)
   */
  constructor(max: number, last = 0) {
    this.#max = checkedMax(max);
    this.#last = last;
  }

  get size(): number {
    return this.#size;
  }

  get max(): number {
    return this.#max;
  }

  /** Changes the limit; what is outstanding above a lower limit stays until answered. */
  set max(max: number) {
    this.#max = checkedMax(max);
  }

  /** How many more requests may be sent now. */
  get free(): number {
    return this.#size >= this.#max ? 0 : this.#max - this.#size;
  }

  /**
   * Takes a request in and gives its sequence_number, 0 when the window is full.
   * @param flush number of the write that will carry it, compared in `takeAll`
   */
  add(context: unknown, commandId: number, nowMs: number, flush: number): number {
    if (this.#size >= this.#max) return 0;
    if (this.#size * 2 >= this.#sequence.length) this.#grow();
    const sequence = this.nextSequence();
    const slot = sequence & this.#mask;
    this.#sequence[slot] = sequence;
    this.#command[slot] = commandId;
    this.#flush[slot] = flush;
    this.#sentAt[slot] = nowMs;
    this.#context[slot] = context;
    if (this.#size === 0) this.#oldestMs = nowMs;
    this.#size++;
    return sequence;
  }

  /** The next free sequence_number, for requests kept elsewhere (bind, unbind, enquire_link). */
  nextSequence(): number {
    let sequence = this.#last;
    do sequence = sequence >= SEQUENCE_MAX ? 1 : sequence + 1;
    while (this.#size > 0 && this.#sequence[sequence & this.#mask] !== 0);
    this.#last = sequence;
    return sequence;
  }

  /** The slot of an outstanding request, -1 if nobody asked with this number. */
  find(sequence: number): number {
    if (this.#size === 0 || sequence <= 0) return -1;
    const slot = sequence & this.#mask;
    return this.#sequence[slot] === sequence ? slot : -1;
  }

  contextAt(slot: number): unknown {
    return this.#context[slot];
  }

  commandAt(slot: number): number {
    return this.#command[slot] ?? 0;
  }

  sentAtMs(slot: number): number {
    return this.#sentAt[slot] ?? 0;
  }

  /** Forgets an answered request. */
  release(slot: number): void {
    this.#sequence[slot] = 0;
    this.#context[slot] = undefined;
    this.#size--;
  }

  /**
   * Slots of the requests that are unanswered for `timeoutMs`. Cheap while there is none: the table is
   * read once per timeout.
   * @param graceFromMs time before this does not count (the answers could not be read then)
   */
  overdue(nowMs: number, timeoutMs: number, graceFromMs: number): number[] {
    if (this.#size === 0 || nowMs - Math.max(this.#oldestMs, graceFromMs) < timeoutMs)
      return NO_SLOTS;
    const late: number[] = [];
    let oldest = nowMs;
    for (let slot = 0; slot < this.#sequence.length; slot++) {
      if (this.#sequence[slot] === 0) continue;
      const sentAt = this.sentAtMs(slot);
      if (sentAt < oldest) oldest = sentAt;
      if (nowMs - Math.max(sentAt, graceFromMs) >= timeoutMs) late.push(slot);
    }
    this.#oldestMs = oldest;
    return late;
  }

  /** Forgets and returns the requests in these slots, oldest first. */
  take(slots: number[], unwrittenFlush: number): InFlight[] {
    // Oldest first, across the wrap: by the distance back from the last number given out.
    const age = (slot: number) => (this.#last - (this.#sequence[slot] ?? 0)) & SEQUENCE_MAX;
    slots.sort((a, b) => age(b) - age(a));
    return slots.map((slot) => {
      const entry: InFlight = {
        context: this.contextAt(slot),
        commandId: this.commandAt(slot),
        sentAtMs: this.sentAtMs(slot),
        written: this.#flush[slot] !== unwrittenFlush,
      };
      this.release(slot);
      return entry;
    });
  }

  /**
   * Forgets and returns everything outstanding, oldest first.
   * @param unwrittenFlush number of the write that never happened: its requests are `written: false`
   */
  takeAll(unwrittenFlush: number): InFlight[] {
    const slots: number[] = [];
    for (let slot = 0; slot < this.#sequence.length; slot++) {
      if (this.#sequence[slot] !== 0) slots.push(slot);
    }
    return this.take(slots, unwrittenFlush);
  }

  /** Doubles the table. Numbers that differ in the low n bits also differ in the low n + 1: no collisions. */
  #grow(): void {
    const slots = this.#sequence.length === 0 ? FIRST_SLOTS : this.#sequence.length * 2;
    const old = {
      sequence: this.#sequence,
      command: this.#command,
      flush: this.#flush,
      sentAt: this.#sentAt,
    };
    const contexts = this.#context;
    this.#mask = slots - 1;
    this.#sequence = new Int32Array(slots);
    this.#command = new Int32Array(slots);
    this.#flush = new Int32Array(slots);
    this.#sentAt = new Float64Array(slots);
    this.#context = new Array<unknown>(slots).fill(undefined);
    for (let from = 0; from < old.sequence.length; from++) {
      const sequence = old.sequence[from] ?? 0;
      if (sequence === 0) continue;
      const to = sequence & this.#mask;
      this.#sequence[to] = sequence;
      this.#command[to] = old.command[from] ?? 0;
      this.#flush[to] = old.flush[from] ?? 0;
      this.#sentAt[to] = old.sentAt[from] ?? 0;
      this.#context[to] = contexts[from];
    }
  }
}

const NO_TIMES = new Float64Array(0);
const NO_CONTEXTS: unknown[] = [];
const NO_SLOTS: number[] = [];

function checkedMax(max: number): number {
  if (!Number.isInteger(max) || max < 1 || max > WINDOW_LIMIT) {
    throw new RangeError(`a window of ${max} is not within 1..${WINDOW_LIMIT}`);
  }
  return max;
}
