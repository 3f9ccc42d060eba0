import type { CatalogCarrier } from '../domain/catalog.ts';
import type { AdaptiveRateState } from '../session/adaptive-rate.ts';
import type { CarrierBindStatus } from '../session/carrier-bind.ts';
import { boundAsOf } from '../session/legal.ts';
import { rateInWords, reasonInWords } from './link-words.ts';
import type { CarrierRateView, CarrierSessionView } from './runtime.ts';

/** The rate in force of a carrier; `adaptive` is what its answers made of it. */
export function carrierRateView(
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
export function carrierSessionView(bind: CarrierBindStatus): CarrierSessionView {
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
