import { inTurns, type Steps } from '../steps.ts';
import { compileWordList, type WordList } from '../word-list.ts';
import { ALPHABETS, type AlphabetName } from './alphabets.ts';
import { Cells, GAP_NONE } from './cells.ts';
import { ARABIC, CYRILLIC, LATIN } from './characters.ts';
import { WordFinder } from './finder.ts';
import {
  ARABIC_ARTICLES,
  ARABIC_PARTICLES,
  ARTICLE,
  CLITICS,
  exactly,
  stemsOf,
} from './inflections.ts';
import { parseWords } from './parse-words.ts';
import {
  NO_PHRASE,
  type Phrase,
  type Terminal,
  type WordColumns,
  WordIndex,
} from './word-index.ts';
import { WordIndexBuilder } from './word-index-builder.ts';

/** A list of words as the matcher takes it. */
export interface WordSource {
  readonly name: string;
  /** ISO 639-1: which inflection, and in Arabic script whose letters. */
  readonly language: string;
  /** Of words before the first heading. */
  readonly category: string;
  /** One entry a line; see {@link parseWords}. */
  readonly words: string;
}

/** Words found: of which list and category. */
export interface FoundWords {
  readonly list: string;
  readonly category: string;
}

/** All word lists, compiled. */
export interface CompiledWords {
  /** What a text has; the same object for the same text asked again, so that rules share one reading of it. */
  foundIn(text: string): readonly FoundWords[];
  /** Entries by list: how many are in force, and lines that hold no word. */
  readonly counts: ReadonlyMap<string, number>;
}

/** Entries after which it is asked whether to pause: some 0.3 ms of work. */
const ENTRIES_A_LOOK = 16;
/** Spelled with the letters of Urdu rather than Arabic. */
const URDU_LETTERS: ReadonlySet<string> = new Set([
  'ur',
  'fa',
  'ps',
  'sd',
  'pa',
  'ug',
  'ckb',
  'ks',
]);
const RUSSIAN: ReadonlySet<string> = new Set(['ru', 'uk', 'be']);

/** No lists at all. */
export const NO_WORDS: CompiledWords = { foundIn: () => [], counts: new Map() };

/** What lists are compiled to: plain data, which a thread can hand to another. */
export interface WordTable {
  readonly columns: WordColumns;
  /** By number: the list and category that words are found for. */
  readonly found: readonly FoundWords[];
  readonly counts: ReadonlyMap<string, number>;
  /** Entries of other scripts by that number: whole, whatever the case. */
  readonly plain: ReadonlyMap<number, readonly string[]>;
}

/**
 * Compiles lists into one index.
 * @param pause asked every fraction of a millisecond of work whether to let the traffic go on; undefined: not yet
 */
export async function compileWords(
  lists: readonly WordSource[],
  pause: () => Promise<void> | undefined,
): Promise<CompiledWords> {
  return lists.length === 0 ? NO_WORDS : inTurns(openWords(await wordTable(lists, pause)), pause);
}

/** As {@link compileWords}, but for the last step. */
export async function wordTable(
  lists: readonly WordSource[],
  pause: () => Promise<void> | undefined,
): Promise<WordTable> {
  const letters = lists.reduce((sum, list) => sum + list.words.length, 0);
  const builder = new WordsBuilder(letters);
  for (const list of lists) {
    let done = 0;
    for (const entry of parseWords(list.words, list.category)) {
      builder.add(list, entry.category, entry.text, entry.mark);
      done += 1;
      if (done % ENTRIES_A_LOOK === 0) {
        const resumed = pause();
        if (resumed !== undefined) await resumed;
      }
    }
  }
  return builder.build();
}

/** What a table finds in texts; in steps, for the words of other scripts are made here. */
export function* openWords({ columns, found, counts, plain }: WordTable): Steps<CompiledWords> {
  const finder = new WordFinder(new WordIndex(columns));
  const plainLists: [number, WordList][] = [];
  for (const [id, entries] of plain) plainLists.push([id, yield* compileWordList(entries)]);
  let text = '';
  let last: readonly FoundWords[] = [];
  return {
    counts,
    foundIn(asked) {
      if (asked === text) return last;
      const ids = [...finder.listsIn(asked), ...plainIn(asked, plainLists)];
      last = ids.length === 0 ? NOTHING_FOUND : ids.flatMap((id) => found[id] ?? []);
      text = asked;
      return last;
    },
  };
}

/** The memory of a table, to be handed over rather than copied. */
export function buffersOf({ columns }: WordTable): ArrayBuffer[] {
  const { nodes, nodeFlags, terminals, phrases, lists } = columns;
  const arrays = [nodes, nodeFlags, lists, ...Object.values(terminals), ...Object.values(phrases)];
  return arrays.map(({ buffer }) => buffer);
}

class WordsBuilder {
  readonly #index: WordIndexBuilder;
  readonly #cells = new Cells();
  readonly #found: FoundWords[] = [];
  readonly #ids = new Map<string, number>();
  readonly #counts = new Map<string, number>();
  /** Words of other scripts: whole, whatever the case. */
  readonly #plain = new Map<number, string[]>();

  constructor(letters: number) {
    this.#index = new WordIndexBuilder(letters);
    this.#index.addParticles('arabic', ARABIC_ARTICLES, ARTICLE);
    this.#index.addParticles('arabic', ARABIC_PARTICLES, CLITICS);
  }

  add(list: WordSource, category: string, entry: string, mark: '' | '=' | '!'): void {
    const id = this.#idOf(list.name, category);
    const cells = this.#cells;
    cells.read(entry);
    const alphabet = alphabetOf(cells, list.language);
    if (alphabet === undefined) {
      if (cells.others === 0) return;
      const plain = this.#plain.get(id) ?? [];
      plain.push(entry);
      this.#plain.set(id, plain);
    } else {
      const words = wordsOf(cells, alphabet);
      if (words.length === 0) return;
      this.#addWords(
        words,
        alphabet,
        mark === '' ? languageOf(alphabet, list.language) : '',
        id,
        mark === '!',
      );
    }
    this.#counts.set(list.name, (this.#counts.get(list.name) ?? 0) + 1);
  }

  build(): WordTable {
    return {
      columns: this.#index.build(),
      found: this.#found,
      counts: this.#counts,
      plain: this.#plain,
    };
  }

  #addWords(
    words: readonly string[],
    alphabet: AlphabetName,
    language: string,
    id: number,
    exempt: boolean,
  ): void {
    const terminals = words.map((word) =>
      this.#terminalsOf(word, alphabet, language, words.length > 1),
    );
    if (terminals.length === 1) {
      for (const terminal of terminals[0] ?? []) {
        if (exempt) this.#index.exempt(terminal);
        else this.#index.addToList(terminal, id);
      }
      return;
    }
    let open: Phrase[] = [NO_PHRASE];
    for (const choices of terminals)
      open = open.flatMap((phrase) =>
        choices.map((terminal) => this.#index.phraseWith(phrase, terminal)),
      );
    if (!exempt) for (const phrase of open) this.#index.addPhraseToList(phrase, id);
  }

  #terminalsOf(
    word: string,
    alphabet: AlphabetName,
    language: string,
    inPhrase: boolean,
  ): Terminal[] {
    const stems = language === '' ? [exactly(word)] : stemsOf(word, language, inPhrase);
    return stems.map(({ stem, endings, prefixes }) =>
      this.#index.terminal(alphabet, stem, endings, prefixes),
    );
  }

  #idOf(list: string, category: string): number {
    const key = `${list}\n${category}`;
    let id = this.#ids.get(key);
    if (id === undefined) {
      id = this.#found.push({ list, category }) - 1;
      this.#ids.set(key, id);
    }
    return id;
  }
}

const NOTHING_FOUND: readonly FoundWords[] = [];

function plainIn(text: string, lists: readonly (readonly [number, WordList])[]): number[] {
  return lists.flatMap(([id, list]) => (list.foundIn(text) ? id : []));
}

/** By the letters that the entry has most of; undefined: of none of these scripts. */
function alphabetOf(cells: Cells, language: string): AlphabetName | undefined {
  const { letters, others } = cells;
  const most = Math.max(letters[LATIN] ?? 0, letters[CYRILLIC] ?? 0, letters[ARABIC] ?? 0);
  if (most === 0 || others > most) return undefined;
  if (letters[ARABIC] === most) return URDU_LETTERS.has(language) ? 'urdu' : 'arabic';
  return letters[CYRILLIC] === most ? 'cyrillic' : 'latin';
}

/** The language whose inflection a word of a list takes: an English word in an Arabic list is English. */
function languageOf(alphabet: AlphabetName, language: string): string {
  if (alphabet === 'latin')
    return language === 'en' || URDU_LETTERS.has(language) || language === 'ar' ? 'en' : language;
  if (alphabet === 'cyrillic') return RUSSIAN.has(language) ? 'ru' : '-';
  return alphabet === 'urdu' ? (language === 'ur' ? 'ur' : '-') : 'ar';
}

/** The words of what was read, in letters of the alphabet. */
function wordsOf(cells: Cells, name: AlphabetName): string[] {
  const alphabet = ALPHABETS[name];
  const words: string[] = [];
  for (let at = 0; at < cells.length; at++) {
    const [code] = alphabet.readings(cells.points[at] ?? 0);
    if (code === undefined) return [];
    if (at === 0 || cells.gapBefore(at) !== GAP_NONE) words.push('');
    const run = Math.min(cells.runs[at] ?? 1, 2);
    words.push((words.pop() ?? '') + alphabet.letter(code).repeat(run));
  }
  return words;
}
