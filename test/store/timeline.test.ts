import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatCredits } from '../../src/domain/money.ts';
import {
  countUnknownOutcomes,
  readTimeline,
  type TimelineEvent,
} from '../../src/store/timeline.ts';
import { type Accepted, LedgerTraffic } from './ledger-traffic.ts';

let traffic: LedgerTraffic;
let delivered: Accepted;
let failed: Accepted;
let waiting: Accepted;
let reserved: Accepted;
beforeAll(async () => {
  traffic = await LedgerTraffic.start();
  [delivered, failed, waiting, reserved] = (await traffic.accept(
    { account: 'acme', customerId: '0000beef' },
    { account: 'acme', segments: 2 },
    { account: 'acme', destination: '966511111111' },
    { account: 'pays-later', customerId: '0000beef' },
  )) as [Accepted, Accepted, Accepted, Accepted];
  await traffic.sent([delivered, failed, reserved]);
  await traffic.lease(waiting);
  await traffic.settle([delivered, reserved], 'DELIVRD');
  await traffic.settle([failed], 'UNDELIV');
  await traffic.returned(delivered);
});
afterAll(() => traffic.stop());

const brief = (event: TimelineEvent) =>
  [event.event, event.state, event.money === undefined ? undefined : formatCredits(event.money)]
    .filter((part) => part !== undefined)
    .join(' ');

describe('readTimeline', () => {
  it('tells the whole way of a delivered message with its money', async () => {
    const timeline = await readTimeline(traffic.pool, delivered.id);
    expect(timeline?.message).toMatchObject({
      id: delivered.id,
      customerId: '0000beef',
      account: 'acme',
      systemId: 'acme',
      carrier: 'sim',
      state: 'DELIVRD',
      price: 50_000n,
      chargedOn: 'submit',
    });
    expect(timeline?.events.map(brief)).toEqual([
      'accepted ACCEPTD',
      'charged -0.05',
      'sent ENROUTE',
      'delivered DELIVRD',
      'settled DELIVRD',
      'returned',
    ]);
    expect(timeline?.events[2]).toMatchObject({
      carrier: 'sim',
      upstreamId: `up-${delivered.id}-1`,
      status: 0,
      segment: 1,
      attempt: 1,
    });
    expect(timeline?.events[4]).toMatchObject({
      fault: 'none',
      cause: 'receipt',
      origin: 'carrier',
    });
    expect(timeline?.events[5]?.origin).toBe('carrier');
    expect(timeline?.message.end).toEqual({ fault: 'none', cause: 'receipt', origin: 'carrier' });
  });

  it('names the ledger entries that the money is part of', async () => {
    const timeline = await readTimeline(traffic.pool, failed.id);
    expect(timeline?.events.map(brief)).toEqual([
      'accepted ACCEPTD',
      'charged -0.1',
      'sent ENROUTE',
      'sent ENROUTE',
      'settled UNDELIV',
      'refunded 0.1',
    ]);
    const entries = timeline?.events.flatMap((event) => event.entry?.toString() ?? []);
    const { rows } = await traffic.pool.query(
      'select kind from ledger_entry where id = any ($1::bigint[]) order by id',
      [entries],
    );
    expect(rows.map((row) => row.kind)).toEqual(['charge', 'refund']);
  });

  it('says why money came back after the end', async () => {
    await traffic.pool.query(
      `select refund_message(account, id, 10000, null, null, 'outage 1', 'olga', 'cable cut') from message where id = $1`,
      [delivered.id],
    );
    const timeline = await readTimeline(traffic.pool, delivered.id);
    expect(timeline?.events.at(-1)).toMatchObject({
      event: 'refunded',
      money: 10_000n,
      detail: 'cable cut',
    });
  });

  it('tells a reserve, and its charge at the end', async () => {
    const timeline = await readTimeline(traffic.pool, reserved.id);
    expect(timeline?.events.map(brief)).toEqual([
      'accepted ACCEPTD',
      'reserved -0.05',
      'sent ENROUTE',
      'delivered DELIVRD',
      'settled DELIVRD',
      'chargedAtEnd -0.05',
    ]);
  });

  it('tells the open lease of a message that is being sent', async () => {
    const timeline = await readTimeline(traffic.pool, waiting.id);
    expect(timeline?.message.state).toBe('ACCEPTD');
    expect(timeline?.events.map(brief)).toEqual(['accepted ACCEPTD', 'charged -0.05', 'leased']);
  });

  it('tells an unknown outcome and how it was resolved', async () => {
    await traffic.pool.query(
      `insert into unknown_outcome (id, segment, attempt, carrier, epoch, since, resolved_at, resolution)
       values ($1, 1, 1, 1, 1, now(), now() + interval '1 s', 'resent')`,
      [waiting.id],
    );
    const timeline = await readTimeline(traffic.pool, waiting.id);
    expect(timeline?.events.slice(-2)).toMatchObject([
      { event: 'unknownOutcome', carrier: 'sim', segment: 1 },
      { event: 'unknownOutcomeResolved', detail: 'resent' },
    ]);
  });

  it('is undefined for a message that is not there', async () => {
    expect(await readTimeline(traffic.pool, 1n as never)).toBeUndefined();
  });
});

describe('countUnknownOutcomes', () => {
  it('counts the open ones of every carrier', async () => {
    await traffic.pool.query(
      'insert into unknown_outcome (id, segment, attempt, carrier, epoch) values (5, 1, 1, 1, 1), (6, 1, 1, 1, 1)',
    );
    expect(await countUnknownOutcomes(traffic.pool)).toEqual(new Map([['sim', 2]]));
  });
});
