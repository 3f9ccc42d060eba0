import type { PduInput } from 'smpp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier, type TakenSubmit } from './scripted-carrier.ts';

/*
 * Carriers that write receipts in their own way, from their receipt to the customer's.
 */

let gateway: TestGateway;
let carrier: ScriptedCarrier;
let esme: Esme;

const CARRIERS = {
  words: {
    prefix: '391',
    receiptDialect: {
      fields: { stat: ['result'], doneDate: ['finished'] },
      states: { GONE: 'UNDELIV' },
      dates: ['YYYY-MM-DD hh:mm:ss'],
      timeZone: 'Asia/Kolkata',
    },
    faults: { byErr: { '31': 'carrier' } },
  },
  learnt: { prefix: '392', receiptDialect: { timeZone: 'learnt' } },
  marks: { prefix: '393', receiptMarks: { final: ['0x04', '0x20'], intermediate: [], text: true } },
  tlvs: { prefix: '394', profile: 'clickatell' },
  hexErr: { prefix: '395', receiptDialect: { err: { base: 'hex' } } },
};

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  gateway = await TestGateway.start(
    resources({
      tariffs: { standard: { '*': '0.01' } },
      accounts: { acme: {} },
      carriers: Object.fromEntries(
        Object.entries(CARRIERS).map(([name, keys]) => [
          name,
          { port: carrier.port, binds: 1, ...keys },
        ]),
      ),
      inbound: [{ number: '70007', account: 'acme', carrier: 'marks' }],
    }),
  );
  esme = await Esme.bind(gateway.port, { systemId: 'acme' });
});

afterAll(async () => {
  await esme?.close();
  await gateway?.close();
  await carrier?.down();
});

/** Sends a message and the receipt of it over the session that took it. */
async function receipted(
  destination: string,
  receipt: (submit: TakenSubmit) => PduInput,
): Promise<string> {
  const id = await esme.accepted({ destination_addr: destination });
  const [submit] = await carrier.taken(1, destination);
  if (submit === undefined) throw new Error('it was taken');
  const pdu = receipt(submit);
  const whole = { source_addr: destination, destination_addr: 'Shop', ...pdu };
  expect(await carrier.deliver(whole, submit.session)).toBe(0);
  return id;
}

/** YYMMDDhhmm of a moment so many hours east of UTC. */
function compact(ms: number, hoursEast: number): string {
  const iso = new Date(ms + hoursEast * 3_600_000).toISOString();
  return iso.replace(/\D/g, '').slice(2, 12);
}

describe('receipts of a carrier with a dialect', () => {
  it('settle by its own names, words, dates and zone', async () => {
    const done = '2026-11-22 20:18:30';
    const id = await receipted('3915000001', (submit) => ({
      esm_class: 4,
      short_message: `error=031; result=gone; finished=${done}; id=${submit.id}`,
    }));
    const receipt = await esme.receiptOf(id);
    expect(receipt.state).toBe('UNDELIV');
    // 20:18 in India (UTC+05:30) is 14:48 UTC, which is what the customer is told in.
    expect(receipt.text).toContain('done date:2611221448');
    await gateway.ended(id, { state: 'UNDELIV', fault: 'carrier' });
  });

  it('state the moment in UTC once the zone of its dates was learnt', async () => {
    const send = (destination: string) =>
      receipted(destination, (submit) => ({
        esm_class: 4,
        short_message: `id:${submit.id} sub:001 dlvrd:001 submit date:${compact(Date.now(), 3)} done date:${compact(Date.now(), 3)} stat:DELIVRD err:000 text:`,
      }));
    await send('3925000001');
    const before = compact(Date.now(), 0);
    const { text } = await esme.receiptOf(await send('3925000002'));
    const after = compact(Date.now(), 0);
    expect([before, after]).toContain(/done date:(\d+)/.exec(text)?.[1]);
  });

  it('are known by other marks, and what a subscriber writes is still his', async () => {
    const body = (submit: TakenSubmit) => `id:${submit.id} dlvrd:001 stat:DELIVRD err:000`;
    for (const [destination, esmClass] of [
      ['3935000001', 0],
      ['3935000002', 0x20],
    ] as const) {
      const id = await receipted(destination, (submit) => ({
        esm_class: esmClass,
        short_message: body(submit),
      }));
      expect(await esme.receiptOf(id)).toMatchObject({ state: 'DELIVRD', intermediate: false });
    }
    const [submit] = await carrier.taken(1, '3935000001');
    const mo = { source_addr: '3935000009', destination_addr: '70007', esm_class: 0 };
    await carrier.deliver({ ...mo, short_message: 'stat: great, id: none' }, submit?.session);
    await expect.poll(() => esme.messages.length).toBe(1);
  });

  it('take err out of network_error_code, as a profile says (Clickatell: type 3, 14 is spam)', async () => {
    const id = await receipted('3945000001', (submit) => ({
      esm_class: 4,
      receipted_message_id: submit.id,
      message_state: 5,
      network_error_code: Buffer.from([3, 0, 14]),
      short_message: '',
    }));
    await gateway.ended(id, { state: 'UNDELIV', fault: 'customer' });
    expect((await esme.receiptOf(id)).text).toContain('err:014');
  });

  it('tell the customer an err in decimal that the carrier wrote in hex', async () => {
    const id = await receipted('3955000001', (submit) => ({
      esm_class: 4,
      short_message: `id:${submit.id} stat:UNDELIV err:1F`,
    }));
    expect((await esme.receiptOf(id)).text).toContain('err:031');
  });
});
