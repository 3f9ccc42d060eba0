import { afterEach, beforeEach, expect, it } from 'vitest';
import { Esme } from '../gateway/esme.ts';
import type { ScriptedCarrier } from '../gateway/scripted-carrier.ts';
import { ADMIN_TOKEN, type TestDaemon, until } from '../support/daemon.ts';
import { Stage } from './stage.ts';

let stage: Stage;
let carrier: ScriptedCarrier;

beforeEach(async () => {
  stage = await Stage.onDatabase();
  carrier = await stage.scriptedCarrier();
  carrier.deliverAll(5);
});

afterEach(() => stage.close());

const MESSAGES = 60;

function spec(): object {
  const rules = [{ name: 'donations', bannedWords: { words: ['donate'] }, action: 'hold' }];
  return {
    ...stage.resources({
      bind: { windowMax: 1_000 },
      carrier: { port: carrier.port, host: '127.0.0.1' },
      terms: { onRefusal: 'keep', onViolation: { suspendAfter: 3, forfeitBalance: true } },
    }),
    policies: { open: { rules } },
  };
}

async function post(daemon: TestDaemon, path: string, body: object): Promise<Response> {
  return fetch(`${daemon.httpUrl}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

interface Page {
  readonly messages: readonly { id: string; rule: string; content?: object }[];
}

it('what is held is still held after kill -9, and decided by HTTP afterwards', async () => {
  const first = await stage.startDaemon({ name: 'node', resources: spec() });
  const esme = await Esme.bind(first.smppPort, { systemId: 'acme', as: 'transmitter' });
  const numbers = Array.from({ length: MESSAGES }, (_, n) => `1202555${1000 + n}`);
  let answered = 0;
  const accepted: string[] = [];
  const submitting = numbers.map(async (destination_addr) => {
    const id = await esme.accepted({ destination_addr, short_message: 'donate' }).catch(() => '');
    if (id === '') return;
    accepted.push(id);
    if (++answered === MESSAGES / 2) await first.kill();
  });
  await Promise.all(submitting);
  const second = await stage.startDaemon({ name: 'node', resources: spec() });
  const receiver = await Esme.bind(second.smppPort, { systemId: 'acme', as: 'receiver' });
  const { messages } = await second.get<Page>('/v1/moderation?account=acme&limit=200');
  const held = messages.map(({ id }) => id);
  // Every one that was answered; those in flight at the kill may be there or not.
  expect(accepted.filter((id) => !held.includes(id))).toEqual([]);
  expect(held.length).toBeGreaterThanOrEqual(MESSAGES / 2);
  expect(await second.metric('smppgate_moderation_held', { account: 'acme' })).toBe(held.length);
  expect(await second.metric('smppgate_moderation_oldest_seconds')).toBeGreaterThan(0);
  expect(numbers.flatMap((to) => carrier.to(to))).toEqual([]);

  const [one = '', two = '', ...others] = held;
  expect(messages[0]).toMatchObject({ rule: 'donations' });
  expect(messages[0]?.content).toBeUndefined();
  const seen = await second.get<{ content: { text: string } }>(
    `/v1/moderation/${one}?content=true&reason=complaint`,
  );
  expect(seen.content.text).toBe('donate');
  expect(await stage.value(`select count(*) from audit where action = 'moderation.content'`)).toBe(
    '1',
  );
  const released = await post(second, `/v1/moderation/${one}/release`, { reason: 'a school' });
  expect(released.status).toBe(200);
  expect((await post(second, `/v1/moderation/${one}/refuse`, { reason: 'no' })).status).toBe(409);
  const refused = await post(second, `/v1/moderation/${two}/refuse`, { reason: 'a drive' });
  expect(await refused.json()).toMatchObject({ decision: { is: 'refused', reason: 'a drive' } });
  expect((await post(second, '/v1/moderation/1/release', { reason: 'x' })).status).toBe(404);
  expect((await post(second, `/v1/moderation/${two}/release`, {})).status).toBe(400);
  expect(await receiver.receiptOf(one)).toMatchObject({ state: 'DELIVRD' });
  expect(await receiver.receiptOf(two)).toMatchObject({ state: 'REJECTD' });
  expect(numbers.flatMap((to) => carrier.to(to))).toHaveLength(1);

  // Ended with its account: what is held ends, and what is left is forfeited by its terms.
  await post(second, '/v1/accounts/acme/terminate', { reason: 'unused' });
  await until(
    'all have ended',
    async () => (await stage.value('select count(*) from outcome')) === String(held.length),
  );
  expect(await stage.value('select count(*) from outcome where state = 8')).toBe(
    String(others.length + 1),
  );
  await until(
    'the rest is forfeited',
    async () => (await stage.value('select credits from balance where side = 0')) === '0',
  );
  expect(await stage.value(`select cause from ledger_entry where kind = 'forfeit'`)).toBe(
    'termination',
  );
  expect(await second.get('/v1/moderation')).toEqual({ messages: [] });
  expect(await second.get('/v1/reconciliation')).toMatchObject({ ok: true, mismatches: [] });
  await receiver.close();
});
