import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, createWriteStream, openSync, readSync, type WriteStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** LINKTYPE_RAW: each packet begins with its IP header. */
const LINKTYPE_RAW = 101;
const FILE_HEADER_OCTETS = 24;
/** Record header, IPv4 header, TCP header. */
const RECORD_HEAD_OCTETS = 16 + 20 + 20;
/** An IP packet holds 65,535 octets, its headers included: longer PDUs travel in pieces. */
const PIECE_OCTETS = 60_000;
/** PDUs in one TCP stream: what confuses a dissector's reassembly cannot spread further. */
const PDUS_PER_STREAM = 500;
const SMPP_PORT = 2775;
/** tshark puts no longer PDU together. */
export const TSHARK_MAX_OCTETS = 65_535;

/** PDUs as a capture of TCP segments, one PDU a segment where it fits, for a dissector. */
export class Capture {
  readonly path: string;
  readonly #file: WriteStream;
  readonly #pduOfFrame: number[] = [];
  /** Of each PDU: where its first record begins in the file, and its length. */
  readonly #places: { readonly at: number; readonly length: number }[] = [];
  #pdus = 0;
  #sequence = 1;
  #written = FILE_HEADER_OCTETS;

  constructor(path: string) {
    this.path = path;
    this.#file = createWriteStream(path, { mode: 0o600 });
    const header = Buffer.alloc(FILE_HEADER_OCTETS);
    header.writeUInt32LE(0xa1b2c3d4, 0);
    header.writeUInt16LE(2, 4);
    header.writeUInt16LE(4, 6);
    header.writeUInt32LE(0x40000, 16);
    header.writeUInt32LE(LINKTYPE_RAW, 20);
    this.#file.write(header);
  }

  /** PDUs written. */
  get pdus(): number {
    return this.#pdus;
  }

  /** Adds one; it is numbered from 0. */
  add(pdu: Buffer): void {
    const stream = Math.floor(this.#pdus / PDUS_PER_STREAM);
    if (this.#pdus % PDUS_PER_STREAM === 0) this.#sequence = 1;
    this.#places.push({ at: this.#written, length: pdu.length });
    for (let at = 0; at < pdu.length; at += PIECE_OCTETS) {
      const piece = pdu.subarray(at, at + PIECE_OCTETS);
      this.#file.write(segment(piece, stream, this.#sequence, this.#pduOfFrame.length));
      this.#sequence += piece.length;
      this.#written += RECORD_HEAD_OCTETS + piece.length;
      this.#pduOfFrame.push(this.#pdus);
    }
    this.#pdus++;
  }

  /** The PDU in a frame, which dissectors number from 1. */
  pduOf(frame: number): number {
    return this.#pduOfFrame[frame - 1] ?? -1;
  }

  /** Reads one back from the closed file: half a million of them are not kept in memory. */
  read(pdu: number): Buffer {
    const { at = 0, length = 0 } = this.#places[pdu] ?? {};
    const records = Math.ceil(length / PIECE_OCTETS);
    const octets = Buffer.alloc(length + records * RECORD_HEAD_OCTETS);
    const file = openSync(this.path, 'r');
    readSync(file, octets, 0, octets.length, at);
    closeSync(file);
    const pieces = Array.from({ length: records }, (_, n) => {
      const start = n * (RECORD_HEAD_OCTETS + PIECE_OCTETS) + RECORD_HEAD_OCTETS;
      return octets.subarray(start, start + PIECE_OCTETS);
    });
    return Buffer.concat(pieces);
  }

  async close(): Promise<void> {
    this.#file.end();
    await once(this.#file, 'close');
  }
}

/**
 * What lies inside a message is no PDU: a user data header belongs to 3GPP TS 23.040 §9.2.3.24, and SMPP 3.4 §5.2.12 says
 * of it no more than that it is there (that it is whole is checked by messageOctets).
 */
const NOT_SMPP = 'gsm_sms_ud';

/** What the dissector has against one PDU. */
export interface Objection {
  readonly pdu: number;
  readonly message: string;
}

/** What it said of all. */
export interface Dissection {
  readonly version: string;
  /** PDUs in which it found SMPP. */
  readonly dissected: number;
  readonly objections: readonly Objection[];
}

/** The version of tshark, undefined when it is not installed. */
export async function tsharkVersion(): Promise<string | undefined> {
  try {
    const [first] = await linesOf(['--version']);
    return first;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Has tshark read a capture: every PDU that it calls malformed, or finds an error in. @throws when it fails */
export async function dissect(capture: Capture, version: string): Promise<Dissection> {
  const fields = ['frame.number', 'smpp.command_id', '_ws.malformed', '_ws.expert.message'];
  const lines = await linesOf([
    ...['-n', '-r', capture.path, '-d', `tcp.port==${SMPP_PORT},smpp`],
    ...['--disable-protocol', NOT_SMPP],
    ...['-T', 'fields', ...fields.flatMap((field) => ['-e', field])],
    ...['-Y', 'smpp || _ws.malformed || _ws.expert.severity == error'],
  ]);
  const objections: Objection[] = [];
  const seen = new Set<number>();
  for (const line of lines) {
    const [frame = '', command = '', malformed = '', message = ''] = line.split('\t');
    const pdu = capture.pduOf(Number(frame));
    if (command !== '') seen.add(pdu);
    if (malformed !== '') objections.push({ pdu, message: message || malformed });
  }
  return { version, dissected: seen.size, objections };
}

async function linesOf(args: readonly string[]): Promise<string[]> {
  const child = spawn('tshark', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk;
  });
  const closed = once(child, 'close');
  closed.catch(() => {});
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) lines.push(line);
  const [code] = await closed;
  if (code !== 0) throw new Error(`tshark ended with ${code}: ${said}`);
  return lines;
}

/** Record header, IPv4 and TCP header, payload; checksums are 0, which dissectors do not mind. */
function segment(payload: Buffer, stream: number, sequence: number, frame: number): Buffer {
  const length = 40 + payload.length;
  const head = Buffer.alloc(RECORD_HEAD_OCTETS);
  head.writeUInt32LE(Math.floor(frame / 1_000), 0);
  head.writeUInt32LE((frame % 1_000) * 1_000, 4);
  head.writeUInt32LE(length, 8);
  head.writeUInt32LE(length, 12);
  const ip = head.subarray(16);
  ip[0] = 0x45;
  ip.writeUInt16BE(length, 2);
  ip[8] = 64;
  ip[9] = 6;
  ip.writeUInt32BE(0x0a000001 + (stream & 0xffff), 12);
  ip.writeUInt32BE(0x0aff0001, 16);
  const tcp = ip.subarray(20);
  tcp.writeUInt16BE(20_000 + (stream >> 16), 0);
  tcp.writeUInt16BE(SMPP_PORT, 2);
  tcp.writeUInt32BE(sequence, 4);
  tcp.writeUInt32BE(1, 8);
  tcp[12] = 0x50;
  tcp[13] = 0x18;
  tcp.writeUInt16BE(0xffff, 14);
  return Buffer.concat([head, payload]);
}
