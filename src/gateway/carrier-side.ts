import type { CarrierId, MessageId } from '../domain/ids.ts';
import { attemptsOf, triedCarriers } from '../store/attempts.ts';
import type { EpochProgress } from '../store/epoch.ts';
import { withClient } from '../store/pool.ts';
import { AskedAgain } from './asked-again.ts';
import { Carriers } from './carriers.ts';
import { Corrections } from './corrections.ts';
import { newPolicyStep } from './customer-side.ts';
import { Failover } from './failover.ts';
import { type InboundItem, InboundPath } from './inbound.ts';
import { Janitor } from './janitor.ts';
import { LateOrphans } from './late-orphans.ts';
import { NextCarrier } from './next-carrier.ts';
import { Orphans } from './orphans.ts';
import type { GatewayParts } from './parts.ts';
import { ReceiptPath } from './receipt.ts';
import { ReceiptExplainer } from './receipt-explain.ts';
import { ReceiptSearch } from './receipt-search.ts';
import { Recovery } from './recovery.ts';
import { Requeue } from './requeue.ts';
import { ScheduledMessages } from './scheduled.ts';
import { SuspensionSweep } from './suspension-sweep.ts';
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
    signals: { ended: (end) => parts.signals.ended(end) },
    returnToCustomer: (end) => parts.outbox.offerSettled(end, parts.oldestSettlingDbMs()),
    lateWord: (settlement) => parts.corrections.onWord(settlement),
    lateSegment: (end) => parts.corrections.onSegment(end),
    giveUp: (sending, end, answer, receivedAtMs) =>
      parts.failover.onReceipt(sending, end, answer, receivedAtMs),
    learnClock: (carrier, fields, sentAtMs) => parts.clocks.learn(carrier, fields, sentAtMs),
    clockOffsetMs: (carrier) => parts.clocks.offsetMs(carrier.id),
  });
}

export function newReceiptSearch(parts: GatewayParts): ReceiptSearch {
  return new ReceiptSearch({
    ...parts.common,
    sealing: parts.options.sealing,
    loader: parts.loader,
    correlation: parts.correlation,
    learning: parts.learning,
  });
}

export function newOrphans(parts: GatewayParts): Orphans {
  return new Orphans({
    ...parts.common,
    sealing: parts.options.sealing,
    search: parts.search,
    receipts: parts.receipts,
    onBehind: () => parts.backpressure.check(),
    unmatched: (carrier, orphans) => void parts.late.onUnmatched(carrier, orphans),
  });
}

export function newReceiptExplainer(parts: GatewayParts): ReceiptExplainer {
  const { common, search, learning } = parts;
  return new ReceiptExplainer({ ...common, search, learning });
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
    failover: () => parts.failover,
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
    resend: (job, from, attempts) => parts.nextCarrier.resend(job, from, attempts),
    mayGoElsewhere: ({ unknown, message }, attempts) =>
      parts.nextCarrier.resendable(message, unknown.segment, unknown.carrier, attempts) !==
      undefined,
    expire: (message, committed) => parts.endings.givenUp(message, committed),
    settleByOrphan: (sending, arrival) => parts.answers.settledByOrphan(sending, arrival),
  });
}

export function newNextCarrier(parts: GatewayParts): NextCarrier {
  return new NextCarrier({
    ...parts.common,
    router: parts.router,
    carriers: () => parts.carriers,
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
    elsewhere: (sending, none) => parts.answers.elsewhere(sending, none),
    next: parts.nextCarrier.of,
    tried: (ids) => triedOf(parts, ids),
    mayGo: (message, told) => parts.again.mayGo(message, told),
    expired: (message, told) => parts.endings.neverSent(message, told),
    unknown: (sendings) => parts.unknown.onLost(sendings),
    onUp: (carrier) => void parts.unknown.onUp(carrier),
    onDown: (carrier) => void parts.unknown.onDown(carrier),
  });
}

export function newFailover(parts: GatewayParts): Failover {
  const { pool } = parts.options;
  return new Failover({
    ...parts.common,
    book: (sending) => parts.lanes.sent.push(sending),
    lane: parts.lanes.giveUp,
    attempts: (ids) => withClient(pool, (client) => attemptsOf(client, ids)),
    load: (ids) => parts.loader.load(ids),
    next: parts.nextCarrier.of,
    isUsable: (id) => parts.carriers.isUsable(id),
    carrier: (id) => parts.common.catalog().carriers.get(id),
    enqueueJobs: (carrier, jobs) => {
      parts.carriers.enqueueJobs(carrier, jobs);
      parts.carriers.pump();
    },
    beginScheduled: (id) => parts.scheduled.begin(id),
    end: (failed) => parts.answers.noneLeft(failed),
    settle: (item) =>
      parts.receipts.endPart(item.sending, item, 'receipt', item.answer, item.receivedAtMs),
    receipted: (item) => parts.receipts.countGivenUp(item, item.sending),
    repeated: (item) => parts.receipts.noteGivenUp(item.sending, item, item.answer),
  });
}

/** The carriers that each of these was tried at. */
async function triedOf(
  { options }: GatewayParts,
  ids: readonly MessageId[],
): Promise<ReadonlyMap<MessageId, ReadonlySet<CarrierId>>> {
  const attempts = await withClient(options.pool, (client) => attemptsOf(client, ids));
  return new Map([...attempts].map(([id, of]) => [id, triedCarriers(of)]));
}

export function newRequeue(parts: GatewayParts): Requeue {
  return new Requeue({
    rejected: (message) => parts.endings.rejected(message),
    moved: () => parts.carriers.messagesMoved(),
    styleOf: (id) => parts.nextCarrier.styleOf(id),
    queueId: (carrier, lane, id) => parts.carriers.queueId(carrier, lane, id),
    enqueueJobs: (carrier, jobs) => parts.carriers.enqueueJobs(carrier, jobs),
    failedBefore: (message, failed) => parts.answers.failedBefore(message, failed),
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
    isGivingUp: (id) => parts.failover.isGivingUp(id),
    requeue,
    again: parts.again,
  });
}

export function newAskedAgain(parts: GatewayParts): AskedAgain {
  const policy = newPolicyStep(parts);
  return new AskedAgain({
    ...parts.common,
    epoch: parts.options.keeper.epoch,
    judge: (message) => message.submit && policy.judgeAgain(message, message.submit),
    stop: (message, told) => parts.endings.stopped(message, told),
    newer: (copy) => parts.loader.newer(copy),
  });
}

export function newJanitor(parts: GatewayParts): Janitor {
  const { connect, recipients } = parts.options;
  return new Janitor({
    ...parts.common,
    connect: () => connect('janitor'),
    load: (ids) => parts.loader.load(ids),
    stop: (message) => parts.stop(message),
    endUnsent: (message) => parts.endings.neverSent(message),
    endWithoutReceipt: (message) => parts.endings.withoutReceipt(message),
    endBySegments: (message) => parts.endings.bySegments(message),
    endByKnownSegments: (message) => parts.endings.byKnownSegments(message),
    endByOneReceipt: (message) => parts.endings.byOneReceipt(message),
    suspensions: new SuspensionSweep({
      ...parts.common,
      suspensions: recipients.suspensions,
      networkOf: (msisdn) => parts.router.networkOf(msisdn),
      load: (ids) => parts.loader.load(ids),
      stop: (message) => parts.stop(message),
    }),
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
