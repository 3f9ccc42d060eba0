import type { CatalogAccount } from '../domain/catalog.ts';
import { messageIdMs } from '../domain/ids.ts';
import { codingFromLatin1, type PeerAlphabet } from '../smpp/default-alphabet.ts';
import type { PduOf, SubmitSm } from '../smpp/pdu.ts';
import { formatAbsoluteTime, parseSmppTime } from '../smpp/smpp-time.ts';
import * as status from '../smpp/status.ts';
import { TLVS } from '../smpp/tlv.ts';
import type { Message } from './message.ts';
import { validUntil } from './validity.ts';

/** When a message that is replaced is sent, and until when it may be: unix ms. */
export interface ReplacedTimes {
  readonly validUntilMs: number;
  /** 0: at once; undefined: its time stays. */
  readonly releaseAtMs: number | undefined;
}

/**
 * The times that a replace_sm gives a message, both counted from now; an empty one leaves what there is (SMPP 3.4 §4.10.1).
 * A schedule that has passed is none.
 */
export function replacedTimes(
  account: CatalogAccount,
  copy: Message,
  pdu: PduOf<'replace_sm'>,
  nowMs: number,
): ReplacedTimes | { readonly status: number } {
  const asked = parseSmppTime(pdu.schedule_delivery_time, nowMs);
  if (asked === 'malformed') return { status: status.ESME_RINVSCHED };
  const releaseAtMs = asked === undefined || asked > nowMs ? asked : 0;
  const validUntilMs =
    pdu.validity_period === ''
      ? copy.validUntilMs
      : validUntil(pdu.validity_period, account, nowMs);
  if (validUntilMs === undefined) return { status: status.ESME_RINVEXPIRY };
  if (releaseAtMs !== undefined && releaseAtMs >= validUntilMs)
    return { status: status.ESME_RINVSCHED };
  return { validUntilMs, releaseAtMs };
}

/** The schedule of a message that keeps it, unix ms; 0: it has none. A relative one counts from its accept. */
export function scheduledFor({ id, submit }: Message): number {
  const asked = parseSmppTime(submit?.schedule_delivery_time ?? '', messageIdMs(id));
  return typeof asked === 'number' ? asked : 0;
}

/**
 * The message's submit_sm with what a replace_sm says in it. Empty times leave those there are (SMPP 3.4 §4.10.1); SMPP 5.0
 * §4.5.3 lets the text come as message_payload. All else, data_coding and other TLVs among it, stays.
 */
export function replacedSubmit(
  copy: Message,
  pdu: PduOf<'replace_sm'>,
  releaseAtMs: number | undefined,
  alphabet: PeerAlphabet,
): SubmitSm {
  const { submit, echo } = copy;
  if (submit === undefined) throw new Error('a message to be replaced has its submit_sm');
  // As he said it: what rules made of it they make of the new text, if they still do.
  const own = { ...submit, ...echo.own };
  const payload = TLVS.message_payload.tag;
  const tlvs = [
    ...(own.tlvs ?? []).filter((tlv) => tlv.tag !== payload),
    ...(pdu.tlvs ?? []).filter((tlv) => tlv.tag === payload),
  ];
  const scheduled = releaseAtMs === 0 ? '' : formatAbsoluteTime(releaseAtMs ?? 0);
  return {
    ...own,
    data_coding: alphabet === 'latin1' ? codingFromLatin1(own) : own.data_coding,
    schedule_delivery_time: releaseAtMs === undefined ? own.schedule_delivery_time : scheduled,
    validity_period: pdu.validity_period === '' ? own.validity_period : pdu.validity_period,
    registered_delivery: pdu.registered_delivery,
    sm_default_msg_id: pdu.sm_default_msg_id,
    short_message: pdu.short_message,
    tlvs: tlvs.length === 0 ? undefined : tlvs,
  };
}
