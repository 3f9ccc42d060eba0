import type { PduInput } from 'smpp';
import smpp from 'smpp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Esme } from '../../gateway/esme.ts';
import { eventually } from '../../support/gateway.ts';
import { type Customer, type Ending, twin } from './customer.ts';
import { Provider } from './stage.ts';

// Rows P3.1 to P3.4 and P3.6 of a seller of credit: who sends what, how fast, and to whom. The twins run under a provider
// that is strict about content and one that is a messaging platform.

/** To Malaysia: a segment costs 0.08 at the seller, 0.15 and 0.25 at the others. */
const TO = { destination_addr: '60123456789', source_addr: 'Shop' };
const SOLD: Ending = {
  status: 0,
  receipt: 'DELIVRD',
  entries: ['charge -0.08'],
  balance: '999.92',
};
const STRICT: Ending = { ...SOLD, entries: ['charge -0.15'], balance: '99.85' };
/** The vendor's TLV that the file's `classBy` reads, which npm smpp has to be told of. */
const vendor = smpp as unknown as {
  addTLV(tag: string, options: { id: number; type: unknown }): void;
  types: { tlv: { buffer: unknown } };
};
vendor.addTLV('traffic_kind', { id: 0x1500, type: vendor.types.tlv.buffer });
const kind = (text: string) => ({ traffic_kind: Buffer.from(text) }) as PduInput;
const refused = (status: number, balance = '1000'): Ending => ({ status, entries: [], balance });

let seller: Provider;
let strict: Provider;
beforeAll(async () => {
  [seller, strict] = await Promise.all([
    Provider.start('credit-seller', undefined, {
      bulk: 4,
      service: 4,
      codes: 3,
      brand: 5,
      unagreed: 1,
    }),
    Provider.start('content-strict', undefined, { shop: 3, service: 8, codes: 2 }),
  ]);
  await strict.registerSenders('*', ['Shop', 'Shop-AD', 'BrandNews', 'BrandLive']);
});
afterAll(async () => {
  await seller?.close();
  await strict?.close();
});

describe('P3.1 what is traced to a username and password', () => {
  it('P3.1 binds by them here, and nowhere else', async () => {
    const { systemId } = seller.own('person');
    await seller.bind(systemId);
    const { response } = await Esme.tryBind(strict.daemon.smppPort, { systemId });
    expect(response.command_status).toBe(0x0d);
    const history = (provider: Provider) => async () => {
      const path = `/v1/binds/history?systemId=${systemId}`;
      const { binds } = await provider.http<{ binds: Bind[] }>('GET', path);
      return binds.map(({ event, address }) => [event, address]);
    };
    await eventually(async () =>
      expect(await history(seller)()).toEqual([['session', '127.0.0.1']]),
    );
    // Whose name it is there is nobody's: counted by address under "-".
    const guessed = async () =>
      (await strict.http<{ binds: Bind[] }>('GET', '/v1/binds/history?systemId=-')).binds;
    await eventually(async () =>
      expect(await guessed()).toMatchObject([{ event: 'refused', address: '127.0.0.1' }]),
    );
  });

  it('P3.1 traces a message to system_id, address and time, and so does the command', async () => {
    const customer = await seller.customer('service');
    const esme = await customer.esme();
    const before = Date.now();
    const id = await esme.accepted(TO);
    const after = Date.now();
    const port = localPort(esme);
    const message = () => seller.http<Traced>('GET', `/v1/messages/${id}`);
    await eventually(async () =>
      expect(await message()).toMatchObject({
        systemId: customer.systemId,
        sessions: [{ address: '127.0.0.1', port, boundAs: 'transceiver' }],
      }),
    );
    const acceptedAt = Date.parse((await message()).acceptedAt);
    expect(acceptedAt).toBeGreaterThanOrEqual(before);
    expect(acceptedAt).toBeLessThanOrEqual(after);
    // Sent before the next test counts what is.
    await seller.carrier().taken(1, TO.destination_addr);
    const shown = await seller.cli('message', 'show', id);
    expect(shown.out).toContain(`127.0.0.1:${port}`);
  });

  it('P3.1 traces every act of an operator to his name, address and time', async () => {
    const customer = await seller.customer('service');
    await customer.topUp('1000', 'invoice 31');
    await seller.cli('account', 'suspend', customer.name, '--reason', 'a complaint');
    const { out } = await seller.cli('audit', '--subject', customer.name, '--json');
    expect(JSON.parse(out).entries).toMatchObject([
      { actor: 'admin', address: '127.0.0.1', action: 'account.suspended' },
      { actor: 'admin', address: '127.0.0.1', action: 'account.topUp' },
      { actor: 'admin', address: '127.0.0.1', action: 'account.topUp' },
    ]);
  });
});

interface Bind {
  readonly event: string;
  readonly address: string;
}

interface Traced {
  readonly acceptedAt: string;
}

/** The port that a session's connection was made from. */
function localPort(esme: Esme): number {
  return (esme.session as unknown as { socket: { localPort: number } }).socket.localPort;
}

describe('P3.2 delivered within seconds to minutes', () => {
  it('P3.2 measures how long a message took to its carrier, and shows it', async () => {
    const sent = () => seller.daemon.metric('smppgate_sent_seconds_count');
    // Whatever was accepted before is sent.
    const before = await eventually(async () => {
      const [{ n } = { n: 0 }] = await seller.sql<{ n: number }>(
        'select count(distinct (id, segment))::int as n from dispatch where status = 0',
      );
      expect(await sent()).toBe(n);
      return n;
    });
    expect(await (await seller.customer('service')).send(TO)).toEqual(SOLD);
    await eventually(async () => expect(await sent()).toBe(before + 1));
    expect(
      await seller.daemon.metric('smppgate_sent_seconds_bucket', { le: '60' }),
    ).toBeGreaterThan(before);
    expect(await seller.daemon.metric('smppgate_upstream_seconds_count')).toBeGreaterThan(0);
    expect((await seller.cli('report', 'deliveries')).code).toBe(0);
  });

  it('P3.2 expires what was not sent in time, and gives the money back; elsewhere it still waits', async () => {
    const codes = await seller.customer('codes', { validityDefaultHours: 0.0003 });
    const other = await strict.customer('codes');
    for (const provider of [seller, strict])
      await provider.http('POST', `/v1/carriers/${carrierOf(provider)}/pause`);
    try {
      const id = await (await codes.esme()).accepted(TO);
      const waits = await (await other.esme()).accepted(TO);
      await eventually(async () => {
        await seller.sql(
          'insert into due (at, id) values (now(), $1::bigint) on conflict do nothing',
          [id],
        );
        expect(await seller.http('GET', `/v1/messages/${id}`)).toMatchObject({
          state: 'EXPIRED',
          fault: 'platform',
        });
      });
      expect(await (await codes.esme()).receiptOf(id)).toMatchObject({ state: 'EXPIRED' });
      expect(await codes.entries()).toEqual(['top_up +1000', 'charge -0.08', 'refund +0.08']);
      expect(await codes.balance()).toMatchObject({ credits: '1000' });
      expect(await strict.http('GET', `/v1/messages/${waits}`)).toMatchObject({ state: 'ACCEPTD' });
      expect(await other.entries()).toEqual(['top_up +100', 'charge -0.15']);
    } finally {
      for (const provider of [seller, strict])
        await provider.http('POST', `/v1/carriers/${carrierOf(provider)}/resume`);
    }
  });

  it('P3.2 passes the validity on that its file allows: an hour for codes, however long was asked', async () => {
    const twoDays = { ...TO, destination_addr: '60123450001', validity_period: '000002000000000R' };
    await (await seller.customer('codes')).send(twoDays);
    await (await strict.customer('codes')).send(twoDays);
    const [short] = seller.carrier().to('60123450001');
    const [long] = strict.carrier().to('60123450001');
    expect(secondsOf(short?.pdu.validity_period)).toBeLessThanOrEqual(3600);
    expect(secondsOf(short?.pdu.validity_period)).toBeGreaterThan(3500);
    expect(secondsOf(long?.pdu.validity_period)).toBeGreaterThan(47 * 3600);
  });
});

function carrierOf(provider: Provider): string {
  return provider.file.carriers[0]?.name ?? '';
}

/** Of a relative time YYMMDDhhmmsstnnR (SMPP 3.4 §7.1.1.1), as npm smpp gives it: a Date of that time from now. */
function secondsOf(validity: unknown): number {
  if (validity instanceof Date) return (validity.getTime() - Date.now()) / 1000;
  const [, days, hours, minutes, seconds] =
    /^0000(\d\d)(\d\d)(\d\d)(\d\d)000R$/.exec(String(validity))?.map(Number) ?? [];
  return (((days ?? Number.NaN) * 24 + (hours ?? 0)) * 60 + (minutes ?? 0)) * 60 + (seconds ?? 0);
}

describe('P3.3 large volumes may be restricted and delayed', () => {
  it('P3.3 takes no more at once than the account may, and charges what it took', async () => {
    const [customer, other] = [await seller.customer('service'), await strict.customer('service')];
    const bulk = await seller.customer('bulk', { consents: ['60123456789'] });
    const statuses = async (esme: Esme) =>
      Promise.all(
        Array.from({ length: 60 }, () => esme.submit(TO).then((one) => one.command_status)),
      );
    const restricted = await statuses(await bulk.esme());
    const free = await statuses(await other.esme());
    // A window of ten, and fifty segments a second: the rest is told to come later.
    expect(new Set(restricted)).not.toEqual(new Set([0]));
    expect(restricted.every((status) => [0, 0x14, 0x58].includes(status))).toBe(true);
    expect(new Set(free)).toEqual(new Set([0]));
    const taken = restricted.filter((status) => status === 0).length;
    await eventually(async () =>
      expect(Number((await bulk.balance()).credits)).toBeCloseTo(1000 - taken * 0.08, 6),
    );
    expect(await other.balance()).toMatchObject({ credits: '91' });
    expect(await customer.send(TO)).toEqual(SOLD);
  });

  it('P3.3 sends a code before the bulk that waits', async () => {
    const bulk = await seller.customer('bulk', {
      consents: ['60123456789'],
      bind: { windowMax: 200 },
    });
    const codes = await seller.customer('codes');
    const carrier = seller.carrier();
    await seller.http('POST', `/v1/carriers/${carrierOf(seller)}/pause`);
    const bulkEsme = await bulk.esme();
    await Promise.all(
      Array.from({ length: 45 }, () =>
        bulkEsme.accepted({ ...TO, destination_addr: '60123456789' }),
      ),
    );
    await (await codes.esme()).accepted({ ...TO, destination_addr: '60190000001' });
    const before = carrier.submits.length;
    await seller.http('POST', `/v1/carriers/${carrierOf(seller)}/resume`);
    await carrier.taken(1, '60190000001');
    const order = carrier.submits.slice(before).map(({ destination }) => destination);
    // Of 21 messages to a busy carrier 16 are fast: the code is among the first two dozen, not the last of 46.
    expect(order.indexOf('60190000001')).toBeLessThan(24);
    await carrier.taken(46 + before);
  });
});

describe('P3.4 the traffic that is agreed', () => {
  it('P3.4 refuses a class that the account may not send', async () => {
    const shop = await strict.customer('shop', { consents: [TO.destination_addr] });
    await twin(
      { ...TO, source_addr: 'Shop-AD' },
      [await seller.customer('unagreed', { credit: '1000' }), refused(0x40c)],
      [shop, STRICT],
    );
  });

  it('P3.4 asks for opt-in of clean bulk, and not of streaming', async () => {
    await twin(
      TO,
      [await seller.customer('bulk'), refused(0x407)],
      [await seller.customer('service', { credit: '1000' }), SOLD],
    );
  });

  const NEWS = { ...TO, source_addr: 'BrandNews' };
  const LIVE = { ...TO, source_addr: 'BrandLive' };

  it.each([
    ['its account alone', TO, 0x407],
    ['a sender of clean bulk', NEWS, 0x407],
    ['a TLV of clean bulk, whatever its sender', { ...LIVE, ...kind('bulk') }, 0x407],
    ['a TLV of a class that is not agreed', { ...LIVE, ...kind('promo') }, 0x40c],
  ])(
    'P3.4 refuses what its class may not: by %s; elsewhere none of it is read',
    async (_what, given, status) => {
      await twin(
        given,
        [await seller.customer('brand'), refused(status)],
        [await strict.customer('service'), STRICT],
      );
    },
  );

  it('P3.4 takes the same from the same account with another sender, or another TLV', async () => {
    const brand = await seller.customer('brand');
    expect(await brand.send(LIVE)).toEqual(SOLD);
    expect(await brand.send({ ...NEWS, ...kind('stream') })).toEqual({
      ...SOLD,
      balance: '999.84',
    });
    expect(await brand.send(NEWS)).toEqual(refused(0x407, '999.84'));
    // A TLV of no known value says nothing: its sender does.
    expect(await brand.send({ ...LIVE, ...kind('other') })).toEqual({ ...SOLD, balance: '999.76' });
  });
});

describe('P3.6 recipients who said no', () => {
  const bulk = () => (own ??= seller.own('bulk'));
  let own: Customer | undefined;
  const SUBSCRIBER = '60177777777';
  const say = (provider: Provider, text: string) =>
    provider.carrier().deliver({
      source_addr_ton: 1,
      source_addr_npi: 1,
      source_addr: SUBSCRIBER,
      destination_addr: '66300',
      data_coding: 8,
      short_message: Buffer.from(text, 'utf16le').swap16(),
    });

  it.each(['Berhenti', 'stop', '停止', 'إيقاف', 'بند کریں'])(
    'P3.6 get nothing more after they replied "%s", until they start again',
    async (word) => {
      await seller.giveConsents('bulk', [SUBSCRIBER]);
      const given = { ...TO, destination_addr: SUBSCRIBER, receipt: null };
      const status = async () => (await bulk().send(given)).status;
      await eventually(async () => expect(await status()).toBe(0));
      expect(await say(seller, word)).toBe(0);
      await eventually(async () => expect(await status()).toBe(0x406));
      // Under the other file nobody answers at that number: the carrier is told so, and messages go on.
      expect(await say(strict, word)).toBe(0x65);
      const other = await strict.customer('service');
      expect(await other.send({ ...TO, destination_addr: SUBSCRIBER })).toEqual(STRICT);
      expect(await say(seller, 'MULA')).toBe(0);
      await eventually(async () => expect(await status()).toBe(0));
    },
  );

  it('P3.6 get nothing of what was accepted before and still waits for its carrier', async () => {
    const to = '60188888888';
    const said = await seller.customer('bulk', { consents: [to] });
    const other = await strict.customer('service');
    const sides = [said, other] as const;
    for (const { provider } of sides)
      await provider.http('POST', `/v1/carriers/${carrierOf(provider)}/pause`);
    const ids: string[] = [];
    for (const one of sides) {
      ids.push(await (await one.esme()).accepted({ ...TO, destination_addr: to }));
      await one.provider.cli('opt-outs', 'add', one.name, to);
    }
    // What waited for 2 s is asked again.
    const sinceMs = Date.now();
    await eventually(() => expect(Date.now() - sinceMs).toBeGreaterThan(2_000));
    for (const { provider } of sides) {
      provider.carrier().deliverAll();
      await provider.http('POST', `/v1/carriers/${carrierOf(provider)}/resume`);
    }
    const [refusedId = '', sentId = ''] = ids;
    expect((await (await said.esme()).receiptOf(refusedId)).state).toBe('REJECTD');
    expect((await (await other.esme()).receiptOf(sentId)).state).toBe('DELIVRD');
    expect(seller.carrier().to(to)).toEqual([]);
    // The seller keeps what a rule refuses later (onRefusal).
    expect((await said.entries()).slice(1)).toEqual(['charge -0.08']);
  });

  it('P3.6 are imported and looked up by command', async () => {
    await seller.giveConsents('bulk', [TO.destination_addr]);
    await seller.cli('opt-outs', 'add', 'bulk', TO.destination_addr);
    await eventually(async () =>
      expect(await bulk().send({ ...TO, receipt: null })).toMatchObject({ status: 0x406 }),
    );
    expect((await seller.cli('opt-outs', 'list', 'bulk')).out).toContain(TO.destination_addr);
    await seller.cli('opt-outs', 'remove', 'bulk', TO.destination_addr);
    await eventually(async () =>
      expect(await bulk().send({ ...TO, receipt: null })).toMatchObject({ status: 0 }),
    );
    for (const provider of [seller, strict]) await provider.reconciled();
  });
});
