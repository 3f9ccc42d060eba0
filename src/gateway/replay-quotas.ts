import type { AccountId } from '../domain/ids.ts';
import type { CompiledPolicy } from '../domain/policy.ts';
import type { Quota, QuotaMessage } from '../domain/policy-rule.ts';

/** Counted things of one replay, some 200 octets each; beyond it the oldest begins anew. */
const COUNTED_MAX = 100_000;

interface Window {
  used: number;
  readonly endsAtMs: number;
}

/** What quotas would have let through of past traffic, from nothing on and by the times of its messages. */
export class ReplayQuotas {
  readonly #windows = new Map<string, Window>();

  /** Counts a message; `giveBack` when it is refused: all of it, or of a refusal that costs what are no credits. */
  take(
    account: AccountId,
    policy: CompiledPolicy,
    message: QuotaMessage,
    atMs: number,
  ): { readonly over: ReadonlySet<Quota>; giveBack(charged: boolean): void } {
    const over = new Set<Quota>();
    const taken: { of: Quota['of']; window: Window; amount: number }[] = [];
    for (const quota of policy.quotasOf(message)) {
      const amount = quota.amountOf(message);
      const window = this.#windowOf(
        `${account} ${quota.rule} ${quota.keyOf(message)}`,
        quota,
        atMs,
      );
      if (window.used + amount > quota.limit) over.add(quota);
      else {
        window.used += amount;
        taken.push({ of: quota.of, window, amount });
      }
    }
    const giveBack = (charged: boolean) => {
      for (const { of, window, amount } of taken.splice(0))
        if (!charged || of === 'messages') window.used -= amount;
    };
    return { over, giveBack };
  }

  #windowOf(key: string, { withinSeconds }: Quota, atMs: number): Window {
    const known = this.#windows.get(key);
    if (known !== undefined && atMs < known.endsAtMs) return known;
    const [oldest] = this.#windows.keys();
    if (this.#windows.size >= COUNTED_MAX && oldest !== undefined) this.#windows.delete(oldest);
    const window = { used: 0, endsAtMs: atMs + withinSeconds * 1_000 };
    this.#windows.set(key, window);
    return window;
  }
}
