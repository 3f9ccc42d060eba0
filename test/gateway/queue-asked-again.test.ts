import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { messageId, messageIdMs } from '../../src/domain/ids.ts';
import { OPT_OUT_CHANNEL, setOptOuts } from '../../src/store/opt-outs.ts';
import { inTransaction } from '../../src/store/pool.ts';
import { scopeIds } from '../../src/store/recipient-scopes.ts';
import { readTimeline } from '../../src/store/timeline.ts';
import { eventually, sealing, TestGateway } from '../support/gateway.ts';
import { optOutSettings } from '../support/list-settings.ts';
import { type Esme, Sessions } from './esme.ts';
import { RTHROTTLED } from './manage-stand.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

/** What waited longer is asked again (resources.md). */
const WAITED_MS = 2_000;
const now = new Date();
const clock = (hours: number) =>
  `${String((now.getUTCHours() + hours + 24) % 24).padStart(2, '0')}:00`;
const OPEN = { timeZone: 'UTC', times: [`${clock(-1)}-${clock(3)}`] };
const CLOSED = { timeZone: 'UTC', times: [`${clock(3)}-${clock(-1)}`] };
/** When CLOSED opens. */
const TURN = new Date(now).setUTCHours(now.getUTCHours() + 3, 0, 0, 0);
/** Four segments: 480 characters, 153 in each. */
const LONG = { short_message: '', message_payload: 'a text that is long '.repeat(24) };

const policies = (hours: object) => ({
  optingOut: { rules: [{ optOut: {} }] },
  watching: { rules: [{ optOut: {}, mode: 'monitor' }] },
  deferring: { rules: [{ hours, action: 'defer' }] },
});

let carrier: ScriptedCarrier;
let gateway: TestGateway;
const sessions = new Sessions();
let stops: Esme;
let keeps: Esme;
let watches: Esme;
let defers: Esme;

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  gateway = await TestGateway.start(
    resources({
      policies: policies(OPEN),
      terms: { keeping: { onRefusal: 'keep' } },
      tariffs: { standard: { '*': '0.1' } },
      accounts: {
        stops: {
          policy: 'optingOut',
          credit: '1000',
          bind: { segmentsPerSecond: 10_000, windowMax: 1_000 },
        },
        keeps: { policy: 'optingOut', terms: 'keeping' },
        watches: { policy: 'watching' },
        defers: { policy: 'deferring', validityDefaultHours: 48 },
      },
      carriers: { main: { port: carrier.port, prefix: '' } },
    }),
  );
  stops = await sessions.bind(gateway.port, 'stops');
  keeps = await sessions.bind(gateway.port, 'keeps');
  watches = await sessions.bind(gateway.port, 'watches');
  defers = await sessions.bind(gateway.port, 'defers');
});

afterAll(async () => {
  await sessions.close();
  await gateway?.close();
  await carrier?.down();
});

let numbers = 0;
function number(): string {
  numbers++;
  return `9665000${20_000 + numbers}`;
}

async function optOut(account: string, to: string): Promise<void> {
  const id = await gateway.accountId(account);
  await inTransaction(gateway.pool, async (client) => {
    const [scope = -1] = (await scopeIds(client, [{ sender: '', trafficClass: '' }])) ?? [];
    const settings = optOutSettings([sealing().numberHash(to)]);
    await setOptOuts(client, { account: id, scope, out: true }, [settings]);
  });
  await gateway.node.gateway.listChanged(OPT_OUT_CHANNEL);
}

/** Waits until a message is so old that it is asked again. */
async function waited(id: string): Promise<void> {
  const untilMs = messageIdMs(messageId(BigInt(id))) + WAITED_MS;
  await eventually(() => expect(Date.now()).toBeGreaterThan(untilMs));
}

async function eventsOf(id: string): Promise<{ event: string; detail?: string | undefined }[]> {
  const timeline = await readTimeline(gateway.pool, messageId(BigInt(id)));
  return (timeline?.events ?? []).map(({ event, detail }) => ({ event, detail }));
}

describe('a message that waited long for its carrier', () => {
  beforeEach(() => gateway.setPaused('main', true));
  afterEach(async () => {
    await gateway.setPaused('main', false);
    await gateway.apply(JSON.stringify({ policies: policies(OPEN) }));
  });

  it('does not go to who opted out meanwhile, in one segment or in several', async () => {
    const [out, stays] = [number(), number()];
    const refused = await stops.accepted({ destination_addr: out });
    const long = await stops.accepted({ destination_addr: out, ...LONG });
    const kept = await keeps.accepted({ destination_addr: out });
    const sent = await stops.accepted({ destination_addr: stays });
    const watched = await watches.accepted({ destination_addr: out });
    for (const account of ['stops', 'keeps', 'watches']) await optOut(account, out);
    await waited(watched);
    await gateway.setPaused('main', false);
    for (const id of [refused, long]) expect((await stops.receiptOf(id)).state).toBe('REJECTD');
    const end = { state: 'REJECTD', fault: 'customer', cause: 'refusedLater' } as const;
    await gateway.ended(refused, { ...end, refund: '0.1' });
    await gateway.ended(long, { ...end, refund: '0.4' });
    await gateway.ended(kept, { ...end, refund: '0' });
    await carrier.taken(1, stays);
    await carrier.taken(1, out);
    await eventually(async () => expect(await gateway.dispatches(watched)).toHaveLength(1));
    expect(carrier.to(out)).toHaveLength(1);
    expect((await gateway.end(sent)).state).toBeUndefined();
    expect(await eventsOf(refused)).toContainEqual({
      event: 'refusedByPolicy',
      detail: 'rule optOut: the recipient has opted out',
    });
    await gateway.reconciled();
  });

  it('holds nothing up where hundreds before it are refused', async () => {
    const [out, stays] = [number(), number()];
    await Promise.all(Array.from({ length: 900 }, () => stops.accepted({ destination_addr: out })));
    const sent = await stops.accepted({ destination_addr: stays });
    await optOut('stops', out);
    await waited(sent);
    await gateway.setPaused('main', false);
    await carrier.taken(1, stays);
    await eventually(async () => {
      const rows = await gateway.sql(
        `select o.state from message m join outcome o on o.id = m.id where m.id < $1
         and m.destination_hash = $2 and o.cause = 'refusedLater'`,
        [sent, sealing().numberHash(out)],
      );
      expect(rows).toHaveLength(900);
    });
    expect(carrier.to(out)).toEqual([]);
  });

  it('waits on for its hours where they are over, and goes once when they begin', async () => {
    const to = number();
    const id = await defers.accepted({ destination_addr: to });
    const long = await defers.accepted({ destination_addr: to, ...LONG });
    await gateway.apply(JSON.stringify({ policies: policies(CLOSED) }));
    await waited(long);
    await gateway.setPaused('main', false);
    await eventually(async () => {
      const rows = await gateway.sql<{ id: bigint; at: Date }>(
        'select id, at from scheduled where id = any ($1) order by at',
        [[id, long]],
      );
      expect(rows.map(({ at }) => Math.floor(at.getTime() / 60_000))).toEqual([
        TURN / 60_000,
        TURN / 60_000,
      ]);
      expect(rows.map((row) => row.id.toString())).toEqual([id, long]);
    });
    expect(carrier.to(to)).toEqual([]);
    expect(await eventsOf(id)).toContainEqual({
      event: 'deferred',
      detail: `rule hours: not before ${new Date(TURN).toISOString()}`,
    });
    await gateway.apply(JSON.stringify({ policies: policies(OPEN) }));
    await gateway.sendNow(id, long);
    await carrier.taken(5, to);
    await eventually(async () => {
      expect(await gateway.dispatches(id)).toHaveLength(1);
      expect(await gateway.dispatches(long)).toHaveLength(4);
      expect(await gateway.sql('select id from scheduled')).toEqual([]);
    });
    expect(carrier.to(to)).toHaveLength(5);
  });

  it('is kept by who adopts its node while it waits on', async () => {
    const to = number();
    const id = await defers.accepted({ destination_addr: to });
    await gateway.apply(JSON.stringify({ policies: policies(CLOSED) }));
    await waited(id);
    await gateway.setPaused('main', false);
    await eventually(async () =>
      expect(await gateway.sql('select id from scheduled where id = $1', [id])).toHaveLength(1),
    );
    await gateway.apply(JSON.stringify({ policies: policies(OPEN) }));
    await gateway.abandon();
    await gateway.up();
    await gateway.sendNow(id);
    await carrier.taken(1, to);
    await eventually(async () => expect(await gateway.dispatches(id)).toHaveLength(1));
    stops = await sessions.bind(gateway.port, 'stops');
    watches = await sessions.bind(gateway.port, 'watches');
  });
});

describe('a message that its carrier wants later', () => {
  it('is not tried again at who opted out meanwhile', async () => {
    const [out, watched] = [number(), number()];
    carrier.onSubmit = (submit) => carrier.refuse(submit, RTHROTTLED);
    const refused = await stops.accepted({ destination_addr: out });
    const sent = await watches.accepted({ destination_addr: watched });
    await carrier.taken(1, out);
    await carrier.taken(1, watched);
    await optOut('stops', out);
    await optOut('watches', watched);
    await waited(sent);
    carrier.onSubmit = (submit) => carrier.accept(submit);
    expect((await stops.receiptOf(refused)).state).toBe('REJECTD');
    await gateway.ended(refused, { state: 'REJECTD', refund: '0.1' });
    await eventually(async () =>
      expect((await gateway.dispatches(sent)).at(-1)).toMatchObject({ status: 0 }),
    );
    expect((await gateway.dispatches(refused)).every(({ status }) => status === RTHROTTLED)).toBe(
      true,
    );
  });
});
