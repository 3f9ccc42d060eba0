/** A packet of a capture file, read by the book: draft-ietf-opsawg-pcap, RFC 791, RFC 8200, RFC 9293. */
export interface Packet {
  readonly atMs: number;
  readonly version: 4 | 6;
  /** Addresses as hex. */
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledged: number;
  readonly push: boolean;
  readonly payload: Buffer;
  /** The ones' complement sums over IP header (version 4) and TCP with its pseudo header: 0xffff when right. */
  readonly ipSum: number;
  readonly tcpSum: number;
}

/** Reads a whole file. @throws when it is none, or not whole */
export function readCapture(file: Buffer): Packet[] {
  if (file.readUInt32BE(0) !== 0xa1b2c3d4) throw new Error('no big-endian pcap of microseconds');
  if (file.readUInt32BE(20) !== 101) throw new Error('not LINKTYPE_RAW');
  const packets: Packet[] = [];
  for (let at = 24; at < file.length; ) {
    const length = file.readUInt32BE(at + 8);
    if (file.readUInt32BE(at + 12) !== length) throw new Error('a cut packet');
    const atMs = file.readUInt32BE(at) * 1_000 + file.readUInt32BE(at + 4) / 1_000;
    const packet = file.subarray(at + 16, at + 16 + length);
    if (packet.length !== length) throw new Error('the file ends inside a packet');
    packets.push({ atMs, ...readPacket(packet) });
    at += 16 + length;
  }
  return packets;
}

/** The octets that went from one port to the other, in order of their sequence numbers. @throws at a gap */
export function streamOf(packets: readonly Packet[], from: number, to: number): Buffer {
  const own = packets.filter(
    (packet) => packet.sourcePort === from && packet.destinationPort === to,
  );
  let next = own[0]?.sequence;
  for (const packet of own) {
    if (packet.sequence !== next) throw new Error(`${packet.sequence} where ${next} is due`);
    next = (packet.sequence + packet.payload.length) >>> 0;
  }
  return Buffer.concat(own.map((packet) => packet.payload));
}

function readPacket(packet: Buffer): Omit<Packet, 'atMs'> {
  const version = (packet.readUInt8(0) >> 4) as 4 | 6;
  const header = version === 4 ? 20 : 40;
  const total = version === 4 ? packet.readUInt16BE(2) : 40 + packet.readUInt16BE(4);
  if (total !== packet.length) throw new Error('the IP header states another length');
  const [source, destination] =
    version === 4
      ? [packet.subarray(12, 16), packet.subarray(16, 20)]
      : [packet.subarray(8, 24), packet.subarray(24, 40)];
  if (packet.readUInt8(version === 4 ? 9 : 6) !== 6) throw new Error('not TCP');
  const tcp = packet.subarray(header);
  const pseudo = Buffer.alloc(8);
  pseudo.writeUInt32BE(tcp.length, 0);
  pseudo.writeUInt32BE(6, 4);
  return {
    version,
    source: source.toString('hex'),
    destination: destination.toString('hex'),
    sourcePort: tcp.readUInt16BE(0),
    destinationPort: tcp.readUInt16BE(2),
    sequence: tcp.readUInt32BE(4),
    acknowledged: tcp.readUInt32BE(8),
    push: (tcp.readUInt8(13) & 0x08) !== 0,
    payload: tcp.subarray((tcp.readUInt8(12) >> 4) * 4),
    ipSum: version === 4 ? sum(packet.subarray(0, header)) : 0xffff,
    tcpSum: sum(Buffer.concat([source, destination, pseudo, tcp])),
  };
}

function sum(octets: Buffer): number {
  let total = 0;
  for (let at = 0; at < octets.length; at += 2)
    total += (octets.readUInt8(at) << 8) + (at + 1 < octets.length ? octets.readUInt8(at + 1) : 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

/** A stream of octets as PDUs, cut by command_length. @throws when the last one is not whole */
export function pdusOf(stream: Buffer): Buffer[] {
  const pdus: Buffer[] = [];
  for (let at = 0; at < stream.length; ) {
    const end = at + stream.readUInt32BE(at);
    if (end > stream.length) throw new Error('the stream ends inside a PDU');
    pdus.push(stream.subarray(at, end));
    at = end;
  }
  return pdus;
}
