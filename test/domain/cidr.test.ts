import { describe, expect, it } from 'vitest';
import { isCidr, parseCidrs, siteOf } from '../../src/domain/cidr.ts';

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

  it('takes a network of mapped addresses for the IPv4 network that it maps', () => {
    const list = parseCidrs(['::ffff:192.0.2.0/120', '::ffff:198.51.100.7']);
    expect(list.contains('192.0.2.9')).toBe(true);
    expect(list.contains('::ffff:192.0.2.9')).toBe(true);
    expect(list.contains('192.0.3.9')).toBe(false);
    expect(list.contains('198.51.100.7')).toBe(true);
    expect(list.contains('198.51.100.8')).toBe(false);
  });

  it('keeps IPv4 and IPv6 apart: all of one is none of the other', () => {
    expect(parseCidrs(['0.0.0.0/0']).contains('2001:db8::1')).toBe(false);
    expect(parseCidrs(['::/0']).contains('192.0.2.1')).toBe(false);
    expect(parseCidrs(['::/0']).contains('2001:db8::1')).toBe(true);
    expect(parseCidrs(['::ffff:0:0/96']).contains('192.0.2.1')).toBe(true);
  });

  it('compares IPv6 addresses by value, whatever their spelling or zone', () => {
    const list = parseCidrs(['2001:DB8:0::/48', 'fe80::/10']);
    expect(list.contains('2001:db8::ffff')).toBe(true);
    expect(list.contains('2001:db8:1::1')).toBe(false);
    expect(list.contains('fe80::1%eth0')).toBe(true);
  });

  it('contains nothing when it is empty, and nothing that is no address', () => {
    expect(parseCidrs([]).contains('127.0.0.1')).toBe(false);
    expect(parseCidrs(['0.0.0.0/0']).contains('localhost')).toBe(false);
  });
});

describe('siteOf', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
    ['2001:db8::7', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['', ''],
  ])('counts %s for %s', (address, site) => expect(siteOf(address)).toBe(site));
});

describe('isCidr', () => {
  it.each(['192.0.2.0/24', '::1/128', '192.0.2.1', '0.0.0.0/0', '::/0', '::ffff:192.0.2.1'])(
    'takes %s',
    (text) => expect(isCidr(text)).toBe(true),
  );
  it.each([
    '192.0.2.0/33',
    'example.com',
    '',
    '1.2.3.4/',
    '1.2.3.4/8/8',
    '10',
    '10/8',
    '192.168.1',
    '0300.0.2.1',
    '256.0.2.1',
    '::1/129',
    '::1%lo/128x',
  ])('refuses "%s"', (text) => expect(isCidr(text)).toBe(false));
});
