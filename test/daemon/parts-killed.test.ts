import { afterEach, beforeEach, expect, it } from 'vitest';
import { Esme } from '../gateway/esme.ts';
import { SHOP } from '../gateway/manage-stand.ts';
import type { ScriptedCarrier } from '../gateway/scripted-carrier.ts';
import { until } from '../support/daemon.ts';
import { OPENING_CREDIT, Stage, UNIT_PRICE } from './stage.ts';

let stage: Stage;
let carrier: ScriptedCarrier;

beforeEach(async () => {
  stage = await Stage.onDatabase();
  carrier = await stage.scriptedCarrier();
  carrier.deliverAll(5);
});

afterEach(() => stage.close());

/** Long messages of two parts; of the first third the second part is "ino", of the next "tle", the rest has none. */
const MESSAGES = 60;
const CONTENT_REFUSED = 0x405;
/** Longer than a busy machine takes to start again. */
const WAIT_SECONDS = 60;

function spec(): object {
  const rules = [{ name: 'gambling', bannedWords: { words: ['casino'] } }];
  return {
    ...stage.resources({
      bind: { windowMax: 1_000 },
      carrier: { port: carrier.port, host: '127.0.0.1' },
      terms: { onRefusal: 'keep' },
    }),
    policies: { open: { rules, partsWaitSeconds: WAIT_SECONDS } },
  };
}

function part(to: string, at: number, short_message: string): object {
  const place = { sar_msg_ref_num: 9, sar_total_segments: 2, sar_segment_seqnum: at };
  return { ...SHOP, destination_addr: to, short_message, ...place };
}

it('parts that wait are still there after kill -9, judged with what comes then, and sent at their time', async () => {
  const first = await stage.startDaemon({ name: 'node', resources: spec() });
  const before = await Esme.bind(first.smppPort, { systemId: 'acme', as: 'transmitter' });
  const numbers = Array.from({ length: MESSAGES }, (_, n) => `1202555${1000 + n}`);
  const ids = await Promise.all(numbers.map((to) => before.accepted(part(to, 1, 'cas'))));
  await first.kill();
  expect(carrier.submits).toEqual([]);
  expect(await stage.value('select count(*) from part_set')).toBe(String(MESSAGES));

  const second = await stage.startDaemon({ name: 'node', resources: spec() });
  const esme = await Esme.bind(second.smppPort, { systemId: 'acme' });
  const third = MESSAGES / 3;
  const bad = numbers.slice(0, third);
  const good = numbers.slice(third, 2 * third);
  const alone = numbers.slice(2 * third);
  const lastBad = await Promise.all(bad.map((to) => esme.submit(part(to, 2, 'ino'))));
  expect(lastBad.map((answer) => answer.command_status)).toEqual(bad.map(() => CONTENT_REFUSED));
  const lastGood = await Promise.all(good.map((to) => esme.accepted(part(to, 2, 'tle'))));
  for (const id of ids.slice(0, third))
    expect(await esme.receiptOf(id)).toMatchObject({ state: 'REJECTD' });
  for (const id of [...ids.slice(third, 2 * third), ...lastGood])
    expect(await esme.receiptOf(id)).toMatchObject({ state: 'DELIVRD' });
  expect(alone.flatMap((to) => carrier.to(to))).toEqual([]);
  // Its time is over.
  await stage.value('update part_set set until = now() returning 1');
  await until('what came alone is sent', async () =>
    alone.every((to) => carrier.to(to).length === 1),
  );
  for (const id of ids.slice(2 * third))
    expect(await esme.receiptOf(id)).toMatchObject({ state: 'DELIVRD' });
  expect(bad.flatMap((to) => carrier.to(to))).toEqual([]);
  expect(good.map((to) => carrier.to(to).length)).toEqual(good.map(() => 2));
  expect(await stage.value('select count(*) from part_set')).toBe('0');
  await until(
    'nothing is left to send',
    async () => (await stage.value('select count(*) from scheduled')) === '0',
  );
  expect(
    await stage.value(
      `select count(*) from outcome where cause = 'policy' and refund > 0 and state = 8`,
    ),
  ).toBe(String(third));
  expect(await second.get('/v1/reconciliation')).toMatchObject({ ok: true, mismatches: [] });
  // What the carrier has is what is paid, whatever onRefusal says of the rest.
  expect(carrier.submits).toHaveLength(3 * third);
  expect(await stage.value('select sum(credits) from balance')).toBe(
    String(OPENING_CREDIT - BigInt(3 * third) * UNIT_PRICE),
  );
  await esme.close();
});
