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
    void http('POST', '/v1/routes/requeue', {}).catch(() => {}); // its node dies under it
    await until('some of it is moved', async () =>
      (await stage.value('select exists (select from carrier_move)')) === 'true' ? true : undefined,
    );
    await daemon.kill();

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
      { event: 'accepted', carrier: 'first' },
      { event: 'moved', carrier: 'second', detail: 'from first, requeue 1' },
      { event: 'sent', carrier: 'second' },
    ]);
  }, 90_000);
});

function byNumber(a: number, b: number): number {
  return a - b;
}
