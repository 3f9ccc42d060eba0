import type { AccountId } from '../domain/ids.ts';
import type { RememberedNumbers } from '../domain/policy-rule.ts';

/**
 * What rules remember of accounts: 24 KB each as rules are by default, 130 at the most; beyond it what was used longest
 * ago is forgotten.
 */
const REMEMBERED_MAX = 2_000;

/** What a rule remembers of an account. */
export interface Remembered {
  readonly account: AccountId;
  readonly rule: string;
  readonly what: RememberedNumbers;
}

/** What the rules of policies remember from message to message. */
export class PolicyMemory {
  /** Something new is remembered of. */
  onMade: () => void = () => {};
  readonly #remembered = new Map<string, Remembered>();

  /** What a rule remembers of an account, made where there is nothing. Each rule asks for one kind of object only. */
  of<T extends RememberedNumbers>(rule: string, account: AccountId, make: () => T): T {
    const key = `${account} ${rule}`;
    const known = this.#remembered.get(key);
    const found = known ?? { account, rule, what: make() };
    // To the end: the first is the one that was used longest ago.
    if (known !== undefined) this.#remembered.delete(key);
    this.#remembered.set(key, found);
    if (this.#remembered.size > REMEMBERED_MAX) {
      const [oldest] = this.#remembered.keys();
      if (oldest !== undefined) this.#remembered.delete(oldest);
    }
    if (known === undefined) this.onMade();
    return found.what as T;
  }

  /** All of it. */
  get all(): Iterable<Remembered> {
    return this.#remembered.values();
  }

  get isEmpty(): boolean {
    return this.#remembered.size === 0;
  }

  /** What one rule remembers of an account, if it does. */
  find(rule: string, account: AccountId): Remembered | undefined {
    return this.#remembered.get(`${account} ${rule}`);
  }
}
