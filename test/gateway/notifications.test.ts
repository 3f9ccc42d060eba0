import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier, type TakenSubmit } from './scripted-carrier.ts';

let carrier: ScriptedCarrier;
let gateway: TestGateway;
let next = 0;

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  gateway = await TestGateway.start(
    resources({
      accounts: { asks: {}, offline: {}, values: {} },
      carriers: { main: { port: carrier.port, prefix: '1' } },
    }),
  );
});

afterAll(async () => {
  await gateway?.close();
  await carrier?.down();
});

async function submitted(
  esme: Esme,
  registeredDelivery: number,
): Promise<{ id: string; submit: TakenSubmit }> {
  const to = `1202559${String(next++).padStart(4, '0')}`;
  const id = await esme.accepted({ destination_addr: to, registered_delivery: registeredDelivery });
  const [submit] = await carrier.taken(1, to);
  if (submit === undefined) throw new Error('taken');
  await eventually(async () => expect(await gateway.dispatches(id)).toHaveLength(1));
  return { id, submit };
}

/** What came of a message, in order: "ENROUTE i" for an intermediate one. */
function told(esme: Esme, id: string): string[] {
  return esme.receipts
    .filter((one) => one.id === id)
    .map((one) => `${one.state}${one.intermediate ? ' i' : ''}`);
}

describe('an intermediate notification', () => {
  it('is passed on once a state, and before the final receipt', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'asks' });
    const { id, submit } = await submitted(esme, 0x11);
    expect(submit.pdu.registered_delivery).toBe(0x11);
    // All at once: the carrier does not wait for answers.
    const answers = await Promise.all([
      carrier.receipt(submit, { stat: 'ENROUTE', esmClass: 0x20 }),
      carrier.receipt(submit, { stat: 'ENROUTE', esmClass: 0x20 }),
      carrier.receipt(submit, { stat: 'ACCEPTD' }),
      carrier.receipt(submit, { stat: 'DELIVRD' }),
    ]);
    expect(answers).toEqual([0, 0, 0, 0]);
    await gateway.ended(id, { state: 'DELIVRD' });
    await eventually(() => expect(told(esme, id)).toEqual(['ENROUTE i', 'ACCEPTD i', 'DELIVRD']));
    const [first] = esme.receipts;
    expect(first?.pdu).toMatchObject({
      esm_class: 0x20,
      receipted_message_id: id,
      message_state: 1,
    });
    await esme.close();
  });

  it('is neither asked for nor passed on where the customer does not want it', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'asks' });
    const { id, submit } = await submitted(esme, 0x01);
    expect(submit.pdu.registered_delivery).toBe(0x01);
    await carrier.receipt(submit, { stat: 'ENROUTE', esmClass: 0x20 });
    await carrier.receipt(submit);
    await eventually(() => expect(told(esme, id)).toEqual(['DELIVRD']));
    await esme.close();
  });

  it('waits in the store over a restart, and goes before the final receipt', async () => {
    const sender = await Esme.bind(gateway.port, { systemId: 'offline', as: 'transmitter' });
    const { id, submit } = await submitted(sender, 0x11);
    expect(await carrier.receipt(submit, { stat: 'ENROUTE', esmClass: 0x20 })).toBe(0);
    expect(await carrier.receipt(submit, { stat: 'UNDELIV' })).toBe(0);
    await sender.close();
    await gateway.drain();
    await gateway.up();
    const esme = await Esme.bind(gateway.port, { systemId: 'offline' });
    await eventually(() => expect(told(esme, id)).toEqual(['ENROUTE i', 'UNDELIV']));
    await eventually(async () =>
      expect(await gateway.sql('select id from outbox_waiting')).toEqual([]),
    );
    await esme.close();
    await eventually(() => expect(carrier.sessions.size).toBe(2));
  });
});

describe('registered_delivery', () => {
  // Bits 1-0 final receipt (5.0 §4.7.21 has value 3), 3-2 SME acknowledgements (not ours), 4 intermediate.
  it.each([
    { asked: 0x00, stat: 'DELIVRD', comes: [] },
    { asked: 0x01, stat: 'UNDELIV', comes: ['UNDELIV'] },
    { asked: 0x02, stat: 'UNDELIV', comes: ['UNDELIV'] },
    { asked: 0x02, stat: 'DELIVRD', comes: [] },
    { asked: 0x03, stat: 'DELIVRD', comes: ['DELIVRD'] },
    { asked: 0x03, stat: 'UNDELIV', comes: [] },
    { asked: 0x0c, stat: 'DELIVRD', comes: [] },
    { asked: 0x0d, stat: 'DELIVRD', comes: ['DELIVRD'] },
    { asked: 0x10, stat: 'DELIVRD', comes: ['ENROUTE i'] },
    { asked: 0x12, stat: 'DELIVRD', comes: ['ENROUTE i'] },
    { asked: 0x1e, stat: 'UNDELIV', comes: ['ENROUTE i', 'UNDELIV'] },
  ])('$asked tells of $stat: $comes', async ({ asked, stat, comes }) => {
    const esme = await Esme.bind(gateway.port, { systemId: 'values' });
    const { id, submit } = await submitted(esme, asked);
    expect(submit.pdu.registered_delivery).toBe(0x01 | (asked & 0x10));
    await carrier.receipt(submit, { stat: 'ENROUTE', esmClass: 0x20 });
    await carrier.receipt(submit, { stat });
    await gateway.ended(id, { state: stat });
    // One that is wanted follows; what came of the first came before it or never.
    const last = await submitted(esme, 1);
    await carrier.receipt(last.submit);
    await esme.receiptOf(last.id);
    expect(told(esme, id)).toEqual(comes);
    await esme.close();
  });
});
