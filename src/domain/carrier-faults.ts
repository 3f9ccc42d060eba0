import type { CarrierFaults } from './catalog.ts';
import type { FaultClass, MessageState } from './message-state.ts';
import type { CarrierSpec } from './resources.ts';

/**
 * Compiles a carrier's fault maps. A failed receipt goes by its `err:` first, then by its state; without an entry
 * UNDELIV and EXPIRED are the recipient's, REJECTD and the rest the carrier's. A submit_sm_resp's permanent status is the
 * carrier's by default.
 */
export function compileCarrierFaults(spec: CarrierSpec['faults']): CarrierFaults {
  const byErr = new Map(
    Object.entries(spec.byErr).map(([err, fault]) => [withoutZeros(err), fault]),
  );
  const byState = new Map(Object.entries(spec.byState));
  const byStatus = new Map(
    Object.entries(spec.byStatus).map(([status, fault]) => [Number(status), fault]),
  );
  return {
    ofReceipt(state, err) {
      if (state === 'DELIVRD') return 'none';
      const mapped =
        err === undefined || byErr.size === 0 ? undefined : byErr.get(withoutZeros(err));
      return mapped ?? byState.get(state) ?? defaultFault(state);
    },
    ofStatus: (commandStatus) => byStatus.get(commandStatus) ?? 'carrier',
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
