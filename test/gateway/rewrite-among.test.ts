import smpp, { type Pdu, type PduInput } from 'smpp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OPT_OUT_CHANNEL, setOptOuts } from '../../src/store/opt-outs.ts';
import { inTransaction } from '../../src/store/pool.ts';
import { scopeIds } from '../../src/store/recipient-scopes.ts';
import { sealing, TestGateway } from '../support/gateway.ts';
import { optOutSettings } from '../support/list-settings.ts';
import { type Esme, Sessions } from './esme.ts';
import { cancel, RCANCELFAIL, SHOP } from './manage-stand.ts';
import { resources } from './resources.ts';
import { contentOf, ScriptedCarrier } from './scripted-carrier.ts';

const vendor = smpp as unknown as {
  addTLV(tag: string, options: { id: number; type: unknown }): void;
  readonly types: { readonly tlv: { readonly buffer: unknown } };
};
/** SMPP reserves it. */
vendor.addTLV('reserved_tlv', { id: 0xfffe, type: vendor.types.tlv.buffer });

/** contentRefused. */
const CONTENT_REFUSED = 0x405;
const CAP_REACHED = 0x40d;
/** In an hour: it is queued until then. */
const LATER = { schedule_delivery_time: '000000010000000R' };

let carrier: ScriptedCarrier;
let gateway: TestGateway;
const sessions = new Sessions();

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  gateway = await TestGateway.start(resourcesOf({}));
});

const SHORT = { length: { maxSegments: 1 } };

/** @param others policies of accounts that have another one by now */
function resourcesOf(others: { readonly dedupes?: string }): string {
  const every = { expression: { wildcard: ['*'] }, action: 'rewrite' };
  const append = { ...every, rewrite: { append: ' قف' } };
  const ofAny = { expression: { field: 'destination', wildcard: ['*'] }, action: 'rewrite' };
  const casino = { bannedWords: { words: ['casino'] } };
  const named = { ...every, rewrite: { sender: 'INFO' } };
  return resources({
    policies: {
      some: { rules: [{ ...append, when: { prefixes: ['1202'] } }] },
      named: { rules: [named] },
      text: { rules: [{ ...every, rewrite: { text: 'See our page' } }] },
      none: { rules: [] },
      long: { rules: [{ ...append, rewrite: { append: ` ${'x'.repeat(150)}` } }, SHORT] },
      asking: { rules: [{ optOut: {} }, named] },
      counted: {
        rules: [
          { ...ofAny, rewrite: { sender: 'INFO' } },
          { caps: { per: 'account', messages: 1 }, when: { senders: ['Shop'] } },
        ],
      },
      parted: {
        rules: [
          { ...casino, name: 'front', when: { senders: ['INFO'] } },
          { ...ofAny, rewrite: { sender: 'INFO' } },
          { ...casino, when: { senders: ['Shop'] } },
          {
            ...casino,
            name: 'behind',
            bannedWords: { words: ['win'] },
            when: { senders: ['INFO'] },
          },
        ],
        partsWaitSeconds: 60,
      },
    },
    accounts: {
      some: { policy: 'some' },
      plain: {},
      named: { policy: 'named' },
      nowhere: { policy: 'named', refusals: 'receipt' },
      long: { policy: 'long' },
      dedupes: {
        policy: others.dedupes ?? 'text',
        dedupe: { by: ['source', 'destination', 'text'], seconds: 60 },
      },
      asking: { policy: 'asking' },
      counted: { policy: 'counted' },
      parted: { policy: 'parted' },
    },
    tariffs: { standard: { '1': '0.1' } },
    carriers: { main: { port: carrier.port, prefix: '1' } },
  });
}

afterAll(async () => {
  await sessions.close();
  await gateway?.close();
  await carrier?.down();
});

function bind(systemId: string): Promise<Esme> {
  return sessions.bind(gateway.port, systemId);
}

describe('a rule that rewrites some messages', () => {
  it('leaves the other recipients of a submit_multi theirs', async () => {
    const esme = await bind('some');
    const [one, other] = ['12025551001', '13055551001'];
    const dest_address = [one, other].map((destination_addr) => ({
      dest_addr_ton: 1,
      dest_addr_npi: 1,
      destination_addr,
    }));
    const response = await new Promise<Pdu>((resolve) =>
      esme.session.submit_multi(
        { ...SHOP, dest_address, data_coding: 0, short_message: 'Sale' },
        resolve,
      ),
    );
    expect(response.command_status).toBe(0);
    const [rewritten] = await carrier.taken(1, one);
    const [asItCame] = await carrier.taken(1, other);
    expect(rewritten && contentOf(rewritten.pdu)).toBe('Sale قف');
    expect(asItCame && contentOf(asItCame.pdu)).toBe('Sale');
    expect(asItCame?.pdu.data_coding).toBe(0);
  });
});

describe('a rule that rewrites the sender', () => {
  it('leaves messages of two senders two, for replace_if_present_flag', async () => {
    const esme = await bind('named');
    const to = { destination_addr: '12025551002', ...LATER };
    const first = await esme.accepted({ ...to, source_addr: 'Shop', source_addr_ton: 5 });
    const flagged = { ...to, replace_if_present_flag: 1 };
    const other = await esme.accepted({ ...flagged, source_addr: 'Bank', source_addr_ton: 5 });
    expect(other).not.toBe(first);
    const again = await esme.accepted({ ...flagged, source_addr: 'Shop', source_addr_ton: 5 });
    expect(again).toBe(first);
  });

  it('knows the customer’s in a cancel_sm of all messages to a number', async () => {
    const esme = await bind('named');
    const destination_addr = '12025551003';
    const id = await esme.accepted({ destination_addr, ...SHOP, ...LATER });
    const all: PduInput = { message_id: '', destination_addr, dest_addr_ton: 1, dest_addr_npi: 1 };
    expect(await cancel(esme, { ...all, ...SHOP })).toBe(0);
    await gateway.ended(id, { state: 'DELETED' });
  });

  it('is not seen by the customer in the receipt of what is refused behind it', async () => {
    const esme = await bind('nowhere');
    const id = await esme.accepted({ destination_addr: '390612345678', ...SHOP });
    const { state, pdu } = await esme.receiptOf(id);
    expect(state).toBe('REJECTD');
    expect(pdu).toMatchObject({ destination_addr: 'Shop' });
  });

  it('does not hide what a recipient said meanwhile of the customer’s', async () => {
    const esme = await bind('asking');
    const destination_addr = '12025551004';
    const id = await esme.accepted({ destination_addr, ...SHOP, ...LATER });
    await optOut('asking', destination_addr, 'shop');
    await gateway.node.gateway.listChanged(OPT_OUT_CHANNEL);
    await gateway.sendNow(id);
    expect(await esme.receiptOf(id)).toMatchObject({ state: 'REJECTD' });
    expect(carrier.to(destination_addr)).toEqual([]);
  });
});

describe('a rule for some senders behind one that rewrites them', () => {
  it('applies by the sender that the customer gave, as its count does', async () => {
    const esme = await bind('counted');
    const to = { destination_addr: '12025551008' };
    const statuses: (number | undefined)[] = [];
    for (const source_addr of ['Shop', 'Other', 'Shop', 'Other'])
      statuses.push((await esme.submit({ ...to, source_addr })).command_status);
    expect(statuses).toEqual([0, 0, CAP_REACHED, 0]);
  });

  it('applies so to the parts of a long message at one node and at two', async () => {
    const beside = await gateway.beside();
    try {
      const [one, other] = [await bind('parted'), await sessions.bind(beside.port, 'parted')];
      const status = async (
        esme: Esme,
        source_addr: string,
        nth: number,
        text: string,
        ref: number,
      ) =>
        (
          await esme.submit({
            ...{ destination_addr: '12025551009', source_addr, short_message: text },
            ...{ sar_msg_ref_num: ref, sar_total_segments: 2, sar_segment_seqnum: nth },
          })
        ).command_status;
      let ref = 0;
      for (const second of [one, other]) {
        const sent = async (from: string, ...[begin, end]: readonly [string, string]) => {
          ref += 1;
          expect(await status(one, from, 1, begin, ref)).toBe(0);
          return status(second, from, 2, end, ref);
        };
        expect(await sent('Shop', 'the cas', 'ino')).toBe(CONTENT_REFUSED);
        expect(await sent('Other', 'the cas', 'ino')).toBe(0);
        expect(await sent('Shop', 'to w', 'in')).toBe(0);
        expect(await sent('INFO', 'to w', 'in')).toBe(CONTENT_REFUSED);
      }
    } finally {
      await beside.close();
    }
  });
});

describe('a customer who names a sender as a rule would store it', () => {
  it('goes by the one that he gave, and his message as it came', async () => {
    const esme = await bind('plain');
    const reserved_tlv = Buffer.concat([Buffer.from([5, 0, 8]), Buffer.from('BANK')]);
    const destination_addr = '12025551007';
    const fields = { ...SHOP, destination_addr, ...LATER, data_coding: 0, reserved_tlv };
    const id = await esme.accepted({ ...fields, short_message: 'hello' });
    expect(await cancel(esme, { message_id: id, ...SHOP, source_addr: 'BANK' })).toBe(RCANCELFAIL);
    expect(await cancel(esme, { message_id: id, ...SHOP })).toBe(0);
  });
});

describe('a rule that rewrites the text', () => {
  it('leaves a repetition what the customer repeats, and nothing else', async () => {
    const esme = await bind('dedupes');
    const to = { ...SHOP, destination_addr: '12025551006' };
    const id = await esme.accepted({ ...to, short_message: 'one' });
    expect(await esme.accepted({ ...to, short_message: 'two' })).not.toBe(id);
    expect(await esme.accepted({ ...to, short_message: 'one' })).toBe(id);
    // Rules may rewrite at some hours only.
    await gateway.apply(resourcesOf({ dedupes: 'none' }));
    expect(await esme.accepted({ ...to, short_message: 'one' })).toBe(id);
    expect((await gateway.money('dedupes')).credits).toBe('9.8');
  });
});

describe('a rule about the length', () => {
  it('counts the segments of what a rule before it made', async () => {
    const esme = await bind('long');
    const destination_addr = '12025551005';
    const kept = await esme.submit({ destination_addr, short_message: 'Sale' });
    expect(kept.command_status).toBe(0);
    const longer = await esme.submit({ destination_addr, short_message: 'Sale today' });
    expect(longer.command_status).toBe(CONTENT_REFUSED);
  });
});

async function optOut(account: string, number: string, sender: string): Promise<void> {
  const id = await gateway.accountId(account);
  await inTransaction(gateway.pool, async (client) => {
    const [scope = -1] = (await scopeIds(client, [{ sender, trafficClass: '' }])) ?? [];
    const hash = sealing().numberHash(number);
    await setOptOuts(client, { account: id, scope, out: true }, [optOutSettings([hash])]);
  });
}
