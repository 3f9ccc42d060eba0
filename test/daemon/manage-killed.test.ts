import type { PduInput } from 'smpp';
import { describe, expect, it } from 'vitest';
import { Esme, payload } from '../gateway/esme.ts';
import { contentOf, ScriptedCarrier } from '../gateway/scripted-carrier.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { figures, type Stage, staged } from './stage.ts';

/** Messages queued before the kill; of each one thing is asked while the daemon is killed. */
const MESSAGES = 300;
// message_state (SMPP 3.4 §5.2.28).
const DELIVERED = 2;
const DELETED = 4;
const OLD = 'old';
const NEW = 'n'.repeat(200);

/** A stage with a carrier that delivers what it takes. */
async function played(
  test: (stage: Stage, carrier: ScriptedCarrier, resources: object) => Promise<void>,
): Promise<void> {
  const carrier = await ScriptedCarrier.listen();
  carrier.deliverAll(5);
  try {
    await staged((stage) =>
      test(
        stage,
        carrier,
        stage.resources({
          bind: { windowMax: 1_000 },
          carrier: { port: carrier.port, host: '127.0.0.1' },
        }),
      ),
    );
  } finally {
    await carrier.down();
  }
}

/** Queues messages while the carrier is away, then asks to replace or cancel each; the daemon dies meanwhile. */
async function killedHalfWay(daemon: TestDaemon): Promise<Map<string, Asked>> {
  const esme = await Esme.bind(daemon.smppPort, { systemId: 'acme' });
  const numbers = Array.from({ length: MESSAGES }, (_, i) => `1202555${1000 + i}`);
  const ids = await Promise.all(
    numbers.map((destination_addr) => esme.accepted({ destination_addr, short_message: OLD })),
  );
  const asked = new Map<string, Asked>();
  for (const [i, number] of numbers.entries()) {
    const cancels = i % 3 === 0;
    const one: Asked = { id: ids[i] ?? '', cancels, status: undefined };
    asked.set(number, one);
    const fields: PduInput = { message_id: one.id };
    const told = (pdu: { command_status: number }) => {
      one.status = pdu.command_status;
      // A third of the answers came: now.
      if ([...asked.values()].filter(({ status }) => status !== undefined).length === MESSAGES / 3)
        void daemon.kill();
    };
    if (cancels) esme.session.cancel_sm(fields, told);
    else
      esme.session.replace_sm(
        { ...fields, registered_delivery: 1, ...payload(NEW, 'latin1') },
        told,
      );
    // A few at a time, so that the kill falls between them.
    if (i % 10 === 9) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await new Promise<void>((resolve) => {
    if (esme.closed) resolve();
    else esme.session.on('close', resolve);
  });
  return asked;
}

interface Asked {
  readonly id: string;
  readonly cancels: boolean;
  /** Undefined: the daemon died before it answered. */
  status: number | undefined;
}

/** What went out for each message is what its answer said; without an answer it is one or the other, whole. */
async function judge(
  stage: Stage,
  carrier: ScriptedCarrier,
  asked: ReadonlyMap<string, Asked>,
): Promise<void> {
  const counts = { cancelled: 0, replaced: 0, unanswered: 0 };
  const { rows } = await stage.sql((client) =>
    client.query<{ id: string; state: number }>('select id::text, state from outcome'),
  );
  const states = new Map(rows.map((row) => [row.id, row.state]));
  for (const [number, { id, cancels, status }] of asked) {
    const text = carrier
      .to(number)
      .map(({ pdu }) => String(contentOf(pdu)))
      .join('');
    const state = states.get(id);
    const done = cancels ? text === '' && state === DELETED : text === NEW && state === DELIVERED;
    const undone = text === OLD && state === DELIVERED;
    expect({
      number,
      cancels,
      status,
      text,
      state,
      fits: status === 0 ? done : done || undone,
    }).toMatchObject({ fits: true });
    if (status === undefined) counts.unanswered++;
    else counts[cancels ? 'cancelled' : 'replaced']++;
  }
  figures('killed while messages were cancelled and replaced', counts);
  expect(counts.cancelled).toBeGreaterThan(0);
  expect(counts.replaced).toBeGreaterThan(0);
  expect(counts.unanswered).toBeGreaterThan(0);
}

describe.concurrent('kill -9 while messages are cancelled and replaced', () => {
  it('keeps what was answered after a restart: the new version alone is sent, the cancelled one never', () =>
    played(async (stage, carrier, resources) => {
      await carrier.down();
      const first = await stage.startDaemon({ name: 'one', resources });
      const asked = await killedHalfWay(first);
      await carrier.up();
      const second = await stage.startDaemon({ name: 'one', resources });
      const receiver = await Esme.bind(second.smppPort, { systemId: 'acme', as: 'receiver' });
      await stage.settled();
      await judge(stage, carrier, asked);
      expect(await second.get('/v1/reconciliation')).toMatchObject({ ok: true, mismatches: [] });
      await receiver.close();
    }));

  it('keeps it as well where another node adopts the dead one', () =>
    played(async (stage, carrier, resources) => {
      await carrier.down();
      const a = await stage.startDaemon({ resources });
      const b = await stage.startDaemon({ resources });
      const asked = await killedHalfWay(a);
      const receiver = await Esme.bind(b.smppPort, { systemId: 'acme', as: 'receiver' });
      await b.logged('nodeRecovered');
      await carrier.up();
      await stage.settled();
      await judge(stage, carrier, asked);
      expect(await b.get('/v1/reconciliation')).toMatchObject({ ok: true, mismatches: [] });
      await receiver.close();
    }));
});
