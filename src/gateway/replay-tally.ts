import type { MessageId } from '../domain/ids.ts';

/** Pairs of decisions and rules counted apart: a policy has 1,000 rules at the most. */
const KINDS_MAX = 10_000;

/** What became, or would become, of a message. */
export type ReplayDecision = 'accepted' | 'deferred' | 'held' | 'refused';

/** A decision and the rule that made it; undefined: none did, or it is not known. */
export interface Decided {
  readonly is: ReplayDecision;
  readonly rule: string | undefined;
}

/** So many messages were decided about so, and would be so now. */
export interface ReplayCount {
  readonly from: Decided;
  readonly to: Decided;
  readonly messages: number;
}

/** A message about which the policy would decide otherwise. */
export interface ReplayExample {
  readonly id: MessageId;
  readonly account: string;
  readonly from: Decided;
  readonly to: Decided;
  /** Only where it was asked for. */
  readonly content?: { readonly from: string; readonly to: string; readonly text: string };
}

/** One message while it is counted: what would become of it can change with the other parts of its long message. */
export interface Counted {
  readonly example: Omit<ReplayExample, 'to'>;
  to: Decided;
}

/** What a replay found. */
export class ReplayTally {
  readonly #examplesMax: number;
  readonly #counts = new Map<string, { from: Decided; to: Decided; messages: number }>();
  readonly #rules = new Map<string, { rule: string; action: string; messages: number }>();
  readonly #examples = new Map<MessageId, Counted>();

  /** @param examplesMax the first that change are kept */
  constructor(examplesMax: number) {
    this.#examplesMax = examplesMax;
  }

  get counts(): ReplayCount[] {
    return [...this.#counts.values()].filter(({ messages }) => messages > 0);
  }

  /** What each rule found, those that are only tried as well. */
  get rules(): { readonly rule: string; readonly action: string; readonly messages: number }[] {
    return [...this.#rules.values()];
  }

  get examples(): ReplayExample[] {
    return [...this.#examples.values()].map(({ example, to }) => ({ ...example, to }));
  }

  /** Messages about which it would decide otherwise. */
  get changed(): number {
    return this.counts.reduce(
      (sum, { from, to, messages }) => sum + (from.is === to.is ? 0 : messages),
      0,
    );
  }

  add(counted: Counted): void {
    this.#count(counted, 1);
    const { id, from } = counted.example;
    if (from.is !== counted.to.is && this.#examples.size < this.#examplesMax)
      this.#examples.set(id, counted);
  }

  /** It is decided about together with a later part. */
  change(counted: Counted, to: Decided): void {
    if (counted.to.is === to.is) return;
    this.#count(counted, -1);
    counted.to = to;
    this.#examples.delete(counted.example.id);
    this.add(counted);
  }

  found(rule: string, action: string): void {
    const key = `${action} ${rule}`;
    const known = this.#rules.get(key);
    if (known !== undefined) known.messages += 1;
    else if (this.#rules.size < KINDS_MAX) this.#rules.set(key, { rule, action, messages: 1 });
  }

  #count({ example: { from }, to }: Counted, n: number): void {
    const key = `${from.is} ${from.rule ?? ''}\n${to.is} ${to.rule ?? ''}`;
    const known = this.#counts.get(key);
    if (known !== undefined) known.messages += n;
    else if (this.#counts.size < KINDS_MAX) this.#counts.set(key, { from, to, messages: n });
  }
}
