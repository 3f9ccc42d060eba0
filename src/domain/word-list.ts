import { foldText, isWordChar, WORD } from './fold-text.ts';

/**
 * Words and phrases to be found whole in a text, whatever the case or the compatibility form of its letters
 * (NFKC, case folded), never inside another word.
 */
export interface WordList {
  /** Linear in the text; the size of the list costs nothing. */
  foundIn(text: string): boolean;
}

/** What follows a word: the end of an entry, or the next words of a phrase. */
interface PhraseNode {
  ends: boolean;
  readonly next: Map<string, PhraseNode>;
}

/** Bits of the filter for each first word: 1 in 16 words of clean text is looked up in vain. */
const FILTER_BITS_PER_WORD = 16;
const FILTER_BITS_MIN = 1024;

/** Compiles a list. Entries without a letter or digit are ignored. */
export function compileWordList(entries: readonly string[]): WordList {
  const root: PhraseNode = { ends: false, next: new Map() };
  for (const entry of entries) addPhrase(root, wordsOf(foldText(entry)));
  if (root.next.size === 0) return { foundIn: () => false };
  const filter = new FirstWordFilter(root.next.keys(), root.next.size);
  return { foundIn: (text) => scan(foldText(text), root.next, filter) };
}

function addPhrase(root: PhraseNode, words: readonly string[]): void {
  if (words.length === 0) return;
  let node = root;
  for (const word of words) {
    let child = node.next.get(word);
    if (child === undefined) {
      child = { ends: false, next: new Map() };
      node.next.set(word, child);
    }
    node = child;
  }
  node.ends = true;
}

/** Walks the words once; only a word whose hash is in the filter is cut out and looked up. */
function scan(
  folded: string,
  first: ReadonlyMap<string, PhraseNode>,
  filter: FirstWordFilter,
): boolean {
  const length = folded.length;
  let start = -1;
  let hash = HASH_SEED;
  // One step past the end: it ends the last word.
  for (let at = 0; at <= length; at++) {
    const kind = at === length ? 0 : isWordChar(folded, at);
    if (kind === WORD || (kind !== 0 && start >= 0)) {
      if (start < 0) start = at;
      hash = Math.imul(hash ^ folded.charCodeAt(at), HASH_PRIME);
      continue;
    }
    if (start < 0) continue;
    if (filter.mayHave(hash)) {
      const node = first.get(folded.slice(start, at));
      if (node !== undefined && (node.ends || phraseGoesOn(folded, at, node))) return true;
    }
    start = -1;
    hash = HASH_SEED;
  }
  return false;
}

function phraseGoesOn(folded: string, from: number, node: PhraseNode): boolean {
  let at = from;
  let current = node;
  while (current.next.size > 0) {
    const start = wordStart(folded, at);
    if (start === folded.length) return false;
    at = wordEnd(folded, start);
    const next = current.next.get(folded.slice(start, at));
    if (next === undefined) return false;
    if (next.ends) return true;
    current = next;
  }
  return false;
}

function wordsOf(folded: string): string[] {
  const words: string[] = [];
  for (let start = wordStart(folded, 0); start < folded.length; ) {
    const end = wordEnd(folded, start);
    words.push(folded.slice(start, end));
    start = wordStart(folded, end);
  }
  return words;
}

function wordStart(folded: string, from: number): number {
  let at = from;
  while (at < folded.length && isWordChar(folded, at) !== WORD) at += 1;
  return at;
}

function wordEnd(folded: string, from: number): number {
  let at = from + 1;
  while (at < folded.length && isWordChar(folded, at) > 0) at += 1;
  return at;
}

// FNV-1a, 32 bits (draft-eastlake-fnv): cheap to run along with the scan.
const HASH_SEED = 0x811c9dc5 | 0;
const HASH_PRIME = 0x01000193;

/** A bitmap over the hashes of first words: says "certainly not" without cutting a word out of the text. */
class FirstWordFilter {
  readonly #bits: Uint8Array;
  readonly #mask: number;

  constructor(words: Iterable<string>, count: number) {
    const bits = 2 ** Math.ceil(Math.log2(Math.max(count * FILTER_BITS_PER_WORD, FILTER_BITS_MIN)));
    this.#bits = new Uint8Array(bits / 8);
    this.#mask = bits - 1;
    for (const word of words) {
      let hash = HASH_SEED;
      for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), HASH_PRIME);
      const bit = this.#bitOf(hash);
      this.#bits[bit >> 3] = (this.#bits[bit >> 3] ?? 0) | (1 << (bit & 7));
    }
  }

  mayHave(hash: number): boolean {
    const bit = this.#bitOf(hash);
    return ((this.#bits[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0;
  }

  /** The high bits of FNV are the better mixed ones. */
  #bitOf(hash: number): number {
    return (hash ^ (hash >>> 15)) & this.#mask;
  }
}
