// Makes the positives of the labelled set from the words and the carrier texts beside it, the
// same on every run, and prints the table of counts that README.md shows.
//   node test/policy/labelled/build.ts            write XX.positives.tsv, print the table
//   node test/policy/labelled/build.ts --show XX KIND   print a cell with its hidden characters
import { readFileSync, writeFileSync } from 'node:fs';
import { type Dice, disguise, kinds } from './disguises.ts';
import type { Language } from './letter-tables.ts';

const languages: readonly Language[] = ['ar', 'en', 'ru', 'ur'];
// Goal of the issue is 30 a cell; six more leave room to strike out a doubtful one.
const itemsPerCell = 36;
// An SMS text of the set, in code points.
const shortest = 20;
const longest = 160;

type Carrier = { listed: string; form: string; before: string; after: string };
type Positive = { kind: string; listed: string; disguised: string; text: string };

function main(): void {
  const [flag, wanted, kind] = process.argv.slice(2);
  const table = languages.map((language) => ({ language, positives: build(language) }));
  if (flag === '--show') {
    const cell = table.find((row) => row.language === wanted)?.positives ?? [];
    for (const item of cell.filter((positive) => positive.kind === kind)) {
      console.log(`${item.listed}\t${visible(item.disguised)}\t${visible(item.text)}`);
    }
    return;
  }
  for (const { language, positives } of table) write(language, positives);
  printTable(table);
}

function build(language: Language): Positive[] {
  const carriers = readCarriers(language);
  const plain = carriers.filter((carrier) => carrier.form === carrier.listed);
  const inflected = carriers.filter((carrier) => carrier.form !== carrier.listed);
  return [
    ...oneOfEachWord(plain).map((carrier) => positive('plain', carrier, carrier.form)),
    ...inflected.map((carrier) => positive('inflected', carrier, carrier.form)),
    ...kinds[language].flatMap((kind) => {
      const dice = seededDice(`${language} ${kind}`);
      const made = shuffle(plain, dice).flatMap((carrier) => {
        const disguised = disguise(kind, language, carrier.listed, dice);
        return disguised === undefined ? [] : [positive(kind, carrier, disguised)];
      });
      return widest(made.filter((item) => fits(item.text))).slice(0, itemsPerCell);
    }),
  ];
}

function readCarriers(language: Language): Carrier[] {
  const listed = new Set(readRows(`${language}.words.tsv`).map(([word]) => word));
  return readFileSync(new URL(`${language}.carriers.txt`, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const match =
        /^(?<before>[^{]*)\{(?<form>[^|}]+)(\|(?<lemma>[^}]+))?\}(?<after>[^{]*)$/u.exec(line);
      if (match?.groups === undefined) throw new Error(`no {word} in: ${line}`);
      const { before = '', form = '', lemma = form, after = '' } = match.groups;
      if (!listed.has(lemma)) throw new Error(`${lemma} is not listed: ${line}`);
      return { listed: lemma, form, before, after };
    });
}

function positive(kind: string, carrier: Carrier, disguised: string): Positive {
  const text = carrier.before + disguised + carrier.after;
  return { kind, listed: carrier.listed, disguised, text };
}

function fits(text: string): boolean {
  const length = [...text].length;
  return length >= shortest && length <= longest;
}

function oneOfEachWord(carriers: Carrier[]): Carrier[] {
  return [...new Map(carriers.toReversed().map((c) => [c.listed, c])).values()].toReversed();
}

// Items whose word has not come up first, so that a cell has as many listed words as it can.
function widest(items: Positive[]): Positive[] {
  const seen = new Set<string>();
  const first = items.filter((item) => !seen.has(item.listed) && seen.add(item.listed));
  return [...first, ...items.filter((item) => !first.includes(item))];
}

function shuffle<T>(items: T[], dice: Dice): T[] {
  const left = [...items];
  return items.flatMap(() => left.splice(dice(left.length), 1));
}

// mulberry32, seeded by FNV-1a of the cell's name: a cell stays as it is when another changes.
function seededDice(name: string): Dice {
  let state = [...name].reduce(
    (hash, c) => Math.imul(hash ^ (c.codePointAt(0) ?? 0), 16777619),
    2166136261,
  );
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function write(language: Language, positives: Positive[]): void {
  const rows = positives.map((item, i) =>
    [`${language}-${i + 1}`, item.kind, item.listed, item.disguised, item.text].join('\t'),
  );
  const file = new URL(`${language}.positives.tsv`, import.meta.url);
  writeFileSync(file, `id\tkind\tlisted\tdisguised\ttext\n${rows.join('\n')}\n`);
}

function printTable(table: { language: Language; positives: Positive[] }[]): void {
  const innocents = table.map(({ language }) => readRows(`${language}.innocents.tsv`));
  const rows = (of: string, count: (column: number) => number) =>
    `| ${of} | ${table.map((_, column) => count(column) || '–').join(' | ')} |`;
  const counted = (of: string[][][], kind: string) =>
    rows(kind, (column) => of[column]?.filter((row) => row[1] === kind).length ?? 0);
  const positives = table.map((cell) => cell.positives.map((item) => ['', item.kind]));
  const named = (of: string[][][]) => [...new Set(of.flat().map((row) => row[1] ?? ''))];
  console.log(`| kind | ${table.map((cell) => cell.language).join(' | ')} |`);
  console.log(`|---|${'---:|'.repeat(table.length)}`);
  for (const kind of named(positives)) console.log(counted(positives, kind));
  console.log(rows('**all positives**', (column) => positives[column]?.length ?? 0));
  for (const kind of named(innocents)) console.log(counted(innocents, kind));
  console.log(rows('**all innocents**', (column) => innocents[column]?.length ?? 0));
}

function readRows(name: string): string[][] {
  const lines = readFileSync(new URL(name, import.meta.url), 'utf8').split('\n');
  return lines
    .slice(1)
    .filter((line) => line !== '')
    .map((line) => line.split('\t'));
}

function visible(text: string): string {
  return text.replaceAll(
    /\p{M}|\p{Cf}|\p{Co}|[\u2800\u3164\u115f\uffa0]/gu,
    (c) => `\\u{${c.codePointAt(0)?.toString(16)}}`,
  );
}

main();
