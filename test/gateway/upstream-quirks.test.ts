import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme, textOf } from './esme.ts';
import { resources } from './resources.ts';
import { cstring, deliverBody, WireCarrier } from './wire-carrier.ts';

/*
 * Expected octets: 3GPP TS 23.038 §6.2.1 for GSM 7-bit, §6.1.2.1 for packing (the vector "hellohello" is public:
 * E8329BFD4697D9EC37), SMPP 3.4 §4.4.1 and §5.2 for fields.
 */

let gateway: TestGateway;
let carrier: WireCarrier;
let esme: Esme;
let number = 100;

/** Country codes as prefixes: each leads to the same carrier under other quirks. */
const CARRIERS = {
  latin: { prefix: '391', defaultAlphabet: 'latin1', dataCodings: { '0x00': '0x03' } },
  packed: { prefix: '392', defaultAlphabet: 'gsm7-packed' },
  ascii: { prefix: '393', defaultAlphabet: 'ascii', unwritable: 'replace' },
  codings: { prefix: '394', dataCodings: { '0x08': '0x18', '0xF0': '0x10' } },
  numbers: {
    prefix: '46',
    addresses: {
      countryCode: '46',
      destination: { national: { ton: 2, npi: 8, format: 'national', add: '0' } },
      source: {
        international: { ton: 1, npi: 1, format: 'plus' },
        shortCode: { ton: 3, npi: 0 },
        alphanumeric: { ton: 5, npi: 9 },
        none: { ton: 0, npi: 1 },
      },
    },
  },
  zeros: {
    prefix: '396',
    addresses: { destination: { international: { ton: 0, npi: 0, format: '00' } } },
    senders: {
      map: [
        { from: 'SHOP-*', to: 'Shop' },
        { from: '9665000000??', to: '77077' },
      ],
      allowed: ['Shop', 'Bank', '[[[[', '?????????????'],
      fallback: 'INFO',
      alphanumericMax: 11,
    },
  },
  tlvs: {
    prefix: '397',
    tlvs: [
      { name: 'message_type', tag: '0x1414', type: 'cstring', value: 'OTP' },
      { name: 'pe_id', tag: '0x1400', type: 'text', fromProfile: 'peId', required: true },
      { name: 'reference', tag: '0x1401', type: 'integer2', fromTlv: '0x1500' },
      { name: 'dest_addr_subunit', tag: 0x0005, type: 'integer2', value: 1 },
      { name: 'privacy_indicator', tag: 0x0201, drop: true },
      { name: 'language', tag: '0x1501', type: 'integer1', fromTlv: 0x020d },
    ],
  },
  strict: { prefix: '398', otherTlvs: 'drop' },
  fields: {
    prefix: '399',
    serviceType: 'CMT',
    protocolId: 0,
    priorities: { '2': 1, '0x03': 1 },
    replaceIfPresent: 'never',
    validity: 'none',
    registeredDelivery: { receipt: 3, notifications: '0x13' },
    messagingMode: 'store',
  },
  absolute: { prefix: '381', validity: 'absolute' },
  customers: { prefix: '382', validity: 'customer' },
  short: { prefix: '383', segmentsMax: 2 },
  wide: { prefix: '384', longMessages: 'udh16' },
  octets: { prefix: '385', longMessages: 'payload', payloadMaxOctets: 200 },
};

beforeAll(async () => {
  carrier = await WireCarrier.listen();
  gateway = await TestGateway.start(
    resources({
      tariffs: { standard: { '*': '0.01' } },
      accounts: { acme: { profile: { peId: '1101000000012345678' } }, bare: {} },
      carriers: Object.fromEntries(
        Object.entries(CARRIERS).map(([name, keys]) => [
          name,
          { port: carrier.port, binds: 1, ...keys },
        ]),
      ),
      inbound: [
        { number: '70007', account: 'acme', carrier: 'latin' },
        { number: '70008', account: 'acme', carrier: 'codings' },
      ],
    }),
  );
  esme = await Esme.bind(gateway.port, { systemId: 'acme' });
});

afterAll(async () => {
  await esme?.close();
  await gateway?.close();
  carrier?.close();
});

/** Submits to a number of a carrier's own and gives what it read. */
async function sent(prefix: string, fields: object, count = 1) {
  const tail = String(5_000_000 + number++);
  await esme.accepted({ destination_addr: `${prefix}${tail}`, ...fields });
  const taken = await carrier.taken(tail, count);
  const [first] = taken;
  if (first === undefined) throw new Error('something was taken');
  return { ...first, all: taken, tail };
}

const latin1 = (text: string): string => Buffer.from(text, 'latin1').toString('hex');
const ucs2 = (text: string): string => Buffer.from(text, 'utf16le').swap16().toString('hex');

describe('a carrier of another default alphabet', () => {
  it('gets Latin-1 under the data_coding that it has for it', async () => {
    // GSM 7-bit: 0x05 é, 0x00 @; Latin-1: 0xE9 and 0x40.
    const { shortMessage, dataCoding } = await sent('391', {
      short_message: Buffer.from([0x05, 0x00]),
    });
    expect({ shortMessage, dataCoding }).toEqual({ shortMessage: 'e940', dataCoding: 3 });
  });

  it('gets UCS-2 for what Latin-1 has not', async () => {
    // The euro sign is 0x1B 0x65 in GSM 7-bit and U+20AC.
    const { shortMessage, dataCoding } = await sent('391', {
      short_message: Buffer.from([0x1b, 0x65, 0x31]),
    });
    expect({ shortMessage, dataCoding }).toEqual({ shortMessage: '20ac0031', dataCoding: 8 });
  });

  it('cuts a text that becomes UCS-2 anew, as UCS-2 is cut: 67 characters a part', async () => {
    const octets = Buffer.concat([Buffer.from([0x1b, 0x65]), Buffer.from('x'.repeat(99))]);
    const { all } = await sent('391', { short_message: octets }, 2);
    const parts = all.map(({ shortMessage }) => shortMessage.slice(12));
    expect(parts.map((part) => part.length / 4)).toEqual([67, 33]);
    expect(parts.join('')).toBe(ucs2(`€${'x'.repeat(99)}`));
  });

  it('keeps a part that the customer cut one part: a question mark for what cannot be written', async () => {
    const header = '050003aa0201';
    const { shortMessage, dataCoding } = await sent('391', {
      esm_class: 0x40,
      short_message: Buffer.concat([
        Buffer.from(header, 'hex'),
        Buffer.from([0x1b, 0x65]),
        Buffer.from('a'.repeat(100)),
      ]),
    });
    expect(shortMessage).toBe(header + latin1(`?${'a'.repeat(100)}`));
    expect(dataCoding).toBe(3);
  });

  it('gets what a header wrote by a national table as UCS-2, in as many parts as that takes', async () => {
    // TS 23.038 annex A.3.13: ا 0x00, ب 0x02, ت 0x07 of Urdu.
    const septets = (letters: number) => Buffer.alloc(letters, Buffer.from([0x00, 0x02, 0x07]));
    const urdu = (letters: number) => ({
      esm_class: 0x40,
      short_message: Buffer.concat([Buffer.from('0325010d', 'hex'), septets(letters)]),
    });
    const { shortMessage, dataCoding, esmClass } = await sent('391', urdu(3));
    expect({ shortMessage, dataCoding }).toEqual({ shortMessage: ucs2('ابت'), dataCoding: 8 });
    expect(esmClass & 0x40).toBe(0);
    const { all } = await sent('391', urdu(120), 2);
    expect(all.map((part) => part.shortMessage.slice(12)).join('')).toBe(ucs2('ابت'.repeat(40)));
    // A part of the customer's has no room for 70 letters of UCS-2: no other carrier of the route takes it.
    const part = Buffer.concat([Buffer.from('080003aa020125010d', 'hex'), septets(70)]);
    const refused = { esm_class: 0x40, short_message: part, destination_addr: '3915550001' };
    expect((await esme.submit(refused)).command_status).toBe(0x0b);
  });

  it('gets packed septets, and behind a header from a septet boundary on', async () => {
    const whole = await sent('392', { short_message: Buffer.from('hellohello') });
    expect(whole.shortMessage).toBe('e8329bfd4697d9ec37');
    // TS 23.040 §9.2.3.24: 6 octets of header are 48 bits, one fill bit. "h" 0x68 << 1 = 0xD0.
    const { all } = await sent('392', { short_message: Buffer.from('h'.repeat(200)) }, 2);
    expect(all[0]?.shortMessage.slice(12, 14)).toBe('d0');
    expect(all[0]?.shortMessage.length).toBe(280); // 140 octets
  });

  it('gets ASCII with question marks where that is what it wants', async () => {
    const { shortMessage, dataCoding } = await sent('393', {
      short_message: Buffer.from([0x61, 0x05, 0x62]),
    });
    expect({ shortMessage, dataCoding }).toEqual({ shortMessage: latin1('a?b'), dataCoding: 0 });
  });

  it('is read in it, and in its own data_coding', async () => {
    const moBody = (to: string, dataCoding: number, octets: Buffer) =>
      deliverBody({ from: '39155501', to, dataCoding, octets });
    carrier.deliver(moBody('70007', 3, Buffer.from([0xe9])));
    await eventually(() => expect(esme.messages.map(octetsOf)).toContain('05'));
    carrier.deliver(moBody('70008', 0x18, Buffer.from('20ac', 'hex')));
    await eventually(() => {
      const got = esme.messages.find((pdu) => pdu.destination_addr === '70008');
      expect(got?.data_coding).toBe(8);
    });
  });
});

/** The octets of a deliver_sm as npm smpp gives them. */
function octetsOf(pdu: Parameters<typeof textOf>[0]): string {
  const text = textOf(pdu);
  // npm smpp decodes data_coding 0 as GSM 7-bit.
  return text === 'é' ? '05' : Buffer.from(text, 'latin1').toString('hex');
}

describe('data codings of a carrier', () => {
  it('replace ours, message class and all', async () => {
    const flash = await sent('394', { data_coding: 0xf0, short_message: Buffer.from('now') });
    expect(flash.dataCoding).toBe(0x10);
    const wide = await sent('394', { data_coding: 8, short_message: Buffer.from('20ac', 'hex') });
    expect([wide.dataCoding, wide.shortMessage]).toEqual([0x18, '20ac']);
    const other = await sent('394', { data_coding: 4, short_message: Buffer.from('00ff', 'hex') });
    expect(other.dataCoding).toBe(4);
  });
});

describe('addresses of a carrier', () => {
  it('has national numbers of its country with their trunk prefix', async () => {
    const { destination, tail } = await sent('46', {});
    expect(destination).toEqual([2, 8, `0${tail}`]);
  });

  it('says TON and NPI by the kind of sender', async () => {
    const source = async (addr: string, ton = 0) =>
      (await sent('46', { source_addr: addr, source_addr_ton: ton, source_addr_npi: 0 })).source;
    expect(await source('Shop', 5)).toEqual([5, 9, 'Shop']);
    expect(await source('70007')).toEqual([3, 0, '70007']);
    expect(await source('966500000001')).toEqual([1, 1, '+966500000001']);
    expect(await source('')).toEqual([0, 1, '']);
  });

  it('puts 00 before international numbers', async () => {
    const { destination, tail } = await sent('396', {});
    expect(destination).toEqual([0, 0, `00396${tail}`]);
  });
});

describe('senders of a carrier', () => {
  it.each([
    ['SHOP-RIYADH', 5, [5, 0, 'Shop']],
    ['966500000012', 1, [0, 0, '77077']],
    ['Bank', 5, [5, 0, 'Bank']],
    ['Other', 5, [5, 0, 'INFO']],
    ['', 0, [5, 0, 'INFO']],
  ] as const)('%s becomes what the first rule says', async (addr, ton, expected) => {
    const { source } = await sent('396', { source_addr: addr, source_addr_ton: ton });
    expect(source).toEqual(expected);
  });
});

describe('the TLV registry of a carrier', () => {
  it('adds fixed values, takes others from the account or another TLV, drops some, and passes the rest', async () => {
    const { tlvs } = await sent('397', {
      user_message_reference: 7,
      privacy_indicator: 1,
      language_indicator: 3,
    });
    expect(tlvs.get(0x1414)).toBe(cstring('OTP').toString('hex'));
    expect(tlvs.get(0x1400)).toBe(latin1('1101000000012345678'));
    expect(tlvs.has(0x0201)).toBe(false);
    expect([tlvs.get(0x1501), tlvs.has(0x020d)]).toEqual(['03', false]);
    expect(tlvs.get(0x0204)).toBe('0007');
    expect(tlvs.has(0x1401)).toBe(false);
    // One octet by SMPP 3.4 §5.3.2.1: two could not be sent.
    expect(tlvs.has(0x0005)).toBe(false);
  });

  it('refuses at accept, with ESME_RMISSINGTLV, what would lack a required one', async () => {
    const bare = await Esme.bind(gateway.port, { systemId: 'bare' });
    const answer = await bare.submit({ destination_addr: '3975000001' });
    expect(answer.command_status).toBe(0xc3);
    await bare.close();
  });

  it('keeps message_payload and sar_* where it drops all others', async () => {
    const { tlvs, shortMessage } = await sent('398', {
      user_message_reference: 7,
      short_message: Buffer.from('part'),
      sar_msg_ref_num: 1,
      sar_total_segments: 2,
      sar_segment_seqnum: 1,
    });
    expect([...tlvs.keys()].sort()).toEqual([0x020c, 0x020e, 0x020f]);
    expect(shortMessage).toBe(latin1('part'));
  });
});

describe('fields of a submit_sm', () => {
  it('are what the carrier wants', async () => {
    const submit = await sent('399', {
      service_type: 'OTP',
      protocol_id: 0x22,
      priority_flag: 2,
      registered_delivery: 1,
      esm_class: 0x80,
      validity_period: '000000010000000R',
    });
    expect(submit).toMatchObject({
      serviceType: 'CMT',
      protocolId: 0,
      priority: 1,
      validity: '',
      registeredDelivery: 3,
      replaceIfPresent: 0,
      esmClass: 0x83,
      schedule: '',
    });
  });

  it('ask for notifications in its own way', async () => {
    const { registeredDelivery } = await sent('399', { registered_delivery: 0x11 });
    expect(registeredDelivery).toBe(0x13);
  });

  it('state an absolute validity in UTC, or the one that the customer gave', async () => {
    const before = Date.now();
    const { validity } = await sent('381', { validity_period: '000000010000000R' });
    const match = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)\d00\+$/.exec(validity);
    const [year = 0, month = 0, ...rest] = (match ?? []).slice(1).map(Number);
    const ms = Date.UTC(2000 + year, month - 1, ...(rest as [number, number, number, number]));
    expect(Math.abs(ms - before - 3_600_000)).toBeLessThan(60_000);
    expect((await sent('382', { validity_period: '000000010000000R' })).validity).toBe(
      '000000010000000R',
    );
    expect((await sent('382', {})).validity).toBe('');
  });
});

describe('limits of a carrier', () => {
  it('refuse a message of more segments than it takes as noRoute', async () => {
    const long = { short_message: '', message_payload: Buffer.from('x'.repeat(307)) };
    const answer = await esme.submit({ destination_addr: '3835000001', ...long });
    expect(answer.command_status).toBe(0x0b);
    await sent('383', { message_payload: Buffer.from('x'.repeat(306)), short_message: '' }, 2);
  });

  it('refuse a message of more octets than its message_payload holds', async () => {
    const octets = (length: number) => ({
      short_message: '',
      message_payload: Buffer.from('x'.repeat(length)),
    });
    const answer = await esme.submit({ destination_addr: '3855000001', ...octets(201) });
    expect(answer.command_status).toBe(0x0b);
    const { tlvs } = await sent('385', octets(200));
    expect(tlvs.get(0x0424)).toBe(latin1('x'.repeat(200)));
  });

  it('cut with a reference of 16 bits where it wants that', async () => {
    const { all } = await sent('384', { short_message: Buffer.from('x'.repeat(161)) }, 2);
    // TS 23.040 §9.2.3.24.8: UDHL 6, IEI 08, length 4, reference, total, number.
    expect(all.map(({ shortMessage }) => shortMessage.slice(0, 6))).toEqual(['060804', '060804']);
    expect(all.map(({ shortMessage }) => shortMessage.slice(10, 14))).toEqual(['0201', '0202']);
  });
});
