import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bindDraft, cstring, draftOf, tlv } from '../fuzz/drafts.ts';
import { Random } from '../fuzz/random.ts';
import { until } from '../support/daemon.ts';
import { Arena, header, submitDraft } from './hostile-arena.ts';
import { PASSWORD } from './stage.ts';

// command_id and command_status: SMPP 3.4 §5.1.2.1 and §5.1.3, 5.0 §4.7.5 and §4.7.6.
const RESPONSE = 0x80000000;
const GENERIC_NACK = 0x80000000;
const SUBMIT_SM = 0x04;
const DELIVER_SM = 0x05;
const UNBIND = 0x06;
const ENQUIRE_LINK = 0x15;
const ESME_RINVMSGLEN = 0x01;
const ESME_RINVCMDID = 0x03;
const ESME_RINVBNDSTS = 0x04;
const ESME_RALYBND = 0x05;
const ESME_RINVSRCADR = 0x0a;
const ESME_RINVDSTADR = 0x0b;
const SC_INTERFACE_VERSION = '02100001';
const TASTE = { destination: '96652#######' };

let arena: Arena;

beforeAll(async () => {
  arena = await Arena.open();
});

afterAll(async () => {
  await arena.close();
});

describe('operations in a wrong state', () => {
  it('before the bind get ESME_RINVBNDSTS, those of no use here an unknown command', async () => {
    const peer = await arena.connect();
    const random = new Random(1);
    const illegal = await arena.protocolErrors('illegalRequest');
    const wrong = [
      'submit_sm',
      'submit_multi',
      'data_sm',
      'query_sm',
      'cancel_sm',
      'replace_sm',
      'deliver_sm',
    ] as const;
    for (const operation of wrong) {
      const draft = { ...draftOf(operation, random, TASTE), tlvs: [] };
      expect(await peer.ask(draft)).toMatchObject({
        id: draft.commandId + RESPONSE,
        status: ESME_RINVBNDSTS,
        sequence: draft.sequence,
      });
    }
    const alert = { ...draftOf('alert_notification', random, TASTE), tlvs: [] };
    expect(await peer.ask(alert)).toMatchObject({ id: GENERIC_NACK, status: ESME_RINVBNDSTS });
    for (const operation of ['outbind', 'broadcast_sm', 'query_broadcast_sm'] as const) {
      const draft = { ...draftOf(operation, random, TASTE), tlvs: [] };
      expect(await peer.ask(draft)).toMatchObject({ id: GENERIC_NACK, status: ESME_RINVCMDID });
    }
    expect(await peer.ask(header(0x0777, 9))).toMatchObject({
      id: GENERIC_NACK,
      status: ESME_RINVCMDID,
      sequence: 9,
    });
    expect(await peer.ask(header(UNBIND, 10))).toMatchObject({
      id: UNBIND + RESPONSE,
      status: ESME_RINVBNDSTS,
    });
    expect(await peer.ask(header(ENQUIRE_LINK, 11))).toMatchObject({ status: 0, sequence: 11 });
    expect(await arena.protocolErrors('illegalRequest')).toBeGreaterThanOrEqual(illegal + 11);
    // And then it binds after all.
    expect(await peer.ask(bindDraft('bind_transceiver', 'bad', PASSWORD, 0x34))).toMatchObject({
      status: 0,
    });
  });

  it('a submit on a receiver, a delivery from a customer, a second bind: refused, and the session stays', async () => {
    const receiver = await arena.bound('bind_receiver');
    for (const draft of [submitDraft(2), draftOf('data_sm', new Random(2), TASTE)])
      expect(await receiver.ask({ ...draft, tlvs: [] })).toMatchObject({
        id: draft.commandId + RESPONSE,
        status: ESME_RINVBNDSTS,
      });
    const both = await arena.bound('bind_transceiver');
    expect(await both.ask({ ...submitDraft(3), commandId: DELIVER_SM })).toMatchObject({
      id: DELIVER_SM + RESPONSE,
      status: ESME_RINVBNDSTS,
    });
    for (const how of ['bind_transceiver', 'bind_transmitter', 'bind_receiver'] as const) {
      const bind = bindDraft(how, 'bad', PASSWORD, 0x34, 4);
      expect(await both.ask(bind)).toMatchObject({
        id: bind.commandId + RESPONSE,
        status: ESME_RALYBND,
      });
    }
    expect(await both.ask(submitDraft(5))).toMatchObject({ status: 0, sequence: 5 });
  });

  it('a bind and a submit in one packet: the submit comes before the bind is answered', async () => {
    const peer = await arena.connect();
    peer.send(bindDraft('bind_transceiver', 'bad', PASSWORD, 0x34), submitDraft(2));
    await peer.untilAnswers(2);
    expect(peer.answers).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ sequence: 2, status: ESME_RINVBNDSTS }),
        expect.objectContaining({ sequence: 1, status: 0 }),
      ]),
    );
  });

  it('an unbind with requests outstanding: they are answered first; what follows it is not taken', async () => {
    const peer = await arena.bound('bind_transmitter');
    const submits = Array.from({ length: 20 }, (_, n) => submitDraft(n + 2));
    peer.send(...submits, header(UNBIND, 100), submitDraft(101));
    await peer.untilEnded();
    const answers = peer.answers.slice(1);
    const accepted = answers.filter(
      ({ id, status }) => id === SUBMIT_SM + RESPONSE && status === 0,
    );
    expect(accepted.map(({ sequence }) => sequence).sort((a, b) => a - b)).toEqual(
      submits.map(({ sequence }) => sequence),
    );
    expect(answers.at(-1)).toMatchObject({ id: UNBIND + RESPONSE, status: 0, sequence: 100 });
    expect(answers.filter(({ sequence }) => sequence === 101)).toMatchObject([
      { status: ESME_RINVBNDSTS },
    ]);
  });
});

describe('sequence numbers', () => {
  it('are repeated whatever they are: 0, the last, and those above it', async () => {
    const peer = await arena.bound('bind_transmitter');
    for (const sequence of [0, 1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff]) {
      expect(await peer.ask(submitDraft(sequence))).toMatchObject({ status: 0, sequence });
      expect(await peer.ask(header(ENQUIRE_LINK, sequence))).toMatchObject({ sequence });
    }
  });

  it('used twice at once: each submit is a message of its own and is answered', async () => {
    const peer = await arena.bound('bind_transmitter');
    peer.send(submitDraft(7), submitDraft(7), submitDraft(7));
    await peer.untilAnswers(4);
    const answers = peer.answers.slice(1);
    expect(answers.map(({ status, sequence }) => [status, sequence])).toEqual([
      [0, 7],
      [0, 7],
      [0, 7],
    ]);
    expect(new Set(answers.map(({ hex }) => hex)).size).toBe(3);
  });
});

describe('floods', () => {
  it('of answers that nobody asked for, and of generic_nack, are counted and ignored', async () => {
    const peer = await arena.bound();
    const before = await arena.protocolErrors('unexpectedResponse');
    const [submitResp, deliverResp] = [SUBMIT_SM + RESPONSE, DELIVER_SM + RESPONSE];
    for (const id of [submitResp, deliverResp, GENERIC_NACK, ENQUIRE_LINK + RESPONSE])
      peer.send(...Array.from({ length: 2_500 }, (_, n) => header(id, n + 1_000)));
    expect(await peer.ask(header(ENQUIRE_LINK, 1))).toMatchObject({ status: 0, sequence: 1 });
    expect(peer.answers).toHaveLength(2);
    expect(await arena.protocolErrors('unexpectedResponse')).toBe(before + 10_000);
    expect(await peer.ask(submitDraft(2))).toMatchObject({ status: 0, sequence: 2 });
  });

  it('of enquire_link are answered one by one', async () => {
    const peer = await arena.bound();
    for (let n = 0; n < 20; n++)
      peer.send(...Array.from({ length: 1_000 }, (_, i) => header(ENQUIRE_LINK, n * 1_000 + i)));
    await peer.untilAnswers(20_001);
    expect(peer.answers.slice(1).every(({ sequence }, n) => sequence === n)).toBe(true);
  });

  it('of submits over the window get ESME_RMSGQFUL, and the session stays', async () => {
    const peer = await arena.bound('bind_transmitter');
    const before = await arena.protocolErrors('overWindow');
    peer.send(...Array.from({ length: 1_000 }, (_, n) => submitDraft(n + 2)));
    await peer.untilAnswers(1_001);
    const statuses = new Set(peer.answers.map(({ status }) => status));
    expect([...statuses].sort()).toEqual([0, 0x14]);
    const refused = peer.answers.filter(({ status }) => status === 0x14).length;
    expect(await arena.protocolErrors('overWindow')).toBe(before + refused);
    expect(await peer.ask(submitDraft(2_000))).toMatchObject({ status: 0 });
  });

  it('of PDUs before the bind end the session', async () => {
    const before = await arena.protocolErrors('unboundFlood');
    const peer = await arena.connect();
    peer.send(...Array.from({ length: 50_000 }, (_, n) => header(ENQUIRE_LINK, n)));
    await peer.untilEnded();
    expect(peer.answers).toHaveLength(100);
    peer.wire.socket.end();
    await until(
      'it is counted',
      async () => (await arena.protocolErrors('unboundFlood')) === before + 1,
    );
  });
});

describe('interface_version', () => {
  // SMPP 3.4 §5.2.4 and 5.0 §4.7.13; interface.md: below 0x34 no TLV at all.
  it.each([
    [0x00, undefined],
    [0x33, undefined],
    [0x34, '34'],
    [0x35, '34'],
    [0x50, '50'],
    [0xff, '50'],
  ])('%i binds, and sc_interface_version says 0x%s', async (version, said) => {
    const peer = await arena.connect();
    const answer = await peer.ask(bindDraft('bind_transceiver', 'bad', PASSWORD, version));
    expect(answer.status).toBe(0);
    const at = answer.hex.indexOf(SC_INTERFACE_VERSION);
    expect(at < 0 ? undefined : answer.hex.slice(at + 8)).toBe(said);
    expect(await peer.ask(submitDraft(2))).toMatchObject({ status: 0 });
    await peer.cut();
  });
});

describe('a huge message_payload', () => {
  it('is refused with ESME_RINVMSGLEN above 255 segments, taken below', async () => {
    const peer = await arena.bound('bind_transmitter');
    const withPayload = (sequence: number, octets: number) => ({
      ...submitDraft(sequence, '', 0),
      tlvs: [tlv(0x0424, Buffer.alloc(octets, 0x41))],
    });
    expect(await peer.ask(withPayload(2, 65_535))).toMatchObject({ status: ESME_RINVMSGLEN });
    // 255 segments of 153 septets: 3GPP TS 23.040 §9.2.3.24.1.
    expect(await peer.ask(withPayload(3, 255 * 153 + 1))).toMatchObject({
      status: ESME_RINVMSGLEN,
    });
    expect(await peer.ask(withPayload(4, 255 * 153))).toMatchObject({ status: 0 });
  });
});

describe('addresses that data_sm may have and no message can', () => {
  // 3.4 §4.7.1 allows 65 octets, §4.4.1 (what goes on, and what a receipt repeats) 21.
  const dataDraft = (sequence: number, source: string, destination: string) => ({
    ...header(0x0103, sequence),
    fields: [
      ...[cstring(''), Buffer.of(5, 0), cstring(source), Buffer.of(1, 1), cstring(destination)],
      Buffer.of(0, 1, 0),
    ],
    tlvs: [tlv(0x0424, Buffer.from('hello'))],
  });

  it.each(['bad', 'rejects'])('are refused with their status: %s', async (systemId) => {
    const peer = await arena.bound('bind_transceiver', 0x34, systemId);
    expect(await peer.ask(dataDraft(2, 'x'.repeat(64), '966520000001'))).toMatchObject({
      id: 0x80000103,
      status: ESME_RINVSRCADR,
    });
    expect(await peer.ask(dataDraft(3, 'Shop', '9'.repeat(64)))).toMatchObject({
      id: 0x80000103,
      status: ESME_RINVDSTADR,
    });
    expect(arena.daemon.isRunning).toBe(true);
    await peer.cut();
  });

  it('of a submit_sm fit, and are refused by a receipt where the account wants that', async () => {
    const peer = await arena.bound('bind_transceiver', 0x34, 'rejects');
    const draft = submitDraft(2);
    draft.fields[2] = cstring('x'.repeat(20));
    expect(await peer.ask(draft)).toMatchObject({ status: 0 });
    await peer.untilRequests(1);
    expect(Buffer.from(peer.requests[0]?.hex ?? '', 'hex').toString('latin1')).toContain('REJECTD');
  });
});

describe('all of it', () => {
  it('has cost the good customer nothing', async () => {
    await arena.expectUnharmed();
  });
});
