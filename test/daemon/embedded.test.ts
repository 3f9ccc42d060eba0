import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isAlive, postmasterOf, type TestDaemon, until } from '../support/daemon.ts';
import { figures, type Stage, stagedAlone } from './stage.ts';

function start(stage: Stage, ownGroup = false): Promise<TestDaemon> {
  return stage.startDaemon({ name: 'one', resources: stage.resources(), ownGroup });
}

function dataDir(stage: Stage): string {
  return join(stage.folder, 'one', 'data');
}

function database(stage: Stage): { pid: number; url: string } {
  const postmaster = postmasterOf(dataDir(stage));
  if (postmaster === undefined) throw new Error('there is no postmaster');
  return postmaster;
}

describe.concurrent('the daemon on its embedded PostgreSQL', () => {
  it('adopts the postmaster that kill -9 left, and keeps the data', () =>
    stagedAlone(async (stage) => {
      await stage.startCarrier();
      const first = await start(stage);
      const sender = stage.startCustomer(first.smppPort, 'acme', { messages: 20 });
      expect((await sender.done).receipts).toEqual({ DELIVRD: 20 });
      const { pid, url } = database(stage);
      await first.kill();
      expect(isAlive(pid)).toBe(true);
      const second = await start(stage);
      expect(second.stdout).toContain(`took over the PostgreSQL left running (pid ${pid})`);
      expect(database(stage)).toEqual({ pid, url });
      expect(await second.get('/v1/accounts/acme/balance')).toMatchObject({ credits: '999' });
      const receiver = stage.startCustomer(second.smppPort, 'acme', { bindAs: 'receiver' });
      await stage.settled(undefined, url);
      await receiver.stop();
      expect((await second.stop()).code).toBe(0);
      expect(isAlive(pid)).toBe(false);
    }));

  it('starts on a database that exists in little time, and takes a bind', () =>
    stagedAlone(async (stage) => {
      await stage.startCarrier();
      await (await start(stage)).stop();
      const beganAt = performance.now();
      const daemon = await start(stage);
      let boundAfterMs = 0;
      const customer = stage.startCustomer(daemon.smppPort, 'acme', {
        onEvent: (event) => {
          if (event.event === 'bind' && event.status === 0)
            boundAfterMs = performance.now() - beganAt;
        },
      });
      await until('it is bound', () => boundAfterMs > 0);
      await customer.stop();
      figures('start to first accepted bind', { boundAfterMs: Math.round(boundAfterMs) });
    }));

  it('starts its PostgreSQL again when that is killed, and loses nothing', () =>
    stagedAlone(async (stage) => {
      const carrier = await stage.startCarrier({ receipts: { delayMs: 50, delaySpreadMs: 100 } });
      carrier.setBehaviour({ answerDelayMs: 10 });
      const daemon = await start(stage);
      const { pid } = database(stage);
      const sender = stage.startCustomer(daemon.smppPort, 'acme', {
        messages: 100_000,
        ratePerSecond: 400,
        windowMax: 50,
      });
      await until('it is under load', () => sender.summary().accepted > 400);
      process.kill(pid, 'SIGKILL');
      await until(
        'another postmaster runs',
        () => (postmasterOf(dataDir(stage))?.pid ?? pid) !== pid,
      );
      const before = sender.summary().accepted;
      await until('it accepts again', () => sender.summary().accepted > before + 400);
      await sender.drain();
      await stage.settled(undefined, database(stage).url);
      const verdict = await stage.verdict([], database(stage).url);
      expect(verdict.faults).toEqual([]);
      expect((await daemon.stop()).code).toBe(0);
    }));
});
