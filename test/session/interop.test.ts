import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import smpp, { type Pdu as SmppPdu, type Session as SmppSession } from 'smpp';
import { afterEach, describe, expect, it } from 'vitest';
import { CarrierLink } from '../../src/session/carrier-link.ts';
import { EsmeListener } from '../../src/session/esme-listener.ts';
import { newPdu, type ResponsePdu } from '../../src/smpp/pdu.ts';
import { answerOk, Happenings, Recorder, submitSm, TestClock, testOptions } from './support.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** npm smpp as the customer of our listener. */
async function customer(): Promise<{ handler: Recorder; client: SmppSession }> {
  const clock = new TestClock();
  const handler = new Recorder();
  handler.answer = answerOk;
  const listener = new EsmeListener(
    { host: '127.0.0.1', port: 0, tickMs: 0, session: testOptions(clock) },
    handler,
  );
  const { port } = await listener.listen();
  const client = smpp.connect({ host: '127.0.0.1', port });
  client.on('error', () => {});
  await once(client, 'connect');
  closers.push(async () => {
    const closed = listener.close(0);
    if (!client.socket.closed) client.destroy();
    clock.advance(5_000, listener);
    await closed;
  });
  return { handler, client };
}

const answerTo = (send: (done: (pdu: SmppPdu) => void) => void): Promise<SmppPdu> =>
  new Promise(send);

describe('npm smpp as our customer', () => {
  it('binds, submits, enquires and unbinds', async () => {
    const { handler, client } = await customer();
    const bound = await answerTo((done) =>
      client.bind_transceiver(
        { system_id: 'acme', password: 'secret', interface_version: 0x34 },
        done,
      ),
    );
    expect([bound.command_status, bound.system_id, bound.sc_interface_version]).toEqual([
      0,
      'gw',
      0x34,
    ]);
    const submitted = await answerTo((done) =>
      client.submit_sm({ destination_addr: '966500000001', short_message: 'Hello' }, done),
    );
    expect([submitted.command_status, submitted.message_id]).toEqual([0, '42']);
    expect(handler.requests[0]?.pdu).toMatchObject({
      command: 'submit_sm',
      destination_addr: '966500000001',
    });
    expect((await answerTo((done) => client.enquire_link(done))).command).toBe('enquire_link_resp');
    expect((await answerTo((done) => client.unbind(done))).command_status).toBe(0);
    expect((await handler.ended()).reason.kind).toBe('peerUnbound');
  });

  it('gets our deliver_sm and answers it', async () => {
    const { handler, client } = await customer();
    client.on('deliver_sm', (pdu) => client.send(pdu.response()));
    await answerTo((done) => client.bind_receiver({ system_id: 'acme', password: 'secret' }, done));
    const [session] = handler.binding;
    const pdu = newPdu('deliver_sm', 0);
    pdu.source_addr = '966500000001';
    pdu.short_message = Buffer.from('id:1 stat:DELIVRD');
    expect(session?.request(pdu, 'receipt')).toBe(true);
    await handler.until(() => handler.responses.length === 1);
    expect(handler.responses[0]).toMatchObject({ context: 'receipt', pdu: { command_status: 0 } });
  });

  it('is refused what its bind does not allow', async () => {
    const { client } = await customer();
    const early = await answerTo((done) => client.submit_sm({ destination_addr: '1' }, done));
    expect(early.command_status).toBe(smpp.ESME_RINVBNDSTS);
    await answerTo((done) => client.bind_receiver({ system_id: 'acme', password: 'secret' }, done));
    const wrong = await answerTo((done) => client.submit_sm({ destination_addr: '1' }, done));
    expect(wrong.command_status).toBe(smpp.ESME_RINVBNDSTS);
    const again = await answerTo((done) => client.bind_transmitter({ system_id: 'acme' }, done));
    expect(again.command_status).toBe(smpp.ESME_RALYBND);
  });
});

describe('npm smpp as our carrier', () => {
  it('is bound, gets submits, sends receipts, and is unbound', async () => {
    const server = smpp.createServer((session) => {
      session.on('error', () => {});
      session.on('bind_transceiver', (pdu) => session.send(pdu.response({ system_id: 'carrier' })));
      session.on('submit_sm', (pdu) => {
        session.send(pdu.response({ message_id: 'abc' }));
        session.deliver_sm({
          esm_class: 4,
          source_addr: '1',
          short_message: 'id:abc stat:DELIVRD',
        });
      });
      session.on('unbind', (pdu) => {
        session.send(pdu.response());
        session.close();
      });
    });
    server.on('error', () => {});
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const heard = new Happenings();
    const answers: ResponsePdu[] = [];
    const delivered: string[] = [];
    const link = new CarrierLink(
      {
        host: '127.0.0.1',
        port: (server.address() as AddressInfo).port,
        systemId: 'gw',
        password: 'pw',
        bindAs: 'transceiver',
        binds: 2,
        segmentsPerSecond: 0,
        session: testOptions(new TestClock(), { side: 'esme' }),
        random: () => 0,
        tickMs: 0,
      },
      {
        onResponse: (_link, pdu) => {
          answers.push(pdu);
          heard.happened();
        },
        onRequest: (_link, session, pdu) => {
          if (pdu.command === 'deliver_sm') delivered.push(pdu.short_message.toString('latin1'));
          answerOk(session, pdu);
          heard.happened();
        },
        onReturned: () => {},
        onBindChange: () => heard.happened(),
      },
    );
    link.start();
    await heard.until(() => link.binds.every((bind) => bind.state === 'bound'));
    for (let i = 0; i < 100; i++) link.send(submitSm(`text ${i}`), i);
    await heard.until(() => answers.length === 100 && delivered.length === 100);
    expect(answers.every((pdu) => 'message_id' in pdu && pdu.message_id === 'abc')).toBe(true);
    expect(new Set(delivered)).toEqual(new Set(['id:abc stat:DELIVRD']));
    await link.stop();
    expect(link.state).toBe('stopped');
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
});
