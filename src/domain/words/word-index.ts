import type { AlphabetName } from './alphabets.ts';
import { childOf, valueAt } from './word-tree.ts';

/**
 * A word at the end of a stem, by its number from 1; 0: none. What may follow it, what may lead it in and whose it is
 * stand in columns of the index: a hundred thousand objects would hold the process up at each collection of garbage.
 */
export type Terminal = number;

/** The words of a phrase that were read, by its number: {@link NO_PHRASE} before the first. */
export type Phrase = number;
export const NO_PHRASE = 0;

/**
 * All that an index is: plain data, which a thread hands to another without a copy. Written by
 * `word-index-builder.ts`.
 */
export interface WordColumns {
  readonly roots: Readonly<Record<AlphabetName, number>>;
  /** Where particles before a word are read; 0: there are none. */
  readonly prefixRoot: number;
  /** The tree of letters (`word-tree.ts`); what stands at a node is the first of the words that end at it. */
  readonly nodes: Int32Array;
  /** By node: {@link IS_ENDING}, {@link IS_PARTICLE}. */
  readonly nodeFlags: Uint8Array;
  /** By node where a particle ends: of what kind it is. */
  readonly particles: ReadonlyMap<number, number>;
  readonly terminals: TerminalColumns;
  readonly phrases: PhraseColumns;
  /** A list and the number of the next entry, in turns: the lists that have a word or phrase. */
  readonly lists: Int32Array;
}

/** By terminal. */
export interface TerminalColumns {
  /** Root of its endings. */
  readonly endings: Int32Array;
  /** The next word that ends at the same node. */
  readonly next: Int32Array;
  /** The first entry of `lists`. */
  readonly lists: Int32Array;
  /** How far particles may lead it in. */
  readonly prefixes: Uint8Array;
  /** Letters of its shortest form. */
  readonly letters: Uint8Array;
  /** {@link IS_EXEMPT}, {@link IS_IN_PHRASE}. */
  readonly flags: Uint8Array;
}

/** What stands in phrases. */
export interface PhraseColumns {
  /** By open addressing: a phrase, the word that follows, and the phrase with it: three in turns. */
  readonly steps: Int32Array;
  /** By phrase: the first entry of `lists` for one that ends with it. */
  readonly lists: Int32Array;
  /** By phrase: 1 where a longer one begins with it. */
  readonly goesOn: Uint8Array;
}

export const IS_ENDING = 1;
export const IS_PARTICLE = 2;
export const IS_EXEMPT = 1;
export const IS_IN_PHRASE = 2;

/**
 * All words of all lists as one tree of letters for each alphabet, 17 octets a letter that words do not have in common:
 * some 7 MB for 80,000 words. A step costs the same whatever their number.
 */
export class WordIndex {
  readonly roots: Readonly<Record<AlphabetName, number>>;
  /** Where particles before a word are read. */
  readonly prefixRoot: number;
  readonly #columns: WordColumns;
  // What each step of a walk reads.
  readonly #nodes: Int32Array;
  readonly #nodeFlags: Uint8Array;
  readonly #terminals: TerminalColumns;

  constructor(columns: WordColumns) {
    this.roots = columns.roots;
    this.prefixRoot = columns.prefixRoot;
    this.#columns = columns;
    this.#nodes = columns.nodes;
    this.#nodeFlags = columns.nodeFlags;
    this.#terminals = columns.terminals;
  }

  /** The node that a letter leads to; 0: none. */
  next(node: number, code: number): number {
    return childOf(this.#nodes, node, code);
  }

  /** The first of the words that end at a node; 0: none does. */
  terminalAt(node: number): Terminal {
    return valueAt(this.#nodes, node);
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
    this.#addLists(this.#terminals.lists[word] ?? 0, to);
  }

  /** Whether an ending may end here. */
  isEnding(node: number): boolean {
    return ((this.#nodeFlags[node] ?? 0) & IS_ENDING) !== 0;
  }

  /** What particles end here: 0 none. */
  particlesAt(node: number): number {
    return (this.#nodeFlags[node] ?? 0) & IS_PARTICLE
      ? (this.#columns.particles.get(node) ?? 0)
      : 0;
  }

  /** The phrase with one more word; {@link NO_PHRASE}: there is none. */
  phraseWith(phrase: Phrase, word: Terminal): Phrase {
    const { steps } = this.#columns.phrases;
    return steps[stepOf(steps, phrase, word) + 2] ?? NO_PHRASE;
  }

  /** Adds the lists that have what was read as a whole phrase. */
  listsOfPhrase(phrase: Phrase, to: number[]): void {
    this.#addLists(this.#columns.phrases.lists[phrase] ?? 0, to);
  }

  /** A longer phrase begins with it. */
  goesOn(phrase: Phrase): boolean {
    return this.#columns.phrases.goesOn[phrase] === 1;
  }

  #addLists(entry: number, to: number[]): void {
    const { lists } = this.#columns;
    for (let at = entry; at !== 0; at = lists[at * 2 + 1] ?? 0) to.push(lists[at * 2] ?? 0);
  }
}

/** Spreads keys over the places of a table (Knuth's multiplicative hash). */
export const SPREAD = 0x9e3779b1;

/** Where the step of a phrase stands, or would. */
export function stepOf(steps: Int32Array, phrase: Phrase, word: Terminal): number {
  const places = steps.length / 3;
  const hash = Math.imul(Math.imul(phrase, SPREAD) ^ word, SPREAD) >>> 8;
  for (let place = hash % places; ; place = (place + 1) % places) {
    const at = place * 3;
    const isFree = steps[at + 1] === 0;
    if (isFree || (steps[at] === phrase && steps[at + 1] === word)) return at;
  }
}
