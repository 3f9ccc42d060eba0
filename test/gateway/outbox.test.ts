import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

let carrier: ScriptedCarrier;
let gateway: TestGateway;
let next = 0;

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  const names = ['offline', 'later', 'many', 'wanted', 'silent', 'text', 'tlv', 'old', 'never'];
  gateway = await TestGateway.start(
    resources({
      accounts: {
        ...Object.fromEntries(names.map((name) => [name, {}])),
        text: { receipts: { format: 'text', idBase: 'hex', dates: '+03:00' } },
        tlv: { receipts: { format: 'tlv' } },
        silent: { bind: { windowMax: 1 } },
      },
      carriers: { main: { port: carrier.port, prefix: '1' } },
    }),
  );
});

afterAll(async () => {
  await gateway?.close();
  await carrier?.down();
});

/** Submits and lets the carrier deliver it. */
async function delivered(esme: Esme, registeredDelivery = 1, stat = 'DELIVRD'): Promise<string> {
  const to = `1202558${String(next++).padStart(4, '0')}`;
  const id = await esme.accepted({ destination_addr: to, registered_delivery: registeredDelivery });
  const [submit] = await carrier.taken(1, to);
  if (submit === undefined) throw new Error('taken');
  await carrier.receipt(submit, { stat });
  await gateway.ended(id, { state: stat });
  return id;
}

function waiting(id: string): Promise<object[]> {
  return gateway.sql('select id from outbox_waiting where id = $1', [id]);
}

async function returned(id: string): Promise<number[]> {
  const rows = await gateway.sql<{ status: number }>('select status from returned where id = $1', [
    id,
  ]);
  return rows.map((row) => row.status);
}

describe('a receipt for a customer', () => {
  it('waits in the store while he has no receiver, and comes to any that binds later', async () => {
    const sender = await Esme.bind(gateway.port, { systemId: 'offline', as: 'transmitter' });
    const ids = [await delivered(sender), await delivered(sender), await delivered(sender)];
    await sender.close();
    for (const id of ids) await eventually(async () => expect(await waiting(id)).toHaveLength(1));
    expect(await returned(ids[0] ?? '')).toEqual([]);
    const receiver = await Esme.bind(gateway.port, { systemId: 'offline', as: 'receiver' });
    for (const id of ids) expect(await receiver.receiptOf(id)).toMatchObject({ state: 'DELIVRD' });
    for (const id of ids) {
      await eventually(async () => expect(await waiting(id)).toEqual([]));
      expect(await returned(id)).toEqual([0]);
    }
    expect(receiver.receipts).toHaveLength(3);
    await receiver.close();
  });

  it('waits over a restart, and is not repeated once it was taken', async () => {
    const sender = await Esme.bind(gateway.port, { systemId: 'old', as: 'transmitter' });
    const id = await delivered(sender);
    await sender.close();
    await gateway.drain();
    await gateway.up();
    const receiver = await Esme.bind(gateway.port, { systemId: 'old' });
    await receiver.receiptOf(id);
    await eventually(async () => expect(await returned(id)).toEqual([0]));
    await receiver.close();
    await eventually(() => expect(carrier.sessions.size).toBe(2));
    const again = await Esme.bind(gateway.port, { systemId: 'old' });
    const fresh = await delivered(again);
    await again.receiptOf(fresh);
    expect(again.receipts.map((one) => one.id)).toEqual([fresh]);
    await again.close();
  });

  it('comes again after a temporary error, until he takes it', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'later' });
    const offers: string[] = [];
    esme.answer = (receipt) => {
      offers.push(receipt.id);
      return offers.length === 1 ? 0x64 : 0; // ESME_RX_T_APPN
    };
    const id = await delivered(esme);
    await esme.receiptOf(id);
    expect(offers).toEqual([id, id]);
    await eventually(async () => expect(await returned(id)).toEqual([0]));
    await esme.close();
  });

  it('does not come again after a permanent error', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'never' });
    esme.answer = () => 0x65; // ESME_RX_P_APPN
    const id = await delivered(esme);
    await eventually(async () => expect(await returned(id)).toEqual([0x65]));
    expect(await waiting(id)).toEqual([]);
    await esme.close();
  });

  it('left unanswered by a session that ended comes to another', async () => {
    const mute = await Esme.bind(gateway.port, { systemId: 'silent' });
    let offered = 0;
    mute.answer = () => {
      offered++;
      return undefined;
    };
    const ids = [await delivered(mute), await delivered(mute)];
    await eventually(() => expect(offered).toBe(1)); // its window is 1
    const sound = await Esme.bind(gateway.port, { systemId: 'silent', as: 'receiver' });
    await mute.cut();
    for (const id of ids) await sound.receiptOf(id);
    expect(sound.receipts).toHaveLength(2);
    await sound.close();
  });

  it('goes to his receivers in turn', async () => {
    const sender = await Esme.bind(gateway.port, { systemId: 'many', as: 'transmitter' });
    const receivers = await Promise.all(
      [1, 2, 3].map(() => Esme.bind(gateway.port, { systemId: 'many', as: 'receiver' })),
    );
    for (let n = 0; n < 9; n++) await delivered(sender);
    await eventually(() => expect(receivers.map((one) => one.receipts.length)).toEqual([3, 3, 3]));
    await Promise.all([sender, ...receivers].map((one) => one.close()));
  });

  it.each([
    { asked: 0, stat: 'DELIVRD', comes: false },
    { asked: 0, stat: 'UNDELIV', comes: false },
    { asked: 1, stat: 'UNDELIV', comes: true },
    { asked: 2, stat: 'DELIVRD', comes: false },
    { asked: 2, stat: 'UNDELIV', comes: true },
    { asked: 3, stat: 'DELIVRD', comes: true },
    { asked: 3, stat: 'UNDELIV', comes: false },
  ])('of $stat with registered_delivery $asked comes: $comes', async ({ asked, stat, comes }) => {
    const esme = await Esme.bind(gateway.port, { systemId: 'wanted' });
    const id = await delivered(esme, asked, stat);
    // One that is wanted follows: receipts come in order, so it shows that the first did not.
    const last = await delivered(esme);
    await esme.receiptOf(last);
    expect(esme.receipts.some((one) => one.id === id)).toBe(comes);
    expect(carrier.submits.every(({ pdu }) => pdu.registered_delivery === 1)).toBe(true);
    await esme.close();
  });

  it('has its fields in the text alone, with its id in hex and his own time', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'text' });
    const id = await delivered(esme);
    const receipt = await eventually(() => {
      const [one] = esme.receipts;
      if (one === undefined) throw new Error('none');
      return one;
    });
    expect(receipt.pdu.receipted_message_id).toBeUndefined();
    expect(receipt.pdu.message_state).toBeUndefined();
    expect(receipt.text.toLowerCase()).toContain(`id:${BigInt(id).toString(16)} `);
    // Submitted now, in a zone three hours ahead of UTC.
    const [, said = ''] = /submit date:(\d{10})/.exec(receipt.text) ?? [];
    const [, year, month, day, hour, minute] = /^(..)(..)(..)(..)(..)$/.exec(said) ?? [];
    const utc = Date.UTC(
      2_000 + Number(year),
      Number(month) - 1,
      Number(day),
      Number(hour),
      Number(minute),
    );
    expect(Math.abs(utc - 3 * 3_600_000 - Date.now())).toBeLessThan(120_000);
    await esme.close();
  });

  it('has its fields in TLVs alone', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'tlv' });
    const id = await delivered(esme);
    const receipt = await esme.receiptOf(id);
    expect(receipt.text).toBe('');
    expect(receipt.pdu).toMatchObject({ receipted_message_id: id, message_state: 2, esm_class: 4 });
    await esme.close();
  });
});

describe('reconcile', () => {
  it('finds the books in order after all this', () => gateway.reconciled());
});
