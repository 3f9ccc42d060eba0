import { afterEach, describe, expect, it } from 'vitest';
import type { Session } from '../../src/session/session.ts';
import { newPdu, newResponse } from '../../src/smpp/pdu.ts';
import {
  answerOk,
  BIND_RECEIVER,
  BIND_TRANSCEIVER,
  BIND_TRANSCEIVER_33,
  BIND_TRANSMITTER,
  boundSessionAndPeer,
  deliverHex,
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

/** "gw" and NUL; then sc_interface_version (0x0210) of one octet. */
const GW = '677700';
const SC_VERSION_34 = '0210 0001 34';

function deliverSm() {
  const pdu = newPdu('deliver_sm', 0);
  pdu.destination_addr = '1';
  pdu.short_message = Buffer.from('A');
  return pdu;
}

describe('Session.acceptBind', () => {
  it.each([
    ['transceiver', BIND_TRANSCEIVER, 0x80000009],
    ['receiver', BIND_RECEIVER, 0x80000001],
    ['transmitter', BIND_TRANSMITTER, 0x80000002],
  ])('binds a %s and answers with our system_id and version', async (boundAs, bind, respId) => {
    const { session, handler, peer } = await sessionAndPeer(opened, new TestClock());
    peer.write(bind);
    expect(await peer.take(1)).toEqual([pduHex(respId, 0, 1, GW + SC_VERSION_34)]);
    expect(session.boundAs).toBe(boundAs);
    expect(session.state).toBe('bound');
    expect(session.systemId).toBe('acme');
    expect(session.interfaceVersion).toBe(0x34);
    expect(handler.binds[0]?.password).toBe('secret');
  });

  it('gives a 3.3 customer no TLV at all', async () => {
    const { session, peer } = await sessionAndPeer(opened, new TestClock());
    peer.write(BIND_TRANSCEIVER_33);
    expect(await peer.take(1)).toEqual([pduHex(0x80000009, 0, 1, GW)]);
    const pdu = deliverSm();
    pdu.tlvs = [{ tag: 0x001e, value: Buffer.from('42\0') }];
    session.request(pdu, undefined);
    expect(await peer.take(1)).toEqual([deliverHex(1)]);
  });

  it('may come turns later, and sets the windows of this bind', async () => {
    const { session, handler, peer } = await sessionAndPeer(opened, new TestClock());
    handler.bind = undefined;
    peer.write(BIND_TRANSCEIVER);
    await handler.until(() => handler.binds.length === 1);
    expect(session.state).toBe('open');
    expect(session.acceptBind({ systemId: 'gw', windowMax: 3, peerWindowMax: 2 })).toBe(true);
    await peer.take(1);
    expect(session.windowFree()).toBe(3);
  });

  it('says so when the peer is gone meanwhile', async () => {
    const { session, handler, peer } = await sessionAndPeer(opened, new TestClock());
    handler.bind = undefined;
    peer.write(BIND_TRANSCEIVER);
    await handler.until(() => handler.binds.length === 1);
    peer.socket.destroy();
    await handler.ended();
    expect(session.acceptBind({ systemId: 'gw' })).toBe(false);
  });
});

describe('Session.rejectBind', () => {
  it('answers header only and closes', async () => {
    const { handler, peer } = await sessionAndPeer(opened, new TestClock());
    handler.bind = (session) => session.rejectBind(0x0d);
    peer.write(BIND_TRANSCEIVER);
    expect(await peer.take(1)).toEqual([pduHex(0x80000009, 0x0d, 1)]);
    await peer.untilEnd();
    expect((await handler.ended()).reason).toMatchObject({ kind: 'bindRejected', status: 0x0d });
  });
});

describe('Session.bind', () => {
  it('tells when the carrier accepted', async () => {
    const { esme, smsc, atSmsc } = await sessionPair(opened, new TestClock());
    expect([esme.state, esme.boundAs, esme.systemId]).toEqual(['bound', 'transceiver', 'acme']);
    expect([smsc.state, smsc.boundAs]).toEqual(['bound', 'transceiver']);
    expect(atSmsc.binds).toHaveLength(1);
  });

  it.each([
    ['its response', pduHex(0x80000009, 0x05, 1)],
    ['generic_nack', pduHex(0x80000000, 0x05, 1)],
  ])('ends with the status of a refusal by %s', async (_name, answer) => {
    const { session, handler, peer } = await sessionAndPeer(opened, new TestClock(), {
      side: 'esme',
    });
    session.bind(newPdu('bind_transceiver', 0));
    await peer.take(1);
    peer.write(answer);
    expect((await handler.ended()).reason).toMatchObject({ kind: 'bindRejected', status: 0x05 });
    expect(handler.bound).toEqual([]);
  });
});

describe('Session.request', () => {
  it('brings each answer to its context, in whatever order', async () => {
    const clock = new TestClock();
    const { session, handler, peer } = await boundSessionAndPeer(opened, clock);
    session.request(deliverSm(), 'a');
    clock.ms += 5;
    session.request(deliverSm(), 'b');
    expect(await peer.take(2)).toEqual([deliverHex(1), deliverHex(2)]);
    peer.write(pduHex(0x80000005, 0, 2, '00') + pduHex(0x80000005, 0x45, 1));
    await handler.until(() => handler.responses.length === 2);
    expect(
      handler.responses.map(({ pdu, context, sentAtMs }) => [
        context,
        pdu.command_status,
        sentAtMs,
      ]),
    ).toEqual([
      ['b', 0, 1_005],
      ['a', 0x45, 1_000],
    ]);
    expect(session.windowInUse).toBe(0);
  });

  it('takes generic_nack for the answer of the request with its number', async () => {
    const { session, handler, peer } = await boundSessionAndPeer(opened, new TestClock());
    session.request(deliverSm(), 'a');
    await peer.take(1);
    peer.write(pduHex(0x80000000, 0x03, 1));
    await handler.until(() => handler.responses.length === 1);
    expect(handler.responses[0]).toMatchObject({
      context: 'a',
      pdu: { command: 'generic_nack', command_status: 0x03 },
    });
  });

  it('refuses over the window and tells once when it opens', async () => {
    const { esme, atEsme, atSmsc, smsc } = await sessionPair(opened, new TestClock(), {
      esme: { windowMax: 2 },
    });
    expect([1, 2, 3].map((n) => esme.request(submitSm(), n))).toEqual([true, true, false]);
    expect(esme.windowFree()).toBe(0);
    await atSmsc.until(() => atSmsc.requests.length === 2);
    for (const { pdu } of atSmsc.requests) answerOk(smsc, pdu);
    await atEsme.until(() => atEsme.windowOpened > 0);
    expect(atEsme.responses.map((r) => r.context)).toEqual([1, 2]);
    expect(atEsme.windowOpened).toBe(1);
    expect(esme.request(submitSm(), 3)).toBe(true);
  });

  it('sends nothing before the bind and after the end', async () => {
    const { session, handler, peer } = await sessionAndPeer(opened, new TestClock());
    expect(session.request(deliverSm(), 'a')).toBe(false);
    peer.write(BIND_TRANSCEIVER);
    await peer.take(1);
    session.close();
    expect(session.request(deliverSm(), 'a')).toBe(false);
    peer.socket.end();
    expect((await handler.ended()).inFlight).toEqual([]);
  });

  it.each([
    ['deliver_sm to a transmitter', BIND_TRANSMITTER, 'deliver_sm'],
    ['submit_sm to a customer', BIND_TRANSCEIVER, 'submit_sm'],
  ] as const)('is a mistake of ours for %s', async (_name, bind, command) => {
    const { session } = await boundSessionAndPeer(opened, new TestClock(), {}, bind);
    expect(() => session.request(newPdu(command, 0), 'a')).toThrow(/is not for/);
    expect(session.windowInUse).toBe(0);
  });

  it('keeps its window whole when a field does not fit', async () => {
    const { session, peer } = await boundSessionAndPeer(opened, new TestClock());
    const pdu = deliverSm();
    pdu.destination_addr = '1'.repeat(21);
    expect(() => session.request(pdu, 'a')).toThrow(/too long/);
    expect(session.windowInUse).toBe(0);
    session.request(deliverSm(), 'b');
    expect(await peer.take(1)).toEqual([deliverHex(2)]);
  });

  it('takes no window for alert_notification, which has no answer', async () => {
    const { session, peer } = await boundSessionAndPeer(opened, new TestClock());
    session.request(newPdu('alert_notification', 0), undefined);
    expect((await peer.take(1))[0]?.slice(8, 16)).toBe('00000102');
    expect(session.windowInUse).toBe(0);
  });

  it('leaves a turn as one write', async () => {
    const { session, peer } = await boundSessionAndPeer(opened, new TestClock());
    let chunks = 0;
    peer.socket.on('data', () => chunks++);
    for (let i = 0; i < 50; i++) session.request(deliverSm(), i);
    await peer.take(50);
    expect(chunks).toBe(1);
  });
});

describe('Session.respond', () => {
  it('answers now or later, in whatever order', async () => {
    const { session, handler, peer } = await boundSessionAndPeer(opened, new TestClock());
    peer.write(submitHex(7) + submitHex(8));
    await handler.until(() => handler.requests.length === 2);
    expect(session.peerWindowInUse).toBe(2);
    for (const { pdu } of handler.requests.toReversed()) answerOk(session, pdu);
    expect(await peer.take(2)).toEqual([
      pduHex(0x80000004, 0, 8, '343200'),
      pduHex(0x80000004, 0, 7, '343200'),
    ]);
    expect(session.peerWindowInUse).toBe(0);
  });

  it('says so when the peer is gone', async () => {
    const { session, handler, peer } = await boundSessionAndPeer(opened, new TestClock());
    peer.write(submitHex(7));
    await handler.until(() => handler.requests.length === 1);
    peer.socket.destroy();
    await handler.ended();
    expect(session.respond(newResponse('submit_sm_resp', 7, 0))).toBe(false);
  });
});

describe('the peer’s window', () => {
  it('is answered with the given status when it is over', async () => {
    const over: number[] = [];
    const { session, handler, peer } = await boundSessionAndPeer(opened, new TestClock(), {
      peerWindowMax: 2,
      overWindowStatus: 0x14,
      observer: { overWindow: (_session, pdu) => over.push(pdu.sequence_number) },
    });
    peer.write([1, 2, 3, 4].map(submitHex).join(''));
    expect(await peer.take(2)).toEqual([pduHex(0x80000004, 0x14, 3), pduHex(0x80000004, 0x14, 4)]);
    expect(handler.requests.map(({ pdu }) => pdu.sequence_number)).toEqual([1, 2]);
    expect(over).toEqual([3, 4]);
    const [first] = handler.requests;
    if (first !== undefined) answerOk(session, first.pdu);
    peer.write(submitHex(5));
    await handler.until(() => handler.requests.length === 3);
  });

  it('is the handler’s to judge without a status', async () => {
    const { handler, peer } = await boundSessionAndPeer(opened, new TestClock(), {
      peerWindowMax: 1,
    });
    peer.write(submitHex(1) + submitHex(2));
    await handler.until(() => handler.requests.length === 2);
    expect(handler.requests.map((request) => request.overWindow)).toEqual([false, true]);
  });
});

describe('the bind state', () => {
  async function answerTo(hex: string, bind?: string): Promise<string | undefined> {
    const made = await sessionAndPeer(opened, new TestClock());
    made.handler.answer = answerOk;
    if (bind !== undefined) {
      made.peer.write(bind);
      await made.peer.take(1);
    }
    made.peer.write(hex);
    return (await made.peer.take(1))[0];
  }

  it('refuses everything but bind before the bind with ESME_RINVBNDSTS', async () => {
    expect(await answerTo(submitHex(9))).toBe(pduHex(0x80000004, 0x04, 9));
    expect(await answerTo(pduHex(0x06, 0, 9))).toBe(pduHex(0x80000006, 0x04, 9));
  });

  it('answers enquire_link before the bind', async () => {
    expect(await answerTo(pduHex(0x15, 0, 9))).toBe(pduHex(0x80000015, 0, 9));
  });

  it('refuses a second bind with ESME_RALYBND', async () => {
    expect(await answerTo(BIND_TRANSMITTER, BIND_TRANSCEIVER)).toBe(pduHex(0x80000002, 0x05, 1));
  });

  it('refuses a bind while another is being judged', async () => {
    const { session, handler, peer } = await sessionAndPeer(opened, new TestClock());
    handler.bind = undefined;
    peer.write(BIND_TRANSCEIVER + BIND_RECEIVER);
    expect(await peer.take(1)).toEqual([pduHex(0x80000001, 0x05, 1)]);
    session.acceptBind({ systemId: 'gw' });
    await peer.take(1);
    expect(session.boundAs).toBe('transceiver');
  });

  it('lets a receiver submit nothing', async () => {
    expect(await answerTo(submitHex(9), BIND_RECEIVER)).toBe(pduHex(0x80000004, 0x04, 9));
  });

  it('lets a customer deliver nothing', async () => {
    expect(await answerTo(deliverHex(9), BIND_TRANSCEIVER)).toBe(pduHex(0x80000005, 0x04, 9));
  });

  it('answers outbind and broadcast_sm like unknown commands', async () => {
    expect(await answerTo(pduHex(0x0b, 0, 9, '0000'), BIND_TRANSCEIVER)).toBe(
      pduHex(0x80000000, 0x03, 9),
    );
    expect(await answerTo(pduHex(0x112, 0, 9, '310000 0000'), BIND_TRANSCEIVER)).toBe(
      pduHex(0x80000000, 0x03, 9),
    );
  });
});

describe('Session.pauseReading', () => {
  it('stops the peer until every reason is gone', async () => {
    const { session, handler, peer } = await boundSessionAndPeer(opened, new TestClock());
    handler.answer = answerOk;
    session.pauseReading('store');
    session.pauseReading('store');
    session.pauseReading('rate');
    peer.write(submitHex(1) + submitHex(2));
    session.request(deliverSm(), undefined);
    await peer.take(1);
    session.resumeReading('store');
    session.request(deliverSm(), undefined);
    await peer.take(1);
    expect(handler.requests).toEqual([]);
    session.resumeReading('rate');
    await handler.until(() => handler.requests.length === 2);
    session.resumeReading('rate');
  });

  it('stops in the middle of a chunk, and loses nothing of it', async () => {
    const { session, handler, peer } = await boundSessionAndPeer(opened, new TestClock());
    handler.answer = (_session, pdu) => {
      if (pdu.sequence_number === 2) session.pauseReading();
    };
    peer.write([1, 2, 3, 4].map(submitHex).join(''));
    await handler.until(() => handler.requests.length === 2);
    session.request(deliverSm(), undefined);
    await peer.take(1);
    expect(handler.requests).toHaveLength(2);
    session.resumeReading();
    await handler.until(() => handler.requests.length === 4);
    expect(handler.requests.map(({ pdu }) => pdu.sequence_number)).toEqual([1, 2, 3, 4]);
  });
});

describe('a flood', () => {
  it('gets its share of a turn and lets others have theirs', async () => {
    const order: string[] = [];
    const clock = new TestClock();
    const flood = await boundSessionAndPeer(opened, clock, {
      pdusPerTurnMax: 10,
      peerWindowMax: 1_000,
    });
    const modest = await boundSessionAndPeer(opened, clock);
    flood.handler.answer = (session, pdu) => {
      order.push('flood');
      answerOk(session, pdu);
    };
    modest.handler.answer = (session: Session, pdu) => {
      order.push('modest');
      answerOk(session, pdu);
    };
    // Both are there when the first is read: which comes first is the kernel's choice else.
    for (const { session } of [flood, modest]) session.pauseReading('test');
    flood.peer.write(Array.from({ length: 300 }, (_, i) => submitHex(i + 1)).join(''));
    modest.peer.write(submitHex(1));
    const later = await boundSessionAndPeer(opened, clock);
    expect(later.session.state).toBe('bound');
    for (const { session } of [flood, modest]) session.resumeReading('test');
    const answers = await flood.peer.take(300);
    expect(answers.map((hex) => Number.parseInt(hex.slice(24, 32), 16))).toEqual(
      Array.from({ length: 300 }, (_, i) => i + 1),
    );
    expect(order.indexOf('modest')).toBeGreaterThanOrEqual(0);
    // At most two turns of the flood can come before the first read of the other.
    expect(order.indexOf('modest')).toBeLessThanOrEqual(20);
  });
});
