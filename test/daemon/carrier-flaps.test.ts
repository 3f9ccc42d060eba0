import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { startSimulatedCarrier } from '../../src/simulator/carrier.ts';
import type { CarrierEvent, SimulatedCarrier } from '../../src/simulator/carrier-options.ts';
import { freePort, until } from '../support/daemon.ts';
import { figures, type Stage, staged } from './stage.ts';

/** The carrier cuts its sessions so often, for so long and until the other's customer has all his receipts. */
const CUT_EVERY_MS = 300;
const FLAPS_MS = 6_000;
/** Seconds; a wait is at least half of it (session/backoff.ts). */
const RECONNECT = { firstSeconds: 0.2, maxSeconds: 1.5 };
const BINDS = 2;
const MESSAGES = 200;
const PER_SECOND = 40;

function resources(stage: Stage, steadyPort: number): object {
  const usual = stage.resources({
    accounts: ['acme', 'bob'],
    carrier: {
      binds: BINDS,
      reconnect: RECONNECT,
      onUnknownOutcome: Object.fromEntries([
        ['waitSeconds', 3],
        ['then', 'resend'],
      ]),
    },
  }) as { carriers: object[] };
  const [carrier] = usual.carriers;
  return {
    ...usual,
    carriers: [
      { ...carrier, name: 'flapping', systemId: 'flap' },
      { ...carrier, name: 'steady', systemId: 'steady', port: steadyPort },
    ],
    routes: [
      { prefix: '790', carriers: [{ name: 'flapping' }] },
      { prefix: '966', carriers: [{ name: 'steady' }] },
    ],
  };
}

/** Binds of a system_id by the carriers' book. */
function bindsOf(stage: Stage, systemId: string): number[] {
  return readFileSync(stage.carrierLog, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as CarrierEvent)
    .flatMap((event) => (event.event === 'bind' && event.systemId === systemId ? [event.at] : []));
}

/** The most binds that may be made in a time, each wait as short as can be and each session cut at once. */
function bindsMost(ms: number): number {
  let waited = 0;
  let binds = 1;
  for (let wait = RECONNECT.firstSeconds * 1_000; waited <= ms; binds++) {
    waited += wait / 2;
    wait = Math.min(wait * 2, RECONNECT.maxSeconds * 1_000);
  }
  return binds * BINDS;
}

it('a carrier that cuts its sessions every 300 ms is bound no faster than the backoff says; no message is lost or doubled, and another carrier never feels it', () =>
  staged(async (stage) => {
    const receipts = { delayMs: 50 };
    const flapping = await stage.startCarrier({ receipts, firstId: 1_000_000 });
    let steady: SimulatedCarrier | undefined;
    let cutting: NodeJS.Timeout | undefined;
    try {
      const log = stage.carrierLog;
      const own = { port: await freePort(), log, destinationTable: false, firstId: 5_000_000 };
      steady = await startSimulatedCarrier({ ...own, receipts });
      const daemon = await stage.startDaemon({ resources: resources(stage, steady.port) });
      await until('all are bound', () => bindsOf(stage, 'flap').length === BINDS);

      const beganAt = Date.now();
      cutting = setInterval(() => flapping.cut(), CUT_EVERY_MS);
      const sending = { messages: MESSAGES, ratePerSecond: PER_SECOND, windowMax: 50 };
      const acme = stage.startCustomer(daemon.smppPort, 'acme', {
        ...sending,
        destination: '7900#######',
      });
      const bob = stage.startCustomer(daemon.smppPort, 'bob', {
        ...sending,
        destination: '96650#######',
      });
      // The other's traffic goes through while it flaps, to the last receipt.
      const { accepted, withoutReceipt } = await bob.done;
      expect([accepted, withoutReceipt]).toEqual([MESSAGES, 0]);
      await until(
        'it flapped for long enough, and was bound meanwhile',
        () => Date.now() - beganAt >= FLAPS_MS && bindsOf(stage, 'flap').length >= 2 * BINDS,
      );
      clearInterval(cutting);
      const flappedMs = Date.now() - beganAt;
      const binds = bindsOf(stage, 'flap').filter((at) => at <= beganAt + flappedMs).length - BINDS;

      await acme.done;
      await stage.settled();
      const verdict = await stage.verdict();
      const { counts } = verdict;
      figures('a flapping carrier', { flappedMs, binds, most: bindsMost(flappedMs), ...counts });
      expect(verdict.faults).toEqual([]);
      expect(counts).toMatchObject({ answeredPositively: 2 * MESSAGES, stored: 2 * MESSAGES });
      // Each by the carriers' own book once: what had no answer was settled by its receipt, or had never come.
      expect([counts.seenByCarrier, counts.listedRepeats]).toEqual([2 * MESSAGES, 0]);
      expect(binds).toBeGreaterThanOrEqual(BINDS);
      expect(binds).toBeLessThanOrEqual(bindsMost(flappedMs));
      // A bind after each cut would be far more than that.
      expect(bindsMost(flappedMs)).toBeLessThan((flappedMs / CUT_EVERY_MS) * BINDS);
      expect(bindsOf(stage, 'steady')).toHaveLength(BINDS);
    } finally {
      clearInterval(cutting);
      await steady?.close();
    }
  }));
