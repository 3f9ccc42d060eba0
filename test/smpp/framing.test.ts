import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeOne, PduWriter } from '../../src/smpp/codec.ts';
import { PduFramer } from '../../src/smpp/framing.ts';
import { PduError } from '../../src/smpp/pdu.ts';
import { arbitraryPdu } from './arbitrary-pdu.ts';
import { hex, pduVectors } from './golden.ts';

/** smpp.maxPduOctets' default. */
const MAX = 70_000;

describe('PduFramer', () => {
  it('gives the same frames for any split of the stream', () => {
    const writer = new PduWriter();
    fc.assert(
      fc.property(
        fc.array(arbitraryPdu, { maxLength: 12 }),
        fc.array(fc.nat(200), { maxLength: 60 }),
        (pdus, cuts) => {
          const frames = pdus.map((pdu) => encodeOne(pdu, writer));
          const stream = Buffer.concat(frames);
          expect(framesOf(split(stream, cuts))).toEqual(frames);
        },
      ),
      { numRuns: 150, seed: 20260103 },
    );
  });

  it('gives every golden PDU byte by byte', () => {
    const frames = pduVectors
      .filter((vector) => vector.length_matches)
      .map((vector) => hex(vector.hex));
    const stream = Buffer.concat(frames);
    expect(framesOf([...stream].map((octet) => Buffer.from([octet])))).toEqual(frames);
    expect(framesOf([stream])).toEqual(frames);
  });

  it('waits with fewer than 16 octets (cloudhopper decodeOnly4Bytes, decodeLessThan16Bytes)', () => {
    for (const octets of ['00000010', '0000001000000015000000000a342e']) {
      const framer = new PduFramer(MAX);
      framer.push(hex(octets));
      expect(framer.next()).toBeUndefined();
      expect(framer.pendingOctets).toBe(octets.length / 2);
    }
  });

  it('goes on behind a frame whose command_id is unknown (cloudhopper decodeBadPduButSkipAllDataInBuffer)', () => {
    const first = hex('0000001100000110000000000a342ee70f');
    const second = hex('0000001000000015000000000a342ee7');
    expect(framesOf([Buffer.concat([first, second])])).toEqual([first, second]);
  });

  it('does not copy a PDU that lies in one chunk', () => {
    const chunk = hex('00000010000000150000000000000001 00000010000000060000000000000002');
    const framer = new PduFramer(MAX);
    framer.push(chunk);
    expect(framer.next()).toMatchObject({ start: 0, end: 16 });
    const frame = framer.next();
    expect(frame?.buf).toBe(chunk);
    expect(frame).toMatchObject({ start: 16, end: 32 });
    expect(framer.next()).toBeUndefined();
    expect(framer.pendingOctets).toBe(0);
  });

  it('lets the views of a straddling PDU live when the next one straddles too', () => {
    const one = hex('00000011 80000004 00000000 00000001 31');
    const two = hex('00000011 80000004 00000000 00000002 32');
    const framer = new PduFramer(MAX);
    framer.push(one.subarray(0, 9));
    expect(framer.next()).toBeUndefined();
    framer.push(Buffer.concat([one.subarray(9), two.subarray(0, 5)]));
    const first = framer.next();
    const view = first?.buf.subarray(first.start, first.end);
    expect(framer.next()).toBeUndefined();
    framer.push(two.subarray(5));
    const second = framer.next();
    expect(second?.buf.subarray(second.start, second.end)).toEqual(two);
    expect(view).toEqual(one);
  });

  it('takes a push while frames are left', () => {
    const pdu = hex('00000010000000150000000000000001');
    const framer = new PduFramer(MAX);
    framer.push(Buffer.concat([pdu, pdu.subarray(0, 7)]));
    framer.push(pdu.subarray(7));
    expect(octetsOf(framer)).toEqual(pdu);
    expect(octetsOf(framer)).toEqual(pdu);
    expect(framer.next()).toBeUndefined();
  });

  it('holds no more than has come of a PDU that announces much', () => {
    const framer = new PduFramer(MAX);
    framer.push(hex('00010000 00000004'));
    expect(framer.next()).toBeUndefined();
    const before = process.memoryUsage().arrayBuffers;
    const framers = Array.from({ length: 200 }, () => new PduFramer(MAX));
    for (const each of framers) {
      each.push(hex('00010000 00000004'));
      expect(each.next()).toBeUndefined();
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(framers.length * 2048);
  });

  it.each([
    ['below 16', '0000000f 80000006 00000000 00000001'],
    ['of 0', '00000000 80000006 00000000 00000001'],
    ['over the limit', '00011171 80000006 00000000 00000001'],
    ['with the highest bit', 'ffffffff 80000006 00000000 00000001'],
  ])('loses the stream at a command_length %s, for good', (_, header) => {
    const framer = new PduFramer(MAX);
    framer.push(hex(`00000010000000150000000000000001${header}`));
    expect(framer.next()).toMatchObject({ end: 16 });
    const error = errorOf(framer);
    expect(error).toMatchObject({
      kind: 'fatal',
      commandStatus: 2,
      commandId: 0x80000006,
      sequenceNumber: 1,
    });
    framer.push(hex('00000010000000150000000000000001'));
    expect(errorOf(framer)).toBe(error);
  });

  it('takes a command_length at the limit', () => {
    const pdu = Buffer.alloc(MAX);
    pdu.writeUInt32BE(MAX, 0);
    expect(framesOf([pdu])[0]?.length).toBe(MAX);
    expect(framesOf([pdu.subarray(0, 20), pdu.subarray(20, 40_000), pdu.subarray(40_000)])).toEqual(
      [pdu],
    );
  });

  it('loses the stream at once when the length comes alone, with sequence_number 0', () => {
    const framer = new PduFramer(MAX);
    framer.push(hex('0000'));
    expect(framer.next()).toBeUndefined();
    framer.push(hex('0001'));
    expect(errorOf(framer)).toMatchObject({ kind: 'fatal', sequenceNumber: 0, commandId: 0 });
  });
});

function split(stream: Buffer, sizes: number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (const size of sizes) {
    chunks.push(stream.subarray(at, at + size));
    at += size;
  }
  chunks.push(stream.subarray(at));
  return chunks;
}

function framesOf(chunks: Buffer[]): Buffer[] {
  const framer = new PduFramer(MAX);
  const frames: Buffer[] = [];
  for (const chunk of chunks) {
    framer.push(chunk);
    for (let frame = framer.next(); frame !== undefined; frame = framer.next()) {
      frames.push(frame.buf.subarray(frame.start, frame.end));
    }
  }
  return frames;
}

function octetsOf(framer: PduFramer): Buffer | undefined {
  const frame = framer.next();
  return frame?.buf.subarray(frame.start, frame.end);
}

function errorOf(framer: PduFramer): unknown {
  try {
    framer.next();
  } catch (error) {
    if (error instanceof PduError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
