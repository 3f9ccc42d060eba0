import { afterEach, beforeEach, expect, it } from 'vitest';
import { Esme } from '../gateway/esme.ts';
import { Stage } from './stage.ts';

let stage: Stage;

beforeEach(async () => {
  stage = await Stage.onDatabase();
  await stage.startCarrier();
});

afterEach(() => stage.close());

/** Price 0.05 a message: 200 of them. */
const LIMIT = 200;
const AHEAD = 2;

/** Sends until it is cut or so many are refused; how many were answered 0. */
async function hammer(esme: Esme, count: number): Promise<number> {
  let accepted = 0;
  await Promise.all(
    Array.from({ length: count }, async (_, n) => {
      const answer = await esme
        .submit({ destination_addr: `1202555${1000 + n}` })
        .catch(() => undefined);
      if (answer?.command_status === 0) accepted++;
    }),
  );
  return accepted;
}

it('a spending cap holds over kill -9 in the middle of its time, on two nodes', async () => {
  const spend = { per: 'account', credits: '10', withinSeconds: 3_600 };
  const resources = {
    ...stage.resources({ bind: { windowMax: 1_000 } }),
    policies: { open: { rules: [{ spend }] } },
  };
  const [first, second] = await Promise.all([
    stage.startDaemon({ name: 'a', resources }),
    stage.startDaemon({ name: 'b', resources }),
  ]);
  const bind = (port: number) => Esme.bind(port, { systemId: 'acme', as: 'transmitter' });
  const [a, b] = await Promise.all([bind(first.smppPort), bind(second.smppPort)]);
  const [early, late] = await Promise.all([hammer(a, 60), hammer(b, 40)]);
  expect(early + late).toBe(100);
  const cut = hammer(a, 150);
  const beside = hammer(b, 30);
  await first.kill();
  await Promise.all([cut, beside]);
  const again = await stage.startDaemon({ name: 'a', resources });
  const back = await bind(again.smppPort);
  await Promise.all([hammer(back, 120), hammer(b, 120)]);
  const stored = Number(await stage.value('select count(*) from message'));
  expect(stored).toBeLessThanOrEqual(LIMIT);
  // What the killed node had taken for messages in flight is lost with it, and a hundredth.
  const taken = Number(await stage.value('select taken / 50000 from quota'));
  expect(taken).toBeLessThanOrEqual(LIMIT);
  expect(taken).toBeGreaterThanOrEqual(LIMIT - 2 * AHEAD);
  const spent = Number(await stage.value('select 1000000000 - sum(credits) from balance'));
  expect(spent).toBe(stored * 50_000);
  await Promise.all([b.close(), back.close()]);
});
