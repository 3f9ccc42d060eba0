import { z } from 'zod';
import { compileReceiptDialect, type ReceiptDialect } from '../domain/receipt-dialect.ts';
import { receiptDialect as dialectShape } from '../domain/receipt-dialect-schema.ts';
import { parseReceipt } from '../smpp/receipt-text.ts';
import { ESME_RINVEXPIRY, ESME_ROK, statusName } from '../smpp/status.ts';
import { intTlv, tlvName } from '../smpp/tlv.ts';
import { dialectOf, marksOf } from './probe-dialect.ts';
import {
  asDeliver,
  type IdForms,
  idForms,
  isIntermediate,
  meets,
  type Pairing,
  paired,
  receiptTlvs,
  type Say,
  stateWord,
} from './probe-pairing.ts';
import type { ProbePurpose, ProbeSeen, ProbeSubmit } from './probe-seen.ts';

/** What was seen, in words; `key` is the carrier's key that it is about, '' for none. */
export interface Finding {
  readonly key: string;
  readonly seen: string;
}

/** What a probe makes of what it saw. */
export interface ProbeFindings {
  readonly findings: readonly Finding[];
  /** Keys of the carrier that differ from the defaults. */
  readonly proposal: Readonly<Record<string, unknown>>;
  /** Receipts that the proposal reads and matches by itself, of all. */
  readonly verified: { readonly receipts: number; readonly of: number };
}

/** Proposes a profile for a carrier from what a probe saw of it. Pure; says only what was seen. */
export function probeFindings(seen: ProbeSeen): ProbeFindings {
  const findings: Finding[] = [];
  const proposal: Record<string, unknown> = {};
  const say = (key: string, text: string) => void findings.push({ key, seen: text });
  bindFindings(seen, say);
  submitFindings(seen.submits, proposal, say);
  const pairings = seen.receipts.flatMap((receipt) => paired(receipt, seen.submits) ?? []);
  receiptFindings(seen, pairings, say);
  const ids = idForms(pairings);
  if (ids !== undefined) {
    say('ids', `the answers have ${ids.response} ids, the receipts ${ids.receipt}`);
    if (ids.response !== 'text' || ids.receipt !== 'text') proposal.ids = ids;
  } else if (pairings.length > 0) say('ids', 'no base makes the ids of answers and receipts meet');
  const dialect = dialectOf(pairings, ids, say);
  if (Object.keys(dialect).length > 0) proposal.receiptDialect = dialect;
  const marks = marksOf(pairings, dialect, say);
  if (marks !== undefined) proposal.receiptMarks = marks;
  const echoed = pairings.filter(
    ({ receipt, submit }) =>
      intTlv(receiptTlvs(receipt), 'user_message_reference') === submit.reference,
  );
  if (pairings.length > 0 && echoed.length === pairings.length) {
    proposal.echoesUserMessageReference = true;
    say('echoesUserMessageReference', 'every receipt repeats user_message_reference');
  }
  const verified = { receipts: verify(pairings, proposal), of: seen.receipts.length };
  return { findings, proposal, verified };
}

function bindFindings(seen: ProbeSeen, say: Say): void {
  const version = seen.scInterfaceVersion;
  say(
    '',
    version === undefined
      ? 'the bind was answered without sc_interface_version'
      : `the bind was answered with sc_interface_version 0x${version.toString(16)}`,
  );
  say('', `enquire_link was ${seen.enquireLinkAnswered ? '' : 'not '}answered`);
}

/** What it took and refused, and what to send in its place. */
function submitFindings(
  submits: readonly ProbeSubmit[],
  proposal: Record<string, unknown>,
  say: Say,
): void {
  const taken = new Map<ProbePurpose, boolean>();
  for (const [purpose, parts] of Map.groupBy(submits, ({ purpose }) => purpose)) {
    const refused = parts.find(({ answer }) => answer?.status !== ESME_ROK);
    taken.set(purpose, refused === undefined);
    const how = refused?.answer === undefined ? 'unanswered' : statusName(refused.answer.status);
    say(KEY_OF[purpose], `${WORDS[purpose]}: ${refused === undefined ? 'accepted' : how}`);
  }
  // Without the plain one nothing else says anything about its own kind.
  if (taken.get('plain') !== true) return;
  if (taken.get('udh') === false) {
    const style = (['sar', 'payload'] as const).find((purpose) => taken.get(purpose) === true);
    if (style !== undefined) proposal.longMessages = style;
  }
  const validity = submits.find(({ purpose }) => purpose === 'validity')?.answer?.status;
  if (validity === ESME_RINVEXPIRY) proposal.validity = 'none';
  if (taken.get('notifications') === false)
    proposal.registeredDelivery = { receipt: 1, notifications: 1 };
}

const KEY_OF: Readonly<Record<ProbePurpose, string>> = {
  plain: '',
  ucs2: 'dataCodings',
  validity: 'validity',
  notifications: 'registeredDelivery',
  udh: 'longMessages',
  sar: 'longMessages',
  payload: 'longMessages',
};
const WORDS: Readonly<Record<ProbePurpose, string>> = {
  plain: 'a plain message',
  ucs2: 'UCS-2 (data_coding 8)',
  validity: 'a relative validity_period',
  notifications: 'registered_delivery 0x11',
  udh: 'two parts with a UDH',
  sar: 'two parts with sar_*',
  payload: 'a long message_payload',
};

function receiptFindings(seen: ProbeSeen, pairings: readonly Pairing[], say: Say): void {
  const { receipts } = seen;
  if (receipts.length === 0) return say('receipts', 'no receipt came');
  const list = (values: Iterable<string>) => [...new Set(values)].join(', ');
  say('', `receipts came on: ${list(receipts.map(({ bind }) => bind))}`);
  say('', `as ${list(receipts.map(({ command }) => command))}`);
  say('', `with esm_class ${list(receipts.map(({ esmClass }) => hex(esmClass)))}`);
  say('', `with data_coding ${list(receipts.map(({ dataCoding }) => hex(dataCoding)))}`);
  const early = receipts.filter((receipt) => receipt.early).length;
  say('', `${early} of ${receipts.length} came before the answer to their message`);
  const tags = list(receipts.flatMap(({ tlvs }) => tlvs.map(({ tag }) => tlvName(tag))));
  say('', tags === '' ? 'without TLVs' : `with the TLVs ${tags}`);
  if (receipts.some(({ inPayload }) => inPayload)) say('', 'their text is in message_payload');
  const states = list(pairings.map((pairing) => stateWord(pairing) ?? 'none'));
  say('', `states: ${states}`);
  const intermediate = pairings.filter((pairing) => isIntermediate(pairing)).length;
  if (intermediate > 0) say('finalStates', `${intermediate} of an intermediate state`);
}

/** How many receipts are read, with a state and their message's id, by nothing but the proposal. */
function verify(pairings: readonly Pairing[], proposal: Readonly<Record<string, unknown>>): number {
  const spec = proposedDialect.parse(proposal);
  const dialect: ReceiptDialect | undefined = compileReceiptDialect(spec);
  const ids = (proposal.ids ?? { response: 'text', receipt: 'text' }) as IdForms;
  return pairings.filter(({ receipt, submit }) => {
    const read = parseReceipt(asDeliver(receipt), dialect);
    const known = [read?.idTlv, read?.id].filter((id) => id !== undefined);
    return read?.state !== undefined && known.some((id) => meets(id, submit, ids));
  }).length;
}

const proposedDialect = z.object(dialectShape);

function hex(octet: number): string {
  return `0x${octet.toString(16).padStart(2, '0')}`;
}
