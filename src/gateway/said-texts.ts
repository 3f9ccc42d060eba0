import type { AccountId } from '../domain/ids.ts';
import type { PolicyFacts, SaidText } from '../domain/policy-rule.ts';
import { RecentKeys } from '../domain/recent-keys.ts';
import type { Sealing } from '../store/sealing.ts';

/** Texts that this node remembers, some 120 octets each; beyond it the oldest are forgotten, and the store is asked. */
const KNOWN_MAX = 100_000;

/**
 * So long what the store said of a text is taken for what it would say now: the message that said it may be replaced at
 * another node. Who says one thing a thousand times a second asks the store once in that time.
 */
const TRUSTED_MS = 1_000;

/** What this node knows of a text that was said. */
interface Known {
  readonly untilMs: number;
  /** When the store said so last. */
  readonly asOfMs: number;
}

/**
 * What accounts said to recipients lately (sql/0060_said_texts.sql). The store decides, in the accept that is made
 * anyway, so that of two messages that say the same at two nodes one is first; what it has told this node is
 * known here, so that who says one thing again and again is found out without it.
 *
 * ```
 *   judged ── known here ──> said before
 *     └─ else: accepted with its key ── the key is free ──> its own, and known here for a second
 *                                    └─ another's ────────> the rule refuses, holds or tells it
 * ```
 * A message that is replaced says its new text in place of the former one, which may be said again (replace.ts).
 */
export class SaidTexts {
  readonly #sealing: Pick<Sealing, 'textHash' | 'otherTextHashes'>;
  /** By their hashes, in the order in which they came. */
  readonly #known = new Map<number, Known>();

  constructor(sealing: Pick<Sealing, 'textHash' | 'otherTextHashes'>) {
    this.#sealing = sealing;
  }

  /** See PolicyFacts.said: of new messages. */
  readonly said: PolicyFacts['said'] = (account, rule, withinSeconds, atMs, ...same) => {
    const said = this.#saidOf(account, rule, withinSeconds, same);
    const known = this.#known.get(shortOf(said.key));
    if (known === undefined) return said;
    return atMs < Math.min(known.untilMs, known.asOfMs + TRUSTED_MS) || said;
  };

  /** The same of messages that are stored already, and may have said it themselves: always the store is asked. */
  readonly saidByOthers: PolicyFacts['said'] = (account, rule, withinSeconds, _atMs, ...same) =>
    this.#saidOf(account, rule, withinSeconds, same);

  /** The store has it as said first by a message that came at this time: rather over too early here than too late. */
  stored({ key, withinSeconds }: SaidText, atMs: number): void {
    const short = shortOf(key);
    this.#known.delete(short);
    this.#known.set(short, { untilMs: atMs + withinSeconds * 1_000, asOfMs: atMs });
    if (this.#known.size <= KNOWN_MAX) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      break;
    }
  }

  /** The store has it still, of what this node knows. */
  confirmed({ key }: SaidText, atMs: number): void {
    const short = shortOf(key);
    const known = this.#known.get(short);
    if (known !== undefined) this.#known.set(short, { ...known, asOfMs: atMs });
  }

  /** A message was replaced: whatever it said, the store is asked. */
  forget(): void {
    this.#known.clear();
  }

  #saidOf(
    account: AccountId,
    rule: string,
    withinSeconds: number,
    same: readonly string[],
  ): SaidText {
    // A sender and a number have no NUL in them.
    const text = `said ${account} ${rule}\0${same.join('\0')}`;
    const key = this.#sealing.textHash(text);
    return { key, otherKeys: this.#sealing.otherTextHashes(text), withinSeconds };
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
