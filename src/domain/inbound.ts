import type { z } from 'zod';
import { foldText } from './fold-text.ts';
import type { AccountId, CarrierId } from './ids.ts';
import type { inboundSchema } from './route-schema.ts';

/** An inbound route as data: which account gets what subscribers send to a number. */
export type InboundSpec = z.output<typeof inboundSchema>;

/** An inbound route with its references resolved. */
export interface InboundRoute {
  readonly number: string | undefined;
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly keyword: string | undefined;
  readonly account: AccountId;
  /** Undefined: from any carrier. */
  readonly carrier: CarrierId | undefined;
}

/** Whose a number (and keyword) is. */
export interface InboundTable {
  /** By number or range alone. @param address as the carrier wrote it */
  byNumber(carrier: CarrierId, address: string): AccountId | undefined;
  /** By number and keyword; undefined when the number has no such keyword. */
  byKeyword(carrier: CarrierId, address: string, keyword: string): AccountId | undefined;
  /** Whether the number has any keywords: then a text's first part decides. */
  hasKeywords(carrier: CarrierId, address: string): boolean;
}

/** What an inbound route is called: "96650000", "966500001000-966500001999", "70007/promo", each with "@carrier". */
export function inboundName(spec: InboundSpec): string {
  const number = spec.number ?? `${spec.from}-${spec.to}`;
  const keyword = spec.keyword === undefined ? '' : `/${foldText(spec.keyword)}`;
  return `${number}${keyword}${spec.carrier === undefined ? '' : `@${spec.carrier}`}`;
}

/** The words at the beginning of a text, folded, without what is no letter or digit: the first is the keyword. */
export function headWords(text: string): string[] {
  return foldText(text.slice(0, HEAD_CHARACTERS))
    .split(NO_WORD)
    .filter((word) => word !== '');
}

/** Pairs of routes (by place in the list) that would both claim a number: overlapping ranges of one carrier or of any. */
export function overlaps(specs: readonly InboundSpec[]): { first: number; second: number }[] {
  const ranges = specs.flatMap(({ from, to, carrier }, at) =>
    from === undefined || to === undefined ? [] : [{ from, to, at, scope: scopeOf(from, carrier) }],
  );
  const found: { first: number; second: number }[] = [];
  for (const group of Map.groupBy(ranges, (range) => range.scope).values()) {
    group.sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : a.at - b.at));
    let widest = group[0];
    for (const range of group.slice(1)) {
      if (widest === undefined) break;
      if (range.from <= widest.to)
        found.push({
          first: Math.min(widest.at, range.at),
          second: Math.max(widest.at, range.at),
        });
      if (range.to > widest.to) widest = range;
    }
  }
  return found;
}

/** Compiles inbound routes. The most exact wins: keyword over number over range, one carrier's over any carrier's. */
export function compileInbound(routes: readonly InboundRoute[]): InboundTable {
  const exact = new Map<string, AccountId>();
  const keyworded = new Set<string>();
  const ranges = new Map<string, Range[]>();
  for (const { number, from, to, keyword, account, carrier } of routes) {
    const scope = carrier ?? ANY;
    if (number !== undefined && keyword !== undefined) {
      exact.set(`${scope} ${number} ${foldText(keyword)}`, account);
      keyworded.add(`${scope} ${number}`);
    } else if (number !== undefined) exact.set(`${scope} ${number}`, account);
    else if (from !== undefined && to !== undefined) {
      const key = scopeOf(from, carrier);
      ranges.set(key, [...(ranges.get(key) ?? []), { from, to, account }]);
    }
  }
  for (const list of ranges.values()) list.sort((a, b) => (a.from < b.from ? -1 : 1));
  const inRange = (carrier: CarrierId | undefined, number: string): AccountId | undefined => {
    const list = ranges.get(scopeOf(number, carrier));
    return list && rangeOf(list, number)?.account;
  };
  return {
    byNumber: (carrier, address) => {
      const number = digitsOf(address);
      return (
        exact.get(`${carrier} ${number}`) ??
        exact.get(`${ANY} ${number}`) ??
        inRange(carrier, number) ??
        inRange(undefined, number)
      );
    },
    byKeyword: (carrier, address, keyword) => {
      const number = digitsOf(address);
      return (
        exact.get(`${carrier} ${number} ${keyword}`) ?? exact.get(`${ANY} ${number} ${keyword}`)
      );
    },
    hasKeywords: (carrier, address) => {
      const number = digitsOf(address);
      return keyworded.has(`${carrier} ${number}`) || keyworded.has(`${ANY} ${number}`);
    },
  };
}

interface Range {
  readonly from: string;
  readonly to: string;
  readonly account: AccountId;
}

const ANY = '*';

/** Numbers compare as text only with those of their length. */
function scopeOf(number: string, carrier: string | number | undefined): string {
  return `${carrier ?? ANY} ${number.length}`;
}

/** The range of a sorted list without overlaps that a number lies in. */
function rangeOf(ranges: readonly Range[], number: string): Range | undefined {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ranges[middle]?.from ?? '') <= number) low = middle + 1;
    else high = middle;
  }
  const range = ranges[low - 1];
  return range !== undefined && number <= range.to ? range : undefined;
}

/** A number as it stands in the resources: digits, without "+" or the prefix "00". */
function digitsOf(address: string): string {
  if (address.startsWith('+')) return address.slice(1);
  return address.startsWith('00') ? address.slice(2) : address;
}

const NO_WORD = /[^\p{L}\p{N}\p{M}]+/u;
/** A keyword and what may follow it stand at the beginning. */
const HEAD_CHARACTERS = 200;
