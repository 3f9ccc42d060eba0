import { describe, expect, it } from 'vitest';
import { destinationFit } from '../../src/gateway/destination-fit.ts';

describe('destinationFit', () => {
  it.each([
    ['966500000001', '966500000001', 'number'],
    ['966500000001', '+966500000001', 'number'],
    ['966500000001', '00966500000001', 'number'],
    ['966500000001', '+966 50-000 0001', 'number'],
    ['966500000001', '', 'notStated'],
    // National, with the trunk's zero and without; the last seven digits alone.
    ['966500000001', '0500000001', 'lastDigits'],
    ['966500000001', '500000001', 'lastDigits'],
    ['966500000001', '0000001', 'lastDigits'],
    ['966500000001', '966500000002', 'other'],
    ['966500000001', '966501000001', 'other'],
    ['966500000001', 'Shop', 'other'],
    // The Faroes have six digits, and no more than their country code may be missing.
    ['298212345', '212345', 'lastDigits'],
    ['298212345', '0212345', 'lastDigits'],
    ['298212345', '312345', 'other'],
    ['966500012345', '12345', 'other'],
    ['966500000001', '1', 'other'],
    // A message whose content is gone has no number to agree with.
    ['', '966500000001', 'other'],
  ])('of %s and %s is %s', (destination, stated, fit) => {
    expect(destinationFit(destination, stated)).toBe(fit);
  });
});
