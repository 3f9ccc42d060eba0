import { newPdu } from '../smpp/pdu.ts';
import { encode } from './templates.ts';
import { ids, type Wire } from './wire.ts';

/** One customer's bind. */
export interface LoadBind {
  systemId: string;
  password: string;
}

/** How a customer binds (SMPP 3.4 §2.2.1). */
export type BindAs = 'transmitter' | 'receiver' | 'transceiver';

/** Encodes a bind request of 3.4, sequence_number 1. */
export function bindRequest({ systemId, password }: LoadBind, bindAs: BindAs): Buffer {
  const pdu = newPdu(`bind_${bindAs}`, 1);
  pdu.system_id = systemId;
  pdu.password = password;
  pdu.interface_version = 0x34;
  return encode(pdu);
}

/** Whether a command_id answers a bind. */
export function isBindResponse(commandId: number): boolean {
  return (
    commandId === ids.bindTransceiverResp ||
    commandId === ids.bindTransmitterResp ||
    commandId === ids.bindReceiverResp
  );
}

/**
 * One bind: its window as two flat arrays addressed by the low bits of the
 * sequence_number. A number whose slot is taken is skipped.
 */
export class BindState {
  readonly wire: Wire;
  readonly systemId: string;
  readonly mask: number;
  /** Intended time of the submit in a slot. */
  readonly intended: Float64Array;
  free: number;
  /** Message index + 1 in a slot; 0: free. */
  readonly #index: Int32Array;
  #sequence = 1;
  #onBound: (() => void) | undefined;
  #onRefused: ((error: Error) => void) | undefined;

  constructor(
    wire: Wire,
    windowMax: number,
    systemId: string,
    onBound: () => void,
    onRefused: (error: Error) => void,
  ) {
    this.wire = wire;
    this.systemId = systemId;
    this.free = windowMax;
    // At least twice the window, so that skipping is rare.
    const slots = 2 ** Math.ceil(Math.log2(windowMax * 2));
    this.mask = slots - 1;
    this.intended = new Float64Array(slots);
    this.#index = new Int32Array(slots);
    this.#onBound = onBound;
    this.#onRefused = onRefused;
  }

  onBindAnswer(status: number): void {
    if (status === 0) this.#onBound?.();
    else
      this.#onRefused?.(
        new Error(`the bind of ${this.systemId} was refused with 0x${status.toString(16)}`),
      );
    this.#onBound = undefined;
    this.#onRefused = undefined;
  }

  take(index: number, intended: number): number {
    do this.#sequence = this.#sequence >= 0x7fffffff ? 1 : this.#sequence + 1;
    while (this.#index[this.#sequence & this.mask] !== 0);
    const slot = this.#sequence & this.mask;
    this.#index[slot] = index + 1;
    this.intended[slot] = intended;
    this.free -= 1;
    return this.#sequence;
  }

  /** Gives the message index of a slot and frees it; -1 when it is free already. */
  release(slot: number): number {
    const index = (this.#index[slot] as number) - 1;
    if (index < 0) return -1;
    this.#index[slot] = 0;
    this.free += 1;
    return index;
  }
}
