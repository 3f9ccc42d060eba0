import { describe, expect, it } from 'vitest';
import { runCrashes } from '../../src/bench/crash.ts';

describe('runCrashes', () => {
  // The long form, at 2,000 messages a second and more: smppgate bench --crash.
  it('loses, doubles and mischarges nothing over kills of the daemon and of PostgreSQL', async () => {
    const lines: string[] = [];
    const report = await runCrashes({
      kills: 3,
      postgresKills: 1,
      insideCommit: 2,
      ratePerSecond: 400,
      seed: 20261122,
      keep: false,
      betweenMs: [50, 500],
      unknownWaitSeconds: 1,
      settleMs: 120_000,
      log: (line) => lines.push(line),
    });
    expect({ faults: report.verdict.faults, problems: report.problems }, lines.join('\n')).toEqual({
      faults: [],
      problems: [],
    });
    expect(report.kills).toHaveLength(4);
    expect(report.insideCommit).toBe(2);
    expect(report.verdict.counts.answeredPositively).toBeGreaterThan(500);
  }, 600_000);
});
