// CPU of the word filter: 20,000 made-up words in each of four languages, texts of 160 characters.
//   node test/domain/words/words-bench.ts
import { readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { compileWords } from '../../../src/domain/words/compile-words.ts';
import { tableRows } from '../../../src/domain/words/measure-words.ts';

const WORDS = 20_000;
const TEXTS = 2_000;
const LETTERS = {
  ar: 'ابتثجحخدذرزسشصضطظعغفقكلمنهوي',
  en: 'abcdefghijklmnopqrstuvwxyz',
  ru: 'абвгдежзиклмнопрстуфхцчшщыьэюя',
  ur: 'ابپتٹثجچحخدڈذرڑزسشصطعغفقکگلمنںوہیے',
};

const below = (limit: number) => Math.floor(Math.random() * limit);
const word = (letters: string) =>
  Array.from({ length: 4 + below(7) }, () => letters[below(letters.length)]).join('');
const lists = Object.entries(LETTERS).map(([language, letters]) => ({
  name: language,
  language,
  category: 'general',
  words: Array.from({ length: WORDS }, () => word(letters)).join('\n'),
}));

let longest = 0;
let turn = performance.now();
const words = await compileWords(lists, async () => {
  longest = Math.max(longest, performance.now() - turn);
  await setImmediate();
  turn = performance.now();
});
const megabytes = Math.round(process.memoryUsage().rss / 1e6);
console.log(`longest turn ${longest.toFixed(1)} ms, ${megabytes} MB in all`);
for (const language of Object.keys(LETTERS)) {
  const file = new URL(`../../policy/labelled/${language}.innocents.tsv`, import.meta.url);
  const parts = tableRows(readFileSync(file, 'utf8')).map(({ text = '' }) => text);
  const texts = Array.from({ length: TEXTS }, () => {
    let text = '';
    while (text.length < 160) text += `${parts[below(parts.length)]} `;
    return text.slice(0, 160);
  });
  for (const text of texts) words.foundIn(text);
  const start = process.cpuUsage();
  for (const text of texts) words.foundIn(text);
  const { user, system } = process.cpuUsage(start);
  console.log(`${language}: ${((user + system) / TEXTS).toFixed(1)} us a text`);
}
