import { compileCarrierFaults } from './carrier-faults.ts';
import type { CatalogCarrier } from './catalog.ts';
import { carrierId } from './ids.ts';
import type { StoredCarrier } from './resources.ts';

const HOUR_MS = 3_600_000;

/** A stored carrier as the gateway reads it. */
export function compileCarrier(stored: StoredCarrier): CatalogCarrier {
  const spec = stored.spec;
  if (spec.sealedPassword === undefined)
    throw new Error(`the stored carrier ${stored.name} has no sealed password`);
  return {
    id: carrierId(stored.id),
    name: stored.name,
    host: spec.host,
    port: spec.port,
    systemId: spec.systemId,
    sealedPassword: spec.sealedPassword,
    bindAs: spec.bindAs,
    binds: spec.binds,
    windowMax: spec.windowMax,
    segmentsPerSecond: spec.segmentsPerSecond,
    ids: spec.ids,
    longMessages: spec.longMessages,
    receipts: spec.receipts,
    receiptGraceMs: Math.round(spec.receiptGraceHours * HOUR_MS),
    onUnknownOutcome: {
      waitMs: Math.round(spec.onUnknownOutcome.waitSeconds * 1000),
      then: spec.onUnknownOutcome.then,
    },
    finalStates: spec.finalStates,
    matchDestination: spec.matchDestination,
    echoesUserMessageReference: spec.echoesUserMessageReference,
    faults: compileCarrierFaults(spec.faults),
    quality: spec.quality,
    paused: stored.paused,
    demo: stored.demo,
  };
}
