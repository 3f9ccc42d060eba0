import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodePdu } from '../../src/smpp/codec.ts';
import { isAccepted } from './attack.ts';
import { Capture, dissect, tsharkVersion } from './dissector.ts';
import { assemble, draftOf, headerOnly, OPERATIONS } from './drafts.ts';
import { mutateFramed, mutateFraming } from './mutations.ts';
import { judgeObjections } from './objections.ts';
import { Random } from './random.ts';

const TASTE = { destination: '7950#######' };
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fuzz-'));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe('draftOf', () => {
  it.each(OPERATIONS)('makes valid PDUs: %s', (operation) => {
    const random = new Random(1);
    for (let n = 0; n < 200; n++) {
      const octets = assemble(draftOf(operation, random, TASTE));
      expect(decodePdu(octets, 0, octets.length).command).toBe(operation);
    }
  });
});

describe('mutateFramed and mutateFraming', () => {
  it('keep command_length true, or make it lie', () => {
    const random = new Random(2);
    let lies = 0;
    for (let n = 0; n < 2_000; n++) {
      const draft = () => draftOf(random.pick(OPERATIONS), random, TASTE);
      const { octets } = mutateFramed(draft(), random);
      expect(octets.readUInt32BE(0)).toBe(octets.length);
      const broken = mutateFraming(draft(), random).octets;
      if (broken.length < 4 || broken.readUInt32BE(0) !== broken.length) lies++;
    }
    expect(lies).toBeGreaterThan(1_900);
  });

  it('are the same for the same seed, and about half of them can be read', () => {
    const run = (seed: number) => {
      const random = new Random(seed);
      return Array.from(
        { length: 1_000 },
        () => mutateFramed(draftOf(random.pick(OPERATIONS), random, TASTE), random).octets,
      );
    };
    expect(run(3)).toEqual(run(3));
    const accepted = run(3).filter(isAccepted).length;
    expect(accepted).toBeGreaterThan(250);
    expect(accepted).toBeLessThan(750);
  });
});

describe('dissect and judgeObjections', () => {
  it('find the one PDU that was planted, and pass what is well-formed', async () => {
    const version = await tsharkVersion();
    if (version === undefined) {
      process.stderr.write('tshark is not installed: what it finds is not tested\n');
      return;
    }
    const random = new Random(4);
    const capture = new Capture(join(folder, 'planted.pcap'));
    for (let n = 0; n < 1_000; n++) {
      const octets = assemble(draftOf(random.pick(OPERATIONS), random, TASTE));
      if (isAccepted(octets)) capture.add(octets);
    }
    // A submit_sm that is a header and no more.
    const planted = headerOnly(0x04, 0, 77);
    capture.add(planted);
    const last = capture.pdus - 1;
    capture.add(headerOnly(0x15, 0, 78));
    await capture.close();
    expect(capture.read(last)).toEqual(planted);
    const dissection = await dissect(capture, version);
    expect(dissection.dissected).toBe(capture.pdus);
    const faults = judgeObjections(dissection, capture, () => {});
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(planted.toString('hex'));
  });
});
