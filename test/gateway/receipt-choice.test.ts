import { describe, expect, it } from 'vitest';
import { type Candidate, chooseCandidate } from '../../src/gateway/receipt-choice.ts';

interface Named extends Candidate {
  readonly name: string;
}

function candidate(name: string, fields: Partial<Candidate> = {}): Named {
  return {
    name,
    source: 'text',
    reading: 'same',
    exact: false,
    fit: 'number',
    number: '966500000001',
    reference: 'unknown',
    open: true,
    sentAtMs: 1_000,
    ...fields,
  };
}

const nothing = () => undefined;

function chosen(candidates: Named[], learnt: Parameters<typeof chooseCandidate>[1] = nothing) {
  const { taken, reason, teaches } = chooseCandidate(candidates, learnt);
  return { taken: taken?.name, reason, teaches };
}

describe('chooseCandidate', () => {
  it('says why there is none', () => {
    expect(chosen([])).toMatchObject({ taken: undefined, reason: 'unknownId' });
    expect(chosen([candidate('a', { fit: 'other' })])).toMatchObject({
      taken: undefined,
      reason: 'otherDestination',
    });
  });

  it.each<[string, Partial<Candidate>, Partial<Candidate>]>([
    ['what the TLV names before what the text names', { source: 'tlv', open: false }, {}],
    ['the whole number before its last digits', { open: false }, { fit: 'lastDigits' }],
    ['what is open before what has ended', {}, { open: false, sentAtMs: 2_000 }],
    [
      'the reference that is repeated',
      { reference: 'same' },
      { reference: 'other', sentAtMs: 2_000 },
    ],
    ['the same spelling', { exact: true }, { sentAtMs: 2_000 }],
    ['the newest', { sentAtMs: 2_000 }, {}],
  ])('prefers %s', (_rule, better, other) => {
    for (const order of [0, 1]) {
      const both = [candidate('better', better), candidate('other', other)];
      expect(chosen(order === 0 ? both : both.reverse()).taken).toBe('better');
    }
  });

  it('does not guess between readings until one is learnt, and then takes that, though it has ended', () => {
    const both = [candidate('a', { open: false }), candidate('b', { reading: 'hexToDecimal' })];
    expect(chosen(both)).toEqual({ taken: undefined, reason: 'ambiguous', teaches: undefined });
    expect(chosen(both, () => 'same').taken).toBe('a');
    expect(chosen(both, () => 'hexToDecimal').taken).toBe('b');
    expect(chosen(both, () => 'decimalToHex').reason).toBe('ambiguous');
    // The other readings stay a fallback.
    expect(chosen([candidate('b')], () => 'hexToDecimal').taken).toBe('b');
  });

  it('does not guess between numbers that the receipt does not tell apart', () => {
    const [a, b] = [candidate('a', { number: '1' }), candidate('b', { number: '2' })];
    const but = (fit: Candidate['fit']) => [
      { ...a, fit },
      { ...b, fit, sentAtMs: 2_000 },
    ];
    expect(chosen(but('lastDigits')).reason).toBe('ambiguous');
    expect(chosen(but('notStated')).reason).toBe('ambiguous');
    // The resource says that numbers do not count.
    expect(chosen(but('notAsked')).taken).toBe('b');
  });

  it('learns only where the destination spoke for one reading alone', () => {
    expect(chosen([candidate('a', { reading: 'hexToDecimal' })]).teaches).toBe('hexToDecimal');
    expect(chosen([candidate('a', { fit: 'notStated' })]).teaches).toBeUndefined();
    expect(chosen([candidate('a', { fit: 'notAsked' })]).teaches).toBeUndefined();
    const both = [candidate('a'), candidate('b', { reading: 'hexToDecimal' })];
    expect(chosen(both, () => 'same')).toMatchObject({ taken: 'a', teaches: undefined });
    const other = [candidate('a'), candidate('b', { reading: 'hexToDecimal', fit: 'other' })];
    expect(chosen(other)).toMatchObject({ taken: 'a', teaches: 'same' });
  });

  it('says of each other candidate why it was passed over', () => {
    const all = [
      candidate('far', { fit: 'other' }),
      candidate('done', { open: false }),
      candidate('old'),
      candidate('new', { sentAtMs: 2_000 }),
    ];
    const { passedOver } = chooseCandidate(all, nothing);
    expect([...passedOver].map(([one, why]) => [one.name, why])).toEqual([
      ['far', 'otherDestination'],
      ['done', 'finished'],
      ['old', 'older'],
    ]);
  });
});
