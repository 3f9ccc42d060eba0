import { describe, expect, it } from 'vitest';
import type { FailoverBook, UnknownBook } from '../../src/bench/failover-book.ts';
import { judgeFailover } from '../../src/bench/judge-failover.ts';

/** Killed at 1000, rebound at 6000, wait of 10 s. Message m1 went to the first carrier (u1), then to the other (v1). */
function books() {
  const died: FailoverBook = {
    binds: [10, 6000],
    submits: [
      { destination: '1', id: 'u1', at: 990 },
      { destination: '2', id: 'u2', at: 991 },
    ],
    receipts: new Map([['u2', 6200]]),
  };
  const other: FailoverBook = {
    binds: [11],
    submits: [
      { destination: '3', id: 'v3', at: 1400 },
      { destination: '1', id: 'v1', at: 16_100 },
    ],
    receipts: new Map([['v3', 1500]]),
  };
  const listed = { message: 'm1', since: 1000, resolvedAt: 16_050, resolution: 'resent' };
  const ledger: UnknownBook = {
    unknown: new Map([['m1', [listed]]]),
    messageByUpstreamId: new Map([['v1', 'm1']]),
  };
  return { died, other, ledger, listed, killedAt: 1000, waitSeconds: 10 };
}

describe('judgeFailover', () => {
  it('finds the first message on the other carrier, the rebind, and a duplicate that was listed', () => {
    expect(judgeFailover(books())).toEqual({
      firstMs: 400,
      reboundMs: 5000,
      duplicates: 1,
      needless: 0,
      unlisted: 0,
      unknown: 1,
    });
  });

  it('finds a duplicate that was not listed, or only afterwards', () => {
    const unlisted = books();
    unlisted.ledger.unknown.clear();
    expect(judgeFailover(unlisted)).toMatchObject({ duplicates: 1, unlisted: 1 });
    const after = books();
    after.listed.resolvedAt = 16_200;
    expect(judgeFailover(after)).toMatchObject({ unlisted: 1 });
    const settled = books();
    settled.listed.resolution = 'receipt';
    expect(judgeFailover(settled)).toMatchObject({ unlisted: 1 });
  });

  it('finds a duplicate whose receipt came within the wait, and none where it came later', () => {
    const inTime = books();
    inTime.died.receipts.set('u1', 15_900);
    expect(judgeFailover(inTime)).toMatchObject({ needless: 1 });
    const late = books();
    late.died.receipts.set('u1', 16_100);
    expect(judgeFailover(late)).toMatchObject({ needless: 0 });
  });

  it('says so when nothing went over and nobody bound again', () => {
    const dead = books();
    dead.other.submits = [];
    dead.died.binds = [10];
    expect(judgeFailover(dead)).toMatchObject({ firstMs: undefined, reboundMs: undefined });
  });
});
