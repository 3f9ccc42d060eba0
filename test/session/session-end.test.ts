import { afterEach, describe, expect, it } from 'vitest';
import { newPdu, newResponse } from '../../src/smpp/pdu.ts';
import {
  answerOk,
  BIND_TRANSCEIVER,
  boundSessionAndPeer,
  Opened,
  pduHex,
  sessionAndPeer,
  sessionPair,
  submitHex,
  submitSm,
  TestClock,
} from './support.ts';

const opened = new Opened();
afterEach(() => opened.release());

/** Every field of deliver_sm empty: 3.4 §4.6.1. */
const EMPTY_SM_BODY = '00 0000 00 0000 00 00 00 00 00 00 00 00 00 00 00';
const UNBIND = 0x06;
const UNBIND_RESP = 0x80000006;
const LIMITS = { unbindDrainMs: 5_000, responseTimeoutMs: 10_000, closeLingerMs: 1_000 };

describe('Session.unbind', () => {
  it('waits for the answers to its requests, then unbinds and closes', async () => {
    const { session, handler, peer } = await boundSessionAndPeer(opened, new TestClock(), LIMITS);
    session.request(newPdu('deliver_sm', 0), 'a');
    session.unbind();
    expect(session.state).toBe('unbinding');
    expect(session.request(newPdu('deliver_sm', 0), 'b')).toBe(false);
    await peer.take(1);
    peer.write(pduHex(0x80000005, 0, 1, '00'));
    expect(await peer.take(1)).toEqual([pduHex(UNBIND, 0, 2)]);
    peer.write(pduHex(UNBIND_RESP, 0, 2));
    await peer.untilEnd();
    peer.socket.end();
    const { reason, inFlight } = await handler.ended();
    expect(reason.kind).toBe('unbound');
    expect(inFlight).toEqual([]);
    expect(handler.responses[0]?.context).toBe('a');
  });

  it('waits for our own answers too', async () => {
    const { session, handler, peer } = await boundSessionAndPeer(opened, new TestClock(), LIMITS);
    peer.write(submitHex(5));
    await handler.until(() => handler.requests.length === 1);
    session.unbind();
    for (const { pdu } of handler.requests) answerOk(session, pdu);
    expect(await peer.take(2)).toEqual([pduHex(0x80000004, 0, 5, '343200'), pduHex(UNBIND, 0, 1)]);
  });

  it('goes on after the limit when answers stay away, and hands back what is unanswered', async () => {
    const clock = new TestClock();
    const { session, handler, peer } = await boundSessionAndPeer(opened, clock, {
      ...LIMITS,
      responseTimeoutMs: 20_000,
    });
    session.request(newPdu('deliver_sm', 0), 'a');
    await peer.take(1);
    session.unbind();
    clock.advance(5_000, session);
    expect(await peer.take(1)).toEqual([pduHex(UNBIND, 0, 2)]);
    peer.write(pduHex(UNBIND_RESP, 0, 2));
    await peer.untilEnd();
    peer.socket.end();
    expect((await handler.ended()).inFlight.map((r) => r.context)).toEqual(['a']);
  });

  it('closes when unbind is not answered', async () => {
    const clock = new TestClock();
    const { session, handler, peer } = await boundSessionAndPeer(opened, clock, LIMITS);
    session.unbind();
    await peer.take(1);
    clock.advance(10_000, session);
    await peer.untilEnd();
    clock.advance(1_000, session);
    expect((await handler.ended()).reason).toMatchObject({
      kind: 'unbound',
      detail: 'no unbind_resp',
    });
  });

  it('takes no longer than it may, whatever the peer leaves unanswered', async () => {
    const clock = new TestClock();
    const { session, handler, peer } = await boundSessionAndPeer(opened, clock, LIMITS);
    session.request(newPdu('deliver_sm', 0), 'a');
    await peer.take(1);
    session.unbind('unbound', 2_000);
    clock.advance(1_999, session);
    expect(session.state).toBe('unbinding');
    clock.advance(1, session);
    expect(await peer.take(1)).toEqual([pduHex(UNBIND, 0, 2)]);
    clock.advance(1, session);
    await peer.untilEnd();
    clock.advance(1_000, session);
    expect((await handler.ended()).inFlight.map((r) => r.context)).toEqual(['a']);
  });

  it('just closes before the bind', async () => {
    const { session, handler, peer } = await sessionAndPeer(opened, new TestClock());
    session.unbind();
    await peer.untilEnd();
    peer.socket.end();
    expect((await handler.ended()).reason.kind).toBe('unbound');
    expect(peer.received).toHaveLength(0);
  });

  it('ends both sides when both unbind at once', async () => {
    const { smsc, esme, atSmsc, atEsme } = await sessionPair(opened, new TestClock(), {
      smsc: LIMITS,
      esme: LIMITS,
    });
    smsc.unbind();
    esme.unbind();
    expect((await atSmsc.ended()).reason.kind).toBe('unbound');
    expect((await atEsme.ended()).reason.kind).toBe('unbound');
  });
});

describe('an unbind of the peer', () => {
  it('is answered after the answers that are due to it', async () => {
    const unbound: string[] = [];
    const { session, handler, peer } = await boundSessionAndPeer(opened, new TestClock(), {
      ...LIMITS,
      observer: { unbound: (_session, by) => unbound.push(by) },
    });
    peer.write(submitHex(5) + pduHex(UNBIND, 0, 6) + submitHex(7));
    await handler.until(() => handler.requests.length === 1);
    // What comes after unbind is refused.
    expect(await peer.take(1)).toEqual([pduHex(0x80000004, 0x04, 7)]);
    expect(session.request(newPdu('deliver_sm', 0), 'x')).toBe(false);
    for (const { pdu } of handler.requests) answerOk(session, pdu);
    expect(await peer.take(2)).toEqual([
      pduHex(0x80000004, 0, 5, '343200'),
      pduHex(UNBIND_RESP, 0, 6),
    ]);
    await peer.untilEnd();
    peer.socket.end();
    expect((await handler.ended()).reason.kind).toBe('peerUnbound');
    expect(unbound).toEqual(['peer']);
  });

  it('is answered after the limit when we do not get to answer', async () => {
    const clock = new TestClock();
    const { session, handler, peer } = await boundSessionAndPeer(opened, clock, LIMITS);
    peer.write(submitHex(5) + pduHex(UNBIND, 0, 6) + pduHex(0x15, 0, 7));
    expect(await peer.take(1)).toEqual([pduHex(0x80000015, 0, 7)]);
    expect([session.state, handler.requests.length]).toEqual(['unbinding', 1]);
    clock.advance(5_000, session);
    expect(await peer.take(1)).toEqual([pduHex(UNBIND_RESP, 0, 6)]);
  });

  it('still takes the answers that come behind it', async () => {
    const { session, handler, peer } = await boundSessionAndPeer(opened, new TestClock(), LIMITS);
    session.request(newPdu('deliver_sm', 0), 'a');
    await peer.take(1);
    peer.write(pduHex(UNBIND, 0, 6) + pduHex(0x80000005, 0, 1, '00'));
    peer.socket.end();
    const { inFlight } = await handler.ended();
    expect(handler.responses.map((r) => r.context)).toEqual(['a']);
    expect(inFlight).toEqual([]);
  });

  it('takes over from our own while we still wait for answers', async () => {
    const { session, handler, peer } = await boundSessionAndPeer(opened, new TestClock(), LIMITS);
    session.request(newPdu('deliver_sm', 0), 'a');
    session.unbind();
    await peer.take(1);
    peer.write(pduHex(UNBIND, 0, 6));
    expect(await peer.take(1)).toEqual([pduHex(UNBIND_RESP, 0, 6)]);
    await peer.untilEnd();
    peer.socket.end();
    expect((await handler.ended()).reason.kind).toBe('peerUnbound');
  });
});

describe('onClosed', () => {
  it('hands back what was in flight once, and knows what was never written', async () => {
    const { session, handler, peer } = await boundSessionAndPeer(opened, new TestClock());
    for (const context of ['a', 'b', 'c']) session.request(newPdu('deliver_sm', 0), context);
    await peer.take(3);
    peer.write(pduHex(0x80000005, 0, 2, '00'));
    await handler.until(() => handler.responses.length === 1);
    const gone = handler.ended();
    peer.socket.resetAndDestroy();
    // The next turn's write has not happened when the socket fails under it.
    session.request(newPdu('deliver_sm', 0), 'd');
    const { inFlight } = await gone;
    expect(inFlight.map((r) => r.context)).toEqual(['a', 'c', 'd']);
    expect(inFlight.slice(0, 2).every((r) => r.written)).toBe(true);
  });

  it('certifies as unwritten only what never went to the socket', async () => {
    const clock = new TestClock();
    const { session, handler, peer } = await boundSessionAndPeer(opened, clock, {
      windowMax: 60_000,
      outboundBytesMax: 64 * 1024 * 1024,
      closeLingerMs: 0,
    });
    peer.socket.pause();
    const pdu = () => {
      const big = newPdu('deliver_sm', 0);
      big.tlvs = [{ tag: 0x0424, value: Buffer.alloc(60_000) }];
      return big;
    };
    // More than any socket buffer on loopback takes; then a turn, so that the first write is under way.
    for (let i = 0; i < 300; i++) session.request(pdu(), i);
    await new Promise((resolve) => setImmediate(resolve));
    const count = 300;
    for (let i = count; i < count + 5; i++) session.request(pdu(), i);
    await new Promise((resolve) => setImmediate(resolve));
    session.close();
    clock.advance(1_000, session);
    const { inFlight } = await handler.ended();
    expect(inFlight.map((r) => r.context)).toEqual(Array.from({ length: count + 5 }, (_, i) => i));
    expect(inFlight.slice(count).map((r) => r.written)).toEqual([
      false,
      false,
      false,
      false,
      false,
    ]);
    expect(inFlight[0]?.written).toBe(true);
  });

  it('comes after the answers that were already there', async () => {
    const { session, handler, peer } = await boundSessionAndPeer(opened, new TestClock(), {
      pdusPerTurnMax: 1,
    });
    for (let i = 1; i <= 5; i++) session.request(newPdu('deliver_sm', 0), i);
    await peer.take(5);
    // All in one chunk, read one a turn, and the peer is gone before the last is read.
    peer.write([1, 2, 3, 4].map((n) => pduHex(0x80000005, 0, n, '00')).join(''));
    peer.socket.end();
    const { inFlight } = await handler.ended();
    expect(handler.responses.map((r) => r.context)).toEqual([1, 2, 3, 4]);
    expect(inFlight.map((r) => r.context)).toEqual([5]);
  });

  it.each([
    ['peerClosed', 'end'],
    ['socketError', 'resetAndDestroy'],
  ] as const)('says %s when the peer does %s', async (kind, how) => {
    const { handler, peer } = await boundSessionAndPeer(opened, new TestClock());
    peer.socket[how]();
    expect((await handler.ended()).reason.kind).toBe(kind);
  });

  it('comes when the owner drops the session', async () => {
    const { session, handler, peer } = await boundSessionAndPeer(opened, new TestClock());
    session.close('suspended');
    await peer.untilEnd();
    peer.socket.end();
    expect((await handler.ended()).reason).toEqual({
      kind: 'dropped',
      detail: 'suspended',
      status: undefined,
    });
  });

  it('is not held up by a peer that never closes its side', async () => {
    const clock = new TestClock();
    const { session, handler, peer } = await boundSessionAndPeer(opened, clock, {
      closeLingerMs: 1_000,
    });
    peer.socket.allowHalfOpen = true;
    session.close();
    await peer.untilEnd();
    expect(session.state).toBe('closing');
    clock.advance(1_000, session);
    await handler.ended();
    expect(session.state).toBe('closed');
  });
});

describe('Session.tick', () => {
  it('closes a connection that never binds', async () => {
    const clock = new TestClock();
    const { session, handler, peer } = await sessionAndPeer(opened, clock, {
      sessionInitMs: 5_000,
    });
    peer.write(pduHex(0x15, 0, 1));
    await peer.take(1);
    clock.advance(4_999, session);
    expect(session.state).toBe('open');
    clock.advance(1, session);
    await peer.untilEnd();
    peer.socket.end();
    expect((await handler.ended()).reason.kind).toBe('sessionInitTimeout');
  });

  it('closes when the bind is not answered by us in time', async () => {
    const clock = new TestClock();
    const { session, handler, peer } = await sessionAndPeer(opened, clock, {
      sessionInitMs: 5_000,
    });
    handler.bind = undefined;
    peer.write(BIND_TRANSCEIVER);
    await handler.until(() => handler.binds.length === 1);
    clock.advance(5_000, session);
    await peer.untilEnd();
    peer.socket.end();
    expect((await handler.ended()).reason.kind).toBe('sessionInitTimeout');
  });

  it('sends enquire_link to a silent peer and closes when it stays silent', async () => {
    const clock = new TestClock();
    const { session, handler, peer } = await boundSessionAndPeer(opened, clock, {
      enquireLinkIntervalMs: 30_000,
      responseTimeoutMs: 10_000,
    });
    clock.advance(30_000, session);
    expect(await peer.take(1)).toEqual([pduHex(0x15, 0, 1)]);
    clock.advance(9_000, session);
    expect(session.state).toBe('bound');
    clock.advance(1_000, session);
    await peer.untilEnd();
    peer.socket.end();
    expect((await handler.ended()).reason.kind).toBe('enquireLinkTimeout');
  });

  it('keeps a session whose peer answers enquire_link', async () => {
    const clock = new TestClock();
    const unexpected: unknown[] = [];
    const { session, handler, peer } = await boundSessionAndPeer(opened, clock, {
      observer: { unexpectedResponse: (_session, pdu) => unexpected.push(pdu) },
    });
    for (let n = 1; n <= 3; n++) {
      clock.advance(30_000, session);
      expect(await peer.take(1)).toEqual([pduHex(0x15, 0, n)]);
      peer.write(pduHex(0x80000015, 0, n) + submitHex(n));
      await handler.until(() => handler.requests.length === n);
    }
    expect(session.state).toBe('bound');
    expect(unexpected).toEqual([]);
  });

  it('unbinds a session without transactions', async () => {
    const clock = new TestClock();
    const { session, handler, peer } = await boundSessionAndPeer(opened, clock, {
      inactivityMs: 20_000,
      enquireLinkIntervalMs: 0,
    });
    clock.advance(20_000, session);
    expect(await peer.take(1)).toEqual([pduHex(UNBIND, 0, 1)]);
    peer.write(pduHex(UNBIND_RESP, 0, 1));
    await peer.untilEnd();
    peer.socket.end();
    expect((await handler.ended()).reason.kind).toBe('inactivity');
  });

  it('tells of a request without answer and counts the late answer as unexpected', async () => {
    const clock = new TestClock();
    const unexpected: number[] = [];
    const { session, handler, peer } = await boundSessionAndPeer(opened, clock, {
      responseTimeoutMs: 10_000,
      windowMax: 1,
      observer: { unexpectedResponse: (_session, pdu) => unexpected.push(pdu.sequence_number) },
    });
    session.request(newPdu('deliver_sm', 0), 'a');
    await peer.take(1);
    clock.advance(10_000, session);
    expect(handler.timeouts).toEqual([
      { context: 'a', commandId: 0x05, sentAtMs: 1_000, written: true },
    ]);
    await handler.until(() => handler.windowOpened === 1);
    session.request(newPdu('deliver_sm', 0), 'b');
    expect(await peer.take(1)).toEqual([pduHex(0x05, 0, 2, EMPTY_SM_BODY)]);
    peer.write(pduHex(0x80000005, 0, 1, '00') + pduHex(0x80000005, 0, 2, '00'));
    await handler.until(() => handler.responses.length === 1);
    expect(handler.responses[0]?.context).toBe('b');
    expect(unexpected).toEqual([1]);
  });

  it('ends the session instead where that is asked for, and hands the request back', async () => {
    const clock = new TestClock();
    const { session, handler, peer } = await boundSessionAndPeer(opened, clock, {
      responseTimeoutMs: 10_000,
      closeOnResponseTimeout: true,
    });
    session.request(newPdu('deliver_sm', 0), 'a');
    await peer.take(1);
    clock.advance(10_000, session);
    await peer.untilEnd();
    peer.socket.end();
    const { reason, inFlight } = await handler.ended();
    expect(reason.kind).toBe('responseTimeout');
    expect(inFlight.map((r) => [r.context, r.written])).toEqual([['a', true]]);
    expect(handler.timeouts).toEqual([]);
  });

  it('does not blame the peer while our own process stood still or held reading', async () => {
    const clock = new TestClock();
    const { session, handler, peer } = await boundSessionAndPeer(opened, clock, {
      responseTimeoutMs: 10_000,
    });
    session.request(newPdu('deliver_sm', 0), 'a');
    await peer.take(1);
    clock.ms += 60_000;
    session.tick(clock.ms);
    session.pauseReading();
    clock.advance(60_000, session);
    session.resumeReading();
    clock.advance(9_000, session);
    expect(handler.timeouts).toEqual([]);
    clock.advance(1_000, session);
    expect(handler.timeouts).toHaveLength(1);
    expect(session.state).toBe('bound');
  });
});

describe('a request that is answered while closing', () => {
  it('counts as answered', async () => {
    const { session, handler, peer } = await boundSessionAndPeer(opened, new TestClock());
    session.request(newPdu('deliver_sm', 0), 'a');
    await peer.take(1);
    peer.socket.allowHalfOpen = true;
    session.close();
    await peer.untilEnd();
    peer.write(pduHex(0x80000005, 0, 1, '00') + submitHex(3));
    peer.socket.end();
    const { inFlight } = await handler.ended();
    expect(inFlight).toEqual([]);
    expect(handler.responses).toHaveLength(1);
    expect(handler.requests).toEqual([]);
  });
});

describe('two sessions of ours', () => {
  it('carry ten thousand submits through a window of 50, each answered to its own context', async () => {
    const { esme, atEsme, atSmsc } = await sessionPair(opened, new TestClock(), {
      esme: { windowMax: 50 },
    });
    atSmsc.answer = (session, pdu) => {
      if (pdu.command !== 'submit_sm') return;
      const response = newResponse('submit_sm_resp', pdu.sequence_number, 0);
      response.message_id = pdu.short_message.toString('latin1');
      session.respond(response);
    };
    let sent = 0;
    const pump = (): void => {
      while (sent < 10_000 && esme.request(submitSm(String(sent)), String(sent))) sent++;
    };
    pump();
    for (let opens = 0; atEsme.responses.length < 10_000; ) {
      await atEsme.until(() => atEsme.windowOpened > opens || atEsme.responses.length === 10_000);
      opens = atEsme.windowOpened;
      pump();
    }
    expect(
      atEsme.responses.every(
        ({ pdu, context }) => 'message_id' in pdu && pdu.message_id === context,
      ),
    ).toBe(true);
  });
});
