/**
 * The states of a message, by the names that a receipt's text gives them (SMPP 3.4 Appendix B).
 *
 * ```
 * SCHEDULED -> ACCEPTD -> ENROUTE -> DELIVRD | EXPIRED | DELETED | UNDELIV | UNKNOWN | REJECTD | SKIPPED
 *                 \___________________________^ (never sent, cancelled, refused later)
 * ```
 * A final state never changes.
 */
export type MessageState =
  | 'SCHEDULED'
  | 'ENROUTE'
  | 'DELIVRD'
  | 'EXPIRED'
  | 'DELETED'
  | 'UNDELIV'
  | 'ACCEPTD'
  | 'UNKNOWN'
  | 'REJECTD'
  | 'SKIPPED';

/** The message_state of each state (SMPP 5.0 §4.7.15); the store keeps the same small numbers. */
export const MESSAGE_STATE = {
  SCHEDULED: 0,
  ENROUTE: 1,
  DELIVRD: 2,
  EXPIRED: 3,
  DELETED: 4,
  UNDELIV: 5,
  ACCEPTD: 6,
  UNKNOWN: 7,
  REJECTD: 8,
  SKIPPED: 9,
} as const satisfies Record<MessageState, number>;

const STATE_NAMES = Object.keys(MESSAGE_STATE) as MessageState[];

/** The name of a message_state number, or undefined when the specification has none. */
export function messageStateName(code: number): MessageState | undefined {
  return STATE_NAMES[code];
}

/** The state of a receipt's `stat:` field, any case; undefined for a word that is no state of the specification. */
export function messageStateOf(stat: string): MessageState | undefined {
  const name = stat.toUpperCase();
  return Object.hasOwn(MESSAGE_STATE, name) ? (name as MessageState) : undefined;
}

/** Whether a message ends in this state. ENROUTE and ACCEPTD end one only where a carrier's profile says so. */
export function isFinalState(state: MessageState): boolean {
  return state !== 'SCHEDULED' && state !== 'ENROUTE' && state !== 'ACCEPTD';
}

/** On whose side it failed; `none` for a message that did not fail, `unknown` when no receipt came. */
export type FaultClass = 'none' | 'platform' | 'carrier' | 'recipient' | 'customer' | 'unknown';

/** The small number that the store keeps for each fault class. */
export const FAULT_CLASS = {
  none: 0,
  platform: 1,
  carrier: 2,
  recipient: 3,
  customer: 4,
  unknown: 5,
} as const satisfies Record<FaultClass, number>;

const FAULT_NAMES = Object.keys(FAULT_CLASS) as FaultClass[];

/** The fault class of a stored number. @throws RangeError for a number that no class has */
export function faultClassName(code: number): FaultClass {
  const name = FAULT_NAMES[code];
  if (name === undefined) throw new RangeError(`no fault class has the number ${code}`);
  return name;
}

/** What brought a message to its end (the rows of "How a message ends, and its money"). */
export type EndCause =
  | 'receipt'
  | 'neverSent'
  | 'cancelled'
  | 'refusedLater'
  | 'carrierRefused'
  | 'noReceipt'
  | 'carrierAccepted'
  | 'policy'
  | 'refusedCharged';

/** The small number that the store keeps for each cause. */
export const END_CAUSE = {
  receipt: 0,
  neverSent: 1,
  cancelled: 2,
  refusedLater: 3,
  carrierRefused: 4,
  noReceipt: 5,
  /** By a carrier that sends no receipts: its submit_sm_resp is the last word. */
  carrierAccepted: 6,
  /** Part of a long message that the account's policy refused as a whole. */
  policy: 7,
  /** Refused by a rule that charges for it. */
  refusedCharged: 8,
} as const satisfies Record<EndCause, number>;

const CAUSE_NAMES = Object.keys(END_CAUSE) as EndCause[];

/** The cause of a stored number. @throws RangeError for a number that no cause has */
export function endCauseName(code: number): EndCause {
  const name = CAUSE_NAMES[code];
  if (name === undefined) throw new RangeError(`no end cause has the number ${code}`);
  return name;
}

/** Who says how a message ended: the carrier's receipt, or we, because there is none that could. */
export type EndOrigin = 'carrier' | 'gateway';

/** Who says so where a message ended by this cause. */
export function endOrigin(cause: EndCause): EndOrigin {
  return cause === 'receipt' ? 'carrier' : 'gateway';
}
