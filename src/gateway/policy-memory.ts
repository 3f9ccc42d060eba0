import type { AccountId } from '../domain/ids.ts';

/** What rules remember of accounts: a few KB to some MB each; beyond it what was used longest ago is forgotten. */
const REMEMBERED_MAX = 2_000;

/** What the rules of policies remember from message to message: this node's own, and lost with it. */
export class PolicyMemory {
  readonly #remembered = new Map<string, object>();

  /** What a rule remembers of an account, made where there is nothing. Each rule asks for one kind of object only. */
  of<T extends object>(rule: string, account: AccountId, make: () => T): T {
    const key = `${account} ${rule}`;
    const known = this.#remembered.get(key) as T | undefined;
    const found = known ?? make();
    // To the end: the first is the one that was used longest ago.
    if (known !== undefined) this.#remembered.delete(key);
    this.#remembered.set(key, found);
    if (this.#remembered.size > REMEMBERED_MAX) {
      const [oldest] = this.#remembered.keys();
      if (oldest !== undefined) this.#remembered.delete(oldest);
    }
    return found;
  }
}
