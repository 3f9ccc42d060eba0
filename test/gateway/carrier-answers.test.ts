import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSimulatedCarrier } from '../../src/simulator/carrier.ts';
import type { CarrierEvent, SimulatedCarrier } from '../../src/simulator/carrier-options.ts';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

/** Ids of submit_sm_resp and receipt of one message, as carriers are known to have written them (shared/vectors). */
const PAIRS = [
  { response: '33E95179', receipt: '870928761' },
  { response: '39f99dd5', receipt: '0972660181' },
  { response: '00B8BE19', receipt: 'B8BE19' },
  { response: '10C8F40D', receipt: '281605133' },
];

let scripted: Record<'narrow' | 'busy' | 'auto' | 'plain' | 'valid', ScriptedCarrier>;
let simulated: Record<'hexed' | 'texted' | 'mismatched', SimulatedCarrier>;
let gateway: TestGateway;
let esme: Esme;
const book: CarrierEvent[] = [];

beforeAll(async () => {
  const listen = () => ScriptedCarrier.listen();
  const [narrow, busy, auto, plain, valid] = [
    await listen(),
    await listen(),
    await listen(),
    await listen(),
    await listen(),
  ];
  scripted = { narrow, busy, auto, plain, valid };
  const mixed = { response: 'hex', receipt: 'decimal' } as const;
  simulated = {
    hexed: await startSimulatedCarrier({ ids: mixed, onEvent: (event) => book.push(event) }),
    texted: await startSimulatedCarrier({ ids: { response: 'text' } }),
    mismatched: await startSimulatedCarrier({ ids: mixed }),
  };
  const { hexed, texted, mismatched } = simulated;
  const either = { response: 'auto', receipt: 'auto' };
  gateway = await TestGateway.start(
    resources({
      accounts: { alice: { validityDefaultHours: 2, validityMaxHours: 3 } },
      carriers: {
        narrow: { port: narrow.port, prefix: '1', binds: 2, windowMax: 3 },
        busy: { port: busy.port, prefix: '2' },
        auto: { port: auto.port, prefix: '30', ids: either },
        plain: { port: plain.port, prefix: '31' },
        valid: { port: valid.port, prefix: '32' },
        hexed: { port: hexed.port, prefix: '40', ids: mixed },
        texted: { port: texted.port, prefix: '41', ids: either },
        mismatched: { port: mismatched.port, prefix: '42' },
      },
    }),
  );
  esme = await Esme.bind(gateway.port, { systemId: 'alice' });
});

afterAll(async () => {
  await esme?.close();
  await gateway?.close();
  for (const carrier of Object.values(scripted ?? {})) await carrier.down();
  for (const carrier of Object.values(simulated ?? {})) await carrier.close();
});

describe('the window of a carrier', () => {
  it('is never passed, and is filled', async () => {
    const { narrow } = scripted;
    narrow.onSubmit = () => {};
    await eventually(() => expect(narrow.sessions.size).toBe(2));
    const ids = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        esme.accepted({ destination_addr: `120255510${10 + i}` }),
      ),
    );
    await narrow.taken(6);
    // Every answer lets one more come.
    narrow.onSubmit = (submit) => setImmediate(() => narrow.accept(submit));
    for (const submit of narrow.submits.slice()) narrow.accept(submit);
    await narrow.taken(40);
    expect(narrow.unansweredMost).toBe(6);
    for (const id of ids)
      await eventually(async () => expect(await gateway.dispatches(id)).toHaveLength(1));
    expect(new Set(narrow.submits.map((one) => one.destination)).size).toBe(40);
    expect(narrow.submits).toHaveLength(40);
  });
});

describe('an answer that says "later"', () => {
  it.each([
    { status: 0x58, name: 'ESME_RTHROTTLED' },
    { status: 0x14, name: 'ESME_RMSGQFUL' },
    { status: 0x64, name: 'ESME_RX_T_APPN' },
  ])('($name) is followed by another attempt, and nothing is given back', async ({ status }) => {
    const { busy } = scripted;
    const to = `2202555${status + 1000}`;
    busy.onSubmit = (submit) =>
      busy.to(to).length === 1 ? busy.refuse(submit, status) : busy.accept(submit);
    const id = await esme.accepted({ destination_addr: to });
    const [, again] = await busy.taken(2, to);
    if (again === undefined) throw new Error('sent again');
    await eventually(async () =>
      expect(await gateway.dispatches(id)).toMatchObject([
        { attempt: 1, status, upstream: null },
        { attempt: 2, status: 0, upstream: again.id },
      ]),
    );
    await busy.receipt(again);
    await gateway.ended(id, { state: 'DELIVRD', refund: '0' });
  });

  it('until the validity is over: then the price goes back whole', async () => {
    const { busy } = scripted;
    busy.onSubmit = (submit) => busy.refuse(submit, 0x58);
    const before = await gateway.money('alice');
    // Where a second is over before the carrier is asked for the first time, the next one has longer.
    for (const seconds of ['01', '04', '16']) {
      const to = `220255577${seconds}`;
      const validity_period = `0000000000${seconds}000R`;
      const id = await esme.accepted({ destination_addr: to, validity_period });
      await gateway.ended(id, {
        state: 'EXPIRED',
        fault: 'platform',
        cause: 'neverSent',
        refund: '0.1',
      });
      expect(await gateway.money('alice')).toEqual(before);
      expect(await esme.receiptOf(id)).toMatchObject({ state: 'EXPIRED' });
      if (busy.to(to).length > 0) break;
    }
    expect(busy.submits.some((one) => one.destination.startsWith('220255577'))).toBe(true);
    busy.onSubmit = (submit) => busy.accept(submit);
  });
});

describe('what goes to a carrier', () => {
  it.each([
    { asked: '', hours: 2, what: 'the default of its account' },
    { asked: '000000010000000R', hours: 1, what: 'its own' },
    { asked: '000002000000000R', hours: 3, what: 'the most that its account may have' },
  ])('has the validity that is left: $what', async ({ asked, hours }) => {
    const to = `3202555000${hours}`;
    await esme.accepted({ destination_addr: to, validity_period: asked });
    const [submit] = await scripted.valid.taken(1, to);
    const until = submit?.pdu.validity_period;
    if (!(until instanceof Date)) throw new Error('npm smpp reads a relative time as a date');
    expect(Math.abs(until.getTime() - Date.now() - hours * 3_600_000)).toBeLessThan(30_000);
  });

  it('is what the customer wrote, with the number in E.164 and a receipt asked for', async () => {
    await esme.accepted({
      destination_addr: '+3202555010',
      dest_addr_ton: 0,
      dest_addr_npi: 0,
      source_addr: '12345',
      source_addr_ton: 3,
      source_addr_npi: 0,
      registered_delivery: 0,
      protocol_id: 0x40,
      data_coding: 8,
      short_message: Buffer.from('привет', 'utf16le').swap16(),
    });
    const [submit] = await scripted.valid.taken(1, '3202555010');
    expect(submit?.pdu).toMatchObject({
      destination_addr: '3202555010',
      dest_addr_ton: 1,
      dest_addr_npi: 1,
      source_addr: '12345',
      registered_delivery: 1,
      protocol_id: 0x40,
      data_coding: 8,
      short_message: { message: 'привет' },
    });
  });
});

describe('ids of submit_sm_resp and receipt in different bases', () => {
  it.each(PAIRS)('$response and $receipt meet at a carrier of "auto"', async (pair) => {
    const { auto } = scripted;
    auto.onSubmit = (submit) => auto.accept(submit, pair.response);
    const to = `302025${pair.receipt.replace(/\D/g, '').slice(-6).padStart(6, '1')}`;
    const id = await esme.accepted({ destination_addr: to });
    const [submit] = await auto.taken(1, to);
    if (submit === undefined) throw new Error('taken');
    await eventually(async () => expect(await gateway.dispatches(id)).toHaveLength(1));
    await auto.receipt(submit, { id: pair.receipt });
    await gateway.ended(id, { state: 'DELIVRD' });
    expect(await gateway.dispatches(id)).toMatchObject([{ upstream: pair.response }]);
  });

  it('meet after a restart, too, and when the receipt is early', async () => {
    const { auto } = scripted;
    auto.onSubmit = (submit) => auto.accept(submit, '2A3B4C');
    const id = await esme.accepted({ destination_addr: '302025550201' });
    const [submit] = await auto.taken(1, '302025550201');
    if (submit === undefined) throw new Error('taken');
    await eventually(async () => expect(await gateway.dispatches(id)).toHaveLength(1));
    auto.onSubmit = () => {};
    const early = await esme.accepted({ destination_addr: '302025550202' });
    const [second] = await auto.taken(1, '302025550202');
    if (second === undefined) throw new Error('taken');
    await auto.receipt(second, { id: String(0x77_66_55) });
    auto.accept(second, '776655');
    await gateway.ended(early, { state: 'DELIVRD' });

    await esme.close();
    await gateway.drain();
    await gateway.up();
    await eventually(() => expect(auto.sessions.size).toBe(2));
    esme = await Esme.bind(gateway.port, { systemId: 'alice' });
    await auto.receipt(submit, { id: String(0x2a_3b_4c) });
    await gateway.ended(id, { state: 'DELIVRD' });
  });

  it('meet by the profile of the carrier, and as words', async () => {
    const hexed = await esme.accepted({ destination_addr: '402025550203' });
    const texted = await esme.accepted({ destination_addr: '412025550204' });
    await gateway.ended(hexed, { state: 'DELIVRD' });
    await gateway.ended(texted, { state: 'DELIVRD' });
    // An outcome can be stored before its dispatch.
    const answered = await eventually(async () => {
      const [one] = await gateway.dispatches(hexed);
      expect(one).toBeDefined();
      return one;
    });
    const receipt = book.find((event) => event.event === 'receipt');
    expect(receipt?.event === 'receipt' && BigInt(receipt.id)).toBe(
      BigInt(`0x${answered?.upstream}`),
    );
  });

  it('do not meet at a carrier whose ids are taken as text: the receipt is kept', async () => {
    const id = await esme.accepted({ destination_addr: '422025550205' });
    await eventually(async () =>
      expect(
        await gateway.sql(
          `select p.matched from parked_receipt p join carrier c on c.id = p.carrier where c.name = 'mismatched'`,
        ),
      ).toEqual([{ matched: null }]),
    );
    expect(await gateway.end(id)).toMatchObject({ state: undefined });
  });
});

describe('reconcile', () => {
  it('finds the books in order after all this', () => gateway.reconciled());
});
