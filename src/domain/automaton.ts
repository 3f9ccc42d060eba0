import type { Steps } from './steps.ts';

/** One place of a pattern: a character, or a kind of character; how often. */
export interface PatternItem {
  /** A character; undefined: any of `kind`. */
  readonly char?: string;
  readonly kind?: CharKind;
  readonly min: number;
  /** Undefined: without end. */
  readonly max?: number | undefined;
}

/** What a variable may stand for. */
export type CharKind = 'any' | 'digit' | 'letter' | 'alnum';

/** A pattern, and whether it must begin and end where the text does. */
export interface Pattern {
  readonly items: readonly PatternItem[];
  readonly fromStart: boolean;
  readonly toEnd: boolean;
}

/** Places of all patterns of one automaton, variables spread out: 6 octets each. */
export const STATES_MAX = 200_000;
/** Places looked at for each character of a text, on average: beyond it the rest of the text is not looked at. */
const STEPS_OF_CHAR = 512;

/** Patterns compiled: linear in the text, whatever the patterns. */
export interface Automaton {
  /** Indexes of patterns that match; the first alone where `all` is false. */
  matches(text: string, all?: boolean): readonly number[];
}

/** Places that a pattern takes, its end too: of all patterns together {@link STATES_MAX} at the most. */
export function placesOf({ items }: Pattern): number {
  return items.reduce((sum, { char = ' ', min, max }) => sum + char.length * (max ?? min + 1), 1);
}

/**
 * Compiles patterns, a step each, to one automaton without backtracking: of a text each character moves all open places one on.
 * Never a RegExp: what customers and operators write cannot make it slow.
 * @throws RangeError when the patterns have more than {@link STATES_MAX} places
 */
export function* compileAutomaton(patterns: Iterable<Pattern>): Steps<Automaton> {
  const table = new StateTable();
  let index = 0;
  for (const pattern of patterns) {
    table.add(pattern, index++);
    yield;
  }
  const run = new Run(table.done());
  return { matches: (text, all = false) => run.over(text, all) };
}

const OPTIONAL = 1;
const LOOP = 2;
const KINDS: readonly CharKind[] = ['any', 'digit', 'letter', 'alnum'];
/** Above every UTF-16 unit: a kind of character; the end of a pattern. */
const KIND = 0x10000;
const END = 0x20000;
const END_OF_TEXT = 0x20001;

interface Table {
  readonly ops: Int32Array;
  readonly flags: Uint8Array;
  /** Pattern by its last place. */
  readonly ends: ReadonlyMap<number, number>;
  /** Where patterns start, by their first unit (-1: by none), for those from the text's start and for the others. */
  readonly anchored: Starts;
  readonly floating: Starts;
}
type Starts = ReadonlyMap<number, readonly number[]>;

class StateTable {
  readonly #ops: number[] = [];
  readonly #flags: number[] = [];
  readonly #ends = new Map<number, number>();
  readonly #anchored = new Map<number, number[]>();
  readonly #floating = new Map<number, number[]>();

  add({ items, fromStart, toEnd }: Pattern, index: number): void {
    const start = this.#ops.length;
    for (const item of items) this.#addItem(item);
    this.#ends.set(this.#ops.length, index);
    this.#push(toEnd ? END_OF_TEXT : END, 0);
    const starts = fromStart ? this.#anchored : this.#floating;
    const first = this.#ops[start] ?? END;
    const unit = first < KIND && this.#flags[start] === 0 ? first : -1;
    const beside = starts.get(unit);
    if (beside === undefined) starts.set(unit, [start]);
    else beside.push(start);
    if (this.#ops.length > STATES_MAX)
      throw new RangeError(`the patterns have more than ${STATES_MAX} places`);
  }

  done(): Table {
    return {
      ops: Int32Array.from(this.#ops),
      flags: Uint8Array.from(this.#flags),
      ends: this.#ends,
      anchored: this.#anchored,
      floating: this.#floating,
    };
  }

  #addItem({ char, kind, min, max }: PatternItem): void {
    const units =
      char === undefined
        ? [KIND + KINDS.indexOf(kind ?? 'any')]
        : Array.from({ length: char.length }, (_, i) => char.charCodeAt(i));
    const repeat = (flag: number) => {
      for (const unit of units) this.#push(unit, flag);
    };
    for (let i = 0; i < min; i++) repeat(0);
    if (max === undefined) repeat(OPTIONAL | LOOP);
    else for (let i = min; i < max; i++) repeat(OPTIONAL);
  }

  #push(op: number, flags: number): void {
    this.#ops.push(op);
    this.#flags.push(flags);
  }
}

class Run {
  readonly #table: Table;
  /** Open places now and after this character, and when each was last opened. */
  #open: Int32Array;
  #next: Int32Array;
  readonly #opened: Int32Array;
  #count = 0;
  #turn = 0;
  #found: number[] = [];

  constructor(table: Table) {
    this.#table = table;
    this.#open = new Int32Array(table.ops.length);
    this.#next = new Int32Array(table.ops.length);
    this.#opened = new Int32Array(table.ops.length);
  }

  over(text: string, all: boolean): readonly number[] {
    this.#found = [];
    this.#turn = 0;
    this.#opened.fill(0);
    let steps = STEPS_OF_CHAR * (text.length + 1);
    let open = 0;
    for (let at = 0; at <= text.length && steps > 0; at++) {
      const unit = at < text.length ? text.charCodeAt(at) : -1;
      // Places that the last character opened, and those where a pattern may start here.
      this.#turn = 2 * at + 1;
      this.#count = open;
      for (let i = 0; i < open; i++) this.#opened[this.#open[i] ?? 0] = this.#turn;
      if (at === 0) this.#start(this.#table.anchored, unit);
      this.#start(this.#table.floating, unit);
      if (!all && this.#found.length > 0) break;
      const count = this.#count;
      steps -= count;
      this.#turn = 2 * at + 2;
      this.#count = 0;
      if (unit === -1) this.#finish(count);
      else this.#advance(count, unit);
      if (!all && this.#found.length > 0) break;
      open = this.#count;
    }
    return this.#found;
  }

  #start(starts: Starts, unit: number): void {
    for (const state of starts.get(unit) ?? NO_STATES) this.#openPlace(state, this.#open);
    for (const state of starts.get(-1) ?? NO_STATES) this.#openPlace(state, this.#open);
  }

  #advance(count: number, unit: number): void {
    const { ops, flags } = this.#table;
    for (let i = 0; i < count; i++) {
      const state = this.#open[i] ?? 0;
      const op = ops[state] ?? END;
      if (!(op === unit || (op >= KIND && op < END && isKind(op - KIND, unit)))) continue;
      if (((flags[state] ?? 0) & LOOP) !== 0) this.#openPlace(state, this.#next);
      this.#openPlace(state + 1, this.#next);
    }
    [this.#open, this.#next] = [this.#next, this.#open];
  }

  /** At the end of the text. */
  #finish(count: number): void {
    for (let i = 0; i < count; i++) {
      const state = this.#open[i] ?? 0;
      if (this.#table.ops[state] === END_OF_TEXT) this.#add(state);
    }
  }

  /** Opens a place, and those behind it that need nothing between. */
  #openPlace(first: number, into: Int32Array): void {
    const { ops, flags } = this.#table;
    for (let state = first; this.#opened[state] !== this.#turn; state++) {
      this.#opened[state] = this.#turn;
      into[this.#count++] = state;
      if (ops[state] === END) this.#add(state);
      if (((flags[state] ?? 0) & OPTIONAL) === 0) return;
    }
  }

  #add(state: number): void {
    const pattern = this.#table.ends.get(state);
    if (pattern !== undefined && !this.#found.includes(pattern)) this.#found.push(pattern);
  }
}

const NO_STATES: readonly number[] = [];

const IS_LETTER = /^[\p{L}\p{M}]$/u;
const IS_DIGIT = /^\p{Nd}$/u;

function isKind(kind: number, unit: number): boolean {
  if (kind === 0) return true;
  if (unit < 0x80) {
    const digit = unit >= 0x30 && unit <= 0x39;
    const letter = (unit | 0x20) >= 0x61 && (unit | 0x20) <= 0x7a;
    return kind === 1 ? digit : kind === 2 ? letter : digit || letter;
  }
  const char = String.fromCharCode(unit);
  if (kind !== 2 && IS_DIGIT.test(char)) return true;
  return kind !== 1 && IS_LETTER.test(char);
}
