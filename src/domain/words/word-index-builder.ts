import { ALPHABETS, type Alphabet, type AlphabetName, CODES_MAX } from './alphabets.ts';
import {
  IS_ENDING,
  IS_EXEMPT,
  IS_IN_PHRASE,
  IS_PARTICLE,
  type Phrase,
  SPREAD,
  stepOf,
  type Terminal,
  type WordColumns,
} from './word-index.ts';
import { packTree } from './word-tree.ts';

/** Writes the columns of a word index. */
export class WordIndexBuilder {
  readonly #roots: Readonly<Record<AlphabetName, number>>;
  #prefixRoot = 0;
  /** By open addressing, until all words are there: `node * 64 + code` and the node that it leads to, in turns. */
  #edges: Int32Array;
  #shift: number;
  #edgeCount = 0;
  #nodes = 0;
  /** By node: the first of the words that end at it. */
  #first: Int32Array;
  #nodeFlags: Uint8Array;
  readonly #particles = new Map<number, number>();
  readonly #terminals = new Terminals();
  readonly #phrases = new Phrases();
  readonly #lists = new Lists();
  readonly #endingRoots = new Map<string, number>();
  /** The same by the array that they came in: most words have one of a few. */
  readonly #knownEndings: { readonly [A in AlphabetName]: WeakMap<readonly string[], number> } = {
    latin: new WeakMap(),
    cyrillic: new WeakMap(),
    arabic: new WeakMap(),
    urdu: new WeakMap(),
  };

  /** @param letters how many letters will be added at most: the tables are made once */
  constructor(letters: number) {
    const bits = Math.max(12, Math.ceil(Math.log2(letters * 2 + 2)));
    this.#edges = new Int32Array(2 ** (bits + 1));
    this.#shift = shiftOf(this.#edges);
    this.#nodeFlags = new Uint8Array(2 ** bits);
    this.#first = new Int32Array(2 ** bits);
    this.#roots = {
      latin: this.#node(),
      cyrillic: this.#node(),
      arabic: this.#node(),
      urdu: this.#node(),
    };
  }

  /** What was written: nothing more is, from then on. */
  build(): WordColumns {
    const { nodes, numbers } = packTree({
      count: this.#nodes,
      edges: this.#edges,
      childOf: (node, code) => this.#edges[this.#placeOf(node * CODES_MAX + code) + 1] ?? 0,
      values: this.#first,
    });
    const numberOf = (node: number) => numbers[node] ?? 0;
    const nodeFlags = new Uint8Array(this.#nodes + 1);
    for (let node = 1; node <= this.#nodes; node++)
      nodeFlags[numberOf(node)] = this.#nodeFlags[node] ?? 0;
    const { latin, cyrillic, arabic, urdu } = this.#roots;
    const terminals = this.#terminals.columns;
    return {
      roots: {
        latin: numberOf(latin),
        cyrillic: numberOf(cyrillic),
        arabic: numberOf(arabic),
        urdu: numberOf(urdu),
      },
      prefixRoot: numberOf(this.#prefixRoot),
      nodes,
      nodeFlags,
      particles: new Map([...this.#particles].map(([node, kind]) => [numberOf(node), kind])),
      terminals: { ...terminals, endings: terminals.endings.map(numberOf) },
      phrases: this.#phrases.columns,
      lists: this.#lists.entries,
    };
  }

  /** Adds the particles that may lead in words of one alphabet. */
  addParticles(alphabet: AlphabetName, particles: readonly string[], kind: number): void {
    if (this.#prefixRoot === 0) this.#prefixRoot = this.#node();
    for (const particle of particles) {
      const node = this.#path(this.#prefixRoot, ALPHABETS[alphabet], particle);
      this.#nodeFlags[node] = (this.#nodeFlags[node] ?? 0) | IS_PARTICLE;
      this.#particles.set(node, kind);
    }
  }

  /** The terminal of a stem with these endings: made when it is new. */
  terminal(
    alphabet: AlphabetName,
    stem: string,
    endings: readonly string[],
    prefixes: number,
  ): Terminal {
    const node = this.#path(this.#roots[alphabet], ALPHABETS[alphabet], stem);
    const root = this.#endings(alphabet, endings);
    const { columns } = this.#terminals;
    let last = 0;
    for (let word = this.#first[node] ?? 0; word !== 0; word = columns.next[word] ?? 0) {
      if (columns.endings[word] === root && columns.prefixes[word] === prefixes) return word;
      last = word;
    }
    let shortest = Number.POSITIVE_INFINITY;
    for (const ending of endings) shortest = Math.min(shortest, ending.length);
    const made = this.#terminals.add(root, prefixes, stem.length + shortest);
    if (last === 0) this.#first[node] = made;
    else this.#terminals.columns.next[last] = made;
    return made;
  }

  /** A list has it as a word of its own. */
  addToList(word: Terminal, list: number): void {
    this.#lists.add(this.#terminals.columns.lists, word, list);
  }

  /** It is never found. */
  exempt(word: Terminal): void {
    this.#terminals.mark(word, IS_EXEMPT);
  }

  /** The phrase with one more word: made when it is new. */
  phraseWith(phrase: Phrase, word: Terminal): Phrase {
    this.#terminals.mark(word, IS_IN_PHRASE);
    return this.#phrases.with(phrase, word);
  }

  /** A list has what was read as a whole phrase. */
  addPhraseToList(phrase: Phrase, list: number): void {
    this.#lists.add(this.#phrases.columns.lists, phrase, list);
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
      this.#nodeFlags[node] = (this.#nodeFlags[node] ?? 0) | IS_ENDING;
    }
    return root;
  }

  #path(from: number, alphabet: Alphabet, letters: string): number {
    let node = from;
    for (const letter of letters) node = this.#child(node, alphabet.code(letter));
    return node;
  }

  #child(node: number, code: number): number {
    const key = node * CODES_MAX + code;
    const known = this.#edges[this.#placeOf(key) + 1] ?? 0;
    if (known !== 0) return known;
    if (this.#edgeCount * 4 >= this.#edges.length) this.#grow();
    const made = this.#node();
    this.#put(key, made);
    this.#edgeCount += 1;
    return made;
  }

  #put(key: number, target: number): void {
    const at = this.#placeOf(key);
    this.#edges[at] = key;
    this.#edges[at + 1] = target;
  }

  /** Where an edge stands, or would. */
  #placeOf(key: number): number {
    const edges = this.#edges;
    const mask = edges.length - 1;
    let at = (Math.imul(key, SPREAD) >>> this.#shift) * 2;
    while (edges[at] !== 0 && edges[at] !== key) at = (at + 2) & mask;
    return at;
  }

  /** Only when the letters were counted too low. */
  #grow(): void {
    const old = this.#edges;
    this.#edges = new Int32Array(old.length * 2);
    this.#shift -= 1;
    for (let at = 0; at < old.length; at += 2)
      if (old[at] !== 0) this.#put(old[at] ?? 0, old[at + 1] ?? 0);
    this.#nodeFlags = grown(this.#nodeFlags, new Uint8Array(old.length));
    this.#first = grown(this.#first, new Int32Array(old.length));
  }

  #node(): number {
    this.#nodes += 1;
    return this.#nodes;
  }
}

/** How far the hash of an edge is shifted to be a place of the table. */
function shiftOf(edges: Int32Array): number {
  return 33 - Math.log2(edges.length);
}

/** The columns of terminals, by their number. */
class Terminals {
  columns = terminalColumns(FIRST_ROWS);
  #count = 0;

  add(endings: number, prefixes: number, letters: number): Terminal {
    this.#count += 1;
    if (this.#count === this.columns.endings.length) this.#grow();
    this.columns.endings[this.#count] = endings;
    this.columns.prefixes[this.#count] = prefixes;
    this.columns.letters[this.#count] = Math.min(letters, LETTERS_KEPT);
    return this.#count;
  }

  mark(word: Terminal, flag: number): void {
    this.columns.flags[word] = (this.columns.flags[word] ?? 0) | flag;
  }

  #grow(): void {
    const old = this.columns;
    const to = terminalColumns(old.endings.length * 2);
    to.endings.set(old.endings);
    to.next.set(old.next);
    to.lists.set(old.lists);
    to.prefixes.set(old.prefixes);
    to.letters.set(old.letters);
    to.flags.set(old.flags);
    this.columns = to;
  }
}

function terminalColumns(rows: number) {
  return {
    endings: new Int32Array(rows),
    next: new Int32Array(rows),
    lists: new Int32Array(rows),
    prefixes: new Uint8Array(rows),
    letters: new Uint8Array(rows),
    flags: new Uint8Array(rows),
  };
}

/** The steps of phrases, and what is known of each. */
class Phrases {
  columns = phraseColumns(FIRST_ROWS);
  #count = 0;

  with(phrase: Phrase, word: Terminal): Phrase {
    const { steps, goesOn } = this.columns;
    const at = stepOf(steps, phrase, word);
    const known = steps[at + 2] ?? 0;
    if (known !== 0) return known;
    goesOn[phrase] = 1;
    this.#count += 1;
    steps.set([phrase, word, this.#count], at);
    const made = this.#count;
    if (made + 1 === goesOn.length) this.#grow();
    return made;
  }

  #grow(): void {
    const old = this.columns;
    const to = phraseColumns(old.goesOn.length * 2);
    to.lists.set(old.lists);
    to.goesOn.set(old.goesOn);
    for (let at = 0; at < old.steps.length; at += 3) {
      const [phrase = 0, word = 0, made = 0] = old.steps.subarray(at, at + 3);
      if (word !== 0) to.steps.set([phrase, word, made], stepOf(to.steps, phrase, word));
    }
    this.columns = to;
  }
}

/** Twice as many places for steps as there are phrases. */
function phraseColumns(rows: number) {
  return {
    steps: new Int32Array(rows * 2 * 3),
    lists: new Int32Array(rows),
    goesOn: new Uint8Array(rows),
  };
}

/** Rows of lists: each with the next of the same word or phrase. */
class Lists {
  entries: Int32Array = new Int32Array(FIRST_ROWS * 2);
  #count = 0;

  /** @param heads the first entry of each word or phrase */
  add(heads: Int32Array, of: number, list: number): void {
    const head = heads[of] ?? 0;
    for (let at = head; at !== 0; at = this.entries[at * 2 + 1] ?? 0)
      if (this.entries[at * 2] === list) return;
    this.#count += 1;
    if (this.#count * 2 === this.entries.length)
      this.entries = grown(this.entries, new Int32Array(this.entries.length * 2));
    this.entries[this.#count * 2] = list;
    this.entries[this.#count * 2 + 1] = head;
    heads[of] = this.#count;
  }
}

function grown<Column extends Int32Array | Uint8Array>(old: Column, larger: Column): Column {
  larger.set(old);
  return larger;
}

const FIRST_ROWS = 1_024;
/** Only whether a word is shorter than some five is asked. */
const LETTERS_KEPT = 255;
