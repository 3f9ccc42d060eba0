import { bindRequest, isBindResponse, type LoadBind } from './load-bind.ts';
import { numberDigits } from './templates.ts';
import {
  bareResponse,
  connectWire,
  digits,
  headerOctets,
  ids,
  pastCString,
  putU32,
  u32,
  type Wire,
  type WireHandler,
  type WireTarget,
} from './wire.ts';

/** Who receives. */
export interface ReceiverTarget extends WireTarget {
  binds: LoadBind[];
  /** Receipts that are to come, of messages numbered from 0. */
  receipts: number;
}

/** What came so far. */
export interface ReceiverCounts {
  received: number;
  repeated: number;
  /** First to last, milliseconds. */
  elapsedMs: number;
}

/** A customer who comes back for his receipts: receiver binds that answer each deliver_sm at once. */
export class Receiver implements WireHandler {
  readonly #target: ReceiverTarget;
  readonly #wires: Wire[] = [];
  readonly #seen: Uint8Array;
  readonly #deliverResponse = bareResponse(ids.deliverSmResp, true);
  #received = 0;
  #repeated = 0;
  #firstAt = 0;
  #lastAt = 0;

  constructor(target: ReceiverTarget) {
    this.#target = target;
    this.#seen = new Uint8Array(target.receipts);
  }

  /** Connects and asks to be bound; receipts come as soon as the first bind is. */
  async connect(): Promise<void> {
    for (const bind of this.#target.binds) {
      const wire = await connectWire(this.#target, this);
      this.#wires.push(wire);
      wire.append(bindRequest(bind, 'receiver'));
      wire.flush();
    }
  }

  counts(): ReceiverCounts {
    return {
      received: this.#received,
      repeated: this.#repeated,
      elapsedMs: this.#lastAt - this.#firstAt,
    };
  }

  close(): void {
    for (const wire of this.#wires) wire.socket.destroy();
  }

  onPdu(wire: Wire, buf: Buffer, start: number): void {
    const commandId = u32(buf, start + 4);
    if (commandId === ids.deliverSm) this.#onReceipt(wire, buf, start);
    else if (isBindResponse(commandId)) {
      const status = u32(buf, start + 8);
      // Nothing will come, and the bench's patience ends.
      if (status !== 0) wire.socket.destroy();
    } else if (commandId < ids.genericNack) {
      const at = wire.append(bareResponse(commandId + ids.genericNack, false));
      putU32(wire.buffer, at + 12, u32(buf, start + 12));
    }
  }

  onClosed(): void {}

  #onReceipt(wire: Wire, buf: Buffer, start: number): void {
    const at = wire.append(this.#deliverResponse);
    putU32(wire.buffer, at + 12, u32(buf, start + 12));
    this.#lastAt = performance.now();
    if (this.#firstAt === 0) this.#firstAt = this.#lastAt;
    const sourceAt = pastCString(buf, start + headerOctets) + 2;
    const sourceEnd = pastCString(buf, sourceAt) - 1;
    const index = digits(buf, sourceEnd - numberDigits, numberDigits);
    if (index >= this.#seen.length) return;
    if (this.#seen[index] === 0) this.#received += 1;
    else this.#repeated += 1;
    this.#seen[index] = 1;
  }
}
