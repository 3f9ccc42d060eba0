import type { EpochProgress } from '../store/epoch.ts';
import { Carriers } from './carriers.ts';
import { Corrections } from './corrections.ts';
import { type InboundItem, InboundPath } from './inbound.ts';
import { Janitor } from './janitor.ts';
import { LateOrphans } from './late-orphans.ts';
import type { GatewayParts } from './parts.ts';
import { ReceiptPath } from './receipt.ts';
import { Recovery } from './recovery.ts';
import { Requeue } from './requeue.ts';
import { ScheduledMessages } from './scheduled.ts';
import { isTemporary } from './sending.ts';
import { UnknownOutcomes } from './unknown.ts';
import { unknownStore } from './unknown-store.ts';
import { UpstreamAnswers } from './upstream-answers.ts';

/*
 * The parts of the pipeline that face carriers, and those that move by time, put together.
 */

/** Answers waiting to be stored above which nothing more is sent. */
const SENT_MAX = 4_000;

export function newReceiptPath(parts: GatewayParts): ReceiptPath {
  const { segments, notes } = parts.lanes;
  return new ReceiptPath({
    ...parts.common,
    correlation: parts.correlation,
    inbound: parts.inbound,
    settle: { push: (settlement) => parts.settle(settlement) },
    segments,
    notes,
    lookUp: (arrival) => parts.orphans.lookUp(arrival),
    endedElsewhere: (ends) => void parts.janitor.endCompleted(ends),
    returnToCustomer: (end) => parts.outbox.offerSettled(end, parts.oldestSettlingDbMs()),
    lateWord: (settlement) => parts.corrections.onWord(settlement),
    lateSegment: (end) => parts.corrections.onSegment(end),
    learnClock: (carrier, fields, sentAtMs) => parts.clocks.learn(carrier, fields, sentAtMs),
    clockOffsetMs: (carrier) => parts.clocks.offsetMs(carrier.id),
  });
}

export function newCorrections(parts: GatewayParts): Corrections {
  return new Corrections({
    ...parts.common,
    epoch: parts.options.keeper.epoch,
    loader: parts.loader,
    note: (note) => parts.lanes.notes.push(note),
  });
}

export function newUpstreamAnswers(parts: GatewayParts): UpstreamAnswers {
  return new UpstreamAnswers({
    ...parts.common,
    receipts: parts.receipts,
    orphans: parts.orphans,
    book: (sending) => parts.lanes.sent.push(sending),
  });
}

export function newLateOrphans(parts: GatewayParts): LateOrphans {
  return new LateOrphans({
    ...parts.common,
    sealing: parts.options.sealing,
    loader: parts.loader,
    clocks: parts.clocks,
    settleByOrphan: (sending, arrival) => parts.answers.settledByOrphan(sending, arrival),
    note: (note) => parts.lanes.notes.push(note),
    markMatched: (parked, message) => void parts.orphans.markMatched(parked, message),
  });
}

export function newUnknownOutcomes(parts: GatewayParts): UnknownOutcomes {
  const { pool, keeper } = parts.options;
  return new UnknownOutcomes({
    ...parts.common,
    leases: parts.leases,
    clocks: parts.clocks,
    store: unknownStore(pool, keeper.epoch, parts.loader, parts.orphans),
    carrierUp: (id) => parts.carriers.running.get(id)?.upSinceMs !== undefined,
    resend: (job) => parts.resend(job),
    expire: (message, committed) => parts.endings.givenUp(message, committed),
    settleByOrphan: (sending, arrival) => parts.answers.settledByOrphan(sending, arrival),
  });
}

export function newCarriers(parts: GatewayParts): Carriers {
  const { sealing, maxPduOctets, taps } = parts.options;
  return new Carriers({
    ...parts.common,
    bindBook: parts.bindBook,
    taps,
    random: Math.random,
    monotonic: () => performance.now(),
    maxPduOctets,
    leases: parts.leases,
    queued: parts.queued,
    receipts: () => parts.receipts,
    inbound: parts.inbound,
    openSecret: (sealed) => sealing.openSecret(sealed),
    takeLease: (carrier, keys) => parts.takeLease(carrier, keys),
    giveBackScheduled: (id) => parts.scheduled.giveBack(id),
    load: (ids) => parts.loader.load(ids),
    book: (sending) => parts.lanes.sent.push(sending),
    behind: () => parts.lanes.sent.depth() > SENT_MAX,
    accepted: (sending) => parts.answers.accepted(sending),
    refused: (sending) => parts.answers.refused(sending),
    expired: (message, told) => parts.endings.neverSent(message, told),
    unknown: (sendings) => parts.unknown.onLost(sendings),
    onUp: (carrier) => void parts.unknown.onUp(carrier),
    onDown: (carrier) => void parts.unknown.onDown(carrier),
  });
}

export function newRequeue(parts: GatewayParts): Requeue {
  return new Requeue({
    rejected: (message) => parts.endings.rejected(message),
    sendsWhole: (id) => parts.common.catalog().carriers.get(id)?.longMessages === 'payload',
    queueId: (carrier, lane, id) => parts.carriers.queueId(carrier, lane, id),
    enqueueJobs: (carrier, jobs) => parts.carriers.enqueueJobs(carrier, jobs),
    refusedBefore: (message, segment, status) =>
      parts.answers.refusedBefore(message, segment, status),
    isPermanent: (commandStatus) => commandStatus !== 0 && !isTemporary(commandStatus),
  });
}

export function newRecovery(
  parts: GatewayParts,
  requeue: Requeue,
  progress: () => EpochProgress,
): Recovery {
  const { keeper, connect } = parts.options;
  return new Recovery({
    ...parts.common,
    epoch: keeper.epoch,
    connect: () => connect('recovery'),
    progress,
    load: (ids) => parts.loader.load(ids),
    requeue,
    unknownAdopted: () => parts.unknown.refreshFloor(),
    defer: (rows) => parts.waiting.add(rows),
  });
}

export function newScheduled(parts: GatewayParts, requeue: Requeue): ScheduledMessages {
  const { epoch } = parts.options.keeper;
  return new ScheduledMessages({
    ...parts.common,
    epoch,
    load: (ids) => parts.loader.load(ids),
    requeue,
  });
}

export function newJanitor(parts: GatewayParts): Janitor {
  const { connect } = parts.options;
  return new Janitor({
    ...parts.common,
    connect: () => connect('janitor'),
    load: (ids) => parts.loader.load(ids),
    endUnsent: (message) => parts.endings.neverSent(message),
    endWithoutReceipt: (message) => parts.endings.withoutReceipt(message),
    endBySegments: (message) => parts.endings.bySegments(message),
    endByKnownSegments: (message) => parts.endings.byKnownSegments(message),
    endByOneReceipt: (message) => parts.endings.byOneReceipt(message),
  });
}

export function newInboundPath(parts: GatewayParts): InboundPath {
  const lane = {
    push: (item: InboundItem) => {
      parts.lanes.inbound.push(item);
      parts.backpressure.check();
    },
  };
  return new InboundPath({
    ...parts.common,
    keys: parts.keys,
    sealing: parts.options.sealing,
    nextId: (nowMs) => parts.ids.nextMessage(nowMs),
    lane,
    outbox: () => parts.outbox,
  });
}
