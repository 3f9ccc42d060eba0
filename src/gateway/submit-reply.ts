import type { MessageId } from '../domain/ids.ts';
import type { Session } from '../session/session.ts';
import type { UnsuccessSme } from '../smpp/fields.ts';
import { newResponse } from '../smpp/pdu.ts';
import { ESME_ROK } from '../smpp/status.ts';
import { makeTextTlv } from '../smpp/tlv.ts';

/** additional_status_info_text holds 255 characters and a NUL (SMPP 3.4 §5.3.2.11). */
const REASON_CHARACTERS = 255;
/** From this version on an error response of data_sm may have TLVs (SMPP 3.4 §4.7.2), and of submit_sm (5.0 §4.2.1.2). */
const DATA_TEXT_VERSION = 0x34;
const SUBMIT_TEXT_VERSION = 0x50;

/** Where the answer for one destination goes: its own response, or the one of a submit_multi. */
export type Reply = 'submit_sm_resp' | 'data_sm_resp' | MultiReply;

/** The address of a destination as the customer wrote it. */
export type DestinationAddress = Omit<UnsuccessSme, 'error_status_code'>;

/** A destination whose answer is awaited. */
export interface Asked {
  readonly session: Session;
  readonly sequenceNumber: number;
  readonly reply: Reply;
}

/** Answers that a destination was accepted under this message_id. */
export function answerAccepted({ session, sequenceNumber, reply }: Asked, messageId: string): void {
  if (typeof reply !== 'string') return reply.accepted(messageId);
  const response = newResponse(reply, sequenceNumber, ESME_ROK);
  response.message_id = messageId;
  session.respond(response);
}

/** Answers that a destination was refused. @param to as the customer wrote it @param reason in words, '' for none */
export function answerRefused(
  { session, sequenceNumber, reply }: Asked,
  to: DestinationAddress,
  commandStatus: number,
  reason: string,
): void {
  if (typeof reply !== 'string') reply.refused(to, commandStatus, reason);
  else respondRefused(session, reply, sequenceNumber, commandStatus, reason);
}

/** Header only, with the reason in words where the version allows a body. */
function respondRefused(
  session: Session,
  reply: 'submit_sm_resp' | 'data_sm_resp' | 'submit_multi_resp',
  sequenceNumber: number,
  commandStatus: number,
  reason: string,
): void {
  const response = newResponse(reply, sequenceNumber, commandStatus);
  const version = reply === 'data_sm_resp' ? DATA_TEXT_VERSION : SUBMIT_TEXT_VERSION;
  if (reason !== '' && session.interfaceVersion >= version) {
    const text = reason.replace(/[^\x20-\x7e]/g, '?').slice(0, REASON_CHARACTERS);
    response.bodyOmitted = false;
    response.tlvs = [makeTextTlv('additional_status_info_text', text)];
  }
  session.respond(response);
}

/**
 * The answer to a submit_multi: sent when every destination is accepted or refused. With one accepted it is status 0
 * and names the others; with none it is the first refusal's status (SMPP 3.4 §4.5.2).
 */
export class MultiReply {
  /** The message_id of all destinations: that of the first one stored. */
  #messageId: string | undefined;
  readonly #session: Session;
  readonly #sequenceNumber: number;
  readonly #failures: UnsuccessSme[] = [];
  #left: number;
  #reason = '';
  /** The message_id of the first that was accepted. */
  #accepted: string | undefined;

  constructor(session: Session, sequenceNumber: number, destinations: number) {
    this.#session = session;
    this.#sequenceNumber = sequenceNumber;
    this.#left = destinations;
  }

  /** The message_id of the next destination: that of the first one; null for the first, where it is its own id. */
  share(id: MessageId, alias: string | null): string | null {
    if (this.#messageId !== undefined) return this.#messageId;
    this.#messageId = alias ?? id.toString();
    return alias;
  }

  /** @param messageId differs from what was given to the others when it is a repetition */
  accepted(messageId: string): void {
    this.#messageId ??= messageId;
    this.#accepted ??= messageId;
    this.#settled();
  }

  refused(to: DestinationAddress, commandStatus: number, reason: string): void {
    if (this.#failures.length === 0) this.#reason = reason;
    const { dest_addr_ton, dest_addr_npi, destination_addr } = to;
    this.#failures.push({
      dest_addr_ton,
      dest_addr_npi,
      destination_addr,
      error_status_code: commandStatus,
    });
    this.#settled();
  }

  #settled(): void {
    this.#left--;
    if (this.#left > 0) return;
    const first = this.#failures[0];
    if (this.#accepted === undefined && first !== undefined) {
      const { error_status_code: commandStatus } = first;
      const sequence = this.#sequenceNumber;
      respondRefused(this.#session, 'submit_multi_resp', sequence, commandStatus, this.#reason);
      return;
    }
    const response = newResponse('submit_multi_resp', this.#sequenceNumber, ESME_ROK);
    response.message_id = this.#accepted ?? '';
    response.unsuccess_sme = this.#failures;
    this.#session.respond(response);
  }
}
