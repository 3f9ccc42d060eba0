import type { PduInput } from 'smpp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

let carrier: ScriptedCarrier;
let gateway: TestGateway;
const open: Esme[] = [];

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  const words = {
    name: 'words',
    source: 'test',
    bannedWords: { words: ['casino'], action: 'refuse' },
  };
  const unlimited = { segmentsPerSecond: 0 };
  gateway = await TestGateway.start(
    resources({
      policies: { clean: { rules: [words] } },
      accounts: {
        alice: { policy: 'clean' },
        byReceipt: { policy: 'clean', refusals: 'receipt' },
        ownStatus: {
          policy: 'clean',
          credit: '0.05',
          statusFor: { contentRefused: 0x45, insufficientCredit: 0x14, noRoute: 0x33 },
        },
        kofn: { credit: '3.7', bind: { ...unlimited, bindsMax: 20 } },
        slowBind: { bind: { segmentsPerSecond: 1, burst: 3 } },
        slowAccount: { limits: { segmentsPerSecond: 1 }, bind: unlimited },
        narrow: { bind: { windowMax: 2 } },
        few: { bind: { bindsMax: 2 } },
        stopped: {},
        late: {},
        broke: { credit: '0.1' },
      },
      tariffs: { standard: { '1': '0.1', '2': '0.1', '44': '0.2' } },
      carriers: {
        main: { port: carrier.port, prefix: '1' },
        british: { port: carrier.port, prefix: '44' },
        french: { port: carrier.port, prefix: '33' },
      },
    }),
  );
});

afterAll(async () => {
  for (const esme of open) await esme.close();
  await gateway?.close();
  await carrier?.down();
});

async function bind(systemId: string): Promise<Esme> {
  const esme = await Esme.bind(gateway.port, { systemId });
  open.push(esme);
  return esme;
}

async function statusOf(esme: Esme, fields: PduInput): Promise<number> {
  const response = await esme.submit({ destination_addr: '12025550101', ...fields });
  return response.command_status;
}

async function messagesOf(account: string): Promise<number> {
  const [row] = await gateway.sql<{ n: number }>(
    'select count(*)::int as n from message m join account a on a.id = m.account where a.name = $1',
    [account],
  );
  return row?.n ?? -1;
}

describe('a submit_sm that is refused', () => {
  it.each([
    { version: 0x34, text: undefined },
    // Without the word itself: what the rule is called says enough.
    { version: 0x50, text: 'words' },
  ])(
    'gets the reason in words where the version has a place for it ($version)',
    async ({ version, text }) => {
      const esme = await Esme.bind(gateway.port, { systemId: 'alice', version });
      open.push(esme);
      const response = await esme.submit({
        destination_addr: '12025550101',
        short_message: 'best casino',
      });
      expect(response.command_status).toBe(0x405);
      if (text === undefined) expect(response.additional_status_info_text).toBeUndefined();
      else expect(response.additional_status_info_text).toContain(text);
    },
  );

  it.each([
    { why: 'a banned word', fields: { short_message: 'come to the CASINO' }, status: 0x405 },
    { why: 'no route', fields: { destination_addr: '22025550101' }, status: 0x0b },
    { why: 'no price', fields: { destination_addr: '33155501010' }, status: 0x0b },
    { why: 'letters in the number', fields: { destination_addr: '1202x550101' }, status: 0x0b },
    { why: 'too long a number', fields: { destination_addr: '1202555010112345' }, status: 0x0b },
    { why: 'an empty number', fields: { destination_addr: '' }, status: 0x0b },
    {
      why: 'a malformed alphanumeric sender',
      fields: { source_addr_ton: 5, source_addr: 'a name too long' },
      status: 0x0a,
    },
    {
      why: 'a validity that has passed',
      fields: { validity_period: '200101000000000+' },
      status: 0x62,
    },
    {
      why: 'a time to send it that is none',
      fields: { schedule_delivery_time: '991332250000000+' },
      status: 0x61,
    },
    { why: 'the message type of a receipt', fields: { esm_class: 0x04 }, status: 0x43 },
    { why: 'a malformed validity', fields: { validity_period: '991332250000000+' }, status: 0x62 },
  ])('for $why gets $status, is not stored and not charged', async ({ fields, status }) => {
    const esme = await bind('alice');
    const before = await gateway.money('alice');
    expect(await statusOf(esme, fields)).toBe(status);
    expect(await messagesOf('alice')).toBe(0);
    expect(await gateway.money('alice')).toEqual(before);
    await esme.close();
  });

  it('gets the status that its account has for it', async () => {
    const esme = await bind('ownStatus');
    expect(await statusOf(esme, { short_message: 'casino' })).toBe(0x45);
    expect(await statusOf(esme, {})).toBe(0x14);
    expect(await statusOf(esme, { destination_addr: '22025550101' })).toBe(0x33);
    expect(await messagesOf('ownStatus')).toBe(0);
  });

  it('is accepted at no charge and ends REJECTD where the account wants receipts', async () => {
    const esme = await bind('byReceipt');
    const id = await esme.accepted({ destination_addr: '12025550101', short_message: 'casino' });
    expect(await esme.receiptOf(id)).toMatchObject({ state: 'REJECTD' });
    expect(await gateway.end(id)).toMatchObject({
      state: 'REJECTD',
      fault: 'customer',
      refund: '0',
    });
    expect(await gateway.entries('byReceipt')).toEqual(['top_up +10']);
    expect(carrier.to('12025550101')).toEqual([]);
    const others = [{ destination_addr: 'abc' }, { source_addr: 'a name too long' }];
    for (const fields of others) {
      const other = await esme.accepted({ destination_addr: '12025550101', ...fields });
      expect(await esme.receiptOf(other)).toMatchObject({ state: 'REJECTD' });
    }
    expect(await gateway.money('byReceipt')).toEqual({ credits: '10', reserved: '0' });
    // What is not about the message is answered at once all the same.
    await gateway.setStatus('byReceipt', 'suspended');
    expect(await statusOf(esme, { short_message: 'casino' })).toBe(0x403);
  });

  it('for a suspended account gets 0x403, and is accepted again after it is resumed', async () => {
    const esme = await bind('stopped');
    await gateway.setStatus('stopped', 'suspended');
    expect(await statusOf(esme, {})).toBe(0x403);
    await gateway.setStatus('stopped', 'active');
    expect(await statusOf(esme, {})).toBe(0);
  });

  it('for want of credit gets 0x401 even when it costs one unit too much', async () => {
    const esme = await bind('broke');
    const two = { short_message: Buffer.alloc(0), message_payload: Buffer.alloc(161, 0x61) };
    expect(await statusOf(esme, two)).toBe(0x401);
    expect(await gateway.money('broke')).toMatchObject({ credits: '0.1' });
    expect(await statusOf(esme, {})).toBe(0);
    expect(await statusOf(esme, {})).toBe(0x401);
    expect(await gateway.money('broke')).toMatchObject({ credits: '0' });
  });

  it('for expired credit gets 0x402, and the credit is gone with it', async () => {
    const esme = await bind('late');
    expect(await statusOf(esme, {})).toBe(0);
    await gateway.sql(
      `update balance set expires_at = now() - interval '1 second'
       where account = (select id from account where name = 'late') and side = 0`,
    );
    expect(await statusOf(esme, {})).toBe(0x402);
    expect(await gateway.money('late')).toMatchObject({ credits: '0' });
  });

  it('gets 0x58 over the rate of its bind', async () => {
    const esme = await bind('slowBind');
    const statuses = await Promise.all(Array.from({ length: 8 }, () => statusOf(esme, {})));
    const accepted = statuses.filter((status) => status === 0).length;
    expect(accepted).toBeGreaterThanOrEqual(3); // the burst, and one more for each second that this took
    expect(statuses.filter((status) => status === 0x58)).toHaveLength(8 - accepted);
    expect(accepted).toBeLessThan(8);
    expect(await messagesOf('slowBind')).toBe(accepted);
  });

  it('gets 0x58 over the rate of its account', async () => {
    const esme = await bind('slowAccount');
    const statuses = await Promise.all(Array.from({ length: 6 }, () => statusOf(esme, {})));
    expect(statuses[0]).toBe(0);
    expect(statuses.filter((status) => status === 0x58).length).toBeGreaterThanOrEqual(3);
    expect(await messagesOf('slowAccount')).toBe(statuses.filter((status) => status === 0).length);
  });

  it('gets ESME_RMSGQFUL beyond the window of its session', async () => {
    const esme = await bind('narrow');
    const statuses = await Promise.all(Array.from({ length: 40 }, () => statusOf(esme, {})));
    const over = statuses.filter((status) => status === 0x14).length;
    expect(over).toBeGreaterThan(0);
    expect(statuses.filter((status) => status === 0)).toHaveLength(40 - over);
    expect(await messagesOf('narrow')).toBe(40 - over);
  });
});

describe('credit for K of N messages', () => {
  it('lets exactly K pass under 20 binds at once, and ends at exactly 0', async () => {
    const esmes = await Promise.all(Array.from({ length: 20 }, () => bind('kofn')));
    const statuses = await Promise.all(
      esmes.flatMap((esme, i) =>
        Array.from({ length: 4 }, (_, n) =>
          statusOf(esme, { destination_addr: `1202555${2000 + i * 10 + n}` }),
        ),
      ),
    );
    expect(statuses.filter((status) => status === 0)).toHaveLength(37);
    expect(statuses.filter((status) => status === 0x401)).toHaveLength(43);
    expect(await gateway.money('kofn')).toEqual({ credits: '0', reserved: '0' });
    await eventually(() =>
      expect(carrier.submits.filter((one) => one.destination.startsWith('12025552'))).toHaveLength(
        37,
      ),
    );
  });
});

describe('binds of one system_id', () => {
  it('beyond its bindsMax get ESME_RALYBND, until one of them ends', async () => {
    const [first] = [await bind('few'), await bind('few')];
    const third = await Esme.tryBind(gateway.port, { systemId: 'few' });
    expect(third.response.command_status).toBe(0x05);
    await eventually(() => expect(third.esme.closed).toBe(true));
    await first.close();
    await eventually(() => bind('few'));
  });
});

describe('reconcile', () => {
  it('finds the books in order after all this', () => gateway.reconciled());
});
