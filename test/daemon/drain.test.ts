import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { descendants, isAlive, postmasterOf, type TestDaemon, until } from '../support/daemon.ts';
import { figures, type Stage, stagedAlone } from './stage.ts';

/** What a customer's session may take to answer and to unbind: UNBIND_GRACE_MS of gateway/node.ts. */
const UNBIND_GRACE_MS = 5_000;

function start(stage: Stage, ownGroup = false): Promise<TestDaemon> {
  // A drain that waits for a carrier's answers as long as they may take is killed: see END_MS of support/daemon.ts.
  const resources = stage.resources({ carrier: { responseSeconds: 600 } });
  return stage.startDaemon({ name: 'one', resources, ownGroup });
}

/**
 * Unix ms around which a drain cut a customer off that had not answered all in time, as a machine that stands still
 * makes him: what he had taken shortly before, or took from his socket afterwards, comes again.
 */
function cutOff(daemon: TestDaemon): number[] {
  const beganAt = Date.parse(daemon.log('draining')[0]?.time ?? '');
  return daemon
    .log('customerGone')
    .map(({ time }) => Date.parse(time))
    .filter((at) => at - beganAt >= UNBIND_GRACE_MS)
    .flatMap((at) => [0, 1, 2, 3].map((n) => at + n * UNBIND_GRACE_MS));
}

function database(stage: Stage): { pid: number; url: string } {
  const postmaster = postmasterOf(join(stage.folder, 'one', 'data'));
  if (postmaster === undefined) throw new Error('there is no postmaster');
  return postmaster;
}

describe.concurrent('the orderly end', () => {
  it.each(['SIGTERM', 'Ctrl-C'])(
    'drains under load at %s: exit code 0, nothing in doubt, no process left',
    (how) =>
      stagedAlone(async (stage) => {
        const carrier = await stage.startCarrier({
          receipts: { delayMs: 100, delaySpreadMs: 300 },
        });
        carrier.setBehaviour({ answerDelayMs: 50 });
        const daemon = await start(stage, true);
        const { pid } = database(stage);
        const sender = stage.startCustomer(daemon.smppPort, 'acme', {
          messages: 100_000,
          ratePerSecond: 1_000,
          binds: 2,
          windowMax: 100,
        });
        await until('it is under load', () => sender.summary().accepted > 1_000);
        const family = [daemon.pid, pid, ...descendants(daemon.pid), ...descendants(pid)];
        const ended = await (how === 'Ctrl-C' ? daemon.interrupt() : daemon.stop());
        expect({ code: ended.code, signal: ended.signal }).toEqual({ code: 0, signal: null });
        expect(family.filter(isAlive)).toEqual([]);
        const { accepted, unanswered } = sender.summary();
        await sender.stop();
        // The next life finds what was queued, and nothing that it has to ask itself about.
        const next = await start(stage);
        expect(
          await stage.value('select count(*) from unknown_outcome', [], database(stage).url),
        ).toBe('0');
        stage.startCustomer(next.smppPort, 'acme', { bindAs: 'receiver' });
        await stage.settled(undefined, database(stage).url);
        const verdict = await stage.verdict(cutOff(daemon), database(stage).url);
        figures(`${how} under load`, {
          tookMs: Math.round(ended.tookMs),
          accepted,
          unanswered,
          stored: verdict.counts.stored,
        });
        expect(verdict.faults).toEqual([]);
        expect(verdict.counts).toMatchObject({ unknownOutcomes: 0, listedRepeats: 0 });
        // Whoever was charged was told so, though his session was unbound.
        expect(verdict.counts.answeredPositively).toBe(verdict.counts.stored);
        await next.stop();
      }),
  );

  it('stops within the limit also while the carrier never answers, and lists what is in doubt', () =>
    stagedAlone(async (stage) => {
      const carrier = await stage.startCarrier({ behaviour: { silent: true } });
      const daemon = await start(stage, true);
      const sender = stage.startCustomer(daemon.smppPort, 'acme', {
        messages: 300,
        windowMax: 100,
        receiptWaitMs: 0,
      });
      await until('the windows are full', () => carrier.stats().submits === 200);
      await until('all is accepted', () => sender.summary().accepted === 300);
      const ended = await daemon.interrupt();
      expect(ended.code).toBe(0);
      carrier.setBehaviour({});
      const next = await start(stage);
      stage.startCustomer(next.smppPort, 'acme', { bindAs: 'receiver' });
      await stage.settled(undefined, database(stage).url);
      const verdict = await stage.verdict([], database(stage).url);
      expect(verdict.faults).toEqual([]);
      expect(verdict.counts).toMatchObject({
        unknownOutcomes: 200,
        listedRepeats: 200,
        seenByCarrier: 500,
      });
      await next.stop();
    }));
});
