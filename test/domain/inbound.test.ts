import { describe, expect, it } from 'vitest';
import { accountId, carrierId } from '../../src/domain/ids.ts';
import {
  compileInbound,
  headWords,
  type InboundRoute,
  inboundName,
  overlaps,
} from '../../src/domain/inbound.ts';
import { exportResources, parseResources } from '../../src/domain/resource-file.ts';
import { emptyResourceSet } from '../../src/domain/resources.ts';

function route(fields: Partial<InboundRoute> & { account: InboundRoute['account'] }): InboundRoute {
  return {
    number: undefined,
    from: undefined,
    to: undefined,
    keyword: undefined,
    carrier: undefined,
    ...fields,
  };
}

const ONE = carrierId(1);
const TWO = carrierId(2);
const [range, number, ofTwo, promo, upper] = [1, 2, 3, 4, 5].map(accountId);
const table = compileInbound([
  route({ from: '100', to: '199', account: range as never }),
  route({ from: '200', to: '299', account: upper as never }),
  route({ number: '150', account: number as never }),
  route({ number: '150', carrier: TWO, account: ofTwo as never }),
  route({ number: '150', keyword: 'Straße', account: promo as never }),
]);

describe('compileInbound', () => {
  it.each([
    { carrier: ONE, address: '100', account: range },
    { carrier: ONE, address: '199', account: range },
    { carrier: ONE, address: '200', account: upper },
    { carrier: ONE, address: '299', account: upper },
    { carrier: ONE, address: '300', account: undefined },
    { carrier: ONE, address: '099', account: undefined },
    { carrier: ONE, address: '1000', account: undefined },
    { carrier: ONE, address: '150', account: number },
    { carrier: ONE, address: '+150', account: number },
    { carrier: ONE, address: '00150', account: number },
    { carrier: TWO, address: '150', account: ofTwo },
  ])('gives $address of carrier $carrier to $account', ({ carrier, address, account }) => {
    expect(table.byNumber(carrier, address)).toBe(account);
  });

  it('finds a keyword by its folded form', () => {
    expect(table.byKeyword(ONE, '150', headWords('STRASSE 5')[0] ?? '')).toBe(promo);
    expect(table.byKeyword(ONE, '150', 'straße5')).toBeUndefined();
    expect(table.byKeyword(ONE, '151', 'strasse')).toBeUndefined();
    expect([table.hasKeywords(ONE, '150'), table.hasKeywords(ONE, '151')]).toEqual([true, false]);
  });
});

describe('overlaps', () => {
  const range = (from: string, to: string, carrier?: string) => ({
    from,
    to,
    account: 'a',
    ...(carrier !== undefined && { carrier }),
  });

  it('names ranges that share a number, of one carrier or of any', () => {
    expect(overlaps([range('100', '199'), range('300', '310'), range('150', '160')])).toEqual([
      { first: 0, second: 2 },
    ]);
    expect(overlaps([range('100', '199'), range('199', '250')])).toHaveLength(1);
    expect(overlaps([range('100', '199'), range('200', '250')])).toEqual([]);
    expect(overlaps([range('100', '199', 'c'), range('150', '160')])).toEqual([]);
    expect(overlaps([range('100', '199'), range('1000', '1999')])).toEqual([]);
  });
});

describe('inbound of a resources file', () => {
  const parse = (inbound: string) => parseResources(`inbound:\n${inbound}`);
  const errorOf = (inbound: string) => {
    const parsed = parse(inbound);
    return 'errors' in parsed ? parsed.errors.map((e) => `${e.line} ${e.message}`) : [];
  };

  it('keeps numbers as they are written', () => {
    const parsed = parse(
      '  - {number: 0070, account: acme}\n  - {from: 0100, to: 0199, account: b}',
    );
    if ('errors' in parsed) throw new Error(JSON.stringify(parsed.errors));
    expect([...(parsed.ok.inbound?.keys() ?? [])]).toEqual(['0070', '0100-0199']);
  });

  it('is written so that it reads the same', () => {
    const parsed = parse(
      '  - {number: 0070, keyword: Promo, account: a, carrier: c}\n  - {from: 0100, to: 0199, account: b}',
    );
    if ('errors' in parsed) throw new Error(JSON.stringify(parsed.errors));
    const again = parseResources(exportResources({ ...emptyResourceSet(), ...parsed.ok }));
    if ('ok' in again) throw new Error('c is no carrier of the file');
    expect(again.errors.map((e) => e.message)).toEqual(['refers to c, which is not in carriers']);
    const alone = {
      ...emptyResourceSet(),
      inbound: new Map([...(parsed.ok.inbound ?? [])].slice(1)),
    };
    const back = parseResources(exportResources(alone));
    expect('ok' in back && back.ok.inbound).toEqual(alone.inbound);
  });

  it('names the line of a conflict', () => {
    const twice = '  - {number: 70007, keyword: Promo, account: a}\n';
    expect(errorOf(`${twice}  - {number: 70007, keyword: PROMO, account: b}`)).toEqual([
      '3 70007/promo stands twice',
    ]);
    expect(
      errorOf('  - {from: 100, to: 199, account: a}\n  - {from: 150, to: 250, account: b}'),
    ).toEqual(['3 overlaps 100-199']);
  });

  it.each([
    '  - {account: a}',
    '  - {number: 1, from: 1, to: 2, account: a}',
    '  - {from: 1, account: a}',
    '  - {from: 10, to: 9, account: a}',
    '  - {from: 1, to: 10, account: a}',
    '  - {from: 1, to: 9, keyword: x, account: a}',
    '  - {number: 1, keyword: two words, account: a}',
    '  - {number: letters, account: a}',
    '  - {number: 1}',
    '  - {number: 1, account: a, unknown: 1}',
  ])('refuses%s', (line) => {
    expect(errorOf(line)).not.toEqual([]);
  });
});

describe('inboundName', () => {
  it('tells every route from every other', () => {
    expect(inboundName({ number: '7', keyword: 'A', account: 'x', carrier: 'c' })).toBe('7/a@c');
    expect(inboundName({ from: '1', to: '9', account: 'x' })).toBe('1-9');
  });
});
