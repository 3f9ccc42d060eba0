/**
 * Receipts that the lean carrier owes, oldest first: 20 octets each in three
 * flat arrays that double when full, so that a million of them are no garbage.
 * Read the head through `dueMs`, `id` and `destination`, then `shift`.
 */
export class ReceiptRing {
  #due = new Float64Array(1024);
  #id = new Float64Array(1024);
  #destination = new Uint32Array(1024);
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get dueMs(): number {
    return this.#due[this.#head] as number;
  }

  get id(): number {
    return this.#id[this.#head] as number;
  }

  get destination(): number {
    return this.#destination[this.#head] as number;
  }

  push(dueMs: number, id: number, destination: number): void {
    const capacity = this.#due.length;
    if (this.#size === capacity) this.#grow();
    const at = (this.#head + this.#size) & (this.#due.length - 1);
    this.#due[at] = dueMs;
    this.#id[at] = id;
    this.#destination[at] = destination;
    this.#size += 1;
  }

  shift(): void {
    this.#head = (this.#head + 1) & (this.#due.length - 1);
    this.#size -= 1;
  }

  #grow(): void {
    this.#due = unrolled(this.#due, this.#head, new Float64Array(this.#due.length * 2));
    this.#id = unrolled(this.#id, this.#head, new Float64Array(this.#id.length * 2));
    this.#destination = unrolled(
      this.#destination,
      this.#head,
      new Uint32Array(this.#destination.length * 2),
    );
    this.#head = 0;
  }
}

function unrolled<A extends Float64Array | Uint32Array>(from: A, head: number, to: A): A {
  to.set(from.subarray(head));
  to.set(from.subarray(0, head), from.length - head);
  return to;
}
