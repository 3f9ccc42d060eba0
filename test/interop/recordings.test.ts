import smpp, { type Pdu } from 'smpp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseSmppTime } from '../../src/smpp/smpp-time.ts';
import { resources } from '../gateway/resources.ts';
import { contentOf, ScriptedCarrier } from '../gateway/scripted-carrier.ts';
import { eventually, TestGateway } from '../support/gateway.ts';
import { type RecordedRequest, type RecordedSession, Replay, recordings } from './replay.ts';

/** Binds that the clients were given when they were recorded. */
const ACCOUNTS = ['acme', 'kannel', 'k33', 'k50', 'latin'];

let carrier: ScriptedCarrier;
let gateway: TestGateway;

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  carrier.onSubmit = (submit) => {
    carrier.accept(submit);
    carrier.receipt(submit, { session: submit.session }).catch(() => {});
  };
  gateway = await TestGateway.start(
    resources({
      tariffs: { standard: { '*': '0.01' } },
      accounts: Object.fromEntries(
        ACCOUNTS.map((name) => [name, { defaultAlphabet: name === 'latin' ? 'latin1' : 'gsm7' }]),
      ),
      carriers: { sim: { port: carrier.port, prefix: '' } },
    }),
  );
});

afterAll(async () => {
  await gateway?.close();
  await carrier?.down();
});

for (const { client, setups } of recordings()) {
  describe(client, () => {
    for (const { name, sessions } of setups) {
      it(`${name}: is answered, reaches the carrier as it was meant, gets its receipts`, async () => {
        carrier.submits.length = 0;
        const replays: Replay[] = [];
        try {
          for (const session of sessions) replays.push(await bound(session));
          const ids: string[] = [];
          for (const replay of replays)
            for (const request of replay.session.requests.slice(1, -1))
              ids.push(...(await asked(replay, request)));
          const receipts = await eventually(() => {
            const all = replays.flatMap((replay) =>
              replay.delivered.map((pdu) => readReceipt(pdu, versionOf(replay.session))),
            );
            expect(all.map((receipt) => receipt.id).sort()).toEqual([...ids].sort());
            return all;
          });
          for (const { id, tlvId, state, stat } of receipts) {
            expect({ id, stat }).toEqual({ id, stat: 'DELIVRD' });
            // Once in the text and once in the TLVs, the same octets (SMPP 3.4 §5.3.2.12).
            if (tlvId !== undefined) expect([tlvId, state]).toEqual([`${id}\0`, 2]);
          }
          for (const replay of replays) await unbound(replay);
        } finally {
          for (const replay of replays) replay.destroy();
        }
      });
    }
  });
}

async function bound(session: RecordedSession): Promise<Replay> {
  const replay = await Replay.connect(gateway.port, session);
  const [bind] = session.requests as [RecordedRequest];
  const answer = await replay.ask(bind);
  expect(answer.readUInt32BE(8)).toBe(0);
  const version = versionOf(session);
  // sc_interface_version for those who know of TLVs, and nothing behind the system_id for the others.
  const tail = answer.subarray(answer.indexOf(0, 16) + 1).toString('hex');
  expect(tail).toBe(version < 0x34 ? '' : `02100001${version.toString(16)}`);
  return replay;
}

/** @returns the message_id of each receipt that the request asks for */
async function asked(replay: Replay, request: RecordedRequest): Promise<string[]> {
  const answer = await replay.ask(request);
  const status = answer.readUInt32BE(8);
  expect({ what: request.what, status }).toEqual({ what: request.what, status: request.status });
  const sent = new smpp.PDU(Buffer.from(request.hex, 'hex'));
  if (status !== 0 || !MESSAGES.has(sent.command)) return [];
  const end = answer.indexOf(0, 16);
  const id = answer.toString('latin1', 16, end);
  if (versionOf(replay.session) < 0x34) expect(id).toMatch(/^[0-9A-F]{8}$/);
  else expect(id).toMatch(/^[1-9][0-9]{17,18}$/);
  const accepted = acceptedBy(sent, answer, end);
  await Promise.all(accepted.map((to) => reached(sent, to, replay.session.systemId)));
  return (sent.registered_delivery ?? 0) % 4 === 1 ? accepted.map(() => id) : [];
}

const MESSAGES = new Set(['submit_sm', 'submit_multi', 'data_sm']);

/** The destinations that were accepted. */
function acceptedBy(sent: Pdu, answer: Buffer, idEnd: number): string[] {
  if (sent.command !== 'submit_multi') return [String(sent.destination_addr)];
  const all = (sent.dest_address ?? []) as { destination_addr: string }[];
  const refused = answer.toString('latin1', idEnd + 2);
  expect(answer[idEnd + 1]).toBe(1);
  return all.map((to) => to.destination_addr).filter((to) => !refused.includes(`${to}\0`));
}

/** The carrier has it, in the same coding and with the same words. */
async function reached(sent: Pdu, to: string, systemId: string): Promise<void> {
  const content = contentOf(sent);
  // What takes several segments is cut anew, and Latin-1 becomes GSM 7-bit: see long-messages and operations.
  const isSame = content.length > 0 && content.length <= 140 && systemId !== 'latin';
  const expected = isSame ? [sent.data_coding, content] : expect.anything();
  await eventually(() =>
    expect(
      carrier.to(to.replace('+', '')).map(({ pdu }) => [pdu.data_coding, contentOf(pdu)]),
    ).toContainEqual(expected),
  );
}

interface ReadReceipt {
  readonly id: string;
  readonly stat: string;
  readonly tlvId: string | undefined;
  readonly state: number | undefined;
}

/** The form of SMPP 3.4 Appendix B, which clients read by pattern or by place; a 3.3 client gets no TLV. */
const RECEIPT =
  /^id:(\S+) sub:\d{3} dlvrd:\d{3} submit date:\d{10} done date:\d{10} stat:(\w{7}) err:\d{3} text:.{0,20}$/;

function readReceipt(octets: Buffer, version: number): ReadReceipt {
  const pdu = new smpp.PDU(octets);
  expect(pdu.esm_class).toBe(0x04);
  const [, id = '', stat = ''] = RECEIPT.exec(String(contentOf(pdu))) ?? [];
  const state = octets.indexOf(Buffer.from('04270001', 'hex'));
  const tlvId = octets.indexOf(Buffer.from('001e00', 'hex'));
  if (version < 0x34) expect([state, tlvId]).toEqual([-1, -1]);
  else expect(Math.min(state, tlvId)).toBeGreaterThan(0);
  return {
    id,
    stat,
    state: state < 0 ? undefined : octets[state + 4],
    tlvId:
      tlvId < 0
        ? undefined
        : octets.toString('latin1', tlvId + 4, tlvId + 4 + octets.readUInt16BE(tlvId + 2)),
  };
}

async function unbound(replay: Replay): Promise<void> {
  const unbind = replay.session.requests.at(-1) as RecordedRequest;
  expect((await replay.ask(unbind)).readUInt32BE(8)).toBe(0);
  await replay.closed();
}

function versionOf(session: RecordedSession): number {
  return Number(session.requests[0]?.what.slice(-4));
}

describe('parseSmppTime', () => {
  // Recordings are played at any date, so absolute times stand here.
  it.each([
    ['Kannel 1.4.5, sendsms with validity=60', '261122191429000+', [19, 14, 29, 0]],
    ['npm smpp 0.5.1, schedule_delivery_time of a Date', '261122181455800+', [18, 14, 55, 800]],
    ['Net::SMPP 1.19', '301231235959000+', undefined],
  ] as const)('reads the time of %s', (_client, text, clock) => {
    const expected =
      clock === undefined ? Date.UTC(2030, 11, 31, 23, 59, 59) : Date.UTC(2026, 10, 22, ...clock);
    expect(parseSmppTime(text, Date.UTC(2026, 10, 22, 18))).toBe(expected);
  });
});
