import { foldText, isWordChar, WORD } from './fold-text.ts';
import type { Steps } from './steps.ts';

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

/** Entries of one step: of the longest ones half a millisecond. */
const STEP = 32;

/** Compiles a list. Entries without a letter or digit are ignored. */
export function* compileWordList(entries: readonly string[]): Steps<WordList> {
  const first = new FirstWords();
  for (const [i, entry] of entries.entries()) {
    const [word, ...others] = wordsOf(foldText(entry));
    if (word !== undefined) addPhrase(first.nodeOf(word), others);
    if (i % STEP === 0) yield;
  }
  if (first.size === 0) return { foundIn: () => false };
  yield* first.makeFilter();
  return { foundIn: (text) => scan(foldText(text), first) };
}

function addPhrase(first: PhraseNode, others: readonly string[]): void {
  let node = first;
  for (const word of others) node = childOf(node.next, word);
  node.ends = true;
}

function childOf(nodes: Map<string, PhraseNode>, word: string): PhraseNode {
  let child = nodes.get(word);
  if (child === undefined) {
    child = { ends: false, next: new Map() };
    nodes.set(word, child);
  }
  return child;
}

/** Walks the words once; only a word whose hash is in the filter is cut out and looked up. */
function scan(folded: string, first: FirstWords): boolean {
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
    if (first.mayHave(hash)) {
      const node = first.get(folded.slice(start, at), hash);
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

/** Tables of first words: a single one of 200,000 takes 20 ms to grow. */
const SHARDS = 64;

/**
 * The words with which entries begin, and a bitmap over their hashes: that says "certainly not" without cutting a word out
 * of the text.
 */
class FirstWords {
  readonly #shards = Array.from({ length: SHARDS }, () => new Map<string, PhraseNode>());
  #bits = new Uint8Array(0);
  #mask = 0;

  get size(): number {
    return this.#shards.reduce((sum, { size }) => sum + size, 0);
  }

  /** The node of a word, made if it is new. */
  nodeOf(word: string): PhraseNode {
    return childOf(this.#shardOf(hashOf(word)), word);
  }

  get(word: string, hash: number): PhraseNode | undefined {
    return this.#shardOf(hash).get(word);
  }

  /** Once all words are there. */
  *makeFilter(): Steps<void> {
    const least = Math.max(this.size * FILTER_BITS_PER_WORD, FILTER_BITS_MIN);
    const bits = 2 ** Math.ceil(Math.log2(least));
    this.#bits = new Uint8Array(bits / 8);
    this.#mask = bits - 1;
    for (const shard of this.#shards) {
      for (const word of shard.keys()) {
        const bit = this.#bitOf(hashOf(word));
        this.#bits[bit >> 3] = (this.#bits[bit >> 3] ?? 0) | (1 << (bit & 7));
      }
      yield;
    }
  }

  mayHave(hash: number): boolean {
    const bit = this.#bitOf(hash);
    return ((this.#bits[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0;
  }

  #shardOf(hash: number): Map<string, PhraseNode> {
    const shard = this.#shards[(hash >>> 24) % SHARDS];
    if (shard === undefined) throw new Error('a shard of each hash');
    return shard;
  }

  /** The high bits of FNV are the better mixed ones. */
  #bitOf(hash: number): number {
    return (hash ^ (hash >>> 15)) & this.#mask;
  }
}

function hashOf(word: string): number {
  let hash = HASH_SEED;
  for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), HASH_PRIME);
  return hash;
}
