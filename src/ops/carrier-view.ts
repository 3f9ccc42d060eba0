import type { CatalogCarrier } from '../domain/catalog.ts';
import type { RunningCarrier } from '../gateway/carriers.ts';
import type { Dispatcher } from '../gateway/dispatch.ts';
import type { AdaptiveRateState } from '../session/adaptive-rate.ts';
import type { CarrierBindStatus } from '../session/carrier-bind.ts';
import { boundAsOf } from '../session/legal.ts';
import { rateInWords, reasonInWords } from './link-words.ts';
import type { CarrierRateView, CarrierSessionView, CarrierState, CarrierView } from './runtime.ts';

/**
 * A carrier as an operator sees it.
 * @param running undefined: it does not run here (the node is starting)
 * @param segmentsPerSecond what was sent to it in the last second
 */
export function carrierView(
  carrier: CatalogCarrier,
  running: RunningCarrier | undefined,
  segmentsPerSecond: number,
): CarrierView {
  const binds = running?.link.binds ?? [];
  const bound = binds.filter(({ state, isOutbind }) => state === 'bound' && !isOutbind).length;
  const failed = binds.find(({ state, reason }) => state !== 'bound' && reason !== undefined);
  const state = stateOf(carrier, bound, sessionsOf(carrier));
  return {
    name: carrier.name,
    state,
    reason:
      state === 'paused' ? 'paused by an operator' : failed?.reason && reasonInWords(failed.reason),
    host: carrier.host,
    port: carrier.port,
    systemId: carrier.systemId,
    bindAs: carrier.bindAs,
    binds: bound,
    bindsWanted: sessionsOf(carrier),
    windowInUse: running?.link.windowInUse ?? 0,
    windowMax: carrier.binds * carrier.windowMax,
    queued: running === undefined ? 0 : queuedOf(running.dispatcher),
    segmentsPerSecond,
    demo: carrier.demo,
    tls: carrier.connection.tls !== undefined,
    rate: carrierRateView(carrier, running?.link.adaptiveRate),
    sessions: binds.map(carrierSessionView),
  };
}

/** Sessions that a carrier's resource asks for: a pair counts two. */
export function sessionsOf(carrier: CatalogCarrier): number {
  return carrier.bindAs === 'transceiver' ? carrier.binds : carrier.binds * 2;
}

function stateOf(carrier: CatalogCarrier, bound: number, wanted: number): CarrierState {
  if (carrier.paused) return 'paused';
  if (bound === 0) return 'down';
  return bound < wanted ? 'partial' : 'up';
}

function queuedOf(dispatcher: Dispatcher): number {
  return dispatcher.waiting().reduce((sum, { messages }) => sum + messages, 0);
}

/** The rate in force of a carrier; `adaptive` is what its answers made of it. */
function carrierRateView(
  carrier: CatalogCarrier,
  adaptive: AdaptiveRateState | undefined,
): CarrierRateView {
  const configured = carrier.segmentsPerSecond;
  const own = configured === 0 ? Number.POSITIVE_INFINITY : configured;
  const learned = adaptive?.perSecond ?? Number.POSITIVE_INFINITY;
  const isSlowed = adaptive !== undefined && learned < own;
  return {
    perSecond: Math.min(own, learned),
    configured,
    reason: isSlowed ? rateInWords(adaptive) : undefined,
    slowedAtMs:
      isSlowed && adaptive.slowedAtMs !== undefined ? unixMs(adaptive.slowedAtMs) : undefined,
  };
}

/** One bind as an operator sees it. */
function carrierSessionView(bind: CarrierBindStatus): CarrierSessionView {
  const { nextAttemptMs, reason } = bind;
  const waitMs = nextAttemptMs === undefined ? undefined : nextAttemptMs - performance.now();
  return {
    type: boundAsOf(bind.command),
    madeBy: bind.isOutbind ? 'outbind' : 'us',
    state: bind.state,
    sinceMs: unixMs(bind.sinceMs),
    address: bind.address,
    tlsProtocol: bind.tlsProtocol,
    carrierVersion: bind.carrierVersion,
    failures: bind.failures,
    lastReason: reason === undefined ? undefined : reasonInWords(reason),
    nextAttemptSeconds: waitMs === undefined ? undefined : Math.max(0, Math.round(waitMs) / 1_000),
    windowInUse: bind.windowInUse,
  };
}

/** A time of the sessions' clock (performance.now) as Unix ms. */
function unixMs(sessionMs: number): number {
  return Date.now() - (performance.now() - sessionMs);
}
