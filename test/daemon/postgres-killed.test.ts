import { describe, expect, it } from 'vitest';
import { until } from '../support/daemon.ts';
import { type OwnPostgres, ownPostgres } from '../support/postgres.ts';
import { figures, Stage } from './stage.ts';

/** ESME_RSYSERR: the store certainly did not commit (interface.md). */
const RSYSERR = '0x8';

async function played(test: (stage: Stage, postgres: OwnPostgres) => Promise<void>): Promise<void> {
  const postgres = await ownPostgres();
  const stage = await Stage.open(postgres.url);
  try {
    await test(stage, postgres);
  } finally {
    await stage.close();
    await postgres.dispose();
  }
}

describe.concurrent('kill -9 of PostgreSQL under load', () => {
  it('stops nothing for good: the daemon goes on by itself, nothing is lost, doubled or charged twice', () =>
    played(async (stage, postgres) => {
      const carrier = await stage.startCarrier({ receipts: { delayMs: 50, delaySpreadMs: 200 } });
      carrier.setBehaviour({ answerDelayMs: 10 });
      const daemon = await stage.startDaemon({
        resources: stage.resources({ accounts: ['acme', 'late'] }),
      });
      const sender = stage.startCustomer(daemon.smppPort, 'acme', {
        messages: 100_000,
        ratePerSecond: 800,
        binds: 2,
        windowMax: 50,
      });
      await until('it is under load', () => sender.summary().accepted > 800);
      await postgres.kill();
      await postgres.start();
      const between = sender.summary().accepted;
      await until('it is under load again', () => sender.summary().accepted > between + 800);
      await postgres.kill();
      // Bound and refused while there is no store; what is in doubt has no answer meanwhile.
      const late = stage.startCustomer(daemon.smppPort, 'late', {
        messages: 30,
        destination: '96659#######',
        receiptWaitMs: 0,
      });
      expect((await late.done).refused).toEqual({ [RSYSERR]: 30 });
      await postgres.start();
      const before = sender.summary().accepted;
      await until('it accepts again', () => sender.summary().accepted > before + 800);
      const summary = await sender.drain();
      await stage.settled();
      const verdict = await stage.verdict();
      figures('PostgreSQL killed twice', { refused: summary.refused, ...verdict.counts });
      expect(verdict.faults).toEqual([]);
      expect(Object.keys(summary.refused).filter((status) => status !== RSYSERR)).toEqual([]);
      expect(daemon.isRunning).toBe(true);
      expect(await daemon.get('/v1/reconciliation')).toMatchObject({ ok: true, mismatches: [] });
      expect(await stage.value('select count(*) from node_epoch')).toBe('1');
    }));

  it('rides out an outage longer than its epoch is valid, and is ready again', () =>
    played(async (stage, postgres) => {
      await stage.startCarrier();
      const daemon = await stage.startDaemon({ resources: stage.resources() });
      const sender = stage.startCustomer(daemon.smppPort, 'acme', {
        messages: 100_000,
        ratePerSecond: 100,
      });
      await until('it is under load', () => sender.summary().accepted > 100);
      await postgres.kill();
      // Six seconds is what an epoch is valid without a heartbeat.
      await daemon.logged('heartbeatMissed', undefined, 5);
      const response = await fetch(`${daemon.httpUrl}/readyz`);
      expect(response.status).toBe(503);
      await response.body?.cancel();
      await postgres.start();
      const before = sender.summary().accepted;
      await until('it accepts again', () => sender.summary().accepted > before + 100);
      await until('it is ready', async () => {
        const ready = await fetch(`${daemon.httpUrl}/readyz`);
        await ready.body?.cancel();
        return ready.status === 200;
      });
      await sender.drain();
      await stage.settled();
      expect((await stage.verdict()).faults).toEqual([]);
    }));
});
