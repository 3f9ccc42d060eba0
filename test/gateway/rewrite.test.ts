import type { PduInput } from 'smpp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestGateway } from '../support/gateway.ts';
import { type Esme, payload, Sessions } from './esme.ts';
import { cancel, query, replace } from './manage-stand.ts';
import { resources } from './resources.ts';
import { contentOf, partOf, ScriptedCarrier, type TakenSubmit } from './scripted-carrier.ts';

const RINVSRCADR = 0x0a;
const CONTENT_REFUSED = 0x405;
const RCANCELFAIL = 0x11;
/** In an hour: it is queued until then. */
const LATER = '000000010000000R';
const UCS2 = 8;

let carrier: ScriptedCarrier;
let gateway: TestGateway;
const sessions = new Sessions();
let numbers = 0;

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  carrier.onSubmit = (submit) => {
    carrier.accept(submit);
    void carrier.receipt(submit).catch(() => {});
  };
  const casino = { name: 'gambling', bannedWords: { words: ['casino', 'сайт'] } };
  const every = { name: 'stop', expression: { wildcard: ['*'] } };
  gateway = await TestGateway.start(
    resources({
      policies: {
        sender: {
          rules: [{ senderRegistered: {}, action: 'rewrite', rewrite: { sender: 'INFO' } }],
        },
        suffix: {
          rules: [
            {
              senderRegistered: { suffixes: { promotional: '-AD' }, registry: false },
              action: 'rewrite',
              rewrite: { sender: '{sender}-AD' },
            },
          ],
        },
        append: {
          rules: [{ ...every, action: 'rewrite', rewrite: { append: ' Reply STOP to end' } }],
          partsWaitSeconds: 60,
        },
        arabic: { rules: [{ ...every, action: 'rewrite', rewrite: { append: ' قف' } }] },
        mask: {
          rules: [
            { ...casino, action: 'rewrite', rewrite: { mask: '*' } },
            // Sees what was rewritten.
            { ...casino, name: 'again' },
          ],
        },
      },
      accounts: {
        sender: { policy: 'sender' },
        suffix: { policy: 'suffix', trafficClass: 'promotional' },
        append: { policy: 'append', credit: '100' },
        arabic: { policy: 'arabic' },
        mask: { policy: 'mask' },
      },
      tariffs: { standard: { '1': '0.1' } },
      carriers: { main: { port: carrier.port, prefix: '1' } },
    }),
  );
});

afterAll(async () => {
  await sessions.close();
  await gateway?.close();
  await carrier?.down();
});

function bind(systemId: string): Promise<Esme> {
  return sessions.bind(gateway.port, systemId);
}

function number(): string {
  numbers++;
  return `1202555${1000 + numbers}`;
}

/** Sends it, and says what the carrier gets. */
async function sent(esme: Esme, fields: PduInput): Promise<TakenSubmit> {
  const destination_addr = number();
  await esme.accepted({ ...fields, destination_addr });
  const [submit] = await carrier.taken(1, destination_addr);
  if (submit === undefined) throw new Error('it is taken');
  return submit;
}

describe('a rule that rewrites the sender', () => {
  it('sends by its own, and lets the customer go by his', async () => {
    const esme = await bind('sender');
    const destination_addr = number();
    const id = await esme.accepted({ destination_addr, short_message: 'hi' });
    const [submit] = await carrier.taken(1, destination_addr);
    expect(submit?.pdu).toMatchObject({ source_addr: 'INFO', source_addr_ton: 5 });
    expect(contentOf(submit?.pdu ?? ({} as never))).toBe('hi');
    const { pdu } = await esme.receiptOf(id);
    expect(pdu).toMatchObject({ destination_addr: 'Shop', dest_addr_ton: 5 });
  });

  it('knows the sender of his cancel_sm, query_sm and replace_sm, also after a restart', async () => {
    let esme = await bind('sender');
    const destination_addr = number();
    const own = { source_addr_ton: 5, source_addr: 'Shop' };
    const id = await esme.accepted({ ...own, destination_addr, schedule_delivery_time: LATER });
    const named = { ...own, message_id: id };
    expect(await replace(esme, { ...named, short_message: 'second' })).toBe(0);
    await esme.close();
    await gateway.drain();
    await gateway.up();
    esme = await bind('sender');
    expect((await query(esme, named)).command_status).toBe(0);
    expect(await replace(esme, { ...named, short_message: 'third' })).toBe(0);
    expect(await cancel(esme, { ...named, source_addr: 'Other' })).toBe(RCANCELFAIL);
    expect(await cancel(esme, named)).toBe(0);
    expect((await esme.receiptOf(id)).pdu.destination_addr).toBe('Shop');
  });

  it('can keep the customer’s in it, and refuses what would be too long', async () => {
    const esme = await bind('suffix');
    const submit = await sent(esme, { source_addr: 'Shop' });
    expect(submit.pdu.source_addr).toBe('Shop-AD');
    expect((await sent(esme, { source_addr: 'Shop-AD' })).pdu.source_addr).toBe('Shop-AD');
    const long = { source_addr: 'LongNames', destination_addr: number() };
    expect((await esme.submit(long)).command_status).toBe(RINVSRCADR);
  });
});

describe('a rule that rewrites the text', () => {
  it('adds to it, once, and charges what is sent', async () => {
    const esme = await bind('append');
    const submit = await sent(esme, { short_message: 'Sale' });
    expect(contentOf(submit.pdu)).toBe('Sale Reply STOP to end');
    const given = await sent(esme, { short_message: 'Sale Reply STOP to end' });
    expect(contentOf(given.pdu)).toBe('Sale Reply STOP to end');
    const { credits } = await gateway.money('append');
    const to = number();
    await esme.accepted({ destination_addr: to, short_message: 'x'.repeat(150) });
    const parts = await carrier.taken(2, to);
    expect(parts.map(({ pdu }) => partOf(pdu)?.total)).toEqual([2, 2]);
    const after = await gateway.money('append');
    expect(Number(credits) - Number(after.credits)).toBeCloseTo(0.2, 6);
  });

  it('goes over to UCS-2 where the alphabet lacks a character, and a replace_sm comes in the customer’s', async () => {
    const esme = await bind('arabic');
    const submit = await sent(esme, { short_message: 'Hello' });
    expect(submit.pdu.data_coding).toBe(UCS2);
    expect(contentOf(submit.pdu)).toBe('Hello قف');
    const to = number();
    const id = await esme.accepted({ destination_addr: to, schedule_delivery_time: LATER });
    const now = { schedule_delivery_time: '000000000001000R' };
    expect(await replace(esme, { message_id: id, short_message: 'Changed', ...now })).toBe(0);
    const [changed] = await carrier.taken(1, to);
    expect(contentOf(changed?.pdu ?? ({} as never))).toBe('Changed قف');
  });

  it('takes message_payload and Latin-1 as they come', async () => {
    const esme = await bind('append');
    const long = await sent(esme, payload('é'.repeat(60), 'ucs2'));
    expect(long.pdu.data_coding).toBe(UCS2);
    const latin = await sent(esme, { data_coding: 3, short_message: Buffer.from('ça', 'latin1') });
    expect(latin.pdu.data_coding).toBe(3);
    const octets = contentOf(latin.pdu);
    expect(Buffer.from(octets as string, 'latin1').toString('latin1')).toBe('ça Reply STOP to end');
  });

  it('masks the words that it finds, for the rules behind it too', async () => {
    const esme = await bind('mask');
    const submit = await sent(esme, { short_message: 'Our Casino is open' });
    expect(contentOf(submit.pdu)).toBe('Our ****** is open');
    const russian = await sent(esme, payload('Новый сайт тут', 'ucs2'));
    expect(contentOf(russian.pdu)).toBe('Новый **** тут');
  });

  it('refuses what it cannot rewrite: data, and parts that the customer cut', async () => {
    const esme = await bind('append');
    const binary = {
      destination_addr: number(),
      data_coding: 4,
      short_message: Buffer.from([1, 2]),
    };
    expect((await esme.submit(binary)).command_status).toBe(CONTENT_REFUSED);
    const part = {
      destination_addr: number(),
      sar_msg_ref_num: 5,
      sar_total_segments: 2,
      sar_segment_seqnum: 1,
    };
    expect((await esme.submit(part)).command_status).toBe(CONTENT_REFUSED);
    const masked = await bind('mask');
    const first = await masked.accepted({ ...part, short_message: 'the cas' });
    const last = { ...part, sar_segment_seqnum: 2, short_message: 'ino' };
    expect((await masked.submit(last)).command_status).toBe(CONTENT_REFUSED);
    // To whichever of the customer's sessions.
    expect(await sessions.receiptOf(first)).toMatchObject({ state: 'REJECTD' });
    await gateway.reconciled();
  });
});
