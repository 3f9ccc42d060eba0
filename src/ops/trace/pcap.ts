import { isIPv4, isIPv6 } from 'node:net';

/** One PDU on its way between two ends. */
export interface CapturedPdu {
  /** Unix ms, with a fraction. */
  readonly atMs: number;
  /** Tells connections apart that use the same addresses and ports one after the other. */
  readonly session: number;
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly octets: Buffer;
}

/** An IP address and a TCP port. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** Octets of TCP payload in one packet: what fits 1,500 octets with the longer, IPv6, header. */
export const SEGMENT_OCTETS = 1_440;
/** Connections whose sequence numbers are remembered; the oldest begins anew after so many others. 2 MB. */
const CONNECTIONS_MAX = 20_000;

/** Classic pcap, microseconds, written big-endian (draft-ietf-opsawg-pcap §4). */
const MAGIC = 0xa1b2c3d4;
/** LINKTYPE_RAW: packets begin with their IP header, version 4 or 6. */
const LINKTYPE_RAW = 101;
const SNAP_OCTETS = 65_535;
const FILE_HEADER_OCTETS = 24;
const RECORD_HEADER_OCTETS = 16;
const TCP_HEADER_OCTETS = 20;
const ACK = 0x10;
const PSH_ACK = 0x18;
const PROTOCOL_TCP = 6;

/**
 * Writes PDUs as the packets of a capture file that Wireshark and tshark read as SMPP over TCP. The packets are made up
 * (what passed may have been under TLS, or cut otherwise); addresses, ports, times and order are real. Each direction's
 * sequence numbers begin at `first` and grow without a gap, and each PDU begins a packet, so that a dissector that comes in
 * at any packet finds the framing.
 */
export class PcapFormat {
  /** By session: the next sequence number of either direction, of the end named first. */
  readonly #connections = new Map<
    number,
    { readonly end: string; sent: number; received: number }
  >();
  readonly #first: number;
  #packets = 0;

  /** @param first sequence number of each direction (tests start near the wrap) */
  constructor(first = 1) {
    this.#first = first;
  }

  /** The beginning of the file. */
  header(): Buffer {
    const header = Buffer.alloc(FILE_HEADER_OCTETS);
    header.writeUInt32BE(MAGIC, 0);
    header.writeUInt16BE(2, 4);
    header.writeUInt16BE(4, 6);
    header.writeUInt32BE(SNAP_OCTETS, 16);
    header.writeUInt32BE(LINKTYPE_RAW, 20);
    return header;
  }

  /** The packets of one PDU: as many as it fills. */
  packets(pdu: CapturedPdu): Buffer {
    const connection = this.#connectionOf(pdu);
    const forward = connection.end === endText(pdu.from);
    const packets: Buffer[] = [];
    for (let at = 0; at < pdu.octets.length; at += SEGMENT_OCTETS) {
      const payload = pdu.octets.subarray(at, at + SEGMENT_OCTETS);
      const [sequence, acknowledged] = forward
        ? [connection.sent, connection.received]
        : [connection.received, connection.sent];
      const last = at + SEGMENT_OCTETS >= pdu.octets.length;
      const flags = last ? PSH_ACK : ACK;
      packets.push(record(pdu.atMs, this.#packet(pdu, { sequence, acknowledged, flags, payload })));
      const next = (sequence + payload.length) >>> 0;
      if (forward) connection.sent = next;
      else connection.received = next;
    }
    return Buffer.concat(packets);
  }

  #connectionOf(pdu: CapturedPdu): { readonly end: string; sent: number; received: number } {
    const known = this.#connections.get(pdu.session);
    if (known !== undefined) return known;
    if (this.#connections.size >= CONNECTIONS_MAX) {
      const [oldest] = this.#connections.keys();
      if (oldest !== undefined) this.#connections.delete(oldest);
    }
    const made = { end: endText(pdu.from), sent: this.#first, received: this.#first };
    this.#connections.set(pdu.session, made);
    return made;
  }

  #packet(pdu: CapturedPdu, segment: Segment): Buffer {
    const { from, to } = pdu;
    const version4 = isIPv4(from.address) && isIPv4(to.address);
    const source = version4 ? octetsOfIpv4(from.address) : octetsOfIpv6(from.address);
    const destination = version4 ? octetsOfIpv4(to.address) : octetsOfIpv6(to.address);
    const tcp = tcpSegment(from.port, to.port, segment);
    const pseudo = Buffer.alloc(8);
    pseudo.writeUInt32BE(tcp.length, 0);
    pseudo.writeUInt32BE(PROTOCOL_TCP, 4);
    tcp.writeUInt16BE(checksum(Buffer.concat([source, destination, pseudo, tcp])), 16);
    const ip = version4
      ? ipv4Header(source, destination, tcp.length, this.#packets++ & 0xffff)
      : ipv6Header(source, destination, tcp.length);
    return Buffer.concat([ip, tcp]);
  }
}

interface Segment {
  readonly sequence: number;
  readonly acknowledged: number;
  readonly flags: number;
  readonly payload: Buffer;
}

function endText(end: Endpoint): string {
  return `${end.address} ${end.port}`;
}

function record(atMs: number, packet: Buffer): Buffer {
  const header = Buffer.alloc(RECORD_HEADER_OCTETS);
  const seconds = Math.floor(atMs / 1_000);
  header.writeUInt32BE(seconds, 0);
  header.writeUInt32BE(Math.min(999_999, Math.floor((atMs - seconds * 1_000) * 1_000)), 4);
  header.writeUInt32BE(packet.length, 8);
  header.writeUInt32BE(packet.length, 12);
  return Buffer.concat([header, packet]);
}

/** RFC 9293 §3.1, without options; the checksum is still to come. */
function tcpSegment(fromPort: number, toPort: number, segment: Segment): Buffer {
  const tcp = Buffer.alloc(TCP_HEADER_OCTETS + segment.payload.length);
  tcp.writeUInt16BE(fromPort, 0);
  tcp.writeUInt16BE(toPort, 2);
  tcp.writeUInt32BE(segment.sequence, 4);
  tcp.writeUInt32BE(segment.acknowledged, 8);
  tcp[12] = (TCP_HEADER_OCTETS / 4) << 4;
  tcp[13] = segment.flags;
  tcp.writeUInt16BE(0xffff, 14);
  segment.payload.copy(tcp, TCP_HEADER_OCTETS);
  return tcp;
}

/** RFC 791 §3.1. */
function ipv4Header(source: Buffer, destination: Buffer, payload: number, id: number): Buffer {
  const ip = Buffer.alloc(20);
  ip[0] = 0x45;
  ip.writeUInt16BE(20 + payload, 2);
  ip.writeUInt16BE(id, 4);
  ip.writeUInt16BE(0x4000, 6); // do not fragment
  ip[8] = 64;
  ip[9] = PROTOCOL_TCP;
  source.copy(ip, 12);
  destination.copy(ip, 16);
  ip.writeUInt16BE(checksum(ip), 10);
  return ip;
}

/** RFC 8200 §3. */
function ipv6Header(source: Buffer, destination: Buffer, payload: number): Buffer {
  const ip = Buffer.alloc(40);
  ip[0] = 0x60;
  ip.writeUInt16BE(payload, 4);
  ip[6] = PROTOCOL_TCP;
  ip[7] = 64;
  source.copy(ip, 8);
  destination.copy(ip, 24);
  return ip;
}

/** RFC 1071: the ones' complement of the ones' complement sum of 16-bit words. */
function checksum(octets: Buffer): number {
  let sum = 0;
  for (let at = 0; at + 1 < octets.length; at += 2) sum += octets.readUInt16BE(at);
  if (octets.length % 2 === 1) sum += (octets.at(-1) ?? 0) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

/** 0.0.0.0 for what is no address: the socket was gone before anybody looked. */
function octetsOfIpv4(address: string): Buffer {
  return Buffer.from(isIPv4(address) ? address.split('.').map(Number) : [0, 0, 0, 0]);
}

/** IPv4 beside IPv6 (a proxy told the one, the socket the other) as ::ffff:a.b.c.d, RFC 4291 §2.5.5.2. */
function octetsOfIpv6(address: string): Buffer {
  const octets = Buffer.alloc(16);
  if (isIPv4(address)) {
    octets.fill(0xff, 10, 12);
    octetsOfIpv4(address).copy(octets, 12);
    return octets;
  }
  const [plain = ''] = address.split('%', 1); // without a zone
  if (!isIPv6(plain)) return octets;
  const [head = '', tail] = wordsOnly(plain).split('::', 2);
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  for (const [word, hex] of before.entries())
    octets.writeUInt16BE(Number.parseInt(hex, 16), word * 2);
  for (const [word, hex] of after.entries())
    octets.writeUInt16BE(Number.parseInt(hex, 16), (8 - after.length + word) * 2);
  return octets;
}

/** "64:ff9b::192.0.2.1" with its last 32 bits as two words. */
function wordsOnly(address: string): string {
  const at = address.lastIndexOf(':') + 1;
  const last = address.slice(at);
  if (!isIPv4(last)) return address;
  const octets = octetsOfIpv4(last);
  return `${address.slice(0, at)}${octets.readUInt16BE(0).toString(16)}:${octets.readUInt16BE(2).toString(16)}`;
}
