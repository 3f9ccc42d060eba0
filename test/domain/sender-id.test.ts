import { describe, expect, it } from 'vitest';
import { checkSender } from '../../src/domain/sender-id.ts';

describe('checkSender', () => {
  it.each([
    ['966512345678', 1, 1, { kind: 'numeric', addr: '966512345678', ton: 1, npi: 1 }],
    ['+966512345678', 0, 1, { kind: 'numeric', addr: '966512345678', ton: 1, npi: 1 }],
    ['8001', 3, 0, { kind: 'numeric', addr: '8001', ton: 3, npi: 0 }],
    ['123456789012345', 1, 1, { kind: 'numeric', addr: '123456789012345', ton: 1, npi: 1 }],
    ['ACME', 5, 0, { kind: 'alphanumeric', addr: 'ACME', ton: 5, npi: 0 }],
    ['ACME', 0, 0, { kind: 'alphanumeric', addr: 'ACME', ton: 5, npi: 0 }],
    // Jasmin's default (docs/interop.md).
    ['ACME', 2, 1, { kind: 'alphanumeric', addr: 'ACME', ton: 5, npi: 0 }],
    ['+966-50', 1, 1, { kind: 'alphanumeric', addr: '+966-50', ton: 5, npi: 0 }],
    ['ACME-AD 123', 5, 0, { kind: 'alphanumeric', addr: 'ACME-AD 123', ton: 5, npi: 0 }],
    ['12345', 5, 0, { kind: 'alphanumeric', addr: '12345', ton: 5, npi: 0 }],
    ['', 0, 0, { kind: 'none', addr: '', ton: 0, npi: 0 }],
  ])('takes "%s" of TON %i', (addr, ton, npi, expected) => {
    expect(checkSender(addr, ton, npi)).toEqual(expected);
  });

  it.each([
    ['1234567890123456', 1, 'the sender has more than 15 digits'],
    ['ABCDEFGHIJKL', 5, 'the sender has more than 11 characters'],
    ['[ABCDEFGHIJ', 5, 'the sender has more than 11 characters'],
    ['AC`ME', 5, 'the sender has a character outside the GSM alphabet'],
    ['AC\x00ME', 5, 'the sender has a character outside the GSM alphabet'],
    ['أكمي', 5, 'the sender has a character outside the GSM alphabet'],
    ['   ', 5, 'the sender is blank'],
    ['ACME', 7, 'source_addr_ton is over 6'],
  ])('calls "%s" of TON %i malformed, with the reason', (addr, ton, malformed) => {
    expect(checkSender(addr, ton, 0)).toEqual({ malformed });
  });
});
