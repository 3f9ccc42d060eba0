import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isAlive, postmasterOf, type TestDaemon, until } from '../support/daemon.ts';
import { figures, Stage } from './stage.ts';

let stage: Stage;
let dataDir: string;

beforeEach(async () => {
  stage = await Stage.open();
  dataDir = join(stage.folder, 'one', 'data');
});

afterEach(async () => {
  await stage.close();
});

function start(ownGroup = false): Promise<TestDaemon> {
  return stage.startDaemon({ name: 'one', resources: stage.resources(), ownGroup });
}

function database(): { pid: number; url: string } {
  const postmaster = postmasterOf(dataDir);
  if (postmaster === undefined) throw new Error('there is no postmaster');
  return postmaster;
}

describe('the daemon on its embedded PostgreSQL', () => {
  it('adopts the postmaster that kill -9 left, and keeps the data', async () => {
    await stage.startCarrier();
    const first = await start();
    const sender = stage.startCustomer(first.smppPort, 'acme', { messages: 20 });
    expect((await sender.done).receipts).toEqual({ DELIVRD: 20 });
    const { pid, url } = database();
    await first.kill();
    expect(isAlive(pid)).toBe(true);
    const second = await start();
    expect(second.stdout).toContain(`took over the PostgreSQL left running (pid ${pid})`);
    expect(database()).toEqual({ pid, url });
    expect(await second.get('/v1/accounts/acme/balance')).toMatchObject({ credits: '999' });
    const receiver = stage.startCustomer(second.smppPort, 'acme', { bindAs: 'receiver' });
    await stage.settled(15_000, url);
    await receiver.stop();
    expect((await second.stop()).code).toBe(0);
    expect(isAlive(pid)).toBe(false);
  }, 40_000);

  it('starts on a database that exists in little time, and takes a bind', async () => {
    await stage.startCarrier();
    await (await start()).stop();
    const beganAt = performance.now();
    const daemon = await start();
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
  }, 40_000);

  it('starts its PostgreSQL again when that is killed, and loses nothing', async () => {
    const carrier = await stage.startCarrier({ receipts: { delayMs: 50, delaySpreadMs: 100 } });
    carrier.setBehaviour({ answerDelayMs: 10 });
    const daemon = await start();
    const { pid } = database();
    const sender = stage.startCustomer(daemon.smppPort, 'acme', {
      messages: 100_000,
      ratePerSecond: 400,
      windowMax: 50,
    });
    await until('it is under load', () => sender.summary().accepted > 400);
    process.kill(pid, 'SIGKILL');
    await until('another postmaster runs', () => (postmasterOf(dataDir)?.pid ?? pid) !== pid);
    const before = sender.summary().accepted;
    await until('it accepts again', () => sender.summary().accepted > before + 400);
    await sender.drain();
    await stage.settled(15_000, database().url);
    const verdict = await stage.verdict([], database().url);
    expect(verdict.faults).toEqual([]);
    expect((await daemon.stop()).code).toBe(0);
  }, 60_000);
});
