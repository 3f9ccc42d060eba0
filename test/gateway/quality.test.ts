import { beforeAll, describe, expect, it } from 'vitest';
import type { Catalog, CatalogCarrier } from '../../src/domain/catalog.ts';
import { QualityBook } from '../../src/gateway/quality.ts';
import { carrierOf, catalogOf } from './messages.ts';

const START = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;

let catalog: Catalog;
let carrier: CatalogCarrier;
let other: CatalogCarrier;

beforeAll(async () => {
  catalog = await catalogOf({
    accounts: { a: {} },
    carriers: { c: { port: 1, prefix: '96650' }, d: { port: 2, prefix: '' } },
  });
  carrier = carrierOf(catalog, 'c');
  other = carrierOf(catalog, 'd');
});

function newBook(): QualityBook {
  return new QualityBook({ catalog: () => catalog, now: () => START });
}

function prefixesOf(book: QualityBook, name = 'c'): string[] {
  return book.of(name).map(({ prefix }) => prefix);
}

describe('QualityBook', () => {
  it('counts all of a carrier, and its prefixes apart by route or country', () => {
    const book = newBook();
    for (const to of ['966501111111', '966502222222', '966541111111', '12025550123', '0111'])
      book.submitAnswered(carrier, to, true, 0.1);
    book.receipt(carrier, '966501111111', true, 3);
    book.unmatched(other, '79161234567', 1);
    const views = book.of('c').map(({ prefix, windows }) => [prefix, windows['5m'].submits]);
    expect(views).toEqual([
      ['*', 5],
      ['96650', 2],
      ['966', 1],
      ['1', 1],
      ['other', 1],
    ]);
    expect(book.of('c')[1]?.windows['5m'].deliveryRatio.value).toBe(1);
    expect(prefixesOf(book, 'd')).toEqual(['*', '7']);
    expect(book.of('nobody')).toEqual([]);
  });

  it('counts as other what comes after fifty prefixes, and gives a place up after a day of silence', () => {
    const book = newBook();
    // 220 to 269 are fifty country codes of three digits, 290 is one more.
    for (let code = 210; code < 270; code++)
      book.submitAnswered(carrier, `${code}1234567`, true, 1);
    expect(prefixesOf(book)).toHaveLength(1 + 50 + 1);
    book.submitAnswered(carrier, '2901234567', true, 1);
    expect(prefixesOf(book)).not.toContain('290');
    expect(book.of('c').at(-1)?.prefix).toBe('other');
    for (let hour = 1; hour <= 25; hour++) book.tick(START + hour * 60 * MINUTE);
    expect(prefixesOf(book)).toEqual(['*']);
    book.submitAnswered(carrier, '2901234567', true, 1);
    expect(prefixesOf(book)).toEqual(['*', '290']);
  });

  it('says once what became unusual, of all of the carrier and of the prefix, and once when it is over', () => {
    const book = newBook();
    const told: string[] = [];
    const pass = (minutes: readonly number[], seconds: number): void => {
      for (const minute of minutes) {
        for (let n = 0; n < 30; n++) {
          book.submitAnswered(carrier, '966501111111', true, 0.1);
          book.receipt(carrier, '966501111111', true, seconds);
        }
        for (let s = 1; s <= 60; s++)
          for (const { prefix, measure, what } of book.tick(START + minute * MINUTE + s * 1_000))
            told.push(`${prefix} ${measure} ${what}`);
      }
    };
    pass([0, 1, 2, 3], 0.2);
    expect(told.splice(0)).toEqual(['* quickRatio began', '96650 quickRatio began']);
    pass([4, 5, 6, 7, 8, 9, 10, 11], 5);
    expect(told).toEqual(['* quickRatio ended', '96650 quickRatio ended']);
  });

  it('calls nothing too quick where the resource says so, and awaits no receipt where there is none', () => {
    const book = newBook();
    const silent = { ...carrier, receipts: false, quality: { quickReceiptSeconds: 0 } };
    for (let n = 0; n < 100; n++) {
      book.submitAnswered(silent, '966501111111', true, 0.1);
      book.receipt(silent, '966501111111', true, 0);
    }
    const [all] = book.of('c');
    expect(all?.windows['5m'].quickRatio).toEqual({ value: 0, samples: 100 });
    book.tick(START + 12 * MINUTE);
    expect(book.of('c')[0]?.windows['1h'].receiptRatio.samples).toBe(0);
  });

  it('forgets a carrier that was removed', () => {
    const carriers = new Map(catalog.carriers);
    const book = new QualityBook({ catalog: () => ({ ...catalog, carriers }), now: () => START });
    book.submitAnswered(carrier, '966501111111', true, 0.1);
    expect(book.carriers).toEqual(['c']);
    carriers.delete(carrier.id);
    book.tick(START + 1_000);
    expect(book.carriers).toEqual([]);
  });
});
