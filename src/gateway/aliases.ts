import type { Pool } from 'pg';
import type { AccountId } from '../domain/ids.ts';
import { reserveAliases } from '../store/aliases.ts';
import { withClient } from '../store/pool.ts';

/** Ids reserved at once for an account: one statement in so many messages. */
const BLOCK = 1_024;
/** The next block is reserved when so few are left, so that nobody waits for it. */
const LOW = 256;
/** Digits of an id: a 3.3 message_id is a C-octet string of at most 9 octets (SMPP 3.3 §6.2.4.2). */
const DIGITS = 8;

interface Block {
  next: number;
  end: number;
}

/**
 * The message_ids of 3.3 binds: 8 hexadecimal digits, unique in their account. What a node reserved and did not give
 * out is lost when it ends: 2^32 are enough for that.
 */
export class Aliases {
  readonly #pool: Pool;
  readonly #blocks = new Map<AccountId, Block[]>();
  readonly #coming = new Map<AccountId, Promise<void>>();

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** The next id of an account; undefined when none is at hand: call `ensure`. */
  take(account: AccountId): string | undefined {
    const blocks = this.#blocks.get(account);
    const block = blocks?.[0];
    if (blocks === undefined || block === undefined) return undefined;
    const alias = block.next++;
    if (block.next >= block.end) blocks.shift();
    if (blocks.length < 2 && block.end - block.next < LOW) void this.ensure(account).catch(ignore);
    return alias.toString(16).toUpperCase().padStart(DIGITS, '0');
  }

  /** Reserves a block, once however many ask. @throws DatabaseError of pg */
  ensure(account: AccountId): Promise<void> {
    const coming = this.#coming.get(account);
    if (coming !== undefined) return coming;
    const made = this.#reserve(account).finally(() => this.#coming.delete(account));
    this.#coming.set(account, made);
    return made;
  }

  async #reserve(account: AccountId): Promise<void> {
    const first = await withClient(this.#pool, (client) => reserveAliases(client, account, BLOCK));
    const blocks = this.#blocks.get(account) ?? [];
    // 0 is what clients take for "no id".
    blocks.push({ next: Math.max(1, first), end: first + BLOCK });
    this.#blocks.set(account, blocks);
  }
}

/**
 * A message_id as a customer repeats it in query_sm, cancel_sm and replace_sm: those who keep the ids of a 3.3 bind as
 * numbers write their digits in lower case. Leading zeros are not put back: whether "10" is hexadecimal, he alone knows.
 */
export function givenId(messageId: string): string {
  return ALIAS.test(messageId) ? messageId.toUpperCase() : messageId;
}

const ALIAS = new RegExp(`^[0-9a-f]{${DIGITS}}$`, 'i');

/** Who then has none asks again, and is told. */
function ignore(): void {}
