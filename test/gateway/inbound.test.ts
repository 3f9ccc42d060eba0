import type { PduInput } from 'smpp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme, textOf } from './esme.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

let main: ScriptedCarrier;
let other: ScriptedCarrier;
let gateway: TestGateway;

const ACCOUNTS = ['number', 'range', 'promo', 'shared', 'others', 'offline', 'later'];

beforeAll(async () => {
  [main, other] = await Promise.all([ScriptedCarrier.listen(), ScriptedCarrier.listen()]);
  gateway = await TestGateway.start(
    resources({
      policies: { stoppable: { rules: [{ optOut: {} }] } },
      accounts: {
        ...Object.fromEntries(ACCOUNTS.map((name) => [name, {}])),
        promo: { policy: 'stoppable' },
        number: { policy: 'stoppable' },
        latin: { defaultAlphabet: 'latin1' },
      },
      carriers: {
        main: { port: main.port, prefix: '1' },
        other: { port: other.port, prefix: '2' },
      },
      inbound: [
        { number: '96650000', account: 'number' },
        { from: '966500001000', to: '966500001999', account: 'range' },
        { number: '966500001500', account: 'number' },
        { number: '70007', account: 'shared' },
        { number: '70007', keyword: 'PROMO', account: 'promo' },
        { number: '70007', keyword: 'Улица', account: 'range' },
        { number: '70007', carrier: 'other', account: 'others' },
        { number: '80008', account: 'offline' },
        { number: '90009', account: 'later' },
        { number: '60006', account: 'latin' },
      ],
    }),
  );
  await eventually(() => expect([main.sessions.size, other.sessions.size]).toEqual([2, 2]));
});

afterAll(async () => {
  await gateway?.close();
  await Promise.all([main?.down(), other?.down()]);
});

/** Sends a message of a subscriber; settles with the deliver_sm_resp's status. */
function send(to: string, fields: PduInput = {}, carrier = main): Promise<number> {
  return carrier.deliver({
    source_addr_ton: 1,
    source_addr_npi: 1,
    source_addr: '966555000001',
    dest_addr_ton: 1,
    dest_addr_npi: 1,
    destination_addr: to,
    data_coding: 0,
    short_message: Buffer.from('hello', 'latin1'),
    ...fields,
  });
}

async function bound<T>(systemId: string, work: (esme: Esme) => Promise<T>): Promise<T> {
  const esme = await Esme.bind(gateway.port, { systemId });
  try {
    return await work(esme);
  } finally {
    await esme.close();
  }
}

function ucs2(text: string): PduInput {
  return { data_coding: 8, short_message: Buffer.from(text, 'utf16le').swap16() };
}

describe('a message of a subscriber', () => {
  it.each([
    { to: '96650000', text: 'hello', reaches: 'number' },
    { to: '966500001999', text: 'hello', reaches: 'range' },
    { to: '966500001500', text: 'hello', reaches: 'number' },
    { to: '70007', text: 'hello', reaches: 'shared' },
    { to: '70007', text: 'promotion', reaches: 'shared' },
    { to: '70007', text: '  Promo! now', reaches: 'promo' },
    { to: '+70007', text: 'PROMO', reaches: 'promo' },
  ])('to $to that says "$text" reaches $reaches', async ({ to, text, reaches }) => {
    await bound(reaches, async (esme) => {
      expect(await send(to, { short_message: Buffer.from(text) })).toBe(0);
      await eventually(() => expect(esme.messages).toHaveLength(1));
      expect(esme.messages[0]).toMatchObject({
        source_addr: '966555000001',
        destination_addr: to,
        esm_class: 0,
      });
    });
  });

  it('is judged by its keyword in any script and case', () =>
    bound('range', async (esme) => {
      expect(await send('70007', ucs2('улица 5'))).toBe(0);
      await eventually(() => expect(esme.messages).toHaveLength(1));
    }));

  it('goes by the route of its carrier before that of any', () =>
    bound('others', async (esme) => {
      expect(await send('70007', {}, other)).toBe(0);
      await eventually(() => expect(esme.messages).toHaveLength(1));
    }));

  it.each(['12345', '966500002000', '96650000100'])(
    "to %s, which is nobody's, is refused for good and counted",
    async (to) => {
      const before = gateway.reports.filter(({ what }) => what === 'inbound').length;
      expect(await send(to)).toBe(0x65); // ESME_RX_P_APPN
      const told = gateway.reports.filter(({ what }) => what === 'inbound').slice(before);
      expect(told).toMatchObject([{ args: [{}, 'unrouted'] }]);
    },
  );

  it('is passed on with its header and its TLVs as it came', () =>
    bound('number', async (esme) => {
      const octets = Buffer.from([5, 0, 3, 7, 2, 1, ...Buffer.from('first part')]);
      const fields = { esm_class: 0x40, short_message: octets, user_message_reference: 513 };
      expect(await send('96650000', fields)).toBe(0);
      await eventually(() => expect(esme.messages).toHaveLength(1));
      const [message] = esme.messages;
      expect(message).toMatchObject({ esm_class: 0x40, user_message_reference: 513 });
      expect(message?.short_message).toMatchObject({ udh: [Buffer.from([0, 3, 7, 2, 1])] });
    }));

  it('may come in a data_sm', () =>
    bound('number', async (esme) => {
      const [session] = main.sessions;
      const status = await new Promise<number | undefined>((resolve) =>
        session?.data_sm(
          {
            source_addr: '966555000001',
            destination_addr: '96650000',
            message_payload: Buffer.from('payload'),
          },
          (answer) => resolve(answer.command_status),
        ),
      );
      expect(status).toBe(0);
      await eventually(() => expect(esme.messages).toHaveLength(1));
      expect(esme.messages[0]?.message_payload).toMatchObject({ message: 'payload' });
    }));

  it('in a data_sm has its text in short_message for a session of 3.3', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'number', version: 0x33 });
    const [session] = main.sessions;
    session?.data_sm({
      source_addr: '966555000001',
      destination_addr: '96650000',
      message_payload: Buffer.from('short enough'),
    });
    await eventually(() => expect(esme.messages).toHaveLength(1));
    expect(textOf(esme.messages[0] as never)).toBe('short enough');
    expect(esme.messages[0]?.message_payload).toBeUndefined();
    await esme.close();
  });

  it('is in the default alphabet of its account', () =>
    bound('latin', async (esme) => {
      const gsm = Buffer.from([0x00, 0x41, 0x1b, 0x65]); // "@A" and the euro sign (TS 23.038 §6.2.1)
      expect(await send('60006', { short_message: gsm.subarray(0, 2) })).toBe(0);
      expect(await send('60006', { short_message: gsm })).toBe(0);
      await eventually(() => expect(esme.messages).toHaveLength(2));
      const [plain, euro] = esme.messages;
      // npm smpp reads octets of data_coding 0 as GSM 7-bit: Latin-1's 0x40 is "¡" there.
      expect([plain?.data_coding, textOf(plain as never)]).toEqual([0, '¡A']);
      expect([euro?.data_coding, textOf(euro as never)]).toEqual([8, '@A€']);
    }));

  it('is stored sealed, and waits until its customer binds, over a restart too', async () => {
    const secret = 'a text that must not stand in the database';
    expect(await send('80008', { short_message: Buffer.from(secret) })).toBe(0);
    const rows = await gateway.sql<{ blob: Buffer; kind: number }>(
      `select i.blob, i.kind from inbound i join account a on a.id = i.account where a.name = 'offline'`,
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]?.blob.includes(Buffer.from('must not'))).toBe(false);
    await gateway.drain();
    await gateway.up();
    await bound('offline', async (esme) => {
      await eventually(() => expect(esme.messages).toHaveLength(1));
      expect(textOf(esme.messages[0] as never)).toBe(secret);
    });
    await eventually(async () => {
      const [row] = await gateway.sql<{ blob: Buffer | null; status: number }>(
        `select i.blob, i.status from inbound i join account a on a.id = i.account where a.name = 'offline'`,
      );
      expect(row).toEqual({ blob: null, status: 0 });
    });
    expect(await gateway.sql('select id from outbox_waiting')).toEqual([]);
    await eventually(() => expect([main.sessions.size, other.sessions.size]).toEqual([2, 2]));
  });

  it('comes again after a temporary error, and the next of the same sender after it', () =>
    bound('later', async (esme) => {
      const offers: string[] = [];
      esme.answerMessage = (pdu) => {
        offers.push(textOf(pdu));
        return offers.length === 1 ? 0x58 : 0; // ESME_RTHROTTLED
      };
      for (const text of ['one', 'two', 'three'])
        expect(await send('90009', { short_message: Buffer.from(text) })).toBe(0);
      const apart = { source_addr: '966555000009', short_message: Buffer.from('apart') };
      expect(await send('90009', apart)).toBe(0);
      await eventually(() => expect(esme.messages).toHaveLength(4));
      expect(offers.filter((text) => text !== 'apart')).toEqual(['one', 'one', 'two', 'three']);
    }));
});

describe('the parts of a long message', () => {
  const part = (reference: number, number: number, text: string): PduInput => ({
    esm_class: 0x40,
    short_message: Buffer.concat([Buffer.from([5, 0, 3, reference, 3, number]), Buffer.from(text)]),
  });

  it('go the way of the first, whatever the later ones say', () =>
    bound('promo', async (esme) => {
      for (const [number, text] of [
        [1, 'promo first'],
        [2, 'second'],
        [3, 'third'],
      ] as const)
        expect(await send('70007', part(1, number, text))).toBe(0);
      await eventually(() => expect(esme.messages).toHaveLength(3));
    }));

  it('wait for the first when they come before it', () =>
    bound('promo', async (esme) => {
      const early = [send('70007', part(2, 2, 'second')), send('70007', part(2, 3, 'third'))];
      expect(await send('70007', part(2, 1, 'promo'))).toBe(0);
      expect(await Promise.all(early)).toEqual([0, 0]);
      await eventually(() => expect(esme.messages).toHaveLength(3));
    }));
});

describe('STOP and its sisters', () => {
  async function submit(systemId: string, to: string): Promise<number> {
    return bound(systemId, async (esme) => {
      const answer = await esme.submit({ destination_addr: to });
      return answer.command_status;
    });
  }
  const from = (source_addr: string, text: string) => ({ source_addr, ...ucs2(text) });

  it.each(['STOP', ' stop. ', 'Unsubscribe', 'стоп', 'إلغاء'])(
    '%s opts out of the account it was sent to, and reaches it',
    async (word) => {
      const number = `1202555${String(1000 + (Math.abs(hashOf(word)) % 9000))}`;
      expect(await submit('number', number)).toBe(0);
      await bound('number', async (esme) => {
        expect(await send('96650000', from(number, word))).toBe(0);
        await eventually(() => expect(esme.messages).toHaveLength(1));
      });
      await eventually(async () => expect(await submit('number', number)).toBe(0x406));
      expect(await submit('promo', number)).toBe(0);
      expect(await submit('shared', number)).toBe(0); // its policy has no such rule
    },
  );

  it('START undoes it', async () => {
    const number = '12025559901';
    await send('96650000', from(number, 'stop'));
    await eventually(async () => expect(await submit('number', number)).toBe(0x406));
    await send('96650000', from(number, 'start'));
    await eventually(async () => expect(await submit('number', number)).toBe(0));
  });

  it('STOP with a keyword is for the account of the keyword', async () => {
    const number = '12025559902';
    await send('70007', from(number, 'stop promo'));
    await eventually(async () => expect(await submit('promo', number)).toBe(0x406));
    expect(await submit('number', number)).toBe(0);
  });

  it('a sentence that begins so changes nothing', async () => {
    const number = '12025559903';
    expect(await send('96650000', from(number, 'Stop by at eight?'))).toBe(0);
    expect(await gateway.sql('select 1 from opt_out where number is null')).toHaveLength(1);
    expect(await submit('number', number)).toBe(0);
  });

  it('hold after a restart', async () => {
    const number = '12025559904';
    await send('96650000', from(number, 'quit'));
    await gateway.drain();
    await gateway.up();
    expect(await submit('number', number)).toBe(0x406);
    await eventually(() => expect([main.sessions.size, other.sessions.size]).toEqual([2, 2]));
  });
});

function hashOf(text: string): number {
  return [...text].reduce((hash, char) => (hash * 31 + char.charCodeAt(0)) | 0, 7);
}

describe('an alert_notification', () => {
  it('reaches a receiver of the account whose number it names, and has no answer', () =>
    bound('range', async (esme) => {
      const [session] = main.sessions;
      for (const esme_addr of ['12345', '966500001234'])
        session?.alert_notification({
          source_addr_ton: 1,
          source_addr_npi: 1,
          source_addr: '966555000001',
          esme_addr_ton: 1,
          esme_addr_npi: 1,
          esme_addr,
          ms_availability_status: 0,
        });
      await eventually(() => expect(esme.alerts).toHaveLength(1));
      expect(esme.alerts[0]).toMatchObject({
        source_addr: '966555000001',
        esme_addr: '966500001234',
        ms_availability_status: 0,
      });
      const told = () =>
        gateway.reports.filter((one) => one.what === 'inbound').map((one) => one.args[1]);
      await eventually(() => expect(told().slice(-2)).toEqual(['alertDropped', 'alert']));
    }));
});
