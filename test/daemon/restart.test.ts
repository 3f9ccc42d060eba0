import { describe, expect, it } from 'vitest';
import { until } from '../support/daemon.ts';
import { figures, staged } from './stage.ts';

describe.concurrent('a restart after kill -9', () => {
  it('sends what was queued while the carrier was down, once each', () =>
    staged(async (stage) => {
      const resources = stage.resources();
      const first = await stage.startDaemon({ name: 'one', resources });
      const sender = stage.startCustomer(first.smppPort, 'acme', {
        bindAs: 'transmitter',
        binds: 2,
        messages: 4_000,
        windowMax: 100,
        receiptWaitMs: 0,
      });
      expect((await sender.done).accepted).toBe(4_000);
      const killedAt = Date.now();
      await first.kill();
      const carrier = await stage.startCarrier();
      const second = await stage.startDaemon({ name: 'one', resources });
      const restartedAt = Date.now();
      stage.startCustomer(second.smppPort, 'acme', { bindAs: 'receiver' });
      await until('the first goes out', () => carrier.stats().submits > 0);
      const firstOutAfterMs = Date.now() - restartedAt;
      await stage.settled();
      figures('restart with 4,000 queued', {
        firstOutAfterMs,
        allDoneMs: Date.now() - restartedAt,
      });
      const verdict = await stage.verdict([killedAt]);
      expect(verdict.faults).toEqual([]);
      // Nothing is leased for a carrier that is down: nothing has to be asked about.
      expect(verdict.counts).toMatchObject({ seenByCarrier: 4_000, unknownOutcomes: 0 });
    }));

  it('matches receipts that come for messages of the life before from the store', () =>
    staged(async (stage) => {
      // It owes the receipts until it is started again.
      const before = await stage.startCarrier({ receipts: { delayMs: 3_600_000 } });
      const resources = stage.resources();
      const first = await stage.startDaemon({ name: 'one', resources });
      const sender = stage.startCustomer(first.smppPort, 'acme', {
        bindAs: 'transmitter',
        messages: 500,
        windowMax: 50,
        receiptWaitMs: 0,
      });
      await sender.done;
      const dispatched = () => stage.value('select count(*) from dispatch');
      await until('every answer is stored', async () => (await dispatched()) === '500');
      expect(before.stats().receiptsSent).toBe(0);
      await first.kill();
      await before.close();
      await stage.startCarrier({ resume: true });
      const second = await stage.startDaemon({ name: 'one', resources });
      const receiver = stage.startCustomer(second.smppPort, 'acme', { bindAs: 'receiver' });
      await stage.settled();
      expect(receiver.summary()).toMatchObject({
        receipts: { DELIVRD: 500 },
        repeatedReceipts: 0,
      });
      const verdict = await stage.verdict();
      expect(verdict.faults).toEqual([]);
      expect(verdict.counts).toMatchObject({ unknownOutcomes: 0, seenByCarrier: 500 });
      expect(
        await second.metric('smppgate_receipts_unmatched_total', { reason: 'unknownId' }),
      ).toBe(0);
    }));

  it('loses and doubles nothing when it is killed again while it recovers', () =>
    staged(async (stage) => {
      const carrier = await stage.startCarrier({ receipts: { delayMs: 50, delaySpreadMs: 100 } });
      carrier.setBehaviour({ answerDelayMs: 20 });
      const resources = stage.resources();
      const first = await stage.startDaemon({ name: 'one', resources });
      const sender = stage.startCustomer(first.smppPort, 'acme', {
        messages: 100_000,
        ratePerSecond: 1_000,
        windowMax: 100,
      });
      await until('it is under load', () => sender.summary().accepted > 1_000);
      const kills = [Date.now()];
      await first.kill();
      await sender.stop();
      const second = await stage.startDaemon({ name: 'one', resources });
      await second.logged('nodeAdopted');
      kills.push(Date.now());
      await second.kill();
      const third = await stage.startDaemon({ name: 'one', resources });
      stage.startCustomer(third.smppPort, 'acme', { bindAs: 'receiver' });
      await stage.settled();
      const verdict = await stage.verdict(kills);
      figures('killed twice', { ...verdict.counts });
      expect(verdict.faults).toEqual([]);
      expect(await third.get('/v1/reconciliation')).toMatchObject({ ok: true, mismatches: [] });
    }));
});
