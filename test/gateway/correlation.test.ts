import { beforeAll, describe, expect, it } from 'vitest';
import type { Catalog, CatalogCarrier } from '../../src/domain/catalog.ts';
import { messageId } from '../../src/domain/ids.ts';
import { Correlation } from '../../src/gateway/correlation.ts';
import { IdLearning } from '../../src/gateway/id-learning.ts';
import type { Sending } from '../../src/gateway/sending.ts';
import { accountOf, carrierOf, catalogOf, messageOf, sendingOf } from './messages.ts';

let catalog: Catalog;
let text: CatalogCarrier;
let mixed: CatalogCarrier;
let auto: CatalogCarrier;
let loose: CatalogCarrier;

beforeAll(async () => {
  const on = (prefix: string, fields: object) => ({ port: 1, prefix, ...fields });
  catalog = await catalogOf({
    accounts: { a: {} },
    carriers: {
      text: on('1', {}),
      mixed: on('2', { ids: { response: 'hex', receipt: 'decimal' } }),
      auto: on('3', { ids: { response: 'auto', receipt: 'auto' } }),
      loose: on('4', { matchDestination: false }),
    },
  });
  [text, mixed, auto, loose] = [
    carrierOf(catalog, 'text'),
    carrierOf(catalog, 'mixed'),
    carrierOf(catalog, 'auto'),
    carrierOf(catalog, 'loose'),
  ];
});

let next = 1n;
function open(carrier: CatalogCarrier, upstreamId: string, destination = '966500000001'): Sending {
  const fields = { id: messageId(next++), carrier: carrier.id, destination };
  return sendingOf(messageOf(accountOf(catalog), fields), upstreamId);
}

describe('find', () => {
  it('gives the dispatch of an id and a destination, and nothing once it is removed', () => {
    const correlation = new Correlation(new IdLearning());
    const sending = open(text, 'A1');
    correlation.add(text, sending);
    expect(correlation.find(text, 'A1', '966500000001')).toBe(sending);
    expect(correlation.find(text, 'A1', '')).toBe(sending);
    expect(correlation.find(text, 'a1', '966500000001')).toBeUndefined();
    expect(correlation.find(text, 'A1', '966500000002')).toBeUndefined();
    expect(correlation.find(mixed, 'A1', '966500000001')).toBeUndefined();
    correlation.remove(text, sending);
    expect(correlation.find(text, 'A1', '966500000001')).toBeUndefined();
    expect(correlation.size).toBe(0);
  });

  it('gives the newest of several under one id whose destination agrees', () => {
    const correlation = new Correlation(new IdLearning());
    const [old, other, young] = [open(text, 'X'), open(text, 'X', '966500000002'), open(text, 'X')];
    for (const sending of [old, other, young]) correlation.add(text, sending);
    expect(correlation.find(text, 'X', '966500000001')).toBe(young);
    expect(correlation.find(text, 'X', '966500000002')).toBe(other);
    correlation.remove(text, young);
    expect(correlation.find(text, 'X', '966500000001')).toBe(old);
    correlation.remove(text, old);
    expect(correlation.find(text, 'X', '966500000002')).toBe(other);
    correlation.remove(text, other);
    expect(correlation.size).toBe(0);
  });

  it('prefers the number itself to one with the same last digits, and does not choose between two of those', () => {
    const correlation = new Correlation(new IdLearning());
    const [old, young] = [open(text, 'N', '966500000001'), open(text, 'N', '971500000001')];
    for (const sending of [old, young]) correlation.add(text, sending);
    expect(correlation.find(text, 'N', '966500000001')).toBe(old);
    expect(correlation.find(text, 'N', '971500000001')).toBe(young);
    expect(correlation.find(text, 'N', '0500000001')).toBeUndefined();
    expect(correlation.find(text, 'N', '')).toBeUndefined();
    correlation.remove(text, young);
    expect(correlation.find(text, 'N', '0500000001')).toBe(old);
  });

  it('does not look at the destination where the profile says so', () => {
    const correlation = new Correlation(new IdLearning());
    const sending = open(loose, 'L');
    correlation.add(loose, sending);
    expect(correlation.find(loose, 'L', '1')).toBe(sending);
  });

  // The pairs of shared/vectors/receipts.json, and who reported them.
  it.each([
    ['33E95179', '870928761', 'jsmpp issue 56'],
    ['39f99dd5', '0972660181', 'jasmin issue 1034'],
    ['00B8BE19', 'B8BE19', 'jasmin issue 1129'],
    ['10C8F40D', '281605133', 'jasmin issue 535'],
  ])('finds %s by a receipt of %s (%s)', (response, receipt) => {
    const learning = new IdLearning();
    const correlation = new Correlation(learning);
    const sending = open(auto, response);
    correlation.add(auto, sending);
    // Not learnt yet: memory gives what it can mean, and the store decides.
    expect(correlation.find(auto, receipt, '966500000001')).toBeUndefined();
    const [candidate] = correlation.all(auto, receipt);
    expect(candidate?.sending).toBe(sending);
    for (let i = 0; i < 5; i++) learning.learn(auto.id, 'text', candidate?.reading ?? 'same');
    expect(correlation.find(auto, receipt, '966500000001')).toBe(sending);
    correlation.remove(auto, sending);
    expect(correlation.size).toBe(0);
    if (/^[0-9]+$/.test(receipt)) {
      const known = open(mixed, response);
      correlation.add(mixed, known);
      expect(correlation.find(mixed, receipt, '966500000001')).toBe(known);
    }
    const plain = open(text, response);
    correlation.add(text, plain);
    expect(correlation.find(text, receipt, '966500000001')).toBeUndefined();
  });

  it('finds none under an id that was never told', () => {
    const correlation = new Correlation(new IdLearning());
    const sending = { ...open(text, ''), upstreamId: null };
    correlation.add(text, sending);
    expect(correlation.size).toBe(0);
  });
});

describe('add', () => {
  it('forgets the oldest above its limit', () => {
    const correlation = new Correlation(new IdLearning(), 3);
    const sendings = ['1', '2', '3', '4'].map((upstream) => open(text, upstream));
    for (const sending of sendings) correlation.add(text, sending);
    expect(correlation.size).toBe(3);
    expect(correlation.find(text, '1', '')).toBeUndefined();
    expect(correlation.find(text, '4', '')).toBe(sendings[3]);
  });
});
