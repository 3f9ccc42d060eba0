/** The signature of version 2 (proxy-protocol.txt §2.2). */
const SIGNATURE = Buffer.from([
  0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a,
]);

/** A header of version 1 (§2.1), to the proxy's port 2775. */
export function proxyV1(source: string, port = 40_000): Buffer {
  const family = source.includes(':') ? 'TCP6' : 'TCP4';
  const destination = source.includes(':') ? '2001:db8::25' : '198.51.100.25';
  return Buffer.from(`PROXY ${family} ${source} ${destination} ${port} 2775\r\n`, 'latin1');
}

/** A header of version 2 (§2.2): version and command, family and transport, then addresses and TLVs. */
export function proxyV2(command: number, family: number, rest: Buffer): Buffer {
  const fixed = Buffer.from([0x20 | command, family, rest.length >> 8, rest.length & 0xff]);
  return Buffer.concat([SIGNATURE, fixed, rest]);
}

/** Source, destination and ports of an IPv4 connection. */
export function v4Block(source: readonly number[], port = 40_000): Buffer {
  return Buffer.from([...source, 198, 51, 100, 25, port >> 8, port & 0xff, 2775 >> 8, 2775 & 0xff]);
}

/** The same for IPv6; addresses as 32 hex digits. */
export function v6Block(source: string, port = 40_000): Buffer {
  const destination = '20010db8000000000000000000000025';
  const ports = Buffer.from([port >> 8, port & 0xff, 2775 >> 8, 2775 & 0xff]);
  return Buffer.concat([Buffer.from(source + destination, 'hex'), ports]);
}

/** A TLV of version 2 (§2.2.7). */
export function tlv(type: number, value: Buffer | string): Buffer {
  const octets = Buffer.from(value);
  return Buffer.concat([Buffer.from([type, octets.length >> 8, octets.length & 0xff]), octets]);
}
