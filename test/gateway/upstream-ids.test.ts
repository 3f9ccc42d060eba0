import { describe, expect, it } from 'vitest';
import type { UpstreamIdForm } from '../../src/domain/catalog.ts';
import { spellings } from '../../src/gateway/upstream-ids.ts';

function ways(receipt: string, forms: { response: UpstreamIdForm; receipt: UpstreamIdForm }) {
  return spellings(receipt, { ids: forms });
}

describe('spellings', () => {
  it('of an id that is taken as text is that id alone', () => {
    const forms = { response: 'text', receipt: 'text' } as const;
    expect(ways('00AbC', forms)).toEqual(['00AbC']);
    expect(ways('', forms)).toEqual(['']);
  });

  // The pairs of shared/vectors/receipts.json.
  it.each([
    ['33E95179', '870928761'],
    ['39f99dd5', '0972660181'],
    ['00B8BE19', 'B8BE19'],
    ['10C8F40D', '281605133'],
  ])('have %s for the receipt %s where either base may be meant', (response, receipt) => {
    const forms = { response: 'auto', receipt: 'auto' } as const;
    expect(ways(receipt, forms)).toContain(response);
  });

  it.each([
    ['33E95179', '870928761'],
    ['39f99dd5', '0972660181'],
    ['10C8F40D', '281605133'],
  ])('have %s for the receipt %s where the profile says hex and decimal', (response, receipt) => {
    const forms = { response: 'hex', receipt: 'decimal' } as const;
    expect(ways(receipt, forms)).toContain(response);
    expect(ways(receipt, forms)).not.toContain('');
  });

  it('have the decimal of a receipt in hex', () => {
    const forms = { response: 'decimal', receipt: 'hex' } as const;
    expect(ways('FF', forms)).toContain('255');
    expect(ways('000000ff', forms)).toContain('255');
  });

  it('of a word that is no number are that word', () => {
    const forms = { response: 'auto', receipt: 'auto' } as const;
    expect(ways('S-1a2b', forms)).toContain('S-1a2b');
    expect(ways('S-1a2b', forms).every((way) => way.toLowerCase() === 's-1a2b')).toBe(true);
  });

  it('are few: what the store is asked for with each receipt', () => {
    const forms = { response: 'auto', receipt: 'auto' } as const;
    expect(ways('870928761', forms).length).toBeLessThanOrEqual(20);
  });
});
