import { afterEach, describe, expect, it } from 'vitest';
import type { Session } from '../../src/session/session.ts';
import type { PduTap } from '../../src/session/tap.ts';
import { encodeOne, PduWriter } from '../../src/smpp/codec.ts';
import {
  answerOk,
  BIND_TRANSCEIVER,
  BIND_TRANSCEIVER_33,
  Opened,
  pduHex,
  sessionAndPeer,
  submitHex,
  TestClock,
} from './support.ts';

const opened = new Opened();
afterEach(() => opened.release());

/** Writes down what it is shown, as hex; "throws" when it is shown something while closed. */
class RecordingTap implements PduTap {
  open = true;
  readonly seen: string[] = [];
  readonly sessions = new Set<Session>();

  read(session: Session, buf: Buffer, start: number, end: number): void {
    if (!this.open) throw new Error('it is closed');
    this.sessions.add(session);
    this.seen.push(`< ${buf.toString('hex', start, end)}`);
  }

  wrote(session: Session, pdu: Parameters<PduTap['wrote']>[1]): void {
    if (!this.open) throw new Error('it is closed');
    this.sessions.add(session);
    this.seen.push(`> ${encodeOne(pdu, new PduWriter()).toString('hex')}`);
  }
}

describe('PduTap', () => {
  it('sees the octets of every PDU in both directions, malformed ones too, in order', async () => {
    const tap = new RecordingTap();
    const { session, handler, peer } = await sessionAndPeer(opened, new TestClock(), { tap });
    handler.answer = answerOk;
    // No command_id of any version.
    const unknown = pduHex(0x7f, 0, 3, 'ff');
    peer.write(BIND_TRANSCEIVER + submitHex(2) + unknown);
    const answers = await peer.take(3);
    expect(tap.seen).toEqual([
      `< ${BIND_TRANSCEIVER}`,
      `> ${answers[0]}`,
      `< ${submitHex(2)}`,
      `> ${answers[1]}`,
      `< ${unknown}`,
      `> ${answers[2]}`,
    ]);
    expect([...tap.sessions]).toEqual([session]);
  });

  it('sees what a 3.3 customer really gets: no TLVs', async () => {
    const tap = new RecordingTap();
    const { peer } = await sessionAndPeer(opened, new TestClock(), { tap });
    peer.write(BIND_TRANSCEIVER_33);
    const [answer] = await peer.take(1);
    expect(tap.seen.at(-1)).toBe(`> ${answer}`);
    expect(answer).not.toContain('0210'); // sc_interface_version
  });

  it('is asked nothing while it is closed', async () => {
    const tap = new RecordingTap();
    tap.open = false;
    const { handler, peer } = await sessionAndPeer(opened, new TestClock(), { tap });
    handler.answer = answerOk;
    peer.write(BIND_TRANSCEIVER + submitHex(2));
    await peer.take(2);
    expect(tap.seen).toEqual([]);
  });
});

describe('Session', () => {
  it('counts submits and what it delivers', async () => {
    const { session, handler, peer } = await sessionAndPeer(opened, new TestClock());
    handler.answer = answerOk;
    peer.write(BIND_TRANSCEIVER + submitHex(2) + submitHex(3));
    await peer.take(3);
    expect([session.submits, session.delivers]).toEqual([2, 0]);
    expect(session.localAddress).toEqual({ address: '127.0.0.1', port: peer.socket.remotePort });
    expect(session.isTls).toBe(false);
  });
});
