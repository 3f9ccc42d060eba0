import type { Pdu } from 'smpp';
import { carrierId } from './carrier-ids.ts';
import type { ReceiptState, SimulatedCarrierOptions } from './carrier-options.ts';
import type { SubmitPlan } from './carrier-plan.ts';
import type { MessageContent } from './message-text.ts';
import type { OwedReceipt } from './receipt-pdu.ts';

/** A receipt and when it is due, unix milliseconds. */
export interface DueReceipt {
  receipt: OwedReceipt;
  dueAt: number;
}

/** A message that was taken. */
export interface TakenMessage {
  /** The carrier's number of it, and its id as the submit_sm_resp has it. */
  number: number;
  id: string;
  content: MessageContent;
  at: number;
}

/** ENROUTE, or the contradiction, is so far from the final receipt. */
const stepMs = 50;
const contradictionMs = 200;
/** What is left out of an international number to make a national one, as 966 of Saudi Arabia. */
const countryDigits = 3;
/** Makes of a number of ours one that was never given. */
const strangeFactor = 7;

/** Every receipt that a plan promises for a message, in order of time. */
export function owedReceipts(
  pdu: Pdu,
  plan: SubmitPlan,
  message: TakenMessage,
  options: SimulatedCarrierOptions,
  random: () => number,
): DueReceipt[] {
  const { at, content } = message;
  const isLast = content.part === undefined || content.part.number === content.part.total;
  if (plan.state === undefined || (plan.lastSegmentOnly && !isLast)) return [];
  const { delayMs = 0, delaySpreadMs = 0 } = options.receipts ?? {};
  const spread = delaySpreadMs * random() + (plan.spreadMs > 0 ? plan.spreadMs * random() : 0);
  // Ready "now" would leave before the answer, which waits for the book: 1 ms later is due after it.
  const wait = plan.early ? 0 : 1 + plan.answerDelayMs + delayMs + spread + plan.lateMs;
  const usual = usualReceipt(pdu, plan, message, options, random);
  const due: DueReceipt[] = [];
  for (const { state, afterMs } of stepsOf(plan, plan.state, random)) {
    for (let copy = 0; copy < plan.copies; copy += 1)
      due.push({ receipt: { ...usual, state }, dueAt: at + wait + afterMs });
  }
  return due;
}

function stepsOf(
  plan: SubmitPlan,
  state: ReceiptState,
  random: () => number,
): { state: ReceiptState; afterMs: number }[] {
  const final = plan.intermediate ? stepMs : 0;
  const steps: { state: ReceiptState; afterMs: number }[] = [];
  if (plan.intermediate) steps.push({ state: 'ENROUTE', afterMs: 0 });
  if (!plan.contradicts) return [...steps, { state, afterMs: final }];
  const both: ReceiptState[] = random() < 0.5 ? ['DELIVRD', 'UNDELIV'] : ['UNDELIV', 'DELIVRD'];
  for (const [index, each] of both.entries())
    steps.push({ state: each, afterMs: final + index * contradictionMs });
  return steps;
}

function usualReceipt(
  pdu: Pdu,
  plan: SubmitPlan,
  message: TakenMessage,
  options: SimulatedCarrierOptions,
  random: () => number,
): Omit<OwedReceipt, 'state'> {
  const { response = 'decimal', receipt: base = response } = options.ids ?? {};
  const isStrange = plan.unfit === 'strange-id';
  const number = isStrange ? message.number * strangeFactor : message.number;
  const destination = pdu.destination_addr ?? '';
  return {
    id: carrierId(number, response === 'text' ? 'text' : base),
    answerId: message.id,
    ...(plan.unfit && { unfit: plan.unfit }),
    source: pdu.source_addr ?? '',
    sourceTon: pdu.source_addr_ton ?? 0,
    sourceNpi: pdu.source_addr_npi ?? 0,
    destination,
    writtenNumber: plan.otherNumber ? otherForm(destination, random()) : destination,
    destinationTon: pdu.dest_addr_ton ?? 0,
    destinationNpi: pdu.dest_addr_npi ?? 0,
    head: message.content.head,
    submittedAt: message.at,
    format: plan.format,
    carriage: plan.carriage,
    binary: plan.binary,
    attempts: 0,
  };
}

function otherForm(number: string, random: number): string {
  return random < 0.5 ? `+${number}` : number.slice(countryDigits);
}
