import type { AddressInfo } from 'node:net';
import type { Pdu, PduInput, Server, Session } from 'smpp';
import smpp from 'smpp';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import type { CarrierProbe } from '../../src/gateway/carrier-probe.ts';
import { type ProbeView, probeView } from '../../src/ops/carrier-probe.ts';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';

/*
 * Carriers that nobody has a profile of, each with a dialect of its own invention; the probe sees octets only.
 */

const NUMBER = '46701234567';

/** What a foreign carrier does with a submit_sm. */
interface Dialect {
  /** The id of the n-th message as its submit_sm_resp has it. */
  id(n: number): string;
  /** The receipt of the n-th message. */
  receipt(n: number, submit: Pdu): PduInput | undefined;
  /** Command status of a submit_sm; 0 by default. */
  status?(submit: Pdu): number;
  /** Before the answer. */
  readonly early?: boolean;
}

class ForeignCarrier {
  readonly #server: Server;
  readonly #sessions = new Set<Session>();
  readonly submits: Pdu[] = [];
  dialect: Dialect = { id: String, receipt: () => undefined };
  /** system_ids bound at once beyond which a bind is refused. */
  bindsMax = 10;
  #n = 0;

  constructor() {
    this.#server = smpp.createServer((session) => this.#onSession(session));
    this.#server.on('error', () => {});
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) session.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** Sessions bound now. */
  get bound(): number {
    return this.#sessions.size;
  }

  /** Over the newest session, or the oldest: binds are the carrier's to choose. */
  deliver(pdu: PduInput, oldest = false): void {
    const all = [...this.#sessions];
    (oldest ? all[0] : all.at(-1))?.deliver_sm(pdu);
  }

  #onSession(session: Session): void {
    session.on('error', () => session.destroy());
    session.on('close', () => this.#sessions.delete(session));
    session.on('pdu', (pdu) => {
      if (pdu.isResponse()) return;
      if (pdu.command.startsWith('bind')) {
        const full = this.#sessions.size >= this.bindsMax;
        if (!full) this.#sessions.add(session);
        session.send(
          pdu.response({
            command_status: full ? 5 : 0,
            system_id: 'foreign',
            sc_interface_version: 0x34,
          }),
        );
      } else if (pdu.command === 'submit_sm') this.#onSubmit(session, pdu);
      else if (pdu.command === 'unbind') session.send(pdu.response(), () => session.close());
      else session.send(pdu.response());
    });
  }

  #onSubmit(session: Session, pdu: Pdu): void {
    this.submits.push(pdu);
    const status = this.dialect.status?.(pdu) ?? 0;
    if (status !== 0) return void session.send(pdu.response({ command_status: status }));
    const n = ++this.#n;
    const answer = () => session.send(pdu.response({ message_id: this.dialect.id(n) }));
    const receipt = this.dialect.receipt(n, pdu);
    if (!this.dialect.early) answer();
    if (receipt !== undefined)
      this.deliver({
        source_addr: pdu.destination_addr ?? '',
        destination_addr: pdu.source_addr ?? '',
        ...receipt,
      });
    if (this.dialect.early) setTimeout(answer, 20);
  }
}

let foreign: ForeignCarrier;
let gateway: TestGateway;

beforeAll(async () => {
  foreign = new ForeignCarrier();
  await foreign.listen();
  gateway = await TestGateway.start(
    resources({
      tariffs: { standard: { '*': '0.01' } },
      accounts: { acme: {} },
      carriers: { odd: { port: foreign.port, prefix: '', binds: 1 } },
    }),
  );
});

afterAll(async () => {
  await gateway?.close();
  await foreign?.close();
});

afterEach(() => {
  foreign.submits.length = 0;
  foreign.bindsMax = 10;
});

function probeOf(): CarrierProbe {
  const [carrier] = gateway.catalog.carriers.values();
  if (carrier === undefined) throw new Error('there is a carrier');
  const request = { to: NUMBER, from: 'probe', text: undefined, waitMs: 3_000 };
  const probe = gateway.node.gateway.carriers.probe(carrier.id, request);
  if (probe === undefined) throw new Error('the carrier runs');
  return probe;
}

async function probed(dialect: Dialect): Promise<ProbeView> {
  foreign.dialect = dialect;
  const seen = await probeOf().run();
  if ('failed' in seen) throw new Error(seen.failed);
  return probeView('odd', seen);
}

const two = (value: number): string => String(value).padStart(2, '0');
/** Parts of a wall clock so many minutes east of UTC. */
function clock(minutesEast: number) {
  const date = new Date(Date.now() + minutesEast * 60_000);
  return {
    Y: String(date.getUTCFullYear()),
    M: two(date.getUTCMonth() + 1),
    D: two(date.getUTCDate()),
    h: two(date.getUTCHours()),
    m: two(date.getUTCMinutes()),
    s: two(date.getUTCSeconds()),
  };
}

describe('a probe', () => {
  it('finds nothing to propose for a carrier of the book, and says what it saw', async () => {
    const view = await probed({
      id: (n) => `a-${n}`,
      receipt: (n) => {
        const { Y, M, D, h, m } = clock(0);
        const date = `${Y.slice(2)}${M}${D}${h}${m}`;
        return {
          esm_class: 4,
          short_message: `id:a-${n} sub:001 dlvrd:001 submit date:${date} done date:${date} stat:DELIVRD err:000 text:probe`,
        };
      },
    });
    expect(view.proposal).toEqual({});
    expect(view.yaml).toBe('# nothing differs from the defaults\n');
    expect(view).toMatchObject({
      systemId: 'foreign',
      interfaceVersion: '0x34',
      enquireLinkAnswered: true,
      receipts: 9,
      receiptsRead: 9,
    });
    expect(view.messages.map(({ purpose }) => purpose)).toEqual([
      'plain',
      'ucs2',
      'validity',
      'notifications',
      'udh',
      'udh',
      'sar',
      'sar',
      'payload',
    ]);
    expect(view.findings).toContainEqual({ key: '', seen: 'receipts came on: probe transceiver' });
  });

  it('begun while carriers are not read goes on when they are read again', async () => {
    const { carriers } = gateway.node.gateway;
    foreign.dialect = { id: (n) => `held-${n}`, receipt: () => undefined };
    carriers.holdReading(true);
    const running = probeOf().run();
    await eventually(() => expect(foreign.bound).toBe(2));
    carriers.holdReading(false);
    expect(await running).toMatchObject({ enquireLinkAnswered: true });
  });

  it('dialect 1: ids in hexadecimal answered and in decimal receipted, other names, a zone of +05:30', async () => {
    const view = await probed({
      id: (n) => (0xabc000 + n).toString(16).toUpperCase().padStart(10, '0'),
      receipt: (n) => {
        const { Y, M, D, h, m, s } = clock(330);
        return {
          esm_class: 4,
          short_message: `reference no=${0xabc000 + n}; outcome=Delivered; accepted at=${D}/${M}/${Y} ${h}:${m}:${s}; final at=${D}/${M}/${Y} ${h}:${m}:${s}; reason=0`,
        };
      },
    });
    expect(view.proposal).toEqual({
      ids: { response: 'hex', receipt: 'decimal' },
      receiptDialect: {
        fields: {
          id: ['reference no'],
          stat: ['outcome'],
          err: ['reason'],
          submitDate: ['accepted at'],
          doneDate: ['final at'],
        },
        dates: ['DD/MM/YYYY hh:mm:ss'],
        timeZone: '+05:30',
      },
    });
    expect(view.receiptsRead).toBe(9);
    // What it proposes can be pasted: the same keys come out of the YAML.
    expect(parseYaml(view.yaml)).toEqual(view.proposal);
  });

  it('dialect 2: JSON in GSM 7-bit without a mark, states of its own, epoch seconds', async () => {
    const view = await probed({
      id: (n) => `7e57-${n}f`,
      receipt: (n) => ({
        esm_class: 0,
        // npm smpp writes it in GSM 7-bit, where "{" takes an escape and "_" is 0x11.
        short_message: JSON.stringify({
          messageId: `7e57-${n}f`,
          status: 'HANDSET_OK',
          submitTime: Math.floor(Date.now() / 1000),
          errorCode: 0,
        }),
      }),
    });
    expect(view.proposal).toEqual({
      receiptDialect: {
        octets: 'gsm7',
        fields: { submitDate: ['submitTime'] },
        dates: ['epoch'],
        states: { HANDSET_OK: 'DELIVRD' },
      },
      receiptMarks: { final: [4], intermediate: [32], text: true },
    });
    expect(view.receiptsRead).toBe(9);
    expect(view.findings.map(({ seen }) => seen).join()).toContain(
      'check that the message arrived',
    );
  });

  it('dialect 3: TLVs alone, early, with esm_class 0x20 for a final state, and user_message_reference echoed', async () => {
    const view = await probed({
      early: true,
      id: (n) => String(77_000_000 + n),
      receipt: (n, submit) => ({
        esm_class: 0x20,
        short_message: '',
        receipted_message_id: (77_000_000 + n).toString(16),
        message_state: 2,
        network_error_code: Buffer.from([3, 0, 0]),
        user_message_reference: submit.user_message_reference ?? 0,
      }),
    });
    expect(view.proposal).toEqual({
      ids: { response: 'decimal', receipt: 'hex' },
      receiptDialect: { err: { from: 'tlv' } },
      receiptMarks: { final: [4, 32], intermediate: [] },
      echoesUserMessageReference: true,
    });
    expect(view.receiptsRead).toBe(9);
    expect(view.findings.map(({ seen }) => seen)).toContain(
      '9 of 9 came before the answer to their message',
    );
  });

  it('dialect 4: UTF-16 little-endian, fields by their place, on another bind than the probe’s', async () => {
    foreign.dialect = {
      id: (n) => `X${n}Z`,
      receipt: (n) => {
        const { Y, M, D, h, m, s } = clock(-180);
        const text = `DELIVRD|${Y}${M}${D}${h}${m}${s}|46|X${n}Z|0`;
        const octets = Buffer.from(text, 'utf16le');
        foreign.deliver(
          { source_addr: NUMBER, esm_class: 4, data_coding: 8, short_message: octets },
          true,
        );
        return undefined;
      },
    };
    const view = await probed(foreign.dialect);
    expect(view.proposal).toEqual({
      receiptDialect: {
        octets: 'ucs2le',
        columns: { separator: '|', fields: ['stat', 'submitDate', '-', 'id', '-'] },
        timeZone: '-03:00',
      },
    });
    expect(view.receiptsRead).toBe(9);
    expect(view.findings).toContainEqual({
      key: '',
      seen: 'receipts came on: running transceiver',
    });
  });

  it('dialect 5: an intermediate state first, zeros dropped from the id, sar and validity refused, a wrong TLV', async () => {
    const view = await probed({
      id: (n) => String(n).padStart(10, '0'),
      status: (submit) => {
        if (submit.sar_total_segments !== undefined) return 0xc1; // ESME_RTLVNOTALLWD
        return submit.validity_period ? 0x62 : 0; // ESME_RINVEXPIRY
      },
      receipt: (n) => {
        const text = (stat: string) => `id:${n} stat:${stat} err:000`;
        foreign.deliver({
          source_addr: NUMBER,
          esm_class: 4,
          short_message: text('ENROUTE'),
          receipted_message_id: `gw-${n}`,
        });
        return {
          esm_class: 4,
          short_message: text('DELIVRD'),
          receipted_message_id: `gw-${n}`,
        };
      },
    });
    expect(view.proposal).toEqual({
      validity: 'none',
      ids: { response: 'decimal', receipt: 'decimal' },
      receiptDialect: { read: 'text' },
    });
    const seen = view.findings.map(({ key, seen }) => `${key}: ${seen}`);
    expect(seen).toContain('longMessages: two parts with sar_*: ESME_RTLVNOTALLWD');
    expect(seen).toContain('longMessages: two parts with a UDH: accepted');
    expect(seen).toContain('finalStates: 6 of an intermediate state');
    expect(view.receiptsRead).toBe(12);
  });

  it('leaves what customers are owed alone: their receipts and messages go their way', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'acme' });
    const dialect: Dialect = {
      id: (n) => `c${n}c`,
      receipt: (n, submit) => ({
        esm_class: 4,
        short_message: `id:c${n}c stat:DELIVRD err:000`,
        source_addr: submit.destination_addr ?? '',
      }),
    };
    foreign.dialect = dialect;
    const running = probeOf().run();
    // To the probe's own number, while it runs.
    const id = await esme.accepted({ destination_addr: NUMBER });
    expect((await esme.receiptOf(id)).state).toBe('DELIVRD');
    const seen = await running;
    expect('submits' in seen && seen.receipts.length).toBe(9);
    await esme.close();
    expect(await gateway.money('acme')).toEqual({ credits: '9.99', reserved: '0' });
  });

  it('says why where the carrier has no bind for it', async () => {
    foreign.bindsMax = 1;
    expect(await probeOf().run()).toEqual({ failed: expect.stringContaining('ESME_RALYBND') });
  });
});
