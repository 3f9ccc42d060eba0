import { isIPv4, isIPv6, type Socket } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { CidrList } from '../domain/cidr.ts';
import type { ConnectionPreamble, Preamble } from './arrivals.ts';
import type { PeerAddress } from './pdu-connection.ts';

/** The longest header of version 1, its CRLF included (proxy-protocol.txt §2.1). */
const V1_OCTETS_MAX = 107;
/** What version 2 has before its addresses (§2.2). */
const V2_FIXED_OCTETS = 16;
/**
 * Addresses and TLVs of version 2. The field allows 65,535; real proxies send some hundred octets, and a
 * client's certificate among the TLVs (PP2_SUBTYPE_SSL_CLIENT_CERT) up to about two thousand.
 */
const V2_REST_MAX = 4_096;

const V1_BEGINS = Buffer.from('PROXY ', 'latin1');
const V2_BEGINS = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
/** §2.1: single blanks, decimal ports without leading zeros. Source address and port are what counts. */
const V1_LINE = /^PROXY (TCP[46]) (\S+) (\S+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})$/;
const V1_UNKNOWN = /^PROXY UNKNOWN(?: [\x20-\x7e]*)?$/;
const PORT_MAX = 65_535;

/** Octets of the address block by the family octet (§2.2): TCP over IPv4 and IPv6. UDP and unix sockets carry no SMPP. */
const V2_TCP4 = 0x11;
const V2_TCP6 = 0x21;
const V2_UNSPEC = 0x00;
const V2_VERSION_LOCAL = 0x20;
const V2_VERSION_PROXY = 0x21;

/** A whole header. */
export interface ProxyHeader {
  /** Its length: what follows is the connection's own. */
  readonly octets: number;
  /** Whom the proxy speaks for; undefined: for itself (LOCAL, UNKNOWN, UNSPEC), as its health checks do. */
  readonly peer: PeerAddress | undefined;
}

/**
 * Reads a PROXY protocol header, version 1 or 2, from the first octets of a connection
 * (haproxy.org, proxy-protocol.txt). TLVs are skipped. Nothing that cannot become a header is waited for.
 * @returns 'incomplete' when more octets are needed; never so for V1_OCTETS_MAX, or V2_FIXED_OCTETS + V2_REST_MAX, octets
 */
export function parseProxyHeader(
  octets: Buffer,
): ProxyHeader | 'incomplete' | { readonly broken: string } {
  if (begins(octets, V1_BEGINS)) return parseV1(octets);
  if (begins(octets, V2_BEGINS)) return parseV2(octets);
  return { broken: 'no PROXY header' };
}

/** PROXY protocol from trusted addresses, which must speak it; from all others it is not read. */
export class ProxyProtocol implements ConnectionPreamble {
  readonly #trusted: CidrList;

  constructor(trusted: CidrList) {
    this.#trusted = trusted;
  }

  expectedFrom(address: string): boolean {
    return this.#trusted.contains(address);
  }

  read(socket: Socket, done: (preamble: Preamble) => void): void {
    let held: Buffer = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      const header = parseProxyHeader(held);
      if (header === 'incomplete') return;
      socket.off('data', onData);
      socket.pause();
      if ('broken' in header) return done({ refused: header.broken });
      const rest = held.subarray(header.octets);
      if (rest.length > 0) socket.unshift(rest);
      done({ peer: header.peer });
    };
    socket.on('data', onData);
  }
}

/** Whether the octets so far are the beginning of `magic`, or begin with it. */
function begins(octets: Buffer, magic: Buffer): boolean {
  const length = Math.min(octets.length, magic.length);
  return octets.compare(magic, 0, length, 0, length) === 0;
}

function parseV1(octets: Buffer): ProxyHeader | 'incomplete' | { readonly broken: string } {
  const end = octets.subarray(0, V1_OCTETS_MAX).indexOf('\r\n');
  if (end < 0) {
    if (octets.length < V1_OCTETS_MAX) return 'incomplete';
    return { broken: `no end of line in ${V1_OCTETS_MAX} octets` };
  }
  const line = octets.toString('latin1', 0, end);
  if (V1_UNKNOWN.test(line)) return { octets: end + 2, peer: undefined };
  const [, family, source = '', destination = '', port = '', toPort = ''] =
    V1_LINE.exec(line) ?? [];
  const isAddress = family === 'TCP4' ? isIPv4 : isPlainIPv6;
  const ports = Number(port) <= PORT_MAX && Number(toPort) <= PORT_MAX;
  if (family === undefined || !ports || !isAddress(source) || !isAddress(destination))
    return { broken: 'malformed PROXY line' };
  return { octets: end + 2, peer: { address: sameForm(ipaddr.parse(source)), port: Number(port) } };
}

/** Without a zone ("%eth0"), which means nothing on another machine. */
function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%');
}

function parseV2(octets: Buffer): ProxyHeader | 'incomplete' | { readonly broken: string } {
  if (octets.length < V2_FIXED_OCTETS) return 'incomplete';
  const versionAndCommand = octets.readUInt8(12);
  const family = octets.readUInt8(13);
  const rest = octets.readUInt16BE(14);
  if (versionAndCommand !== V2_VERSION_LOCAL && versionAndCommand !== V2_VERSION_PROXY)
    return { broken: 'unknown version or command' };
  if (rest > V2_REST_MAX) return { broken: `longer than ${V2_REST_MAX} octets` };
  const total = V2_FIXED_OCTETS + rest;
  if (octets.length < total) return 'incomplete';
  if (versionAndCommand === V2_VERSION_LOCAL || family === V2_UNSPEC)
    return { octets: total, peer: undefined };
  const addressOctets = family === V2_TCP4 ? 4 : 16;
  if (family !== V2_TCP4 && family !== V2_TCP6) return { broken: 'neither TCP over IPv4 nor IPv6' };
  if (rest < 2 * addressOctets + 4) return { broken: 'too short for its addresses' };
  const source = [...octets.subarray(V2_FIXED_OCTETS, V2_FIXED_OCTETS + addressOctets)];
  const port = octets.readUInt16BE(V2_FIXED_OCTETS + 2 * addressOctets);
  return { octets: total, peer: { address: sameForm(ipaddr.fromByteArray(source)), port } };
}

/** One text for each address, as a socket gives it: limits and bans are counted by it. Mapped IPv4 as IPv4. */
function sameForm(address: ipaddr.IPv4 | ipaddr.IPv6): string {
  return ipaddr.process(address.toString()).toString();
}
