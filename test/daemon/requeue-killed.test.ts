import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Esme } from '../gateway/esme.ts';
import type { ScriptedCarrier } from '../gateway/scripted-carrier.ts';
import { ADMIN_TOKEN, type TestDaemon, until } from '../support/daemon.ts';
import { Stage } from './stage.ts';

/** Beyond what a lane holds with content: the rest is moved page by page, in the background. */
const MESSAGES = 6_000;

let stage: Stage;
let daemon: TestDaemon;
let first: ScriptedCarrier;
let second: ScriptedCarrier;

beforeEach(async () => {
  stage = await Stage.onDatabase();
  first = await stage.scriptedCarrier();
  second = await stage.scriptedCarrier();
});

afterEach(() => stage.close());

function resources(to: 'first' | 'second'): object {
  const usual = stage.resources({ bind: { windowMax: 500 } }) as { carriers: object[] };
  const [carrier] = usual.carriers;
  return {
    ...usual,
    carriers: [
      { ...carrier, name: 'first', port: first.port },
      { ...carrier, name: 'second', port: second.port },
    ],
    routes: [{ prefix: '', carriers: [{ name: to }] }],
  };
}

async function http<T>(method: string, path: string, body?: object): Promise<T> {
  const answer = await fetch(`${daemon.httpUrl}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${ADMIN_TOKEN}`,
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

const pause = (name: string) => http('POST', `/v1/carriers/${name}/pause`);
const resume = (name: string) => http('POST', `/v1/carriers/${name}/resume`);

/** Submits to as many numbers; the ids in their order. */
async function queue(esme: Esme): Promise<string[]> {
  const ids: string[] = [];
  for (let at = 0; at < MESSAGES; at += 500)
    ids.push(
      ...(await Promise.all(
        Array.from({ length: 500 }, (_, i) =>
          esme.accepted({ destination_addr: String(12_025_550_000 + at + i) }),
        ),
      )),
    );
  return ids;
}

describe('a node killed (kill -9) while a requeue takes its queue to another carrier', () => {
  it('is followed by one that has what was moved there, and the rest where it was; each is sent once', async () => {
    daemon = await stage.startDaemon({ name: 'a' });
    await http('PUT', '/v1/resources', resources('first'));
    await pause('first');
    await pause('second');
    const bind = { systemId: 'acme' };
    const esme = await Esme.bind(daemon.smppPort, bind);
    const ids = await queue(esme);
    await http('PUT', '/v1/resources', resources('second'));
    await stage.sql(async (client) => {
      await client.query(HOLDING);
      void http('POST', '/v1/routes/requeue', {}).catch(() => {}); // its node dies under it
      await until('it is in the middle', async () => (await client.query(HELD)).rowCount !== 0);
      await daemon.kill();
      // What was not stored when the node died never is.
      await client.query(`select pg_terminate_backend(pid) from (${HELD}) as held`);
      await until('it is over', async () => (await client.query(HELD)).rowCount === 0);
      await client.query(LET_GO);
    });

    const { rows } = await stage.sql((client) =>
      client.query<{ id: string }>('select id::text from carrier_move'),
    );
    const moved = new Set(rows.map(({ id }) => id));
    expect(moved.size).toBe(rows.length);
    // It was in the middle: neither all nor nothing.
    expect(moved.size).toBeGreaterThan(0);
    expect(moved.size).toBeLessThan(MESSAGES);

    daemon = await stage.startDaemon({ name: 'a' });
    await resume('first');
    await resume('second');
    await until(
      'all are sent',
      () => first.submits.length + second.submits.length >= MESSAGES || undefined,
    );
    await until('all answers are stored', async () =>
      (await stage.value('select count(*) from dispatch where status = 0')) === String(MESSAGES)
        ? true
        : undefined,
    );
    const numbersOf = (carrier: ScriptedCarrier) =>
      carrier.submits.map(({ destination }) => Number(destination) - 12_025_550_000).sort(byNumber);
    const wanted = (there: boolean) =>
      ids.flatMap((id, i) => (moved.has(id) === there ? [i] : [])).sort(byNumber);
    expect(numbersOf(second)).toEqual(wanted(true));
    expect(numbersOf(first)).toEqual(wanted(false));

    const [one] = moved;
    const { events } = await http<{
      events: { event: string; carrier?: string; detail?: string }[];
    }>('GET', `/v1/messages/${one}`);
    const told = events.filter(({ event }) => ['accepted', 'moved', 'sent'].includes(event));
    expect(told).toMatchObject([
      { event: 'accepted', queuedFor: 'first' },
      { event: 'moved', carrier: 'second', detail: 'from first, requeue 1' },
      { event: 'sent', carrier: 'second' },
    ]);
  });
});

/** From now on the first moves are stored, and the next wait for a lock that is ours. */
const HOLDING = `
  create function hold_moves() returns trigger language plpgsql as $$
  begin
    if exists (select from carrier_move) then perform pg_advisory_xact_lock(1); end if;
    return null;
  end $$;
  create trigger hold_moves before insert on carrier_move for each statement execute function hold_moves();
  select pg_advisory_lock(1)`;
/** Whoever waits for it. */
const HELD = `select pid from pg_locks where locktype = 'advisory' and not granted
  and database = (select oid from pg_database where datname = current_database())`;
const LET_GO = 'drop trigger hold_moves on carrier_move; drop function hold_moves()';

function byNumber(a: number, b: number): number {
  return a - b;
}
