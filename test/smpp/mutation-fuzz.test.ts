import { describe, expect, it } from 'vitest';
import { decodePdu, encodeOne, PduWriter } from '../../src/smpp/codec.ts';
import { partOf, textOf } from '../../src/smpp/message.ts';
import { type Pdu, PduError } from '../../src/smpp/pdu.ts';
import { parseReceipt } from '../../src/smpp/receipt-text.ts';
import { malformedMessage, segmentsOf, splitPdu } from '../../src/smpp/segmentation.ts';
import { hex, pduVectors } from './golden.ts';

/** A small generator with a seed (mulberry32), so that a failure can be seen again. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const RUNS = 40_000;
const MARGIN = 32;

describe('decodePdu under mutation', () => {
  it('throws nothing but PduError and reads nothing outside the frame', () => {
    const random = seeded(34);
    const golden = pduVectors
      .filter((vector) => vector.length_matches)
      .map((vector) => hex(vector.hex));
    const writer = new PduWriter();
    let read = 0;
    for (let run = 0; run < RUNS; run++) {
      const octets = mutate(golden[random(golden.length)] as Buffer, random);
      // The same frame amid different neighbours: what it reads as must not depend on them.
      const first = outcomeOf(octets, 0x00);
      const second = outcomeOf(octets, 0x31);
      expect(second.text, octets.toString('hex')).toBe(first.text);
      if (first.pdu === undefined) continue;
      read++;
      consume(first.pdu);
      // What was read can be written, and reads the same again.
      const written = encodeOne(first.pdu, writer);
      expect(describePdu(decodePdu(written, 0, written.length))).toBe(describePdu(first.pdu));
    }
    // Both halves were exercised.
    expect(read).toBeGreaterThan(RUNS / 20);
    expect(read).toBeLessThan(RUNS);
  });
});

function mutate(source: Buffer, random: (below: number) => number): Buffer {
  let octets = Buffer.from(source);
  for (let count = 1 + random(3); count > 0; count--) {
    const at = random(octets.length);
    switch (random(5)) {
      case 0:
        octets[at] = random(256);
        break;
      case 1:
        octets[at] = (octets[at] as number) ^ (1 << random(8));
        break;
      case 2:
        octets = octets.subarray(0, Math.max(16, at));
        break;
      case 3:
        octets = Buffer.concat([
          octets.subarray(0, at),
          Buffer.from([random(256)]),
          octets.subarray(at),
        ]);
        break;
      default:
        octets = Buffer.concat([octets, source.subarray(random(source.length))]);
    }
  }
  // The frame is whole, as the framer gives it; only sometimes command_length lies.
  if (random(50) !== 0) octets.writeUInt32BE(octets.length, 0);
  return octets;
}

function outcomeOf(octets: Buffer, margin: number): { pdu: Pdu | undefined; text: string } {
  const around = Buffer.concat([
    Buffer.alloc(MARGIN, margin),
    octets,
    Buffer.alloc(MARGIN, margin),
  ]);
  try {
    const pdu = decodePdu(around, MARGIN, MARGIN + octets.length);
    return { pdu, text: describePdu(pdu) };
  } catch (error) {
    if (!(error instanceof PduError)) throw error;
    return { pdu: undefined, text: `${error.kind} ${error.commandStatus} ${error.sequenceNumber}` };
  }
}

/** Whatever reads a message must live with it. */
function consume(pdu: Pdu): void {
  if (pdu.command === 'deliver_sm' || pdu.command === 'data_sm') parseReceipt(pdu);
  if (pdu.command !== 'submit_sm' && pdu.command !== 'deliver_sm' && pdu.command !== 'data_sm')
    return;
  textOf(pdu, 'gsm7');
  partOf(pdu);
  if (pdu.command === 'deliver_sm') return;
  if (malformedMessage(pdu, 'gsm7') === undefined) {
    expect(splitPdu(pdu, 'udh', 1, 'gsm7').length).toBe(segmentsOf(pdu, 'gsm7'));
  }
}

function describePdu(pdu: Pdu): string {
  return JSON.stringify(pdu);
}
