import { describe, expect, it } from 'vitest';
import { isCidr, parseCidrs } from '../../src/domain/cidr.ts';

describe('parseCidrs', () => {
  it('contains the addresses of its networks', () => {
    const list = parseCidrs(['192.0.2.0/24', '2001:db8::/32', '198.51.100.7']);
    expect(list.contains('192.0.2.255')).toBe(true);
    expect(list.contains('192.0.3.0')).toBe(false);
    expect(list.contains('2001:db8::1')).toBe(true);
    expect(list.contains('198.51.100.7')).toBe(true);
    expect(list.contains('198.51.100.8')).toBe(false);
  });

  it('takes an IPv4 address mapped into IPv6 for IPv4', () => {
    expect(parseCidrs(['127.0.0.1/32']).contains('::ffff:127.0.0.1')).toBe(true);
  });

  it('contains nothing when it is empty, and nothing that is no address', () => {
    expect(parseCidrs([]).contains('127.0.0.1')).toBe(false);
    expect(parseCidrs(['0.0.0.0/0']).contains('localhost')).toBe(false);
  });
});

describe('isCidr', () => {
  it.each(['192.0.2.0/24', '::1/128', '192.0.2.1'])('takes %s', (text) =>
    expect(isCidr(text)).toBe(true),
  );
  it.each(['192.0.2.0/33', 'example.com', '', '1.2.3.4/'])('refuses "%s"', (text) =>
    expect(isCidr(text)).toBe(false),
  );
});
