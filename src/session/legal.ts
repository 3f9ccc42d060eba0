import {
  COMMANDS,
  RESPONSE_BIT,
  type RequestName,
  type RequestPdu,
  type ResponsePdu,
} from '../smpp/pdu.ts';
import { ESME_RINVBNDSTS, ESME_RINVCMDID } from '../smpp/status.ts';
import type { BoundAs, SessionSide } from './session-types.ts';

/** Who may send a request, bound as what. SMPP 3.4 §2.3 (table 2-1). */
type Rule = 'esmeTransmits' | 'smscDelivers' | 'bothSend' | 'unsupported' | 'session';

/**
 * Every request. broadcast_* and outbind are not offered: they are answered like an unknown
 * command_id. bind, unbind and enquire_link are the session's own.
 */
const RULES: Readonly<Record<RequestName, Rule>> = {
  bind_receiver: 'session',
  bind_transmitter: 'session',
  bind_transceiver: 'session',
  unbind: 'session',
  enquire_link: 'session',
  outbind: 'unsupported',
  submit_sm: 'esmeTransmits',
  submit_multi: 'esmeTransmits',
  query_sm: 'esmeTransmits',
  cancel_sm: 'esmeTransmits',
  replace_sm: 'esmeTransmits',
  deliver_sm: 'smscDelivers',
  alert_notification: 'smscDelivers',
  data_sm: 'bothSend',
  broadcast_sm: 'unsupported',
  query_broadcast_sm: 'unsupported',
  cancel_broadcast_sm: 'unsupported',
};

/**
 * The command_status that refuses a request, 0 if it is legal.
 * @param sender which side sends it
 * @param boundAs how the ESME is bound; undefined before
 */
export function illegalStatus(
  command: RequestName,
  sender: SessionSide,
  boundAs: BoundAs | undefined,
): number {
  const rule = RULES[command];
  if (rule === 'unsupported') return ESME_RINVCMDID;
  if (rule === 'session') return 0;
  if (boundAs === undefined) return ESME_RINVBNDSTS;
  const legal = sender === 'esme' ? rule !== 'smscDelivers' : rule !== 'esmeTransmits';
  return legal && maySend(sender, boundAs) ? 0 : ESME_RINVBNDSTS;
}

/** Whether a side may send messages on a session bound so: the ESME transmits, the SMSC delivers to a receiver. */
export function maySend(sender: SessionSide, boundAs: BoundAs): boolean {
  return boundAs !== (sender === 'esme' ? 'receiver' : 'transmitter');
}

/** How a bind request binds. */
export function boundAsOf(command: BindCommand): BoundAs {
  switch (command) {
    case 'bind_receiver':
      return 'receiver';
    case 'bind_transmitter':
      return 'transmitter';
    case 'bind_transceiver':
      return 'transceiver';
  }
}

/** The three bind requests' names. */
export type BindCommand = 'bind_receiver' | 'bind_transmitter' | 'bind_transceiver';

/** Whether a request is a bind. */
export function isBind(pdu: RequestPdu): pdu is Extract<RequestPdu, { command: BindCommand }> {
  return (
    pdu.command_id === COMMANDS.bind_transceiver.id ||
    pdu.command_id === COMMANDS.bind_transmitter.id ||
    pdu.command_id === COMMANDS.bind_receiver.id
  );
}

/**
 * Whether an SMSC may be sent optional parameters: both said 3.4 or later. One that does not say its version is to be
 * taken for an older one (SMPP 3.4 §3.4).
 * @param carrierVersion sc_interface_version of its bind's answer
 */
export function takesTlvs(ours: number, carrierVersion: number | undefined): boolean {
  return ours >= 0x34 && carrierVersion !== undefined && carrierVersion >= 0x34;
}

/**
 * The version both sides speak: 0x50, 0x34, or 0x33 for all older ones and nonsense below
 * (SMPP 3.4 §5.2.4: values 0x00-0x33 mean 3.3 or earlier, without optional parameters).
 */
export function negotiatedVersion(interfaceVersion: number): number {
  if (interfaceVersion >= 0x50) return 0x50;
  return interfaceVersion >= 0x34 ? 0x34 : 0x33;
}

/** Whether `pdu` can be the answer to a request of this command_id: its response, or generic_nack. */
export function answers(pdu: ResponsePdu, commandId: number): boolean {
  return pdu.command_id === commandId + RESPONSE_BIT || pdu.command_id === COMMANDS.generic_nack.id;
}
