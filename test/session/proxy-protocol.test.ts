import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseProxyHeader } from '../../src/session/proxy-protocol.ts';
import { proxyV1, proxyV2, tlv, v4Block, v6Block } from './proxy-headers.ts';

const TCP4 = 0x11;
const TCP6 = 0x21;
const LOCAL = 0;
const PROXY = 1;
const SIX = '20010db8000000000000000000000001';

const whole: readonly (readonly [what: string, header: Buffer, peer: object | undefined])[] = [
  // proxy-protocol.txt §2.1, its own examples of the longest lines.
  [
    'v1 TCP4',
    Buffer.from('PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n'),
    { address: '255.255.255.255', port: 65_535 },
  ],
  [
    'v1 TCP6',
    Buffer.from(`PROXY TCP6 ${ffff()} ${ffff()} 65535 65535\r\n`),
    { address: ffff(), port: 65_535 },
  ],
  ['v1 UNKNOWN, short', Buffer.from('PROXY UNKNOWN\r\n'), undefined],
  [
    'v1 UNKNOWN, the longest',
    Buffer.from(`PROXY UNKNOWN ${ffff()} ${ffff()} 65535 65535\r\n`),
    undefined,
  ],
  ['v1 with a low port', proxyV1('192.0.2.7', 0), { address: '192.0.2.7', port: 0 }],
  [
    'v1 with another spelling of an address',
    proxyV1('2001:DB8:0:0::1'),
    { address: '2001:db8::1', port: 40_000 },
  ],
  [
    'v1 with IPv4 mapped into IPv6',
    proxyV1('::ffff:192.0.2.7'),
    { address: '192.0.2.7', port: 40_000 },
  ],
  [
    'v2 TCP4',
    proxyV2(PROXY, TCP4, v4Block([192, 0, 2, 7])),
    { address: '192.0.2.7', port: 40_000 },
  ],
  ['v2 TCP6', proxyV2(PROXY, TCP6, v6Block(SIX)), { address: '2001:db8::1', port: 40_000 }],
  [
    'v2 with IPv4 mapped into IPv6',
    proxyV2(PROXY, TCP6, v6Block(`00000000000000000000ffffc0000207`)),
    { address: '192.0.2.7', port: 40_000 },
  ],
  [
    'v2 with TLVs',
    proxyV2(
      PROXY,
      TCP4,
      // PP2_TYPE_ALPN, PP2_TYPE_AUTHORITY, PP2_TYPE_NOOP and one of AWS.
      Buffer.concat([
        v4Block([192, 0, 2, 7]),
        tlv(0x01, 'smpp'),
        tlv(0x02, 'gw.example'),
        tlv(0x04, Buffer.alloc(500)),
        tlv(0xea, '\u0001vpce-08d2bf15fac5001c9'),
      ]),
    ),
    { address: '192.0.2.7', port: 40_000 },
  ],
  ['v2 LOCAL', proxyV2(LOCAL, 0x00, Buffer.alloc(0)), undefined],
  ['v2 LOCAL with addresses', proxyV2(LOCAL, TCP4, v4Block([192, 0, 2, 7])), undefined],
  ['v2 of an unspecified family', proxyV2(PROXY, 0x00, Buffer.alloc(20)), undefined],
];

describe('parseProxyHeader', () => {
  it.each(whole)('reads %s, and leaves what follows', (_, header, peer) => {
    const read = { octets: header.length, peer };
    expect(parseProxyHeader(header)).toEqual(read);
    expect(parseProxyHeader(Buffer.concat([header, Buffer.from('\r\nPROXY')]))).toEqual(read);
  });

  it.each(whole)('waits for the rest of %s, however it comes', (_, header) => {
    for (let length = 0; length < header.length; length++)
      expect(parseProxyHeader(header.subarray(0, length))).toBe('incomplete');
  });

  it.each([
    ['nothing of it', 'GET / HTTP/1.1\r\n'],
    ['SMPP', Buffer.from('0000002f00000009', 'hex')],
    ['TLS', Buffer.from('1603010200', 'hex')],
    ['a wrong word', 'PROXI'],
    ['another family', 'PROXY TCP5 192.0.2.7 192.0.2.8 1 2\r\n'],
    ['UDP', 'PROXY UDP4 192.0.2.7 192.0.2.8 1 2\r\n'],
    ['lower case', 'PROXY tcp4 192.0.2.7 192.0.2.8 1 2\r\n'],
    ['two blanks', 'PROXY TCP4  192.0.2.7 192.0.2.8 1 2\r\n'],
    ['a missing port', 'PROXY TCP4 192.0.2.7 192.0.2.8 1\r\n'],
    ['a port too much', 'PROXY TCP4 192.0.2.7 192.0.2.8 1 2 3\r\n'],
    ['a port out of range', 'PROXY TCP4 192.0.2.7 192.0.2.8 65536 2\r\n'],
    ['a port with a zero before it', 'PROXY TCP4 192.0.2.7 192.0.2.8 01 2\r\n'],
    ['a negative port', 'PROXY TCP4 192.0.2.7 192.0.2.8 -1 2\r\n'],
    ['a name for an address', 'PROXY TCP4 localhost 192.0.2.8 1 2\r\n'],
    ['an octal address', 'PROXY TCP4 0300.0.2.7 192.0.2.8 1 2\r\n'],
    ['three parts of an address', 'PROXY TCP4 192.0.7 192.0.2.8 1 2\r\n'],
    ['IPv6 as TCP4', 'PROXY TCP4 ::1 ::1 1 2\r\n'],
    ['IPv4 as TCP6', 'PROXY TCP6 192.0.2.7 192.0.2.8 1 2\r\n'],
    ['a zone', 'PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n'],
    ['a line feed in it', 'PROXY TCP4 192.0.2.7\n192.0.2.8 1 2\r\n'],
    ['a control character', 'PROXY UNKNOWN \u0000\r\n'],
    ['UNKNOWN with something stuck to it', 'PROXY UNKNOWNX\r\n'],
    ['no end within 107 octets', `PROXY UNKNOWN ${'x'.repeat(93)}`],
    ['its end one octet late', `PROXY UNKNOWN ${'x'.repeat(92)}\r\n`],
    ['a broken signature', Buffer.from('0d0a0d0a000d0a515549540b', 'hex')],
    ['version 1 in a binary header', withByte(12, 0x11)],
    ['version 3', withByte(12, 0x31)],
    ['an unknown command', withByte(12, 0x22)],
    ['UDP over IPv4', withByte(13, 0x12)],
    ['a unix socket', withByte(13, 0x31)],
    ['an unknown family', withByte(13, 0x41)],
    ['IPv6 in the room of IPv4', withByte(13, TCP6)],
    ['less room than IPv4 needs', proxyV2(PROXY, TCP4, Buffer.alloc(11))],
    ['less room than IPv6 needs', proxyV2(PROXY, TCP6, Buffer.alloc(35))],
    ['more than is ever read', proxyV2(PROXY, TCP4, Buffer.alloc(4_097)).subarray(0, 16)],
  ])('refuses %s', (_, octets) => {
    expect(parseProxyHeader(Buffer.from(octets as string))).toHaveProperty('broken');
  });

  it('never throws, and never waits for more than its limits', () => {
    const begun = fc.constantFrom(
      Buffer.alloc(0),
      Buffer.from('PROXY '),
      proxyV2(PROXY, TCP4, v4Block([192, 0, 2, 7])).subarray(0, 12),
    );
    fc.assert(
      fc.property(begun, fc.uint8Array({ maxLength: 200 }), (start, noise) => {
        const octets = Buffer.concat([start, noise]);
        const read = parseProxyHeader(octets);
        if (read !== 'incomplete') return;
        const isV1 = octets.length > 0 && octets[0] === 0x50;
        expect(octets.length).toBeLessThan(isV1 ? 107 : 16 + 4_096);
      }),
      { seed: 1 },
    );
  });
});

function ffff(): string {
  return 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';
}

/** A good header of version 2 with one octet changed. */
function withByte(at: number, value: number): Buffer {
  const header = proxyV2(PROXY, TCP4, v4Block([192, 0, 2, 7]));
  header[at] = value;
  return header;
}
