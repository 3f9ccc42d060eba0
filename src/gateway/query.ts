import { messageIdMs } from '../domain/ids.ts';
import { MESSAGE_STATE } from '../domain/message-state.ts';
import { newResponse, type PduOf } from '../smpp/pdu.ts';
import { formatAbsoluteTime, parseSmppTime } from '../smpp/smpp-time.ts';
import * as status from '../smpp/status.ts';
import type { Lookups } from './lookups.ts';
import type { Message } from './message.ts';
import { namesSender } from './own-message.ts';

/** error_code is one octet (SMPP 3.4 §4.8.2). */
const ERROR_CODE_MAX = 0xff;
/** The first version that has message_state SCHEDULED (SMPP 5.0 §4.7.15). */
const VERSION_5 = 0x50;

/**
 * Answers a query_sm (SMPP 3.4 §4.8). An id that the account does not have is ESME_RINVMSGID, whoever else may have it.
 * ESME_RQUERYFAIL: another sender, or an id that a submit_multi gave several destinations, of which query_sm cannot
 * name one.
 */
export async function query(
  lookups: Pick<Lookups, 'named'>,
  account: Message['account'],
  pdu: PduOf<'query_sm'>,
  version: number,
  nowMs: number,
): Promise<PduOf<'query_sm_resp'>> {
  const { sequence_number: sequence, message_id: name } = pdu;
  const found =
    name === '' ? [] : await lookups.named({ account, name, destinationHash: undefined });
  if (found.length === 0) return newResponse('query_sm_resp', sequence, status.ESME_RINVMSGID);
  const [message, another] = found.filter((one) => namesSender(one, pdu));
  if (message === undefined || another !== undefined)
    return newResponse('query_sm_resp', sequence, status.ESME_RQUERYFAIL);
  const response = newResponse('query_sm_resp', sequence, status.ESME_ROK);
  response.message_id = name;
  const { ended } = message;
  if (ended === undefined) {
    const scheduled = version >= VERSION_5 && isScheduled(message, nowMs);
    response.message_state = scheduled ? MESSAGE_STATE.SCHEDULED : MESSAGE_STATE.ENROUTE;
    return response;
  }
  response.final_date = formatAbsoluteTime(ended.doneAtMs);
  response.message_state = ended.state;
  response.error_code = Math.min(ended.err, ERROR_CODE_MAX);
  return response;
}

/** Whether it waits for its schedule_delivery_time; a relative one counts from its accept. */
function isScheduled(message: Message, nowMs: number): boolean {
  const time = message.submit?.schedule_delivery_time ?? '';
  const at = parseSmppTime(time, messageIdMs(message.id));
  return typeof at === 'number' && at > nowMs;
}
