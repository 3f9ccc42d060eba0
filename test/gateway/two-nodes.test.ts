import type { Session } from 'smpp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

let carrier: ScriptedCarrier;
let one: TestGateway;
let two: TestGateway;
/** A carrier's session to each node. */
let sessions: [Session, Session];

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  one = await TestGateway.start(
    resources({
      accounts: { alice: {}, drop: { credit: '0.7', bind: { bindsMax: 20 } } },
      carriers: { main: { port: carrier.port, prefix: '', binds: 1 } },
    }),
  );
  await eventually(() => expect(carrier.sessions.size).toBe(1));
  const [ofOne] = carrier.sessions;
  two = await one.beside();
  await eventually(() => expect(carrier.sessions.size).toBe(2));
  const ofTwo = [...carrier.sessions].find((session) => session !== ofOne);
  if (ofOne === undefined || ofTwo === undefined) throw new Error('a session each');
  sessions = [ofOne, ofTwo];
});

afterAll(async () => {
  await two?.close();
  await one?.close();
  await carrier?.down();
});

describe('two nodes on one database', () => {
  it('settle a receipt that comes to the other node, and return it where the customer is bound', async () => {
    const sender = await Esme.bind(one.port, { systemId: 'alice', as: 'transmitter' });
    const receiver = await Esme.bind(one.port, { systemId: 'alice', as: 'receiver' });
    const id = await sender.accepted({ destination_addr: '12025550101' });
    const [submit] = await carrier.taken(1, '12025550101');
    if (submit === undefined) throw new Error('taken');
    expect(submit.session).toBe(sessions[0]);
    expect(await carrier.receipt(submit, { session: sessions[1] })).toBe(0);
    await one.ended(id, { state: 'DELIVRD' });
    expect(await receiver.receiptOf(id)).toMatchObject({ state: 'DELIVRD' });
    await sender.close();
    await receiver.close();
  });

  it('end a long message of which each saw one segment end', async () => {
    const esme = await Esme.bind(one.port, { systemId: 'alice' });
    for (const [n, order] of [
      [0, 1],
      [1, 0],
    ].entries()) {
      const to = `1202555020${n}`;
      const id = await esme.accepted({
        destination_addr: to,
        short_message: Buffer.alloc(0),
        message_payload: Buffer.alloc(200, 0x61),
      });
      const submits = await carrier.taken(2, to);
      await eventually(async () => expect(await one.dispatches(id)).toHaveLength(2));
      await Promise.all(
        submits.map((submit, i) => {
          const session = sessions[order[i] ?? 0];
          return session && carrier.receipt(submit, { session });
        }),
      );
      await one.ended(id, { state: 'DELIVRD' });
      await esme.receiptOf(id);
    }
    expect(esme.receipts).toHaveLength(2);
    await esme.close();
  });

  it('let exactly as many messages pass as the credit pays for, over both', async () => {
    const esmes = await Promise.all(
      [one, two, one, two].map((node) => Esme.bind(node.port, { systemId: 'drop' })),
    );
    const answers = await Promise.all(
      esmes.flatMap((esme) =>
        Array.from({ length: 5 }, () => esme.submit({ destination_addr: '12025550303' })),
      ),
    );
    const statuses = answers.map((answer) => answer.command_status);
    expect(statuses.filter((status) => status === 0)).toHaveLength(7);
    expect(statuses.filter((status) => status === 0x401)).toHaveLength(13);
    expect(await one.money('drop')).toEqual({ credits: '0', reserved: '0' });
    await Promise.all(esmes.map((esme) => esme.close()));
  });

  it('hear of a change that is made at the other', async () => {
    const esme = await Esme.bind(two.port, { systemId: 'alice' });
    await one.setStatus('alice', 'suspended');
    await eventually(async () => {
      const { command_status } = await esme.submit({ destination_addr: '12025550404' });
      expect(command_status).toBe(0x403);
    });
    await esme.close();
  });
});

describe('reconcile', () => {
  it('finds the books in order after all this', () => one.reconciled());
});
