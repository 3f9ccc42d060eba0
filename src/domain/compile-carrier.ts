import { compileConnection } from './carrier-connection.ts';
import { compileCarrierFaults } from './carrier-faults.ts';
import { compileLimits, compileQuirks } from './carrier-quirks.ts';
import type { CatalogCarrier } from './catalog.ts';
import { type CarrierId, carrierId } from './ids.ts';
import { compileReceiptDialect } from './receipt-dialect.ts';
import type { StoredCarrier } from './resources.ts';

const HOUR_MS = 3_600_000;

/**
 * A stored carrier as the gateway reads it.
 * @param receiptsWith the carriers that it shares its receipts with
 */
export function compileCarrier(
  stored: StoredCarrier,
  receiptsWith: readonly CarrierId[],
): CatalogCarrier {
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
    burst: spec.burst,
    connection: compileConnection(spec),
    ids: spec.ids,
    longMessages: spec.longMessages,
    quirks: compileQuirks(spec),
    tlvsByVersion: spec.otherTlvs === 'byVersion',
    limits: compileLimits(spec),
    receiptDialect: compileReceiptDialect(spec),
    receipts: spec.receipts,
    receiptGraceMs: Math.round(spec.receiptGraceHours * HOUR_MS),
    onUnknownOutcome: {
      waitMs: Math.round(spec.onUnknownOutcome.waitSeconds * 1000),
      then: spec.onUnknownOutcome.then,
      giveUpMs:
        spec.onUnknownOutcome.giveUpAfterSeconds === undefined
          ? undefined
          : Math.round(spec.onUnknownOutcome.giveUpAfterSeconds * 1000),
    },
    failoverAfterMs: Math.round(spec.failoverAfterSeconds * 1000),
    finalStates: spec.finalStates,
    matchDestination: spec.matchDestination,
    echoesUserMessageReference: spec.echoesUserMessageReference,
    receiptAddresses: spec.receiptAddresses,
    oneReceipt: spec.oneReceipt,
    segmentsWaitMs:
      spec.segmentsWaitHours === undefined
        ? undefined
        : Math.round(spec.segmentsWaitHours * HOUR_MS),
    receiptsWith,
    faults: compileCarrierFaults(spec.faults),
    quality: spec.quality,
    paused: stored.paused,
    demo: stored.demo,
  };
}

/**
 * The other carriers whose receipts may come over this one's sessions, because an SMSC gives an account's receipts to
 * whichever of its sessions it likes: those of the same host, port and system_id, and those that either names in
 * `receiptsWith`.
 */
export function sharingReceipts(
  stored: StoredCarrier,
  all: readonly StoredCarrier[],
): readonly CarrierId[] {
  const { spec, name } = stored;
  return all.flatMap((other) => {
    if (other.name === name) return [];
    const isSameAccount =
      other.spec.host === spec.host &&
      other.spec.port === spec.port &&
      other.spec.systemId === spec.systemId;
    const isNamed =
      spec.receiptsWith.includes(other.name) || other.spec.receiptsWith.includes(name);
    return isSameAccount || isNamed ? [carrierId(other.id)] : [];
  });
}
