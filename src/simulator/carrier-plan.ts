import type { CarrierBehaviour, ReceiptOptions, ReceiptState } from './carrier-options.ts';

/** What one submit gets. */
export interface SubmitPlan {
  /** command_status, or undefined: never answered. */
  status: number | undefined;
  answerDelayMs: number;
  /** Final state of the receipt; undefined: none. */
  state: ReceiptState | undefined;
  early: boolean;
  copies: number;
  /** ENROUTE before the final one. */
  intermediate: boolean;
  /** The receipt carries an id that nobody knows. */
  strangeId: boolean;
  /** The session is cut instead of an answer. */
  cut: boolean;
}

/**
 * What the last six digits of a destination make the carrier do, so that a
 * test needs no settings: 9900 and two digits of this table. `describe` is
 * shown by `smppgate simulate carrier --help`.
 */
export const destinationTable: Readonly<
  Record<string, { describe: string; plan: Partial<SubmitPlan> }>
> = {
  '990001': {
    describe: 'never answered, no receipt',
    plan: { status: undefined, state: undefined },
  },
  '990002': { describe: 'never answered, but the receipt comes', plan: { status: undefined } },
  '990003': { describe: 'answered after 5 s', plan: { answerDelayMs: 5000 } },
  '990004': { describe: 'ESME_RTHROTTLED 0x58', plan: { status: 0x58, state: undefined } },
  '990005': { describe: 'ESME_RINVDSTADR 0x0B', plan: { status: 0x0b, state: undefined } },
  '990006': { describe: 'ESME_RSYSERR 0x08', plan: { status: 0x08, state: undefined } },
  '990007': { describe: 'ESME_RMSGQFUL 0x14', plan: { status: 0x14, state: undefined } },
  '990008': { describe: 'ESME_RSUBMITFAIL 0x45', plan: { status: 0x45, state: undefined } },
  '990009': {
    describe: 'the session is cut, the receipt comes',
    plan: { status: undefined, cut: true },
  },
  '990022': { describe: 'receipt DELIVRD', plan: { state: 'DELIVRD' } },
  '990023': { describe: 'receipt EXPIRED', plan: { state: 'EXPIRED' } },
  '990024': { describe: 'receipt DELETED', plan: { state: 'DELETED' } },
  '990025': { describe: 'receipt UNDELIV', plan: { state: 'UNDELIV' } },
  '990026': { describe: 'receipt ACCEPTD', plan: { state: 'ACCEPTD' } },
  '990027': { describe: 'receipt UNKNOWN', plan: { state: 'UNKNOWN' } },
  '990028': { describe: 'receipt REJECTD', plan: { state: 'REJECTD' } },
  '990030': { describe: 'the receipt comes before the answer', plan: { early: true } },
  '990031': { describe: 'the receipt comes twice', plan: { copies: 2 } },
  '990032': { describe: 'no receipt', plan: { state: undefined } },
  '990033': { describe: 'ENROUTE, then the final receipt', plan: { intermediate: true } },
  '990034': { describe: 'a receipt with a strange id', plan: { strangeId: true } },
};

/** What a submit's plan depends on. */
export interface PlanInput {
  destination: string;
  /** Of the session's submits, from 1. */
  number: number;
  isThrottled: boolean;
  /** As many receipts are owed as may be. */
  isFull: boolean;
  useTable: boolean;
  behaviour: CarrierBehaviour;
  receipts: ReceiptOptions;
  /** In [0, 1). */
  random: number;
}

/** With an early receipt the answer waits this long, so that it is the later one over any two sessions. */
const earlyAnswerDelayMs = 50;

/** Decides what one submit gets: the behaviour first, then the destination table, then the defaults. */
export function planSubmit(input: PlanInput): SubmitPlan {
  const { destination, behaviour, receipts } = input;
  const plan: SubmitPlan = {
    status: 0,
    answerDelayMs: behaviour.answerDelayMs ?? 0,
    state: receipts.sent === false ? undefined : drawState(receipts.states, input.random),
    early: receipts.early ?? false,
    copies: receipts.copies ?? 1,
    intermediate: false,
    strangeId: false,
    cut: false,
  };
  if (behaviour.silent) return { ...plan, status: undefined, state: undefined };
  if (input.isThrottled) return { ...plan, status: 0x58, state: undefined };
  if (input.isFull) return { ...plan, status: 0x14, state: undefined };
  if (input.number === behaviour.cutAfter) return { ...plan, status: undefined, cut: true };
  const refused = statusByPrefix(destination, behaviour.statusByPrefix);
  if (refused !== undefined) return { ...plan, status: refused, state: undefined };
  const special = input.useTable ? destinationTable[destination.slice(-6)] : undefined;
  if (special) Object.assign(plan, special.plan);
  if (plan.early) plan.answerDelayMs = Math.max(plan.answerDelayMs, earlyAnswerDelayMs);
  return plan;
}

/** Draws a state by its weight; DELIVRD when there are none. */
export function drawState(weights: ReceiptOptions['states'], random: number): ReceiptState {
  const entries = Object.entries(weights ?? {}) as [ReceiptState, number][];
  const total = entries.reduce((sum, [, weight]) => sum + weight, 0);
  let left = random * total;
  for (const [state, weight] of entries) {
    left -= weight;
    if (left < 0) return state;
  }
  return 'DELIVRD';
}

function statusByPrefix(
  destination: string,
  table: CarrierBehaviour['statusByPrefix'],
): number | undefined {
  if (!table) return undefined;
  for (let length = destination.length; length >= 0; length -= 1) {
    const status = table[destination.slice(0, length)];
    if (status !== undefined) return status;
  }
  return undefined;
}
