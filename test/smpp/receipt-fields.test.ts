import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseReceiptDate, parseReceiptText } from '../../src/smpp/receipt-fields.ts';
import { receiptVectors } from './golden.ts';

describe('parseReceiptText', () => {
  for (const [index, vector] of receiptVectors.entries()) {
    it(`reads golden receipt ${index}: ${vector.note || vector.text.slice(0, 40)}`, () => {
      const given = vector.expect;
      const expected =
        'fields' in given && typeof given.fields === 'object'
          ? given.fields
          : (given as Record<string, string>);
      const read = parseReceiptText(vector.text);
      expect({
        id: read.id,
        sub: read.sub,
        dlvrd: read.dlvrd,
        submit_date: read.submitDate,
        done_date: read.doneDate,
        stat: read.stat,
        err: read.err,
        text: read.text,
      }).toEqual({ ...NOTHING, ...expected });
    });
  }

  it('reads any order and case, and names with an underscore', () => {
    expect(
      parseReceiptText(
        'STAT:delivrd Done Date:2611221400 ERR:1F2 submit_date:2611221300 ID:a:b/c=d DLVRD:1 Sub:2 TEXT:hi',
      ),
    ).toEqual({
      id: 'a:b/c=d',
      sub: '2',
      dlvrd: '1',
      submitDate: '2611221300',
      doneDate: '2611221400',
      stat: 'DELIVRD',
      err: '1F2',
      text: 'hi',
    });
  });

  it('leaves what looks like fields in the text of the message alone', () => {
    const read = parseReceiptText('id:1 stat:UNDELIV err:000 text:id:2 stat:DELIVRD err:9');
    expect(read).toMatchObject({
      id: '1',
      stat: 'UNDELIV',
      err: '000',
      text: 'id:2 stat:DELIVRD err:9',
    });
    expect(parseReceiptText('stat:DELIVRD err:000 text:id:2').id).toBeUndefined();
  });

  it('takes a value behind a space, but not the next field', () => {
    expect(parseReceiptText('id: 123 stat: DELIVRD err: text:x')).toMatchObject({
      id: '123',
      stat: 'DELIVRD',
      err: '',
      text: 'x',
    });
    expect(parseReceiptText('id: submit date:2611221400')).toMatchObject({
      id: '',
      submitDate: '2611221400',
    });
  });

  it('does not take another name that ends the same', () => {
    expect(parseReceiptText('network_id:5 smscid:6 x-stat:A substat:B')).toMatchObject({
      id: undefined,
      stat: undefined,
    });
  });

  it('drops NULs at the end (jasmin, Vodafone)', () => {
    expect(parseReceiptText('id:1 err:000\0\0').err).toBe('000');
    expect(parseReceiptText('id:1 text:abc\0').text).toBe('abc');
  });

  it('takes any text without throwing, in linear time', () => {
    const pieces = fc.constantFrom(
      'id:',
      'stat:',
      'date:',
      'submit ',
      'done ',
      'text:',
      ':',
      ' ',
      '\0',
      'x',
      '9',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 60 }), (parts) => {
        parseReceiptText(parts.join(''));
      }),
      { numRuns: 500 },
    );
  });
});

describe('parseReceiptDate', () => {
  it.each([
    ['1005232039', Date.UTC(2010, 4, 23, 20, 39)],
    ['110206193041', Date.UTC(2011, 1, 6, 19, 30, 41)],
    ['201506201641', Date.UTC(2015, 5, 20, 16, 41)],
    ['20261122141124', Date.UTC(2026, 10, 22, 14, 11, 24)],
    ['202611221411', Date.UTC(2026, 10, 22, 14, 11)],
    ['7001010000', 0],
    ['0000000000', undefined],
    ['1013232039', undefined],
    ['1002302039', undefined],
    ['null', undefined],
    ['', undefined],
    ['261122141', undefined],
    ['2611221411245', undefined],
  ])('reads %j', (date, ms) => {
    expect(parseReceiptDate(date)).toBe(ms);
  });
});

const NOTHING = {
  id: undefined,
  sub: undefined,
  dlvrd: undefined,
  submit_date: undefined,
  done_date: undefined,
  stat: undefined,
  err: undefined,
  text: undefined,
};
