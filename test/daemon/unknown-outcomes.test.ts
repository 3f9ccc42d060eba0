import { describe, expect, it } from 'vitest';
import { until } from '../support/daemon.ts';
import { staged } from './stage.ts';

describe.concurrent('submits that a node which died had under way', () => {
  it('lists what the carrier never answered as unknown and sends it again after waitSeconds', () =>
    staged(async (stage) => {
      const carrier = await stage.startCarrier();
      const resources = stage.resources();
      const a = await stage.startDaemon({ resources });
      const b = await stage.startDaemon({ resources });
      carrier.setBehaviour({ silent: true });
      const sender = stage.startCustomer(a.smppPort, 'acme', { messages: 50, windowMax: 50 });
      await until('the carrier has them all', () => carrier.stats().submits === 50);
      await until('the customer has his answers', () => sender.summary().accepted === 50);
      const killedAt = Date.now();
      await a.kill();
      carrier.setBehaviour({});
      stage.startCustomer(b.smppPort, 'acme', { bindAs: 'receiver' });
      await stage.settled();
      await sender.stop();
      const verdict = await stage.verdict([killedAt]);
      expect(verdict.faults).toEqual([]);
      expect(verdict.counts).toMatchObject({
        unknownOutcomes: 50,
        listedRepeats: 50,
        seenByCarrier: 100,
      });
      expect(
        await stage.value("select string_agg(distinct resolution, ' ') from unknown_outcome"),
      ).toBe('resent');
    }));

  it('settles what the carrier took and answered too late by its orphan receipts, and sends none again', () =>
    staged(async (stage) => {
      // The receipts are there before the answers: the daemon never learns an id.
      const carrier = await stage.startCarrier({ receipts: { delayMs: 300 } });
      const resources = stage.resources({
        carrier: {
          onUnknownOutcome: Object.fromEntries([
            ['waitSeconds', 30], // it ends with the receipt
            ['then', 'resend'],
          ]),
        },
      });
      const a = await stage.startDaemon({ resources });
      const b = await stage.startDaemon({ resources });
      carrier.setBehaviour({ answerDelayMs: 8_000 });
      const sender = stage.startCustomer(a.smppPort, 'acme', { messages: 50, windowMax: 50 });
      await until('the carrier has them all', () => carrier.stats().submits === 50);
      await until('the customer has his answers', () => sender.summary().accepted === 50);
      const killedAt = Date.now();
      await a.kill();
      stage.startCustomer(b.smppPort, 'acme', { bindAs: 'receiver' });
      await stage.settled();
      await sender.stop();
      const verdict = await stage.verdict([killedAt]);
      expect(verdict.faults).toEqual([]);
      expect(verdict.counts).toMatchObject({
        unknownOutcomes: 50,
        listedRepeats: 0,
        seenByCarrier: 50,
      });
      expect(
        await stage.value("select string_agg(distinct resolution, ' ') from unknown_outcome"),
      ).toBe('receipt');
    }));
});
