import type { AccountId } from '../domain/ids.ts';
import type { PolicyFacts, SaidText } from '../domain/policy-rule.ts';
import { RecentKeys } from '../domain/recent-keys.ts';

/** Texts that this node remembers, some 80 octets each; beyond it the oldest are forgotten, and the store is asked. */
const KNOWN_MAX = 100_000;

/**
 * What accounts said to recipients lately (sql/0060_said_texts.sql). The store decides, in the accept that is made
 * anyway, so that of two messages that say the same at two nodes one is first; what it has told this node is
 * known here, so that who says one thing again and again is found out without it.
 *
 * ```
 *   judged ── known here ──> said before
 *     └─ else: accepted with its key ── the key is free ──> its own, and known here
 *                                    └─ another's ────────> the rule refuses, holds or tells it
 * ```
 */
export class SaidTexts {
  readonly #hash: (text: string) => Buffer;
  /** Until when, unix ms, by their hashes; in the order in which they came. */
  readonly #known = new Map<number, number>();

  /** @param hash keyed, the same on every node */
  constructor(hash: (text: string) => Buffer) {
    this.#hash = hash;
  }

  /** See PolicyFacts.said: of new messages. */
  readonly said: PolicyFacts['said'] = (account, rule, withinSeconds, atMs, ...same) => {
    const key = this.#keyOf(account, rule, same);
    const untilMs = this.#known.get(shortOf(key)) ?? 0;
    return atMs < untilMs || { key, withinSeconds };
  };

  /** The same of messages that are stored already, and may have said it themselves: always the store is asked. */
  readonly saidByOthers: PolicyFacts['said'] = (account, rule, withinSeconds, _atMs, ...same) => ({
    key: this.#keyOf(account, rule, same),
    withinSeconds,
  });

  /** The store has it as said first by a message that came at this time: rather over too early here than too late. */
  stored({ key, withinSeconds }: SaidText, atMs: number): void {
    const short = shortOf(key);
    this.#known.delete(short);
    this.#known.set(short, atMs + withinSeconds * 1_000);
    if (this.#known.size <= KNOWN_MAX) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      break;
    }
  }

  #keyOf(account: AccountId, rule: string, same: readonly string[]): Buffer {
    // A sender and a number have no NUL in them.
    return this.#hash(`said ${account} ${rule}\0${same.join('\0')}`);
  }
}

/** What messages say, counted by itself from nothing on: for a policy that is tried. */
export function saidHere(): PolicyFacts['said'] {
  const byTime = new Map<number, RecentKeys>();
  return (account: AccountId, rule, withinSeconds, atMs, ...same) => {
    const keys = byTime.get(withinSeconds) ?? new RecentKeys(KNOWN_MAX);
    byTime.set(withinSeconds, keys);
    return (
      keys.countUp(keys.keyOf(String(account), rule, ...same), atMs, withinSeconds * 1_000) > 1
    );
  };
}

/** 53 bits of it. */
function shortOf(key: Buffer): number {
  return key.readUIntBE(0, 6) * 32 + (key.readUInt8(6) >> 3);
}
