import { afterEach, describe, expect, it } from 'vitest';
import { newPdu, newResponse, PduError } from '../../src/smpp/pdu.ts';
import {
  answerOk,
  BIND_TRANSCEIVER,
  boundSessionAndPeer,
  Opened,
  pduHex,
  sessionAndPeer,
  submitHex,
  TestClock,
} from './support.ts';

const opened = new Opened();
afterEach(() => opened.release());

const NACK = 0x80000000;
const ESME_RINVCMDLEN = 0x02;
const ESME_RINVCMDID = 0x03;
const ESME_RINVBNDSTS = 0x04;
const ESME_RINVDSTADR = 0x0b;
const ESME_RUNKNOWNERR = 0xff;

/** submit_sm whose destination_addr has 21 characters; the field holds 20 (3.4 §4.4.1). */
const badSubmit = (sequence: number): string =>
  pduHex(0x04, 0, sequence, `00 0000 00 0000 ${'31'.repeat(21)}00 00 00 00 00 00 00 00 00 00 00`);

describe('a stream whose framing is lost', () => {
  it.each([
    ['a command_length below 16', '0000000f 00000004 00000000 00000007', 7],
    ['a command_length of 0', '00000000 00000004 00000000 00000007', 7],
    ['a huge command_length', 'ffffffff 00000004 00000000 00000007', 7],
    ['one octet over the limit', '00011171 00000004 00000000 00000007', 7],
    ['a length and no more', '00000001', 0],
    [
      'an HTTP request',
      Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n').toString('hex'),
      0x2e310d0a,
    ],
    ['a TLS hello', '1603010200010001fc0303', 0],
  ])('gets generic_nack ESME_RINVCMDLEN and is closed: %s', async (_name, hex, sequence) => {
    const { handler, peer } = await sessionAndPeer(opened, new TestClock(), {
      maxPduOctets: 70_000,
    });
    peer.write(hex);
    await peer.untilEnd();
    const [nack = ''] = peer.pdus;
    expect(nack.slice(0, 24)).toBe(pduHex(NACK, ESME_RINVCMDLEN, 0).slice(0, 24));
    expect([0, sequence]).toContain(Number.parseInt(nack.slice(24), 16));
    peer.socket.end();
    expect((await handler.ended()).reason).toMatchObject({
      kind: 'framing',
      status: ESME_RINVCMDLEN,
    });
  });

  it('answers what came before it, and ignores what comes after', async () => {
    const { handler, peer } = await boundSessionAndPeer(opened, new TestClock());
    handler.answer = answerOk;
    peer.write(submitHex(2) + pduHex(0x04, 0, 3).replace('00000010', '00000003') + submitHex(4));
    await peer.untilEnd();
    expect(peer.pdus).toEqual([
      pduHex(0x80000004, 0, 2, '343200'),
      pduHex(NACK, ESME_RINVCMDLEN, 3),
    ]);
    // A flood after the end is read and thrown away, not answered with RST over our nack.
    peer.socket.write(Buffer.alloc(100_000));
    peer.socket.end();
    await handler.ended();
    expect(handler.requests).toHaveLength(1);
  });

  it('hands back what was in flight', async () => {
    const { session, handler, peer } = await boundSessionAndPeer(opened, new TestClock());
    session.request(newPdu('deliver_sm', 0), 'a');
    await peer.take(1);
    peer.write('00000000');
    await peer.untilEnd();
    peer.socket.end();
    expect((await handler.ended()).inFlight.map((r) => r.context)).toEqual(['a']);
  });
});

describe('a malformed PDU within intact framing', () => {
  it('is answered with its own response and the field’s status, and the session stays', async () => {
    const malformed: number[] = [];
    const { session, handler, peer } = await boundSessionAndPeer(opened, new TestClock(), {
      observer: { malformed: (_session, error) => malformed.push(error.commandStatus) },
    });
    handler.answer = answerOk;
    peer.write(badSubmit(2) + submitHex(3));
    expect(await peer.take(2)).toEqual([
      pduHex(0x80000004, ESME_RINVDSTADR, 2),
      pduHex(0x80000004, 0, 3, '343200'),
    ]);
    expect(session.state).toBe('bound');
    expect(malformed).toEqual([ESME_RINVDSTADR]);
  });

  it('gets generic_nack ESME_RINVCMDID when the command is unknown', async () => {
    const { peer } = await boundSessionAndPeer(opened, new TestClock());
    peer.write(pduHex(0x777, 0, 2));
    expect(await peer.take(1)).toEqual([pduHex(NACK, ESME_RINVCMDID, 2)]);
  });

  it('is refused like one when only its handler finds that it does not fit', async () => {
    const { session, handler, peer } = await boundSessionAndPeer(opened, new TestClock());
    handler.answer = () => {
      throw new PduError('recoverable', ESME_RINVDSTADR, 'too long for what follows', 5, 0);
    };
    peer.write(submitHex(2) + pduHex(0x15, 0, 3));
    expect(await peer.take(2)).toEqual([
      pduHex(0x80000004, ESME_RINVDSTADR, 2),
      pduHex(0x80000015, 0, 3),
    ]);
    expect(session.peerWindowInUse).toBe(0);
  });

  it('gets generic_nack when the request has no response', async () => {
    const { session, peer } = await sessionAndPeer(opened, new TestClock(), { side: 'esme' });
    session.bind(newPdu('bind_receiver', 0));
    await peer.take(1);
    peer.write(pduHex(0x80000001, 0, 1, '677700') + pduHex(0x102, 0, 2, '00'));
    const [answer = ''] = await peer.take(1);
    expect(answer.slice(8, 16)).toBe('80000000');
    expect(answer.slice(24)).toBe('00000002');
  });

  it('is never answered when it is itself an answer, and leaves its request unanswered', async () => {
    const { session, handler, peer } = await boundSessionAndPeer(opened, new TestClock());
    session.request(newPdu('deliver_sm', 0), 'a');
    await peer.take(1);
    // An unknown response, and deliver_sm_resp whose message_id has no end.
    peer.write(pduHex(0x80000777, 0, 9) + pduHex(0x80000005, 0, 1, '31') + pduHex(0x15, 0, 3));
    expect(await peer.take(1)).toEqual([pduHex(0x80000015, 0, 3)]);
    expect(handler.responses).toEqual([]);
    expect(session.windowInUse).toBe(1);
  });

  it('ends the session when nothing else comes', async () => {
    const { handler, peer } = await boundSessionAndPeer(opened, new TestClock(), {
      malformedInARowMax: 3,
    });
    peer.write([2, 3, 4, 5].map(badSubmit).join(''));
    await peer.untilEnd();
    expect(peer.pdus).toEqual([2, 3, 4].map((n) => pduHex(0x80000004, ESME_RINVDSTADR, n)));
    peer.socket.end();
    expect((await handler.ended()).reason).toMatchObject({
      kind: 'malformed',
      status: ESME_RINVDSTADR,
    });
  });

  it('does not end it while good ones come between', async () => {
    const { session, handler, peer } = await boundSessionAndPeer(opened, new TestClock(), {
      malformedInARowMax: 2,
    });
    handler.answer = answerOk;
    for (let n = 2; n < 12; n += 2) peer.write(badSubmit(n) + submitHex(n + 1));
    await peer.take(10);
    expect(session.state).toBe('bound');
  });
});

describe('a malformed PDU that would not be taken if it were whole', () => {
  it('gets the status of the bind state, not of its field: before the bind nothing is told', async () => {
    const { peer } = await sessionAndPeer(opened, new TestClock());
    peer.write(badSubmit(2));
    expect(await peer.take(1)).toEqual([pduHex(0x80000004, ESME_RINVBNDSTS, 2)]);
  });

  it('is an unknown command when its operation is not offered', async () => {
    const { peer } = await boundSessionAndPeer(opened, new TestClock());
    // broadcast_sm and outbind whose first field has no end.
    peer.write(pduHex(0x111, 0, 2, '31') + pduHex(0x0b, 0, 3, '31'));
    expect(await peer.take(2)).toEqual([2, 3].map((n) => pduHex(NACK, ESME_RINVCMDID, n)));
  });
});

describe('a peer that is not bound', () => {
  it('is closed after so many PDUs that are no bind, of whatever kind', async () => {
    const { handler, peer } = await sessionAndPeer(opened, new TestClock(), { unboundPdusMax: 4 });
    peer.write(submitHex(1) + pduHex(0x15, 0, 2) + pduHex(0x80000005, 0, 3, '00') + badSubmit(4));
    peer.write(pduHex(0x15, 0, 5).repeat(1_000));
    await peer.untilEnd();
    expect(peer.pdus).toEqual([
      pduHex(0x80000004, ESME_RINVBNDSTS, 1),
      pduHex(0x80000015, 0, 2),
      pduHex(0x80000004, ESME_RINVBNDSTS, 4),
    ]);
    peer.socket.end();
    expect((await handler.ended()).reason.kind).toBe('unboundFlood');
  });

  it('may still bind before that', async () => {
    const { session, peer } = await sessionAndPeer(opened, new TestClock(), { unboundPdusMax: 4 });
    peer.write(pduHex(0x15, 0, 1).repeat(3) + BIND_TRANSCEIVER + pduHex(0x15, 0, 2).repeat(10));
    await peer.take(14);
    expect(session.state).toBe('bound');
  });
});

describe('a PDU that never ends', () => {
  it('ends the session although its octets keep coming', async () => {
    const clock = new TestClock();
    const { session, handler, peer } = await boundSessionAndPeer(opened, clock, {
      pduCompleteMs: 60_000,
    });
    const octets = Buffer.from(submitHex(2), 'hex');
    for (let n = 0; n < 30 && session.state === 'bound'; n++) {
      // One more octet, less often than enquire_link would come.
      const before = session.octetsHeld;
      peer.socket.write(octets.subarray(n, n + 1));
      await turnsUntil(() => session.octetsHeld > before);
      clock.advance(20_000, session);
    }
    await peer.untilEnd();
    peer.socket.end();
    expect((await handler.ended()).reason.kind).toBe('slowPdu');
    expect(clock.ms).toBeLessThan(1_000 + 100_000);
  });

  it('is another one each time when they do end', async () => {
    const clock = new TestClock();
    const { session, handler, peer } = await boundSessionAndPeer(opened, clock, {
      pduCompleteMs: 60_000,
    });
    handler.answer = answerOk;
    // Each write ends one PDU and begins the next.
    const octets = Buffer.from(submitHex(2), 'hex');
    peer.socket.write(octets.subarray(0, 20));
    for (let n = 1; n < 10; n++) {
      peer.socket.write(Buffer.concat([octets.subarray(20), octets.subarray(0, 20)]));
      await handler.until(() => handler.requests.length === n);
      clock.advance(20_000, session);
    }
    expect(session.state).toBe('bound');
  });

  it('does not count while we do not read', async () => {
    const clock = new TestClock();
    const { session, peer } = await boundSessionAndPeer(opened, clock, { pduCompleteMs: 60_000 });
    peer.write(submitHex(2).slice(0, 50));
    await turnsUntil(() => session.octetsHeld > 0);
    session.pauseReading('test');
    clock.advance(300_000, session);
    expect(session.state).toBe('bound');
  });
});

describe('generic_nack', () => {
  it('is a refusal also when its status says 0', async () => {
    const { session, handler, peer } = await boundSessionAndPeer(opened, new TestClock());
    session.request(newPdu('deliver_sm', 0), 'a');
    await peer.take(1);
    peer.write(pduHex(NACK, 0, 1));
    await handler.until(() => handler.responses.length === 1);
    expect(handler.responses[0]?.pdu.command_status).toBe(ESME_RUNKNOWNERR);
  });

  it('does not bind us to a carrier', async () => {
    const { session, handler, peer } = await sessionAndPeer(opened, new TestClock(), {
      side: 'esme',
    });
    session.bind(newPdu('bind_transceiver', 0));
    await peer.take(1);
    peer.write(pduHex(NACK, 0, 1));
    await peer.untilEnd();
    peer.socket.end();
    expect((await handler.ended()).reason).toMatchObject({
      kind: 'bindRejected',
      status: ESME_RUNKNOWNERR,
    });
  });
});

describe('unbind', () => {
  it('twice: the first is answered when all is, the second at once with ESME_RINVBNDSTS', async () => {
    const { session, handler, peer } = await boundSessionAndPeer(opened, new TestClock());
    peer.write(submitHex(2) + pduHex(0x06, 0, 3) + pduHex(0x06, 0, 4) + submitHex(5));
    expect(await peer.take(2)).toEqual([
      pduHex(0x80000006, ESME_RINVBNDSTS, 4),
      pduHex(0x80000004, ESME_RINVBNDSTS, 5),
    ]);
    const [request] = handler.requests;
    if (request === undefined) throw new Error('the submit was given to the handler');
    answerOk(session, request.pdu);
    expect(await peer.take(2)).toEqual([
      pduHex(0x80000004, 0, 2, '343200'),
      pduHex(0x80000006, 0, 3),
    ]);
  });
});

describe('a stream in pieces', () => {
  it('is read when it comes octet by octet', async () => {
    const { handler, peer } = await sessionAndPeer(opened, new TestClock());
    handler.answer = answerOk;
    peer.socket.setNoDelay(true);
    for (const octet of Buffer.from(BIND_TRANSCEIVER + submitHexes(2), 'hex')) {
      // Each write is awaited, so that most octets travel alone.
      await new Promise((resolve) => peer.socket.write(Buffer.of(octet), resolve));
    }
    const [bindResp = ''] = await peer.take(1);
    expect(bindResp.slice(8, 24)).toBe('8000000900000000');
    await handler.until(() => handler.requests.length === 1);
  });

  it('waits for the rest of half a PDU, and drops it with the connection', async () => {
    const { handler, peer } = await boundSessionAndPeer(opened, new TestClock());
    peer.write(submitHex(2).slice(0, 50));
    peer.socket.end();
    expect((await handler.ended()).reason.kind).toBe('peerClosed');
    expect(handler.requests).toEqual([]);
  });
});

describe('an answer nobody asked for', () => {
  it('is counted and ignored', async () => {
    const unexpected: string[] = [];
    const { session, handler, peer } = await boundSessionAndPeer(opened, new TestClock(), {
      observer: {
        unexpectedResponse: (_session, pdu) =>
          unexpected.push(`${pdu.command} ${pdu.sequence_number}`),
      },
    });
    session.request(newPdu('deliver_sm', 0), 'a');
    await peer.take(1);
    peer.write(
      [
        pduHex(0x80000005, 0, 99, '00'),
        // The right number, but not the response to deliver_sm.
        pduHex(0x80000004, 0, 1, '3100'),
        pduHex(0x80000015, 0, 1),
        pduHex(NACK, 3, 0),
        pduHex(0x80000005, 0, 1, '00'),
        pduHex(0x80000005, 0, 1, '00'),
      ].join(''),
    );
    await handler.until(() => unexpected.length === 4 || handler.responses.length > 1);
    peer.write(pduHex(0x15, 0, 5));
    await peer.take(1);
    expect(handler.responses.map((r) => r.context)).toEqual(['a']);
    expect(unexpected).toEqual([
      'deliver_sm_resp 99',
      'submit_sm_resp 1',
      'enquire_link_resp 1',
      'generic_nack 0',
      'deliver_sm_resp 1',
    ]);
    expect(session.state).toBe('bound');
  });
});

describe('a peer that never reads', () => {
  /** deliver_sm of 60 KB: a few fill the socket's buffers. */
  function big() {
    const pdu = newPdu('deliver_sm', 0);
    pdu.tlvs = [{ tag: 0x0424, value: Buffer.alloc(60_000) }];
    return pdu;
  }

  it('gets no more requests over the limit, and more when it reads on', async () => {
    const { session, handler, peer } = await boundSessionAndPeer(opened, new TestClock(), {
      windowMax: 1_000,
      outboundBytesMax: 1_000_000,
    });
    peer.socket.pause();
    let taken = 0;
    for (let turns = 0; turns < 100 && session.outboundBytes < 1_000_000; turns++) {
      while (session.request(big(), taken)) taken++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(session.windowFree()).toBe(0);
    expect(session.outboundBytes).toBeLessThan(1_100_000);
    expect(session.windowInUse).toBe(taken);
    const opens = handler.windowOpened;
    peer.socket.resume();
    await handler.until(() => handler.windowOpened > opens);
    expect(session.request(big(), taken)).toBe(true);
  });

  it('is not read from while it owes that much reading', async () => {
    const { session, handler, peer } = await boundSessionAndPeer(opened, new TestClock(), {
      outboundBytesMax: 100_000,
      peerWindowMax: 1_000_000,
      pdusPerTurnMax: 100,
    });
    // Answers of 10 KB, so that a thousand requests fill every buffer there is.
    handler.answer = (_session, pdu) => {
      const response = newResponse('submit_sm_resp', pdu.sequence_number, 0);
      response.tlvs = [{ tag: 0x1400, value: Buffer.alloc(10_000) }];
      session.respond(response);
    };
    peer.socket.pause();
    const hundred = Buffer.from(submitHex(1).repeat(100), 'hex');
    // When ours stops reading, theirs stops writing.
    for (let turns = 0; turns < 2_000; turns++) {
      if (peer.socket.writableLength < 1_000_000) peer.socket.write(hundred);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(session.outboundBytes).toBeGreaterThanOrEqual(100_000);
    const held = session.outboundBytes;
    for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
    expect(session.outboundBytes).toBe(held);
    // Over the limit at most by the answers of the two turns in which it was reached.
    expect(held).toBeLessThan(100_000 + 2 * 100 * 10_100);
    const answered = handler.requests.length;
    peer.socket.resume();
    await handler.until(() => handler.requests.length > answered);
  });

  it('is cut off after twice the response timeout', async () => {
    const clock = new TestClock();
    const { session, handler, peer } = await boundSessionAndPeer(opened, clock, {
      windowMax: 1_000,
      outboundBytesMax: 1_000_000,
      responseTimeoutMs: 10_000,
      enquireLinkIntervalMs: 0,
    });
    peer.socket.pause();
    for (let turns = 0; turns < 100 && session.outboundBytes < 1_000_000; turns++) {
      while (session.request(big(), turns));
      await new Promise((resolve) => setImmediate(resolve));
    }
    clock.advance(20_000, session);
    expect(session.state).toBe('bound');
    clock.advance(1_000, session);
    const { reason } = await handler.ended();
    expect(reason.kind).toBe('slowReader');
  });
});

/** Waits for turns of the event loop. */
async function turnsUntil(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

function submitHexes(count: number): string {
  return Array.from({ length: count - 1 }, (_, i) => submitHex(i + 2)).join('');
}
