import { GSM7_BASIC, GSM7_ESCAPE, GSM7_EXTENDED } from './gsm7.ts';

/*
 * The national language tables of the GSM 7-bit alphabet: 3GPP TS 23.038 annex A (A.2: single shift, A.3: locking shift),
 * compared with public copies of it (Mozilla's ril_consts.js, CyberChef's GSM7.mjs). By the national language identifier
 * of §6.2.1.2.4: 1 Turkish, 2 Spanish, 3 Portuguese, 4 Bengali, 5 Gujarati, 6 Hindi, 7 Kannada, 8 Malayalam, 9 Oriya,
 * 10 Punjabi, 11 Tamil, 12 Telugu, 13 Urdu.
 */

/** A character, or a range of them. */
const RANGE = /(.)(?:-(.))?/gu;

/** Characters by septet, in place of the default alphabet; what a table has not, and the escape, is a blank. */
export const LOCKING_TABLES: ReadonlyMap<number, string> = new Map([
  [1, changed(GSM7_BASIC, '04€ 07ı 0bĞ 0cğ 1cŞ 1dş 40İ 60ç')],
  [
    3,
    changed(
      GSM7_BASIC,
      '04ê 06ú 07í 08ó 09ç 0bÔ 0cô 0eÁ 0fá 12ª 13Ç 14À 15∞ 16^ 17\\ 18€ 19Ó 1a| 1cÂ 1dâ 1eÊ ' +
        '24º 40Í 5bÃ 5cÕ 5dÚ 60~ 7bã 7cõ 7d`',
    ),
  ],
  [4, indian(0x0980, '0d 0e 11 12 29 31 33 34 35 45 46 49 4a', '4e 57 5c 5d 70 71')],
  [5, indian(0x0a80, '0e 12 29 31 34 46 4a', '50 60 61 62 63 71')],
  [6, indian(0x0900, '', '50 72 7b 7c 7e 7f')],
  [7, indian(0x0c80, '01 0d 11 29 34 45 49', '55 56 60 61 62 63')],
  [8, indian(0x0d00, '01 0d 11 29 3c 45 49', '57 60 61 62 63 79')],
  [9, indian(0x0b00, '0d 0e 11 12 29 31 34 45 46 49 4a', '56 57 60 61 62 63')],
  [10, indian(0x0a00, '0b 0c 0d 0e 11 12 29 31 34 37 3d 43 44 45 46 49 4a', '51 70 71 72 73 74')],
  [
    11,
    indian(
      0x0b80,
      '01 0b 0c 0d 11 16 17 18 1b 1d 20 21 22 25 26 27 2b 2c 2d 3c 3d 43 44 45 49',
      '50 57 70 71 72 79',
    ),
  ],
  [12, indian(0x0c00, '0d 11 29 34 3c 45 49', '55 56 60 61 62 63')],
  [
    13,
    'اآبٻڀپڦتۂٿ\nٹٽ\rٺټثجځڄڃڅچڇحخد ڌڈډڊ' +
      ' !ڏڍذرڑړ)(ڙز,ږ.ژ0123456789:;ښسش?' +
      'صضطظعفقکڪګگڳڱلمنںڻڼوۄەہھءیېے\u064d\u0650\u064f\u0657' +
      '\u0654abcdefghijklmnopqrstuvwxyz\u0655\u0651\u0653\u0656\u0670',
  ],
]);

/** Danda and double danda, which these scripts share. */
const DANDAS = '\u0964\u0965';

/** Characters by the septet behind an escape; undefined: the table has none, and the one in force counts. */
export const SINGLE_TABLES: ReadonlyMap<number, readonly (string | undefined)[]> = new Map([
  [1, extended('47Ğ 49İ 53Ş 63ç 67ğ 69ı 73ş')],
  [2, extended('09ç 41Á 49Í 4fÓ 55Ú 61á 69í 6fó 75ú')],
  [
    3,
    extended(
      '05ê 09ç 0bÔ 0cô 0eÁ 0fá 12Φ 13Γ 15Ω 16Π 17Ψ 18Σ 19Θ 1fÊ ' +
        '41À 49Í 4fÓ 55Ú 5bÃ 5cÕ 61Â 69í 6fó 75ú 7bã 7cõ 7fâ',
    ),
  ],
  [4, asian('\u09e6-\u09ef\u09df\u09e0-\u09e3\u09f2-\u09fa')],
  [5, asian(`${DANDAS}\u0ae6-\u0aef`)],
  [6, asian(`${DANDAS}\u0966-\u096f\u0951-\u0954\u0958-\u0963\u0970\u0971`)],
  [7, asian(`${DANDAS}\u0ce6-\u0cef\u0cde\u0cf1\u0cf2`)],
  [8, asian(`${DANDAS}\u0d66-\u0d75\u0d7a-\u0d7f`)],
  [9, asian(`${DANDAS}\u0b66-\u0b6f\u0b5c\u0b5d\u0b5f\u0b70\u0b71`)],
  [10, asian(`${DANDAS}\u0a66-\u0a6f\u0a59-\u0a5c\u0a5e\u0a75`)],
  [11, asian(`${DANDAS}\u0be6-\u0bef\u0bf3-\u0bf8\u0bfa`)],
  [12, asian('  \u0c66-\u0c6f\u0c58\u0c59\u0c78-\u0c7f')],
  [
    13,
    asian(
      '\u0600\u0601\u06f0-\u06f9\u060c-\u0614\u061b\u061f\u0640\u0652\u0658\u066b\u066c\u0672\u0673\u06cd\u06d4',
    ),
  ],
]);

/** A table with other characters, each behind its septet: "04€ 07ı". */
function changed(table: string, entries: string): string {
  const characters = [...table];
  for (const [septet, character] of entriesOf(entries)) characters[septet] = character;
  return characters.join('');
}

/** The extension table with further characters. */
function extended(entries: string): (string | undefined)[] {
  const table = [...GSM7_EXTENDED];
  for (const [septet, character] of entriesOf(entries)) table[septet] = character;
  return table;
}

function entriesOf(entries: string): (readonly [number, string])[] {
  return entries
    .split(' ')
    .map((entry) => [Number.parseInt(entry.slice(0, 2), 16), entry.slice(2)]);
}

/**
 * The locking table of a script of India: all have one layout, by the script's block of Unicode.
 * @param blanks places of the block that have no letter
 * @param own places of what stands before and behind the Latin letters
 */
function indian(block: number, blanks: string, own: string): string {
  const empty = new Set(placesOf(blanks));
  const run = (from: number, to: number): string => {
    let letters = '';
    for (let place = from; place <= to; place++)
      letters += empty.has(place) ? ' ' : String.fromCharCode(block + place);
    return letters;
  };
  const [before = 0, ...behind] = placesOf(own).map((place) => block + place);
  return [
    `${run(0x01, 0x03)}${run(0x05, 0x0b)}\n${run(0x0c, 0x0d)}\r${run(0x0e, 0x1a)} ${run(0x1b, 0x1e)}`,
    ` !${run(0x1f, 0x24)})(${run(0x25, 0x26)},${run(0x27, 0x27)}.${run(0x28, 0x28)}`,
    `0123456789:;${run(0x29, 0x2b)}?${run(0x2c, 0x39)}${run(0x3c, 0x4d)}`,
    `${String.fromCharCode(before)}abcdefghijklmnopqrstuvwxyz${String.fromCharCode(...behind)}`,
  ].join('');
}

function placesOf(places: string): number[] {
  return places === '' ? [] : places.split(' ').map((place) => Number.parseInt(place, 16));
}

/**
 * The single shift table of a script of Asia: signs and capital letters are at the same septets in all.
 * @param own characters and ranges of them ("0-9") for the other places, in order; a blank leaves one out
 */
function asian(own: string): (string | undefined)[] {
  const table: (string | undefined)[] = Array.from({ length: 128 }, () => undefined);
  const put = (from: number, characters: string) => {
    for (const [nth, character] of [...characters].entries()) table[from + nth] = character;
  };
  put(0x00, '@£$¥¿"¤%&\'\f*+\r-/<=>¡^¡_#*');
  put(0x28, '{}');
  put(0x2f, '\\');
  put(0x3c, '[~]');
  put(0x40, '|ABCDEFGHIJKLMNOPQRSTUVWXYZ');
  put(0x65, '€');
  let septet = 0x19;
  for (const character of spelt(own)) {
    while (septet === GSM7_ESCAPE || table[septet] !== undefined) septet++;
    if (character !== ' ') table[septet] = character;
    septet++;
  }
  return table;
}

/** Its characters, those of ranges one by one. */
function spelt(ranges: string): string[] {
  return [...ranges.matchAll(RANGE)].flatMap(([, from = '', to = from]) => {
    const first = from.charCodeAt(0);
    return Array.from({ length: to.charCodeAt(0) - first + 1 }, (_, nth) =>
      String.fromCharCode(first + nth),
    );
  });
}
