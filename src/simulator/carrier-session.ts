import type { Pdu, Session } from 'smpp';
import smpp from 'smpp';
import { batchWrites } from './batch-writes.ts';
import type { CarrierBehaviour, CarrierEvent, SimulatedCarrierOptions } from './carrier-options.ts';

/** What a session asks of its carrier. */
export interface SessionOwner {
  readonly options: SimulatedCarrierOptions;
  behaviour(): CarrierBehaviour;
  now(): number;
  note(event: CarrierEvent): void;
  /** Counts a bind, refused or not; gives its number, from 1. */
  countBind(): number;
  /** Bound, and takes receipts. */
  addReceiver(session: Session): void;
  onSubmit(from: CarrierSession, pdu: Pdu): void;
  onEnd(session: CarrierSession): void;
}

/**
 * One connection of a peer, from its bind to its end:
 *
 *   connected --bind_resp 0--> bound --unbind, cut, closed--> ended
 *       | refused                                              ^
 *       +------------------------------------------------------+
 */
export class CarrierSession {
  readonly session: Session;
  /** Of its bind; 0: not bound. */
  number = 0;
  /** Submits that came, and those still to be answered. */
  submits = 0;
  unanswered = 0;
  readonly #owner: SessionOwner;
  #unbindTimer: NodeJS.Timeout | undefined;

  constructor(session: Session, owner: SessionOwner) {
    this.session = session;
    this.#owner = owner;
    // npm smpp reads nothing more after an error: the socket would stay open for ever.
    session.on('error', () => session.destroy());
    session.on('close', () => {
      clearTimeout(this.#unbindTimer);
      owner.onEnd(this);
      if (this.number > 0) owner.note({ event: 'end', at: owner.now(), session: this.number });
    });
    session.on('pdu', (pdu) => {
      batchWrites(session);
      this.#onPdu(pdu);
    });
  }

  /** Asks the peer to end the session, and closes it when it agrees. */
  unbind(): void {
    this.session.unbind(() => this.session.close());
  }

  #onPdu(pdu: Pdu): void {
    const { session } = this;
    if (pdu.isResponse()) return;
    switch (pdu.command) {
      case 'bind_transmitter':
      case 'bind_receiver':
      case 'bind_transceiver':
        this.#onBind(pdu);
        return;
      case 'submit_sm':
      case 'data_sm':
        if (this.number > 0) this.#owner.onSubmit(this, pdu);
        else session.send(pdu.response({ command_status: smpp.ESME_RINVBNDSTS }));
        return;
      case 'unbind':
        session.send(pdu.response(), () => session.close());
        return;
      case 'enquire_link':
        if (this.#owner.behaviour().answersEnquireLink !== false) session.send(pdu.response());
        return;
      default:
        session.send(pdu.response(refusal(pdu)));
    }
  }

  #onBind(pdu: Pdu): void {
    const { session } = this;
    const owner = this.#owner;
    const number = owner.countBind();
    const status = this.#bindStatus(pdu, number);
    owner.note({
      event: 'bind',
      at: owner.now(),
      session: number,
      systemId: pdu.system_id ?? '',
      type: pdu.command.slice('bind_'.length),
      status,
    });
    if (status !== 0) {
      session.send(pdu.response({ command_status: status }), () => session.close());
      return;
    }
    this.number = number;
    const systemId = owner.options.systemId ?? 'simulator';
    session.send(pdu.response({ system_id: systemId, sc_interface_version: 0x34 }));
    if (pdu.command !== 'bind_transmitter') owner.addReceiver(session);
    const { unbindEveryMs } = owner.behaviour();
    if (unbindEveryMs !== undefined)
      this.#unbindTimer = setTimeout(() => this.unbind(), unbindEveryMs);
  }

  #bindStatus(pdu: Pdu, number: number): number {
    const { systemId, password } = this.#owner.options;
    const { bindStatus, refusedBinds = Number.POSITIVE_INFINITY } = this.#owner.behaviour();
    if (bindStatus !== undefined && number <= refusedBinds) return bindStatus;
    const isKnown =
      (systemId === undefined || pdu.system_id === systemId) &&
      (password === undefined || pdu.password === password);
    return isKnown ? 0 : smpp.ESME_RBINDFAIL;
  }
}

/** Any other operation: known to the protocol, not to this carrier. */
function refusal(pdu: Pdu): { command_status?: number } {
  if (pdu.command === 'unknown') return {};
  return { command_status: smpp.ESME_RINVCMDID };
}
