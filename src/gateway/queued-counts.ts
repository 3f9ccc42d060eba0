import type { BindId } from '../domain/ids.ts';

/**
 * Messages that this node accepted and that wait for a carrier, by bind: what `queuedMax` is held against. Those taken
 * over from another node and those with a time of their own are not counted.
 */
export class QueuedCounts {
  readonly #counts = new Map<BindId, number>();

  of(bind: BindId): number {
    return this.#counts.get(bind) ?? 0;
  }

  add(bind: BindId): void {
    this.#counts.set(bind, this.of(bind) + 1);
  }

  /** One left the queue, counted or not. */
  remove(bind: BindId): void {
    const left = this.of(bind) - 1;
    if (left > 0) this.#counts.set(bind, left);
    else this.#counts.delete(bind);
  }
}
