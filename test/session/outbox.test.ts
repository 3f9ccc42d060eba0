import { afterEach, describe, expect, it } from 'vitest';
import { Outbox } from '../../src/session/outbox.ts';
import type { Turn } from '../../src/session/turn.ts';
import { newPdu, type Pdu } from '../../src/smpp/pdu.ts';
import { Opened, pduHex, RawPeer } from './support.ts';

const opened = new Opened();
afterEach(() => opened.release());

class Owner implements Turn {
  inTurn = false;
  outbox: Outbox | undefined;
  onTurn(): void {
    this.outbox?.flush();
  }
}

async function outboxAndPeer(): Promise<{ outbox: Outbox; peer: RawPeer }> {
  const { near, far } = await opened.pair();
  const owner = new Owner();
  owner.outbox = new Outbox(near, owner);
  return { outbox: owner.outbox, peer: new RawPeer(far) };
}

const enquire = (sequence: number): Pdu => newPdu('enquire_link', sequence);
const enquireHex = (sequence: number): string => pduHex(0x15, 0, sequence);

function big(sequence: number): Pdu {
  const pdu = newPdu('deliver_sm', sequence);
  pdu.tlvs = [{ tag: 0x0424, value: Buffer.alloc(60_000, sequence) }];
  return pdu;
}

describe('Outbox.put', () => {
  it('keeps the octets of sessions apart that write in turns, each in its order', async () => {
    const all = await Promise.all([outboxAndPeer(), outboxAndPeer(), outboxAndPeer()]);
    for (let n = 0; n < 300; n++) {
      // One, then two, then three in a row of each, so that pieces are of all lengths.
      const { outbox } = all[n % 3] ?? all[0];
      for (let row = 0; row <= n % 4; row++) outbox.put(enquire(n * 4 + row));
    }
    for (const [index, { peer }] of all.entries()) {
      const expected: string[] = [];
      for (let n = index; n < 300; n += 3) {
        for (let row = 0; row <= n % 4; row++) expected.push(enquireHex(n * 4 + row));
      }
      expect(await peer.take(expected.length)).toEqual(expected);
    }
  });

  it('adds nothing when the PDU cannot be written', async () => {
    const { outbox, peer } = await outboxAndPeer();
    const wrong = newPdu('deliver_sm', 1);
    wrong.destination_addr = '1'.repeat(30);
    outbox.put(enquire(1));
    expect(() => outbox.put(wrong)).toThrow(/too long/);
    outbox.put(enquire(2));
    expect(await peer.take(2)).toEqual([enquireHex(1), enquireHex(2)]);
    expect(outbox.bytes).toBe(0);
  });
});

describe('Outbox.flush', () => {
  it('begins no second write before the first was taken, and loses nothing of the rest', async () => {
    const { outbox, peer } = await outboxAndPeer();
    peer.socket.pause();
    for (let n = 0; n < 200; n++) outbox.put(big(n));
    outbox.flush();
    const writes = outbox.flushes;
    for (let turn = 0; turn < 5; turn++) {
      outbox.put(enquire(turn));
      outbox.flush();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(outbox.flushes).toBe(writes);
    peer.socket.resume();
    const pdus = await peer.take(205);
    expect(pdus.map((hex) => Number.parseInt(hex.slice(24, 32), 16))).toEqual([
      ...Array.from({ length: 200 }, (_, n) => n),
      ...[0, 1, 2, 3, 4],
    ]);
    expect(pdus[150]?.endsWith('96'.repeat(100))).toBe(true);
    expect(outbox.bytes).toBe(0);
  });
});

describe('Outbox.end', () => {
  it('sends what is pending before FIN, and nothing after', async () => {
    const { outbox, peer } = await outboxAndPeer();
    for (let n = 0; n < 100; n++) outbox.put(big(n));
    outbox.flush();
    outbox.put(enquire(7));
    outbox.end();
    expect(outbox.open).toBe(false);
    await peer.untilEnd();
    expect(peer.pdus).toHaveLength(101);
    expect(peer.pdus.at(-1)).toBe(enquireHex(7));
  });
});

describe('Outbox.stalledForMs', () => {
  it('counts from the first tick without progress, and from the last progress', async () => {
    const { outbox, peer } = await outboxAndPeer();
    expect(outbox.stalledForMs(1_000)).toBe(0);
    peer.socket.pause();
    for (let n = 0; n < 200; n++) outbox.put(big(n));
    outbox.flush();
    await new Promise((resolve) => setImmediate(resolve));
    expect(outbox.stalledForMs(2_000)).toBe(0);
    expect(outbox.stalledForMs(9_000)).toBe(7_000);
    peer.socket.resume();
    await peer.take(200);
    await new Promise((resolve) => setImmediate(resolve));
    expect(outbox.stalledForMs(10_000)).toBe(0);
  });
});
