import { ALPHABETS, type Alphabet, type AlphabetName, CODES_MAX } from './alphabets.ts';

/**
 * A word at the end of a stem, by its number from 1; 0: none. What may follow it, what may lead it in and whose it is
 * stand in columns of the index: a hundred thousand objects would hold the process up at each collection of garbage.
 */
export type Terminal = number;

/** What follows a word of a phrase. */
export interface Phrase {
  readonly next: Map<number, Phrase>;
  readonly lists: number[];
}

/**
 * All words of all lists as one tree of letters for each alphabet. Edges stand in one table of open addressing, so that
 * a step costs a look-up whatever the number of words: 16 octets an edge, and 8 for each that may be added, some 30 MB
 * for 80,000 words.
 */
export class WordIndex {
  readonly roots: Readonly<Record<AlphabetName, number>>;
  /** Where particles before a word are read. */
  prefixRoot = 0;
  readonly phrases: Phrase = { next: new Map(), lists: [] };
  /** Keys and targets in turns, so that both come with one line of the cache; 0: an empty place. */
  #table: Int32Array;
  #shift: number;
  #edges = 0;
  #nodes = 0;
  /** By node: the first of its terminals. */
  #first: Int32Array;
  readonly #terminals = new Terminals();
  readonly #endingRoots = new Map<string, number>();
  /** The same by the array that they came in: most words have one of a few. */
  readonly #knownEndings: { readonly [A in AlphabetName]: WeakMap<readonly string[], number> } = {
    latin: new WeakMap(),
    cyrillic: new WeakMap(),
    arabic: new WeakMap(),
    urdu: new WeakMap(),
  };
  /** Ends of endings and of particles: by node, what kind of particle; 0 for an ending. */
  readonly #finals = new Map<number, number>();
  #flags: Uint8Array;

  /** @param letters how many letters will be added at most: the tables are made once */
  constructor(letters: number) {
    const bits = Math.max(12, Math.ceil(Math.log2(letters * 2 + 2)));
    this.#table = new Int32Array(2 ** (bits + 1));
    this.#shift = 32 - bits;
    this.#flags = new Uint8Array(2 ** bits);
    this.#first = new Int32Array(2 ** bits);
    this.roots = {
      latin: this.#node(),
      cyrillic: this.#node(),
      arabic: this.#node(),
      urdu: this.#node(),
    };
  }

  /** The node that a letter leads to; 0: none. */
  next(node: number, code: number): number {
    const key = node * CODES_MAX + code;
    const table = this.#table;
    const mask = table.length - 1;
    for (let at = (Math.imul(key, 0x9e3779b1) >>> this.#shift) * 2; ; at = (at + 2) & mask) {
      const found = table[at];
      if (found === key) return table[at + 1] ?? 0;
      if (found === 0) return 0;
    }
  }

  /** The first of the words that end at a node; 0: none does. */
  terminalAt(node: number): Terminal {
    return this.#first[node] ?? 0;
  }

  /** The next word that ends at the same node; 0: there is none. */
  nextTerminal(word: Terminal): Terminal {
    return this.#terminals.next[word] ?? 0;
  }

  /** Root of its endings. */
  endingsOf(word: Terminal): number {
    return this.#terminals.endings[word] ?? 0;
  }

  /** How far particles may lead it in. */
  prefixesOf(word: Terminal): number {
    return this.#terminals.prefixes[word] ?? 0;
  }

  /** Letters of its shortest form. */
  lettersOf(word: Terminal): number {
    return this.#terminals.letters[word] ?? 0;
  }

  /** Never found, whatever has it as well: "!" in a list. */
  isExempt(word: Terminal): boolean {
    return ((this.#terminals.flags[word] ?? 0) & IS_EXEMPT) !== 0;
  }

  /** Starts or goes on with a phrase. */
  isInPhrase(word: Terminal): boolean {
    return ((this.#terminals.flags[word] ?? 0) & IS_IN_PHRASE) !== 0;
  }

  /** Adds the lists (categories of lists) that have it as a word of its own. */
  listsOf(word: Terminal, to: number[]): void {
    const first = this.#terminals.list[word] ?? 0;
    if (first === 0) return;
    to.push(first - 1);
    if ((this.#terminals.flags[word] ?? 0) & IS_IN_MORE)
      to.push(...(this.#terminals.more.get(word) ?? []));
  }

  addToList(word: Terminal, list: number): void {
    const { list: lists, more, flags } = this.#terminals;
    const first = lists[word] ?? 0;
    if (first === 0) lists[word] = list + 1;
    else if (first !== list + 1) {
      const others = more.get(word) ?? [];
      if (others.includes(list)) return;
      more.set(word, [...others, list]);
      flags[word] = (flags[word] ?? 0) | IS_IN_MORE;
    }
  }

  exempt(word: Terminal): void {
    this.#terminals.mark(word, IS_EXEMPT);
  }

  putInPhrase(word: Terminal): void {
    this.#terminals.mark(word, IS_IN_PHRASE);
  }

  /** Whether an ending may end here. */
  isEnding(node: number): boolean {
    return ((this.#flags[node] ?? 0) & IS_ENDING) !== 0;
  }

  /** What particles end here: 0 none. */
  particlesAt(node: number): number {
    return (this.#flags[node] ?? 0) & IS_PARTICLE ? (this.#finals.get(node) ?? 0) : 0;
  }

  /** Adds the particles that may lead in words of one alphabet. */
  addParticles(alphabet: AlphabetName, particles: readonly string[], kind: number): void {
    if (this.prefixRoot === 0) this.prefixRoot = this.#node();
    for (const particle of particles) {
      const node = this.#path(this.prefixRoot, ALPHABETS[alphabet], particle);
      this.#flags[node] = (this.#flags[node] ?? 0) | IS_PARTICLE;
      this.#finals.set(node, kind);
    }
  }

  /** The terminal of a stem with these endings: made when it is new. */
  terminal(
    alphabet: AlphabetName,
    stem: string,
    endings: readonly string[],
    prefixes: number,
  ): Terminal {
    const node = this.#path(this.roots[alphabet], ALPHABETS[alphabet], stem);
    const root = this.#endings(alphabet, endings);
    let last = 0;
    for (let word = this.terminalAt(node); word !== 0; word = this.nextTerminal(word)) {
      if (this.endingsOf(word) === root && this.prefixesOf(word) === prefixes) return word;
      last = word;
    }
    let shortest = Number.POSITIVE_INFINITY;
    for (const ending of endings) shortest = Math.min(shortest, ending.length);
    const made = this.#terminals.add(root, prefixes, stem.length + shortest);
    if (last === 0) this.#first[node] = made;
    else this.#terminals.next[last] = made;
    return made;
  }

  #endings(alphabet: AlphabetName, endings: readonly string[]): number {
    const same = this.#knownEndings[alphabet].get(endings);
    if (same !== undefined) return same;
    const key = `${alphabet} ${endings.join(' ')}`;
    const known = this.#endingRoots.get(key) ?? this.#newEndings(alphabet, endings);
    this.#endingRoots.set(key, known);
    this.#knownEndings[alphabet].set(endings, known);
    return known;
  }

  #newEndings(alphabet: AlphabetName, endings: readonly string[]): number {
    const root = this.#node();
    for (const ending of endings) {
      const node = this.#path(root, ALPHABETS[alphabet], ending);
      this.#flags[node] = (this.#flags[node] ?? 0) | IS_ENDING;
    }
    return root;
  }

  #path(from: number, alphabet: Alphabet, letters: string): number {
    let node = from;
    for (const letter of letters) node = this.#child(node, alphabet.code(letter));
    return node;
  }

  #child(node: number, code: number): number {
    const known = this.next(node, code);
    if (known !== 0) return known;
    if (this.#edges * 4 >= this.#table.length) this.#grow();
    const made = this.#node();
    this.#put(node * CODES_MAX + code, made);
    this.#edges += 1;
    return made;
  }

  #put(key: number, target: number): void {
    const table = this.#table;
    const mask = table.length - 1;
    let at = (Math.imul(key, 0x9e3779b1) >>> this.#shift) * 2;
    while (table[at] !== 0) at = (at + 2) & mask;
    table[at] = key;
    table[at + 1] = target;
  }

  /** Only when the letters were counted too low. */
  #grow(): void {
    const old = this.#table;
    this.#table = new Int32Array(old.length * 2);
    this.#shift -= 1;
    for (let at = 0; at < old.length; at += 2)
      if (old[at] !== 0) this.#put(old[at] ?? 0, old[at + 1] ?? 0);
    const flags = new Uint8Array(old.length);
    flags.set(this.#flags);
    this.#flags = flags;
    const first = new Int32Array(old.length);
    first.set(this.#first);
    this.#first = first;
  }

  #node(): number {
    this.#nodes += 1;
    return this.#nodes;
  }
}

const IS_ENDING = 2;
const IS_PARTICLE = 4;

/** The columns of terminals, by their number. */
class Terminals {
  endings = new Int32Array(FIRST_TERMINALS);
  next = new Int32Array(FIRST_TERMINALS);
  /** The first list that has it, plus 1. */
  list = new Int32Array(FIRST_TERMINALS);
  prefixes = new Uint8Array(FIRST_TERMINALS);
  letters = new Uint8Array(FIRST_TERMINALS);
  flags = new Uint8Array(FIRST_TERMINALS);
  /** The other lists of the few that are in several. */
  readonly more = new Map<Terminal, number[]>();
  #count = 0;

  add(endings: number, prefixes: number, letters: number): Terminal {
    this.#count += 1;
    if (this.#count === this.endings.length) this.#grow();
    this.endings[this.#count] = endings;
    this.prefixes[this.#count] = prefixes;
    this.letters[this.#count] = Math.min(letters, LETTERS_KEPT);
    return this.#count;
  }

  mark(word: Terminal, flag: number): void {
    this.flags[word] = (this.flags[word] ?? 0) | flag;
  }

  #grow(): void {
    const length = this.endings.length * 2;
    this.endings = grown(this.endings, new Int32Array(length));
    this.next = grown(this.next, new Int32Array(length));
    this.list = grown(this.list, new Int32Array(length));
    this.prefixes = grown(this.prefixes, new Uint8Array(length));
    this.letters = grown(this.letters, new Uint8Array(length));
    this.flags = grown(this.flags, new Uint8Array(length));
  }
}

function grown<Column extends Int32Array | Uint8Array>(old: Column, larger: Column): Column {
  larger.set(old);
  return larger;
}

const FIRST_TERMINALS = 1_024;
/** Only whether a word is shorter than some five is asked. */
const LETTERS_KEPT = 255;

const IS_EXEMPT = 1;
const IS_IN_PHRASE = 2;
const IS_IN_MORE = 4;
