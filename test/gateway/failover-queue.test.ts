import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

/** More than two lanes hold. */
const MESSAGES = 10_000;

let first: ScriptedCarrier;
let second: ScriptedCarrier;
let gateway: TestGateway;

beforeAll(async () => {
  first = await ScriptedCarrier.listen();
  second = await ScriptedCarrier.listen();
  gateway = await TestGateway.start(
    resources({
      tariffs: { standard: { '*': '0.001' } },
      accounts: { alice: { credit: '100', bind: { windowMax: 5000, segmentsPerSecond: 0 } } },
      carriers: {
        first: { port: first.port, failoverAfterSeconds: 0 },
        second: { port: second.port, binds: 1 },
      },
      routes: [
        {
          prefix: '',
          carriers: [
            { name: 'first', priority: 1 },
            { name: 'second', priority: 2 },
          ],
        },
      ],
    }),
  );
});

afterAll(async () => {
  await gateway?.close();
  await first?.down();
  await second?.down();
});

function running(name: string) {
  const all = [...gateway.node.gateway.carriers.running.values()];
  const found = all.find(({ carrier }) => carrier.name === name);
  if (found === undefined) throw new Error(`${name} does not run`);
  return found;
}

describe('a long queue', () => {
  it('moves in pages, in order, with no more in memory than a lane holds', async () => {
    await eventually(() => expect(running('first').upSinceMs).toBeDefined());
    await gateway.setPaused('second', true);
    await first.down();
    await eventually(() => expect(running('first').upSinceMs).toBeUndefined());
    const esme = await Esme.bind(gateway.port, { systemId: 'alice' });
    for (let from = 0; from < MESSAGES; from += 2_500)
      await Promise.all(
        Array.from({ length: 2_500 }, (_, i) =>
          esme.accepted({ destination_addr: `120255${100_000 + from + i}` }),
        ),
      );
    const { queue } = running('second').dispatcher;
    let most = 0;
    second.onSubmit = (submit) => {
      most = Math.max(most, queue.hotDepth(1));
      second.accept(submit);
    };
    await gateway.setPaused('second', false);
    await eventually(() => expect(second.submits.length).toBeGreaterThanOrEqual(MESSAGES), 90_000);
    const numbers = second.submits.map(({ destination }) => destination);
    expect(new Set(numbers).size).toBe(MESSAGES);
    expect(numbers).toHaveLength(MESSAGES);
    // 4,000 of a lane, and the page that was read last.
    expect(most).toBeLessThanOrEqual(4_500);
    expect(most).toBeGreaterThan(0);
    // Submits of one batch may be stored in another order than they came.
    const late = numbers.filter((number, i) => number < (numbers[i - 1] ?? ''));
    expect(late.length).toBeLessThan(MESSAGES / 100);
    expect(first.submits).toEqual([]);
    expect(running('first').dispatcher.queue.length).toBe(0);
    await gateway.reconciled();
    await esme.close();
  }, 300_000);
});
