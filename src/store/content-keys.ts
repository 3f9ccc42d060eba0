import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import type { Pool } from 'pg';
import { type AccountId, accountId, type MessageId } from '../domain/ids.ts';
import { dependencyError } from './errors.ts';
import { SealError, type Sealing } from './sealing.ts';

/** The data key of one account and day (UTC). Destroying it erases that content. */
export interface ContentKey {
  /** content_key.id, kept with each message. */
  readonly id: number;
  readonly account: number;
  readonly secret: KeyObject;
}

/** Where data keys come from and go to. */
export interface ContentKeysSpec {
  readonly pool: Pool;
  readonly sealing: Sealing;
  /** Cryptographic randomness (crypto.randomBytes). */
  random(octets: number): Buffer;
}

/** Keys held in memory: some thousand accounts, yesterday and today. Over it the oldest goes; it can be read again. */
const CACHE_KEYS = 20_000;
const KEY_OCTETS = 32;
const IV_OCTETS = 12;
const TAG_OCTETS = 16;
const DAY_MS = 86_400_000;

/** Seals and opens the content of messages under a data key per account and day. */
export class ContentKeys {
  readonly #spec: ContentKeysSpec;
  readonly #byDay = new Map<string, ContentKey>();
  readonly #byId = new Map<number, ContentKey>();
  readonly #coming = new Map<string, Promise<ContentKey>>();
  readonly #iv = Buffer.alloc(IV_OCTETS);
  /** The last hit: one account's messages come in rows. */
  #lastAccount = -1;
  #lastDay = -1;
  #last: ContentKey | undefined;

  constructor(spec: ContentKeysSpec) {
    this.#spec = spec;
  }

  /** The key for an account's message at a time (unix ms), if it is in memory; else call ensure. */
  get(account: AccountId, atMs: number): ContentKey | undefined {
    const day = Math.floor(atMs / DAY_MS);
    if (account === this.#lastAccount && day === this.#lastDay) return this.#last;
    const key = this.#byDay.get(`${account}/${day}`);
    if (key !== undefined) {
      this.#lastAccount = account;
      this.#lastDay = day;
      this.#last = key;
    }
    return key;
  }

  /** Reads or makes the key of an account and day, once however many ask. @throws DependencyError */
  ensure(account: AccountId, atMs: number): Promise<ContentKey> {
    const day = Math.floor(atMs / DAY_MS);
    const name = `${account}/${day}`;
    const held = this.#byDay.get(name);
    if (held !== undefined) return Promise.resolve(held);
    const coming = this.#coming.get(name);
    if (coming !== undefined) return coming;
    const made = this.#make(account, day, name).finally(() => this.#coming.delete(name));
    this.#coming.set(name, made);
    return made;
  }

  /** Reads keys by id, for messages that come back from the store. Destroyed ones are missing afterwards. @throws DependencyError */
  async load(ids: Iterable<number>): Promise<void> {
    const wanted = [...new Set(ids)].filter((id) => !this.#byId.has(id));
    if (wanted.length === 0) return;
    const { rows } = await this.#query(
      `select ${COLUMNS} from content_key where id = any ($1) and wrapped is not null`,
      [wanted],
    );
    for (const row of rows) this.#byId.set(row.id, this.#unwrap(row));
    trim(this.#byId);
  }

  /**
   * Forgets the keys of accounts: they may have been destroyed (all nodes are told by the change of configuration), and
   * whoever needs one that was not reads it again.
   */
  forgetOf(isTheirs: (account: AccountId) => boolean): void {
    const isGone = ({ account }: ContentKey) => isTheirs(accountId(account));
    for (const [id, key] of this.#byId) if (isGone(key)) this.#byId.delete(id);
    for (const [name, key] of this.#byDay) if (isGone(key)) this.#byDay.delete(name);
    this.#lastAccount = -1;
    this.#last = undefined;
  }

  /** See Sealing.numberHash. */
  numberHash(msisdn: string): Buffer {
    return this.#spec.sealing.numberHash(msisdn);
  }

  /**
   * Ciphertext and tag. The IV is (message, version), 12 octets, and is not stored: under one key no pair may be
   * sealed twice with different content. Versions count the replacements of a message, from 0.
   */
  seal(key: ContentKey, id: MessageId, version: number, plain: Uint8Array): Buffer {
    const cipher = createCipheriv('aes-256-gcm', key.secret, this.#ivOf(id, version));
    const text = cipher.update(plain);
    cipher.final();
    const sealed = Buffer.allocUnsafe(text.length + TAG_OCTETS);
    sealed.set(text, 0);
    sealed.set(cipher.getAuthTag(), text.length);
    return sealed;
  }

  /**
   * Opens sealed content. undefined: its key is not in memory (load it first) or was destroyed.
   * @throws SealError when it was sealed under another key, message or version, or was changed
   */
  open(keyId: number, id: MessageId, version: number, sealed: Buffer): Buffer | undefined {
    const key = this.#byId.get(keyId);
    if (key === undefined) return undefined;
    if (sealed.length < TAG_OCTETS) throw new SealError('is too short for sealed content');
    const end = sealed.length - TAG_OCTETS;
    const decipher = createDecipheriv('aes-256-gcm', key.secret, this.#ivOf(id, version), {
      authTagLength: TAG_OCTETS,
    });
    decipher.setAuthTag(sealed.subarray(end));
    const plain = decipher.update(sealed.subarray(0, end));
    try {
      decipher.final();
    } catch (cause) {
      throw new SealError('content does not open: another key, or it was changed', { cause });
    }
    return plain;
  }

  #ivOf(id: MessageId, version: number): Buffer {
    this.#iv.writeBigInt64BE(id, 0);
    this.#iv.writeUInt32BE(version, 8);
    return this.#iv;
  }

  /** Of nodes that make one at the same time the first one's stands for all. */
  async #make(account: AccountId, day: number, name: string): Promise<ContentKey> {
    const date = new Date(day * DAY_MS).toISOString().slice(0, 10);
    const { master, wrapped } = this.#spec.sealing.wrap(
      this.#spec.random(KEY_OCTETS),
      contextOf(account, date),
    );
    await this.#query(
      'insert into content_key (account, day, master, wrapped) values ($1, $2, $3, $4) on conflict do nothing',
      [account, date, master, wrapped],
    );
    const { rows } = await this.#query(
      `select ${COLUMNS} from content_key where account = $1 and day = $2 and wrapped is not null`,
      [account, date],
    );
    const row = rows[0];
    if (row === undefined)
      throw new SealError(`the key of account ${account} for ${date} was destroyed meanwhile`);
    const key = this.#byId.get(row.id) ?? this.#unwrap(row);
    this.#byDay.set(name, key);
    this.#byId.set(row.id, key);
    trim(this.#byDay);
    trim(this.#byId);
    return key;
  }

  #unwrap(row: KeyColumns): ContentKey {
    const secret = this.#spec.sealing.unwrap(
      row.master,
      row.wrapped,
      contextOf(row.account, row.day),
    );
    return { id: row.id, account: row.account, secret: createSecretKey(secret) };
  }

  async #query(text: string, values: unknown[]): Promise<{ rows: KeyColumns[] }> {
    try {
      return await this.#spec.pool.query<KeyColumns>(text, values);
    } catch (error) {
      throw dependencyError(error);
    }
  }
}

interface KeyColumns {
  readonly id: number;
  readonly account: number;
  readonly day: string;
  readonly master: string;
  readonly wrapped: Buffer;
}

const COLUMNS = `id, account, day::text, master, wrapped`;

function contextOf(account: number, date: string): string {
  return `content ${account} ${date}`;
}

/** Drops the oldest over the limit. */
function trim(map: Map<unknown, unknown>): void {
  for (const key of map.keys()) {
    if (map.size <= CACHE_KEYS) return;
    map.delete(key);
  }
}
