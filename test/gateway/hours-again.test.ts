import type { PduInput } from 'smpp';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { messageId } from '../../src/domain/ids.ts';
import { decideHeld } from '../../src/store/moderation.ts';
import { inTransaction } from '../../src/store/pool.ts';
import { readTimeline } from '../../src/store/timeline.ts';
import { eventually, TestGateway } from '../support/gateway.ts';
import { type Esme, Sessions } from './esme.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

const HOUR_MS = 3_600_000;
const now = new Date();
const clock = (hours: number) =>
  `${String((now.getUTCHours() + hours + 24) % 24).padStart(2, '0')}:00`;
/** Two hours from now at least and three at most, on the hour: when the one ends, and the other begins. */
const TURN = new Date(now).setUTCHours(now.getUTCHours() + 3, 0, 0, 0);
/** Open now and until TURN, from 20 hours after that on again; and the other way round. */
const BY_DAY = { timeZone: 'UTC', times: [`${clock(-1)}-${clock(3)}`] };
const BY_NIGHT = { timeZone: 'UTC', times: [`${clock(3)}-${clock(-1)}`] };
const DAY_BEGINS = TURN + 20 * HOUR_MS;
/** In four hours, which is after TURN. */
const IN_FOUR_HOURS = '000000040000000R';

const seen = { name: 'seen', bannedWords: { words: ['donate'] }, action: 'hold' };
const policies = (hours: object) => ({
  refusing: { rules: [{ hours }, seen] },
  deferring: { rules: [{ hours, action: 'defer' }, seen] },
  monitoring: { rules: [{ hours, mode: 'monitor' }, seen] },
});

let carrier: ScriptedCarrier;
let gateway: TestGateway;
const sessions = new Sessions();

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  gateway = await TestGateway.start(
    resources({
      policies: policies(BY_DAY),
      tariffs: { standard: { '*': '0.1' } },
      accounts: {
        refuses: { policy: 'refusing' },
        defers: { policy: 'deferring', validityDefaultHours: 48 },
        monitors: { policy: 'monitoring' },
      },
      carriers: { main: { port: carrier.port, prefix: '' } },
    }),
  );
});

afterEach(() => byHours(BY_DAY));

afterAll(async () => {
  await sessions.close();
  await gateway?.close();
  await carrier?.down();
});

/** From now on these are the hours of all policies. */
function byHours(hours: object): Promise<void> {
  return gateway.apply(JSON.stringify({ policies: policies(hours) }));
}

let numbers = 0;
function number(): string {
  numbers++;
  return `9665000${10_000 + numbers}`;
}

const bound = new Map<string, Esme>();
/** One session an account, so that each receipt comes to who waits for it. */
async function bind(systemId: string): Promise<Esme> {
  const esme = bound.get(systemId) ?? (await sessions.bind(gateway.port, systemId));
  bound.set(systemId, esme);
  return esme;
}

async function statusOf(systemId: string, fields: PduInput): Promise<number> {
  const esme = await bind(systemId);
  return (await esme.submit({ destination_addr: number(), ...fields })).command_status;
}

/** When a message is to go, Unix ms; undefined: it does not wait for its time. */
async function goesAt(id: string): Promise<number | undefined> {
  const [row] = await gateway.sql<{ at: Date }>('select at from scheduled where id = $1', [id]);
  return row?.at.getTime();
}

async function waitsUntil(id: string, atMs: number): Promise<void> {
  await eventually(async () => {
    const at = (await goesAt(id)) ?? 0;
    expect(Math.floor(at / 60_000)).toBe(atMs / 60_000);
  });
}

async function release(id: string): Promise<void> {
  const decision = { id: BigInt(id), version: undefined, by: 'mona', reason: 'seen' };
  expect(
    await inTransaction(gateway.pool, (client) =>
      decideHeld(client, { ...decision, is: 'released' }),
    ),
  ).toBe('decided');
}

async function eventsOf(id: string): Promise<{ event: string; detail?: string | undefined }[]> {
  const timeline = await readTimeline(gateway.pool, messageId(BigInt(id)));
  return (timeline?.events ?? []).map(({ event, detail }) => ({ event, detail }));
}

describe('hours of a message with a schedule', () => {
  it('are those of its schedule: refused by day for the night, and taken by night for the day', async () => {
    const later = { schedule_delivery_time: IN_FOUR_HOURS };
    expect(await statusOf('refuses', later)).toBe(0x409);
    expect(await statusOf('refuses', {})).toBe(0);
    expect(await statusOf('monitors', later)).toBe(0);
    await byHours(BY_NIGHT);
    expect(await statusOf('refuses', later)).toBe(0);
    expect(await statusOf('refuses', {})).toBe(0x409);
  });

  it('defer it to the first open minute at or after it', async () => {
    const esme = await bind('defers');
    const fields = () => ({
      destination_addr: number(),
      schedule_delivery_time: IN_FOUR_HOURS,
    });
    await waitsUntil(await esme.accepted(fields()), DAY_BEGINS);
    const wanted = await (await bind('monitors')).accepted(fields());
    const wantedAt = (await goesAt(wanted)) ?? 0;
    await byHours(BY_NIGHT);
    const open = await esme.accepted(fields());
    expect(Math.abs(((await goesAt(open)) ?? 0) - wantedAt)).toBeLessThan(10_000);
  });

  it('are those of its schedule where it is replaced, too', async () => {
    await byHours(BY_NIGHT);
    const esme = await bind('refuses');
    const scheduled = number();
    const id = await esme.accepted({
      destination_addr: scheduled,
      schedule_delivery_time: IN_FOUR_HOURS,
    });
    const wantedAt = await goesAt(id);
    const replace = (fields: PduInput) =>
      new Promise<number>((resolve) =>
        esme.session.replace_sm(
          {
            message_id: id,
            source_addr_ton: 5,
            source_addr_npi: 0,
            source_addr: 'Shop',
            short_message: 'anew',
            ...fields,
          },
          (answer) => resolve(answer.command_status),
        ),
      );
    expect(await replace({})).toBe(0);
    expect(await goesAt(id)).toBe(wantedAt);
    // In an hour it is closed.
    expect(await replace({ schedule_delivery_time: '000000010000000R' })).toBe(0x409);
    expect(await goesAt(id)).toBe(wantedAt);
  });
});

describe('a message that waited, when the hours are over', () => {
  /** Held by day, and released by night. */
  async function releasedLate(systemId: string): Promise<{ id: string; to: string; esme: Esme }> {
    const esme = await bind(systemId);
    const to = number();
    const id = await esme.accepted({ destination_addr: to, short_message: 'please donate' });
    await byHours(BY_NIGHT);
    await release(id);
    return { id, to, esme };
  }

  it('ends REJECTD where they refuse', async () => {
    const { id, to, esme } = await releasedLate('refuses');
    expect((await esme.receiptOf(id)).state).toBe('REJECTD');
    await gateway.ended(id, { state: 'REJECTD', fault: 'customer', refund: '0.1' });
    expect(carrier.to(to)).toEqual([]);
    expect(await eventsOf(id)).toContainEqual({
      event: 'refusedByPolicy',
      detail: 'rule hours: it is outside the hours for such messages',
    });
  });

  it('waits for the next open minute where they defer, and goes then', async () => {
    const { id, to } = await releasedLate('defers');
    await waitsUntil(id, TURN);
    expect(await eventsOf(id)).toContainEqual({
      event: 'deferred',
      detail: `rule hours: not before ${new Date(TURN).toISOString()}`,
    });
    expect(carrier.to(to)).toEqual([]);
    // Before its time it is asked again, and waits on.
    await gateway.sendNow(id);
    await waitsUntil(id, TURN);
    await byHours(BY_DAY);
    await gateway.sendNow(id);
    await carrier.taken(1, to);
    await eventually(async () => expect(await goesAt(id)).toBeUndefined());
  });

  it('goes where the rule only watches', async () => {
    const { to } = await releasedLate('monitors');
    await carrier.taken(1, to);
  });

  it('waits no longer than its validity', async () => {
    const { id, to } = await releasedLate('defers');
    await waitsUntil(id, TURN);
    await gateway.outlive(id);
    await gateway.ended(id, { state: 'EXPIRED', refund: '0.1' });
    expect(carrier.to(to)).toEqual([]);
  });

  it('is asked when its own time comes', async () => {
    const esme = await bind('defers');
    const to = number();
    const inAnHour = { schedule_delivery_time: '000000010000000R' };
    const id = await esme.accepted({ destination_addr: to, ...inAnHour });
    await byHours(BY_NIGHT);
    await gateway.sendNow(id);
    await waitsUntil(id, TURN);
    expect(carrier.to(to)).toEqual([]);
  });
});
