import type { CarrierBehaviour, ReceiptOptions, ReceiptState } from './carrier-options.ts';
import { drawMix, type MisbehaviourName, misbehaviours } from './misbehaviours.ts';

/** What one submit gets. */
export interface SubmitPlan {
  /** command_status, or undefined: never answered. */
  status: number | undefined;
  answerDelayMs: number;
  /** Answered with the id of the message before. */
  reusesId: boolean;
  /** Final state of the receipt; undefined: none. */
  state: ReceiptState | undefined;
  early: boolean;
  /** Added to the receipt's delay, and up to so much more by chance. */
  lateMs: number;
  spreadMs: number;
  copies: number;
  /** A second final receipt that says the opposite. */
  contradicts: boolean;
  /** ENROUTE before the final one. */
  intermediate: boolean;
  /** Of a long message only the last segment has a receipt. */
  lastSegmentOnly: boolean;
  format: ReceiptOptions['format'];
  carriage: ReceiptOptions['carriage'];
  binary: boolean;
  /** The number in the receipt is written in another form. */
  otherNumber: boolean;
  /** The receipt carries an id that nobody knows, a text that is none, or a state that is no word. */
  unfit: 'strange-id' | 'unparsable' | 'unknown-state' | undefined;
  /** The session is cut instead of an answer. */
  cut: boolean;
  /** Sent beside the answer: PDUs that no peer should send, the stream intact or not. */
  garbage: 'framed' | 'unframed' | undefined;
  unbinds: boolean;
  /** What was drawn from the mix. */
  how: readonly MisbehaviourName[];
}

/**
 * What the last six digits of a destination make the carrier do, so that a
 * test needs no settings: 99 and four digits of this table. `describe` is
 * shown by `smppgate simulate carrier --help`.
 */
export const destinationTable: Readonly<
  Record<string, { describe: string; plan: Partial<SubmitPlan> }>
> = {
  '990005': { describe: 'ESME_RINVDSTADR 0x0B', plan: { status: 0x0b, state: undefined } },
  '990006': { describe: 'ESME_RSYSERR 0x08', plan: { status: 0x08, state: undefined } },
  '990008': { describe: 'ESME_RSUBMITFAIL 0x45', plan: { status: 0x45, state: undefined } },
  '990022': { describe: 'receipt DELIVRD', plan: { state: 'DELIVRD' } },
  '990023': { describe: 'receipt EXPIRED', plan: { state: 'EXPIRED' } },
  '990024': { describe: 'receipt DELETED', plan: { state: 'DELETED' } },
  '990025': { describe: 'receipt UNDELIV', plan: { state: 'UNDELIV' } },
  '990026': { describe: 'receipt ACCEPTD', plan: { state: 'ACCEPTD' } },
  '990027': { describe: 'receipt UNKNOWN', plan: { state: 'UNKNOWN' } },
  '990028': { describe: 'receipt REJECTD', plan: { state: 'REJECTD' } },
  ...Object.fromEntries(
    Object.values(misbehaviours).map(({ digits, describe, plan }) => [
      `99${digits}`,
      { describe, plan },
    ]),
  ),
};

/** What a submit's plan depends on. */
export interface PlanInput {
  destination: string;
  /** Of the session's submits, from 1. */
  number: number;
  isThrottled: boolean;
  /** As many receipts are owed, or answers on this session, as may be. */
  isFull: boolean;
  useTable: boolean;
  behaviour: CarrierBehaviour;
  receipts: ReceiptOptions;
  /** In [0, 1). */
  random(): number;
  /** In [0, 1) by name, the same for all segments of a long message. */
  ofMessage(name: MisbehaviourName): number;
}

/** With an early receipt the answer waits this long, so that it is the later one over any two sessions. */
const earlyAnswerDelayMs = 50;

/** Decides what one submit gets: the behaviour first, then the destination table, the mix, and the defaults. */
export function planSubmit(input: PlanInput): SubmitPlan {
  const { destination, behaviour } = input;
  const plan = usualPlan(input);
  if (behaviour.silent) return { ...plan, status: undefined, state: undefined };
  if (input.isThrottled)
    return { ...plan, status: behaviour.throttleStatus ?? 0x58, state: undefined };
  if (input.isFull) return { ...plan, status: 0x14, state: undefined };
  if (input.number === behaviour.cutAfter) return { ...plan, status: undefined, cut: true };
  const refused = statusByPrefix(destination, behaviour.statusByPrefix);
  if (refused !== undefined) return { ...plan, status: refused, state: undefined };
  if (behaviour.mix) {
    const drawn = drawMix(behaviour.mix, input.random, input.ofMessage);
    Object.assign(plan, drawn.plan);
    plan.how = drawn.names;
  }
  const special = input.useTable ? destinationTable[destination.slice(-6)] : undefined;
  if (special) Object.assign(plan, special.plan);
  if (plan.early) plan.answerDelayMs = Math.max(plan.answerDelayMs, earlyAnswerDelayMs);
  return plan;
}

function usualPlan({ behaviour, receipts, random }: PlanInput): SubmitPlan {
  const drawn = drawState(receipts.states, random());
  return {
    status: 0,
    answerDelayMs: behaviour.answerDelayMs ?? 0,
    reusesId: false,
    state: receipts.sent === false ? undefined : drawn,
    early: receipts.early ?? false,
    lateMs: 0,
    spreadMs: 0,
    copies: receipts.copies ?? 1,
    contradicts: false,
    intermediate: false,
    lastSegmentOnly: false,
    format: receipts.format,
    carriage: receipts.carriage,
    binary: receipts.binary ?? false,
    otherNumber: false,
    unfit: undefined,
    cut: false,
    garbage: undefined,
    unbinds: false,
    how: [],
  };
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
