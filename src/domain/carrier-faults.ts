import type { CarrierFaults, StatusAction } from './catalog.ts';
import type { FaultClass, MessageState } from './message-state.ts';
import type { CarrierSpec } from './resources.ts';

/**
 * Statuses that say "later": queue full, throttled, temporary application error (SMPP 3.4 §5.1.3). As long as the
 * message is valid: the carrier is there and wants it, only not now.
 */
const LATER: StatusAction = { kind: 'retry', afterMs: undefined, retries: undefined };
/**
 * Statuses that speak of the session and never of a message (SMPP 3.4 §5.1.3): wrong bind state, already bound, bind
 * failed, wrong password or system_id. The session is replaced or the carrier repairs itself within seconds; if it
 * has not after 1 + 2 + 4 s it is a carrier that cannot send, and the next one is tried.
 */
const SESSION: StatusAction = { kind: 'retry', afterMs: undefined, retries: 3 };
const FAULT: StatusAction = { kind: 'fault' };
const NEXT: StatusAction = { kind: 'next' };

const DEFAULT_ACTIONS: ReadonlyMap<number, StatusAction> = new Map([
  [0x14, LATER], // ESME_RMSGQFUL
  [0x58, LATER], // ESME_RTHROTTLED
  [0x64, LATER], // ESME_RX_T_APPN
  [0x04, SESSION], // ESME_RINVBNDSTS
  [0x05, SESSION], // ESME_RALYBND
  [0x0d, SESSION], // ESME_RBINDFAIL
  [0x0e, SESSION], // ESME_RINVPASWD
  [0x0f, SESSION], // ESME_RINVSYSID
]);

/**
 * Compiles a carrier's fault maps. A failed receipt goes by its `err:` first, then by its state; without an entry
 * UNDELIV and EXPIRED are the recipient's, REJECTD and the rest the carrier's. A submit_sm_resp's permanent status is the
 * carrier's by default. With `next` the fault is what it would be without that entry: it counts when no carrier is left.
 */
export function compileCarrierFaults(spec: CarrierSpec['faults']): CarrierFaults {
  const byErr = new Map(
    Object.entries(spec.byErr).map(([err, entry]) => [withoutZeros(err), entry]),
  );
  const byState = new Map(Object.entries(spec.byState));
  const byStatus = new Map(
    Object.entries(spec.byStatus).map(([status, entry]) => [Number(status), entry]),
  );
  const entryOfErr = (err: string | undefined) =>
    err === undefined || byErr.size === 0 ? undefined : byErr.get(withoutZeros(err));
  const faultOf = (entry: 'next' | FaultClass | object | undefined) =>
    typeof entry === 'string' && entry !== 'next' ? entry : undefined;
  return {
    ofReceipt(state, err) {
      if (state === 'DELIVRD') return 'none';
      return faultOf(entryOfErr(err)) ?? faultOf(byState.get(state)) ?? defaultFault(state);
    },
    ofStatus: (commandStatus) => faultOf(byStatus.get(commandStatus)) ?? 'carrier',
    nextAfter: (state, err) =>
      state !== 'DELIVRD' && (entryOfErr(err) ?? byState.get(state)) === 'next',
    onStatus: (commandStatus) => {
      const entry = byStatus.get(commandStatus);
      if (entry === undefined) return DEFAULT_ACTIONS.get(commandStatus) ?? FAULT;
      if (entry === 'next') return NEXT;
      if (typeof entry === 'string') return FAULT;
      return { kind: 'retry', afterMs: Math.round(entry.retry * 1_000), retries: entry.retries };
    },
    slowsDown: (commandStatus) =>
      DEFAULT_ACTIONS.get(commandStatus) === LATER ||
      typeof byStatus.get(commandStatus) === 'object',
  };
}

function defaultFault(state: MessageState): FaultClass {
  if (state === 'UNKNOWN') return 'unknown';
  return state === 'UNDELIV' || state === 'EXPIRED' ? 'recipient' : 'carrier';
}

/** "001", "01" and "1" are the same error. */
function withoutZeros(err: string): string {
  return err.replace(/^0+(?=.)/, '').toUpperCase();
}
