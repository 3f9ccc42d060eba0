import { describe, expect, it } from 'vitest';
import { until } from '../support/daemon.ts';
import { figures, staged } from './stage.ts';

describe.concurrent('a node that dies (kill -9) beside another on the same database', () => {
  it('loses and doubles nothing: the other adopts its queue, its unknown outcomes and its receipts', () =>
    staged(async (stage) => {
      const carrier = await stage.startCarrier({
        receipts: { delayMs: 100, delaySpreadMs: 300 },
      });
      carrier.setBehaviour({ answerDelayMs: 30 });
      const resources = stage.resources({ accounts: ['acme', 'other'] });
      const a = await stage.startDaemon({ resources });
      const b = await stage.startDaemon({ resources });
      const senderA = stage.startCustomer(a.smppPort, 'acme', {
        messages: 100_000,
        ratePerSecond: 800,
        binds: 2,
        windowMax: 50,
        destination: '96650#######',
      });
      const senderB = stage.startCustomer(b.smppPort, 'other', {
        messages: 100_000,
        ratePerSecond: 400,
        destination: '96651#######',
      });
      await until('A is under load', () => senderA.summary().accepted > 1_500);
      const killedAt = Date.now();
      await a.kill();
      // The customer of A comes back to B, as a receiver.
      stage.startCustomer(b.smppPort, 'acme', { bindAs: 'receiver' });
      await b.logged('nodeRecovered');
      const adoptedAfter = Date.now() - killedAt;
      await senderA.stop();
      await senderB.drain();
      await stage.settled();
      const verdict = await stage.verdict([killedAt]);
      figures('adoption under load', { adoptedAfter, ...verdict.counts });
      expect(verdict.faults).toEqual([]);
      expect(verdict.counts.answeredPositively).toBeGreaterThan(1_500);
      expect(verdict.counts.unknownOutcomes).toBeGreaterThan(0);
      expect(await b.get('/v1/reconciliation')).toMatchObject({ ok: true, mismatches: [] });
    }));

  it('gives a customer bound to the other node the receipts that nobody took, once each', () =>
    staged(async (stage) => {
      await stage.startCarrier();
      const resources = stage.resources();
      const a = await stage.startDaemon({ resources });
      const b = await stage.startDaemon({ resources });
      const sender = stage.startCustomer(a.smppPort, 'acme', {
        bindAs: 'transmitter',
        messages: 300,
        windowMax: 50,
        receiptWaitMs: 0,
      });
      await sender.done;
      const settledCount = () => stage.value('select count(*) from outcome');
      await until('all are settled', async () => (await settledCount()) === '300');
      await a.kill();
      const receiver = stage.startCustomer(b.smppPort, 'acme', { bindAs: 'receiver' });
      await stage.settled();
      expect(receiver.summary()).toMatchObject({
        receipts: { DELIVRD: 300 },
        repeatedReceipts: 0,
      });
      expect((await stage.verdict()).faults).toEqual([]);
    }));
});
