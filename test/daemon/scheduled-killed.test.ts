import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Esme } from '../gateway/esme.ts';
import { ScriptedCarrier, type TakenSubmit } from '../gateway/scripted-carrier.ts';
import { type TestDaemon, until } from '../support/daemon.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { figures, Stage } from './stage.ts';

let database: TestDatabase;
let stage: Stage;
let carrier: ScriptedCarrier;
let isOver = false;

beforeEach(async () => {
  isOver = false;
  database = await createDatabase();
  stage = await Stage.open(database.url);
  carrier = await ScriptedCarrier.listen();
  carrier.onSubmit = (submit) => {
    carrier.accept(submit);
    receiptUntilTaken(submit);
  };
});

afterEach(async () => {
  isOver = true;
  await stage.close();
  await carrier.down();
  await database.drop();
});

/** As a real carrier does: a receipt that was not answered comes again, over whatever session there is then. */
function receiptUntilTaken(submit: TakenSubmit): void {
  const again = (): void => {
    if (!isOver) setTimeout(send, 50);
  };
  const send = (): void => {
    // With no session it throws, with one that ends it rejects.
    new Promise((resolve) => resolve(carrier.receipt(submit))).catch(again);
  };
  setTimeout(send, 5);
}

const MESSAGES = 100;

function spec(): object {
  return stage.resources({
    bind: { windowMax: 1_000 },
    carrier: { port: carrier.port, host: '127.0.0.1' },
  });
}

/** Relative, SMPP 3.4 §7.1.1.2. */
function inSeconds(n: number): string {
  return `0000000000${String(n).padStart(2, '0')}000R`;
}

interface Taken {
  readonly id: string;
  readonly destination: string;
}

/** Submits messages that are due in so many seconds. @returns them, and Unix ms after which all are due */
async function schedule(
  daemon: TestDaemon,
  seconds: number,
  numbers = '1202555',
  fields = {},
): Promise<{ messages: Taken[]; dueMs: number; firstDueMs: number }> {
  const firstDueMs = Date.now() + seconds * 1_000;
  const esme = await Esme.bind(daemon.smppPort, { systemId: 'acme', as: 'transmitter' });
  const messages = await Promise.all(
    Array.from({ length: MESSAGES }, async (_, n) => {
      const destination = `${numbers}${1000 + n}`;
      const id = await esme.accepted({
        destination_addr: destination,
        schedule_delivery_time: inSeconds(seconds),
        ...fields,
      });
      return { id, destination };
    }),
  );
  await esme.close();
  return { messages, firstDueMs, dueMs: Date.now() + seconds * 1_000 };
}

/** How often each message reached the carrier. */
function sent(messages: readonly Taken[]): number[] {
  return messages.map(({ destination }) => carrier.to(destination).length);
}

/** Each message went out once, except those that were listed as unknown before they went again. */
async function judge(daemon: TestDaemon, { messages }: { messages: readonly Taken[] }) {
  const { rows } = await stage.sql((client) =>
    client.query<{ id: string; attempts: number }>(
      'select id::text, count(*)::int as attempts from unknown_outcome group by id',
    ),
  );
  const unknown = new Map(rows.map(({ id, attempts }) => [id, attempts]));
  let repeated = 0;
  for (const [n, times] of sent(messages).entries()) {
    const id = messages[n]?.id ?? '';
    expect({ id, sent: times >= 1 }).toEqual({ id, sent: true });
    if (times > 1) repeated++;
    expect(times).toBeLessThanOrEqual(1 + (unknown.get(id) ?? 0));
  }
  expect(await stage.value('select count(*) from scheduled')).toBe('0');
  expect(await stage.value('select count(*) from outcome where state = 2')).toBe(String(MESSAGES));
  expect(await daemon.get('/v1/reconciliation')).toMatchObject({ ok: true, mismatches: [] });
  return { unknown: unknown.size, repeated };
}

async function takenBack(daemon: TestDaemon): Promise<Esme> {
  return Esme.bind(daemon.smppPort, { systemId: 'acme', as: 'receiver' });
}

/** The scheduled table is emptied a moment after the last message is sent. */
async function released(): Promise<void> {
  await until(
    'nothing is scheduled',
    async () => (await stage.value('select count(*) from scheduled')) === '0',
    15_000,
  );
}

describe('scheduled messages of a node that is killed (kill -9)', () => {
  it('before their time: they go at their time, once, after the restart', async () => {
    const first = await stage.startDaemon({ name: 'one', resources: spec() });
    const given = await schedule(first, 6);
    await first.kill();
    const second = await stage.startDaemon({ name: 'one', resources: spec() });
    expect(Date.now()).toBeLessThan(given.firstDueMs); // else this tests nothing
    expect(carrier.submits).toHaveLength(0);
    const receiver = await takenBack(second);
    await until('the first goes', () => carrier.submits.length > 0, 20_000);
    expect(Date.now()).toBeGreaterThanOrEqual(given.firstDueMs);
    await stage.settled();
    await released();
    expect(Date.now()).toBeLessThan(given.dueMs + 10_000);
    expect(await judge(second, given)).toMatchObject({ repeated: 0 });
    await receiver.close();
  }, 40_000);

  it('while they are released: what is left goes on, what was repeated was listed as unknown', async () => {
    const first = await stage.startDaemon({ name: 'one', resources: spec() });
    const given = await schedule(first, 2);
    await until('some are out', () => carrier.submits.length > 10, 20_000);
    await first.kill();
    const second = await stage.startDaemon({ name: 'one', resources: spec() });
    const receiver = await takenBack(second);
    await stage.settled();
    await released();
    figures('killed while scheduled messages were released', await judge(second, given));
    await receiver.close();
  }, 40_000);

  it('and away over their time: they go at once when it is back, and what is no longer valid ends refunded', async () => {
    const first = await stage.startDaemon({ name: 'one', resources: spec() });
    const given = await schedule(first, 1);
    const short = await schedule(first, 1, '1303555', { validity_period: inSeconds(3) });
    await first.kill();
    const overMs = Date.now() + 3_500;
    await until('their validity is over', () => Date.now() > overMs, 10_000);
    const second = await stage.startDaemon({ name: 'one', resources: spec() });
    const receiver = await takenBack(second);
    await stage.settled();
    await released();
    await judge(second, given);
    expect(sent(short.messages)).toEqual(short.messages.map(() => 0));
    const { rows } = await stage.sql((client) =>
      client.query(
        `select state, fault, cause, count(*)::int as count, sum(refund)::text as refund
         from outcome where state <> 2 group by 1, 2, 3`,
      ),
    );
    // EXPIRED, the platform's fault, each at 0.05.
    const refund = String(MESSAGES * 50_000);
    expect(rows).toEqual([{ state: 3, fault: 1, cause: 'neverSent', count: MESSAGES, refund }]);
    await receiver.close();
  }, 40_000);

  it('beside another, while they are released: no message goes twice that was not listed', async () => {
    const a = await stage.startDaemon({ resources: spec() });
    const b = await stage.startDaemon({ resources: spec() });
    const given = await schedule(a, 2);
    await until('some are out', () => carrier.submits.length > 10, 20_000);
    await a.kill();
    const receiver = await takenBack(b);
    await stage.settled();
    await released();
    figures('adopted while scheduled messages were released', await judge(b, given));
    await receiver.close();
  }, 45_000);
});
