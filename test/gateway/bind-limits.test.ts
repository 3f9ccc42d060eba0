import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

let carrier: ScriptedCarrier;
let gateway: TestGateway;

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  gateway = await TestGateway.start(
    resources({
      accounts: {
        short: { bind: { maxPduOctets: 512 } },
        idle: { bind: { idleSeconds: 1 } },
        watched: { bind: { enquireLinkSeconds: 1 } },
        usual: {},
      },
      carriers: { sim: { port: carrier.port, prefix: '' } },
    }),
  );
});

afterAll(async () => {
  await gateway?.close();
  await carrier?.down();
});

describe('the limits of a bind resource', () => {
  it('maxPduOctets: a longer PDU gets generic_nack ESME_RINVCMDLEN and ends the session', async () => {
    const [short, usual] = await Promise.all(
      ['short', 'usual'].map((systemId) => Esme.bind(gateway.port, { systemId })),
    );
    if (short === undefined || usual === undefined) throw new Error('bound');
    const long = { short_message: Buffer.alloc(0), message_payload: Buffer.alloc(500, 0x61) };
    const nacks: number[] = [];
    short.session.on('pdu', (pdu) => {
      if (pdu.command === 'generic_nack') nacks.push(pdu.command_status);
    });
    short.session.submit_sm(long);
    await eventually(() => expect(short.closed).toBe(true));
    expect(nacks).toEqual([0x02]);
    await usual.accepted(long);
    await usual.close();
  });

  it('idleSeconds: a session without a transaction is closed, one without the limit is not', async () => {
    const usual = await Esme.bind(gateway.port, { systemId: 'usual' });
    const idle = await Esme.bind(gateway.port, { systemId: 'idle' });
    await eventually(() => expect(idle.closed).toBe(true));
    expect(usual.closed).toBe(false);
    await usual.close();
  });

  it('enquireLinkSeconds: a silent session is asked, and lives on when it answers', async () => {
    const watched = await Esme.bind(gateway.port, { systemId: 'watched' });
    let asked = 0;
    watched.session.on('enquire_link', () => asked++);
    await eventually(() => expect(asked).toBeGreaterThan(1));
    expect(watched.closed).toBe(false);
    await watched.close();
  });
});
