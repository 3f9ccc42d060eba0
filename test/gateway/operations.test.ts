import type { Pdu, PduInput } from 'smpp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';
import { contentOf, ScriptedCarrier, type TakenSubmit } from './scripted-carrier.ts';

let carrier: ScriptedCarrier;
let gateway: TestGateway;

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  carrier.onSubmit = (submit) => {
    carrier.accept(submit);
    // A restart may cut it off; the carrier's answer to that is its own business.
    carrier.receipt(submit, { session: submit.session }).catch(() => {});
  };
  gateway = await TestGateway.start(
    resources({
      tariffs: { standard: { '1': '1', '2': '4', '966': '1' } },
      accounts: {
        multi: {},
        some: {},
        poor: { credit: '2' },
        lists: {},
        narrow: { bind: { segmentsPerSecond: 1 }, credit: '100' },
        data: {},
        old: {},
        later: {},
        latin: { defaultAlphabet: 'latin1' },
        packed: { defaultAlphabet: 'gsm7-packed' },
      },
      carriers: { sim: { port: carrier.port, prefix: '' } },
    }),
  );
});

afterAll(async () => {
  await gateway?.close();
  await carrier?.down();
});

function to(...numbers: string[]): PduInput {
  return {
    dest_address: numbers.map((destination_addr) => ({
      dest_addr_ton: 1,
      dest_addr_npi: 1,
      destination_addr,
    })),
  };
}

function multi(esme: Esme, fields: PduInput): Promise<Pdu> {
  return new Promise((resolve) => {
    const usual = { source_addr_ton: 5, source_addr: 'Shop', registered_delivery: 1 };
    esme.session.submit_multi({ ...usual, short_message: 'to many', ...fields }, resolve);
  });
}

/** As npm `smpp` reads it: GSM 7-bit under data_coding 0, UCS-2 under 8. */
const textOf = (submit: TakenSubmit | undefined) =>
  submit === undefined ? undefined : contentOf(submit.pdu);

const sentTo = (number: string) => carrier.submits.filter((one) => one.destination === number);

describe('submit_multi', () => {
  it('is a message and a charge for each destination, one id in its answer and in every receipt', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'multi' });
    const numbers = ['12025550101', '12025550102', '96650000003'];
    const response = await multi(esme, to(...numbers));
    expect(response.command_status).toBe(0);
    expect(response.unsuccess_sme).toEqual([]);
    await eventually(() => expect(esme.receipts).toHaveLength(3));
    for (const receipt of esme.receipts) expect(receipt.id).toBe(response.message_id);
    expect(esme.receipts.map(({ pdu }) => pdu.source_addr).sort()).toEqual(numbers);
    for (const number of numbers) expect(sentTo(number)).toHaveLength(1);
    expect(await gateway.money('multi')).toEqual({ credits: '7', reserved: '0' });
    await esme.close();
  });

  it('names the destinations that it refuses and accepts the others', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'some' });
    const response = await multi(esme, to('12025550111', 'nonsense', '99900000000'));
    expect(response.command_status).toBe(0);
    expect(response.unsuccess_sme).toMatchObject([
      { destination_addr: 'nonsense', error_status_code: 0x0b },
      { destination_addr: '99900000000', error_status_code: 0x0b },
    ]);
    await esme.receiptOf(response.message_id ?? '');
    expect(await gateway.money('some')).toEqual({ credits: '9', reserved: '0' });
    await esme.close();
  });

  it('is answered with the refusal when every destination is refused', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'some' });
    const response = await multi(esme, to('nonsense', '99900000000'));
    expect(response.command_status).toBe(0x0b);
    await esme.close();
  });

  it('accepts exactly the destinations that the credit pays for', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'poor' });
    const numbers = ['12025550121', '22025550122', '12025550123', '12025550124'];
    const response = await multi(esme, to(...numbers));
    expect(response.command_status).toBe(0);
    expect(response.unsuccess_sme).toMatchObject([
      { destination_addr: '22025550122', error_status_code: 0x401 },
      { destination_addr: '12025550124', error_status_code: 0x401 },
    ]);
    expect(await gateway.money('poor')).toEqual({ credits: '0', reserved: '0' });
    await esme.close();
  });

  it('to a distribution list gets ESME_RINVDLNAME', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'lists' });
    const response = await multi(esme, { dest_address: [{ dl_name: 'friends' }] });
    expect(response.command_status).toBe(0x34);
    await esme.close();
  });

  it('counts destinations times segments against the rate', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'narrow' });
    const numbers = ['12025550131', '12025550132', '12025550133'];
    const long = { short_message: Buffer.alloc(0), message_payload: Buffer.alloc(3_000, 0x61) };
    // Sixty segments at one a second leave a debt of a minute that the next has to wait for.
    expect((await multi(esme, { ...to(...numbers), ...long })).command_status).toBe(0);
    expect((await multi(esme, to('12025550134'))).command_status).toBe(0x58);
    expect(sentTo('12025550134')).toHaveLength(0);
    await esme.close();
  });
});

describe('data_sm', () => {
  it('is sent, charged and receipted like a submit_sm, with its TLVs', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'data' });
    const response = await new Promise<Pdu>((resolve) =>
      esme.session.data_sm(
        {
          source_addr_ton: 5,
          source_addr: 'Shop',
          dest_addr_ton: 1,
          dest_addr_npi: 1,
          destination_addr: '12025550141',
          registered_delivery: 1,
          message_payload: Buffer.from('by data_sm'),
          user_message_reference: 77,
          qos_time_to_live: 600,
        },
        resolve,
      ),
    );
    expect(response).toMatchObject({ command: 'data_sm_resp', command_status: 0 });
    await esme.receiptOf(response.message_id ?? '');
    const [sent] = sentTo('12025550141');
    expect(sent?.pdu.user_message_reference).toBe(77);
    // npm smpp reads a relative time as the moment that it means.
    const leftMs = Number(sent?.pdu.validity_period) - Date.now();
    expect(leftMs).toBeGreaterThan(570_000);
    expect(leftMs).toBeLessThanOrEqual(601_000);
    expect(await gateway.money('data')).toEqual({ credits: '9', reserved: '0' });
    await esme.close();
  });
});

describe('a 3.3 bind', () => {
  it('has message_ids of 8 hexadecimal digits, each once, in answers and receipts', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'old', version: 0x33 });
    const ids = await Promise.all(
      Array.from({ length: 5 }, (_, i) =>
        esme.accepted({ destination_addr: `1202555015${i}`, registered_delivery: 1 }),
      ),
    );
    for (const id of ids) expect(id).toMatch(/^[0-9A-F]{8}$/);
    expect(new Set(ids).size).toBe(5);
    for (const id of ids) expect(await esme.receiptOf(id)).toMatchObject({ state: 'DELIVRD' });
    await esme.close();
  });
});

describe('schedule_delivery_time', () => {
  /** Relative, SMPP 3.4 §7.1.1.2. */
  const IN_TWO_SECONDS = '000000000002000R';

  it('keeps a message until then, also over a restart, charged at once and sent once', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'later', as: 'transmitter' });
    const [number, other] = ['12025550161', '12025550162'];
    const startedMs = Date.now();
    const id = await esme.accepted({
      destination_addr: number,
      schedule_delivery_time: IN_TWO_SECONDS,
    });
    const far = await esme.accepted({
      destination_addr: other,
      schedule_delivery_time: '000001000000000R',
    });
    expect(await gateway.money('later')).toEqual({ credits: '8', reserved: '0' });
    await esme.close();
    await gateway.drain();
    await gateway.up();
    await eventually(() => expect(sentTo(number)).toHaveLength(1));
    expect(Date.now() - startedMs).toBeGreaterThanOrEqual(2_000);
    const receiver = await Esme.bind(gateway.port, { systemId: 'later', as: 'receiver' });
    await receiver.receiptOf(id);
    await eventually(async () =>
      expect(await gateway.sql('select id::text from scheduled')).toEqual([{ id: far }]),
    );
    expect(sentTo(number)).toHaveLength(1);
    expect(sentTo(other)).toHaveLength(0);
    await receiver.close();
  });

  it.each([
    { what: 'is no time', fields: { schedule_delivery_time: 'tomorrow' }, status: 0x61 },
    {
      what: 'lies behind its validity',
      fields: {
        schedule_delivery_time: '000000010000000R',
        validity_period: '000000000100000R',
      },
      status: 0x61,
    },
  ])('that $what is refused', async ({ fields, status }) => {
    const esme = await Esme.bind(gateway.port, { systemId: 'later', as: 'transmitter' });
    const response = await esme.submit({ destination_addr: '12025550163', ...fields });
    expect(response.command_status).toBe(status);
    await esme.close();
  });
});

describe('an account with another default alphabet', () => {
  it('latin1: goes on as GSM 7-bit where that has every character, else as UCS-2', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'latin' });
    // "é" is 0xE9 in Latin-1 and 0x05 in GSM 7-bit (TS 23.038 §6.2.1); "ê" is not in GSM 7-bit.
    await esme.accepted({
      destination_addr: '12025550171',
      short_message: Buffer.from('caf\xe9', 'latin1'),
    });
    await esme.accepted({
      destination_addr: '12025550172',
      short_message: Buffer.from('f\xeate', 'latin1'),
    });
    await eventually(() => {
      expect(textOf(sentTo('12025550171')[0])).toBe('caf\xe9');
      expect(sentTo('12025550171')[0]?.pdu.data_coding).toBe(0);
      expect(textOf(sentTo('12025550172')[0])).toBe('f\xeate');
      expect(sentTo('12025550172')[0]?.pdu.data_coding).toBe(8);
    });
    await esme.close();
  });

  it('gsm7-packed: is unpacked on its way', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'packed' });
    // "hellohello" packed: the example that is known as E8329BFD4697D9EC37.
    await esme.accepted({
      destination_addr: '12025550173',
      short_message: Buffer.from('E8329BFD4697D9EC37', 'hex'),
    });
    await eventually(() => expect(textOf(sentTo('12025550173')[0])).toBe('hellohello'));
    await esme.close();
  });
});

describe('reconcile', () => {
  it('finds the books in order after all this', () => gateway.reconciled());
});
