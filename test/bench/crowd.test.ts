import type { Pdu, Server, Session } from 'smpp';
import smpp from 'smpp';
import { afterEach, describe, expect, it } from 'vitest';
import { Flood } from '../../src/bench/flood.ts';
import { IdleBinds } from '../../src/bench/idle-binds.ts';
import { Receiver } from '../../src/bench/receiver.ts';
import { benchAccounts } from '../../src/bench/resources.ts';
import { selfSigned } from '../../src/bench/self-signed.ts';
import { bindsOf } from '../../src/bench/stand.ts';
import { eventually } from '../support/gateway.ts';

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** An SMSC of npm smpp on loopback; what it does with a session is the test's. */
async function smsc(onSession: (session: Session) => void, tls?: { key: string; cert: string }) {
  const handler = (session: Session): void => {
    session.on('error', () => session.destroy());
    onSession(session);
  };
  const server: Server = tls ? smpp.createServer(tls, handler) : smpp.createServer(handler);
  server.on('error', () => {});
  closers.push(async () => {
    for (const session of [...server.sessions]) session.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return { host: '127.0.0.1', port, sessions: server.sessions };
}

const binds = (count: number) => bindsOf(benchAccounts(count), 1);

function idleBinds(target: { host: string; port: number }, count: number): IdleBinds {
  const idle = new IdleBinds({
    ...target,
    binds: binds(count),
    addresses: 3,
    startPerSecond: 1000,
  });
  closers.push(() => idle.close());
  return idle;
}

describe('IdleBinds', () => {
  it('binds all from its addresses and asks each of them in turn', async () => {
    const asked = new Map<Session, number>();
    const from = new Set<string>();
    const { host, port } = await smsc((session) => {
      from.add(session.socket.remoteAddress ?? '');
      session.on('bind_transceiver', (pdu: Pdu) => session.send(pdu.response()));
      session.on('enquire_link', (pdu: Pdu) => {
        asked.set(session, (asked.get(session) ?? 0) + 1);
        session.send(pdu.response());
      });
    });
    const idle = idleBinds({ host, port }, 12);
    await eventually(() => expect(idle.state(false).bound).toBe(12));
    let inAll = 0;
    // A busy machine may stand still for all of a round.
    await eventually(async () => {
      const result = await idle.ask({ seconds: 0.5, everyMs: 200 });
      inAll += result.asked;
      expect(result.unanswered).toBe(0);
      expect([...asked.values()].reduce((sum, count) => sum + count, 0)).toBe(inAll);
      expect(asked.size).toBe(12);
      expect(result.p99Ms).toBeGreaterThan(0);
    });
    expect(from).toEqual(new Set(['127.0.0.1', '127.0.0.2', '127.0.0.3']));
  });

  it('comes back after a lost session and after a refusal, and says what it met', async () => {
    let refusals = 2;
    const target = await smsc((session) => {
      session.on('bind_transceiver', (pdu: Pdu) => {
        const isRefused = refusals > 0;
        if (isRefused) refusals -= 1;
        session.send(pdu.response(isRefused ? { command_status: 0x08 } : {}));
      });
    });
    const idle = idleBinds(target, 3);
    await eventually(() => expect(idle.state(false).bound).toBe(3));
    expect(idle.state(true)).toMatchObject({ failures: { '0x8': 2 }, lost: 0 });
    for (const session of [...target.sessions]) session.destroy();
    await eventually(() => expect(idle.state(false)).toMatchObject({ bound: 3, lost: 3 }));
    // The first step of a client's patience.
    expect(idle.state(false).lastBoundMs).toBeGreaterThan(900);
  });

  it('answers the enquire_link of the other side', async () => {
    const answered = new Promise<Pdu>((resolve) => {
      void smsc((session) => {
        session.on('bind_transceiver', (pdu: Pdu) => {
          session.send(pdu.response());
          session.enquire_link({}, resolve);
        });
      }).then((target) => idleBinds(target, 1));
    });
    expect(await answered).toMatchObject({ command: 'enquire_link_resp', command_status: 0 });
  });
});

describe('Flood', () => {
  it('submits at its rate whatever it is answered, and counts the answers', async () => {
    let submits = 0;
    const target = await smsc((session) => {
      session.on('bind_transceiver', (pdu: Pdu) => session.send(pdu.response()));
      session.on('submit_sm', (pdu: Pdu) => {
        submits += 1;
        session.send(pdu.response(submits % 10 === 0 ? {} : { command_status: 0x58 }));
      });
    });
    const flood = new Flood({ ...target, binds: binds(4), perSecond: 2000 });
    closers.push(() => flood.close());
    await flood.connect();
    flood.start();
    await eventually(() => expect(submits).toBeGreaterThanOrEqual(500));
    flood.stop();
    const counts = { submitted: 0, refused: 0, accepted: 0 };
    await eventually(() => {
      const { submitted, answers, closed } = flood.counts();
      expect(closed).toBe(0);
      counts.submitted += submitted;
      counts.refused += answers['0x58'] ?? 0;
      counts.accepted += answers['0x0'] ?? 0;
      expect(counts.submitted).toBe(submits);
      expect(counts.refused + counts.accepted).toBe(submits);
    });
    expect(counts.accepted).toBe(Math.floor(submits / 10));
  });
});

describe('Receiver', () => {
  it('answers each deliver_sm and tells repeated ones', async () => {
    const answers: Pdu[] = [];
    const target = await smsc((session) => {
      session.on('bind_receiver', (pdu: Pdu) => {
        session.send(pdu.response());
        for (const number of ['00000000', '00000001', '00000001']) {
          const receipt = { esm_class: 4, source_addr: `96650${number}` };
          session.deliver_sm(receipt, (answer) => void answers.push(answer));
        }
      });
    });
    const receiver = new Receiver({ ...target, binds: binds(1), receipts: 2 });
    closers.push(() => receiver.close());
    await receiver.connect();
    await eventually(() => expect(answers).toHaveLength(3));
    expect(receiver.counts()).toMatchObject({ received: 2, repeated: 1 });
  });

  it('trusts over TLS the one certificate that it was given', async () => {
    let isBound = false;
    const material = selfSigned('smppgate bench');
    const target = await smsc((session) => {
      session.on('bind_receiver', () => {
        isBound = true;
      });
    }, material);
    const made = (certificate: string) => {
      const receiver = new Receiver({ ...target, certificate, binds: binds(1), receipts: 0 });
      closers.push(() => receiver.close());
      return receiver.connect();
    };
    await expect(made(selfSigned('smppgate bench').cert)).rejects.toThrow();
    await made(material.cert);
    await eventually(() => expect(isBound).toBe(true));
  });
});
