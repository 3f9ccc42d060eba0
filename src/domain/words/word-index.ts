import { ALPHABETS, type Alphabet, type AlphabetName, CODES_MAX } from './alphabets.ts';

/** A word at the end of a stem: what may follow, what may lead in, and whose it is. */
export interface Terminal {
  /** Root of the endings. */
  readonly endings: number;
  readonly prefixes: number;
  /** Letters of its shortest form. */
  readonly letters: number;
  /** Lists (categories of lists) that have it as a word of its own. */
  readonly lists: number[];
  /** Never found, whatever has it as well: "!" in a list. */
  exempt: boolean;
  /** Starts or goes on with a phrase. */
  inPhrase: boolean;
  readonly index: number;
}

/** What follows a word of a phrase. */
export interface Phrase {
  readonly next: Map<number, Phrase>;
  readonly lists: number[];
}

/**
 * All words of all lists as one tree of letters for each alphabet. Edges stand in one table of open addressing, so that
 * a step costs a look-up whatever the number of words: 16 octets an edge, some 12 MB for 80,000 words.
 */
export class WordIndex {
  readonly roots: Readonly<Record<AlphabetName, number>>;
  /** Where particles before a word are read. */
  prefixRoot = 0;
  readonly phrases: Phrase = { next: new Map(), lists: [] };
  readonly terminals: Terminal[] = [];
  /** Keys and targets in turns, so that both come with one line of the cache; 0: an empty place. */
  #table: Int32Array;
  #shift: number;
  #edges = 0;
  #nodes = 0;
  /** Terminals by node. */
  readonly #at = new Map<number, Terminal[]>();
  readonly #endingRoots = new Map<string, number>();
  /** Ends of endings and of particles: by node, what kind of particle; 0 for an ending. */
  readonly #finals = new Map<number, number>();
  #flags: Uint8Array;

  /** @param letters how many letters will be added at most: the tables are made once */
  constructor(letters: number) {
    const bits = Math.max(12, Math.ceil(Math.log2(letters * 2 + 2)));
    this.#table = new Int32Array(2 ** (bits + 1));
    this.#shift = 32 - bits;
    this.#flags = new Uint8Array(2 ** bits);
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

  /** The words that end at a node. */
  terminalsAt(node: number): readonly Terminal[] | undefined {
    return (this.#flags[node] ?? 0) & HAS_TERMINAL ? this.#at.get(node) : undefined;
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
    let here = this.#at.get(node);
    if (here === undefined) {
      here = [];
      this.#at.set(node, here);
      this.#flags[node] = (this.#flags[node] ?? 0) | HAS_TERMINAL;
    }
    const known = here.find((each) => each.endings === root && each.prefixes === prefixes);
    if (known !== undefined) return known;
    const shortest = Math.min(...endings.map((ending) => ending.length));
    const made: Terminal = {
      endings: root,
      prefixes,
      letters: stem.length + shortest,
      lists: [],
      exempt: false,
      inPhrase: false,
      index: this.terminals.length,
    };
    here.push(made);
    this.terminals.push(made);
    return made;
  }

  #endings(alphabet: AlphabetName, endings: readonly string[]): number {
    const key = `${alphabet} ${endings.join(' ')}`;
    const known = this.#endingRoots.get(key);
    if (known !== undefined) return known;
    const root = this.#node();
    for (const ending of endings) {
      const node = this.#path(root, ALPHABETS[alphabet], ending);
      this.#flags[node] = (this.#flags[node] ?? 0) | IS_ENDING;
    }
    this.#endingRoots.set(key, root);
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
  }

  #node(): number {
    this.#nodes += 1;
    return this.#nodes;
  }
}

const HAS_TERMINAL = 1;
const IS_ENDING = 2;
const IS_PARTICLE = 4;
