import { describe, expect, it } from 'vitest';
import { CsvError, CsvReader, csvLine, foreignCell } from '../../src/domain/csv.ts';

const read = (...pieces: string[]) => {
  const reader = new CsvReader();
  const rows = pieces.flatMap((piece) => [...reader.push(piece)]);
  return [...rows, ...reader.end()];
};
const cells = (...pieces: string[]) => read(...pieces).map((row) => row.cells);

describe('CsvReader', () => {
  it('reads quotes, doubled quotes and line breaks inside them (RFC 4180 §2)', () => {
    expect(cells('"aaa","b ""b"" b","c\r\nc"\r\nzzz,yyy,xxx')).toEqual([
      ['aaa', 'b "b" b', 'c\r\nc'],
      ['zzz', 'yyy', 'xxx'],
    ]);
  });

  it('gives the same rows octet by octet, with the lines that they began in', () => {
    const text = 'id,price\n"a\nb",1\n\nc,2\n';
    const rows = read(text);
    expect(rows.map(({ line }) => line)).toEqual([1, 2, 5]);
    expect(read(...text)).toEqual(rows);
  });

  it('takes semicolons and tabs, and leaves out a byte order mark', () => {
    expect(cells('\ufeffid;price\na;1,5\n')).toEqual([
      ['id', 'price'],
      ['a', '1,5'],
    ]);
    expect(cells('id\tprice\na\t1\n')).toEqual([
      ['id', 'price'],
      ['a', '1'],
    ]);
  });

  it('refuses an open quote and a row without end', () => {
    expect(() => read('a,"b\nc')).toThrow(CsvError);
    const reader = new CsvReader();
    expect(() => {
      for (let n = 0; n < 200; n++) for (const _ of reader.push('x'.repeat(1_000)));
    }).toThrow('longer than');
  });
});

describe('csvLine', () => {
  it('quotes what would be read as something else', () => {
    expect(csvLine(['a', 'b,c', 'd"e', undefined, 5n])).toBe('a,"b,c","d""e",,5\r\n');
  });
});

describe('foreignCell', () => {
  it('keeps tables from taking a text for a formula', () => {
    expect(foreignCell('=1+1')).toBe("'=1+1");
    expect(foreignCell('ACME')).toBe('ACME');
  });
});
