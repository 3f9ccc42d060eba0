import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  hash,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';

/** AES-256 */
const KEY_OCTETS = 32;
/** NIST SP 800-38D §8.2: the IV length for which GCM needs no extra hash. */
const IV_OCTETS = 12;
const TAG_OCTETS = 16;
/** IVs drawn at once: 3 KiB. */
const IVS_DRAWN = 256;
/** A number's hash: 128 bits of HMAC-SHA-256, no collision among any numbers that exist. */
export const NUMBER_HASH_OCTETS = 16;

/** The ciphertext does not open under the keys at hand: wrong key, or changed. */
export class SealError extends Error {
  override readonly name = 'SealError';
}

/** Keys derived from one crypto.key (HKDF, RFC 5869), each for one purpose. */
interface Master {
  readonly name: string;
  readonly wrap: KeyObject;
  readonly secret: KeyObject;
  readonly listed: KeyObject;
  readonly number: NumberHash;
}

/**
 * crypto.key at work: seals what is secret, wraps data keys, hashes numbers. With several keys the first one seals and
 * all of them open, so a key is rotated by putting a new one in front and leaving the old one behind it.
 */
export class Sealing {
  readonly #masters: readonly Master[];
  readonly #current: Master;
  readonly #random: (octets: number) => Buffer;
  /** Random octets for the next IVs: asked for by itself each takes longer (6 us) than what it is for. */
  #ivs: Buffer = Buffer.alloc(0);

  /**
   * @param keys of crypto.key, the current one first, 32 octets each (parseMasterKey)
   * @param random cryptographic randomness (crypto.randomBytes)
   * @throws RangeError without a key, or with one of another size
   */
  constructor(keys: readonly Buffer[], random: (octets: number) => Buffer) {
    const [current, ...older] = keys.map(derive);
    if (current === undefined) throw new RangeError('crypto.key holds no key');
    this.#current = current;
    this.#masters = [current, ...older];
    this.#random = random;
  }

  /** Seals a short secret, such as a carrier's password: "v1.<key name>.<base64url>". */
  sealSecret(secret: string): string {
    const sealed = this.#seal(this.#current.secret, Buffer.from(secret, 'utf8'));
    return `v1.${this.#current.name}.${sealed.toString('base64url')}`;
  }

  /** @throws SealError when no key at hand opens it */
  openSecret(sealed: string): string {
    const [version, name, text] = sealed.split('.');
    if (version !== 'v1' || name === undefined || text === undefined) {
      throw new SealError('is not a sealed secret');
    }
    return open(this.#named(name).secret, Buffer.from(text, 'base64url')).toString('utf8');
  }

  /** Seals a record that is kept by itself, such as a parked receipt's fields. */
  sealRecord(record: Buffer): Buffer {
    const name = Buffer.from(this.#current.name, 'hex');
    return Buffer.concat([name, this.#seal(this.#current.secret, record)]);
  }

  /** @throws SealError when no key at hand opens it */
  openRecord(sealed: Buffer): Buffer {
    const name = sealed.toString('hex', 0, NAME_OCTETS);
    return open(this.#named(name).secret, sealed.subarray(NAME_OCTETS));
  }

  /**
   * Seals numbers of a list, 20 octets each: the key's name and one block of AES-256 over the digits and eight zero
   * octets, which are looked for when it is opened (encode, then encipher: Bellare and Rogaway, ASIACRYPT 2000). The same
   * number gives the same block; its keyed hash stands beside it and tells as much. Millions at once cost a tenth of
   * records with an IV each.
   * @param msisdns digits, 15 at the most (E.164)
   * @returns them one behind the other
   */
  sealNumbers(msisdns: readonly string[]): Buffer {
    const cipher = createCipheriv('aes-256-ecb', this.#current.listed, null).setAutoPadding(false);
    const blocks = cipher.update(blocksOf(msisdns));
    const name = Buffer.from(this.#current.name, 'hex');
    const sealed = Buffer.alloc(msisdns.length * SEALED_NUMBER_OCTETS);
    for (let i = 0; i < msisdns.length; i++) {
      sealed.set(name, i * SEALED_NUMBER_OCTETS);
      const block = i * BLOCK_OF_NUMBER;
      const at = i * SEALED_NUMBER_OCTETS + NAME_OCTETS;
      for (let octet = 0; octet < BLOCK_OF_NUMBER; octet++)
        sealed[at + octet] = blocks[block + octet] ?? 0;
    }
    return sealed;
  }

  /** A number that was sealed by itself or with others. @throws SealError */
  openNumber(sealed: Buffer): string {
    if (sealed.length !== SEALED_NUMBER_OCTETS) return this.openRecord(sealed).toString('latin1');
    const { listed } = this.#named(sealed.toString('hex', 0, NAME_OCTETS));
    const decipher = createDecipheriv('aes-256-ecb', listed, null).setAutoPadding(false);
    return numberOf(decipher.update(sealed.subarray(NAME_OCTETS)));
  }

  /** Wraps a data key. `context` says what it is for: it opens for nothing else. */
  wrap(key: Buffer, context: string): { master: string; wrapped: Buffer } {
    const wrapped = this.#seal(this.#current.wrap, key, Buffer.from(context, 'utf8'));
    return { master: this.#current.name, wrapped };
  }

  /** @throws SealError when the master key is not at hand */
  unwrap(master: string, wrapped: Buffer, context: string): Buffer {
    return open(this.#named(master).wrap, wrapped, Buffer.from(context, 'utf8'));
  }

  /** The keyed hash by which a number is found again, under the current key. */
  numberHash(msisdn: string): Buffer {
    return this.#current.number.of(msisdn);
  }

  /** The same of many, without an object for each: 16 octets written into `octets` at `at`. */
  hashNumberInto(msisdn: string, octets: Buffer, at: number): void {
    this.#current.number.into(msisdn, octets, at);
  }

  /** The same of any text: 16 octets that nobody without the key can make of two texts. */
  textHash(text: string): Buffer {
    return this.#current.number.of(hash('sha256', text, 'binary'));
  }

  /** A text's under the keys behind the current one, and at a node where that is not in front yet, under it. */
  otherTextHashes(text: string): readonly Buffer[] {
    if (this.#masters.length === 1) return NO_HASHES;
    const digest = hash('sha256', text, 'binary');
    return this.#masters.slice(1).map((master) => master.number.of(digest));
  }

  /** A number's under each key at hand, current first: what was stored before a rotation is found too. */
  numberHashes(msisdn: string): Buffer[] {
    return this.#masters.map((master) => master.number.of(msisdn));
  }

  #named(name: string): Master {
    const master = this.#masters.find((one) => one.name === name);
    if (master === undefined) throw new SealError(`crypto.key holds no key ${name}`);
    return master;
  }

  /** Each octet of what was drawn is used once. */
  #nextIv(): Buffer {
    if (this.#ivs.length < IV_OCTETS) this.#ivs = this.#random(IV_OCTETS * IVS_DRAWN);
    const iv = this.#ivs.subarray(0, IV_OCTETS);
    this.#ivs = this.#ivs.subarray(IV_OCTETS);
    return iv;
  }

  #seal(key: KeyObject, plain: Buffer, context?: Buffer): Buffer {
    const iv = this.#nextIv();
    const cipher = createCipheriv('aes-256-gcm', key, iv);
    if (context !== undefined) cipher.setAAD(context);
    return Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }
}

/** Reads one key of crypto.key: 32 octets as 64 hex digits or as base64. */
export function parseMasterKey(text: string): Buffer | { readonly error: string } {
  const trimmed = text.trim();
  const key = /^[0-9a-fA-F]{64}$/.test(trimmed)
    ? Buffer.from(trimmed, 'hex')
    : Buffer.from(trimmed, 'base64');
  if (key.length !== KEY_OCTETS) {
    return {
      error: 'is not a key: it takes 32 octets, as 64 hex digits or 44 characters of base64',
    };
  }
  return key;
}

/** What texts have while there is one key: one array for all. */
const NO_HASHES: readonly Buffer[] = [];

const NAME_OCTETS = 4;
/** A block of AES: the digits as half octets with 0xF after the last one, then zeros. */
const BLOCK_OF_NUMBER = 16;
/** No record is as short. */
export const SEALED_NUMBER_OCTETS = NAME_OCTETS + BLOCK_OF_NUMBER;
const DIGITS_OCTETS = 8;
const NO_DIGIT = 0xf;

function blocksOf(msisdns: readonly string[]): Buffer {
  const blocks = Buffer.alloc(msisdns.length * BLOCK_OF_NUMBER);
  for (const [i, msisdn] of msisdns.entries()) {
    if (!/^\d{1,15}$/.test(msisdn)) throw new RangeError('is no number of 1 to 15 digits');
    for (let octet = 0; octet < DIGITS_OCTETS; octet++)
      blocks[i * BLOCK_OF_NUMBER + octet] =
        (digitAt(msisdn, 2 * octet) << 4) | digitAt(msisdn, 2 * octet + 1);
  }
  return blocks;
}

function digitAt(msisdn: string, at: number): number {
  return at < msisdn.length ? msisdn.charCodeAt(at) - 0x30 : NO_DIGIT;
}

function numberOf(block: Buffer): string {
  const [, digits] = /^(\d{1,15})f+0{16}$/.exec(block.toString('hex')) ?? [];
  if (digits === undefined) throw new SealError('does not open');
  return digits;
}

function derive(key: Buffer): Master {
  if (key.length !== KEY_OCTETS)
    throw new RangeError(`a key of crypto.key has ${key.length} octets, not 32`);
  const purpose = (info: string) =>
    createSecretKey(Buffer.from(hkdfSync('sha256', key, '', `smppgate ${info}`, KEY_OCTETS)));
  return {
    // A name that gives nothing of the key away: it stands in the database.
    name: createHash('sha256')
      .update(purpose('name').export())
      .digest()
      .toString('hex', 0, NAME_OCTETS),
    wrap: purpose('wrap'),
    secret: purpose('secret'),
    listed: purpose('listed'),
    number: new NumberHash(purpose('number').export()),
  };
}

/** HMAC's block of SHA-256, and the octets its key is padded with (RFC 2104 §2). */
const BLOCK_OCTETS = 64;
const IPAD = 0x36;
const OPAD = 0x5c;
const SHA256_OCTETS = 32;
/** More than any number has (E.164: 15 digits), and a digest of SHA-256. */
const MSISDN_OCTETS = 32;

/**
 * HMAC-SHA-256 of numbers under one key, by its definition over the one-shot `crypto.hash`: each submit_sm needs one,
 * and createHmac costs four times as much (3.0 against 0.8 us, Node 24).
 */
class NumberHash {
  /** The inner pad with room behind it: by length of what is hashed, over the same octets. */
  readonly #inners: readonly Buffer[];
  readonly #outer = Buffer.alloc(BLOCK_OCTETS + SHA256_OCTETS, OPAD);
  /** Lists of recipients, ported numbers and the message's row ask for the same one after the other. */
  #last: string | undefined;
  #lastHash = Buffer.alloc(0);

  constructor(key: Buffer) {
    const inner = Buffer.alloc(BLOCK_OCTETS + MSISDN_OCTETS, IPAD);
    for (const [i, octet] of key.entries()) {
      inner[i] = octet ^ IPAD;
      this.#outer[i] = octet ^ OPAD;
    }
    this.#inners = Array.from({ length: MSISDN_OCTETS + 1 }, (_, length) =>
      inner.subarray(0, BLOCK_OCTETS + length),
    );
  }

  of(msisdn: string): Buffer {
    if (msisdn === this.#last) return this.#lastHash;
    const hashed = Buffer.allocUnsafe(NUMBER_HASH_OCTETS);
    this.into(msisdn, hashed, 0);
    this.#last = msisdn;
    this.#lastHash = hashed;
    return hashed;
  }

  into(msisdn: string, octets: Buffer, at: number): void {
    const { length } = msisdn;
    const inner = this.#inners[length];
    if (inner === undefined) throw new RangeError('is too long for a number');
    for (let i = 0; i < length; i++) inner[BLOCK_OCTETS + i] = msisdn.charCodeAt(i);
    // As Latin-1: a Buffer for a digest costs four times the digest.
    this.#outer.write(hash('sha256', inner, 'binary'), BLOCK_OCTETS, 'latin1');
    octets.write(hash('sha256', this.#outer, 'binary'), at, NUMBER_HASH_OCTETS, 'latin1');
  }
}

/** IV, ciphertext, tag. */
function open(key: KeyObject, sealed: Buffer, context?: Buffer): Buffer {
  if (sealed.length < IV_OCTETS + TAG_OCTETS)
    throw new SealError('is too short for something sealed');
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, IV_OCTETS), {
    authTagLength: TAG_OCTETS,
  });
  if (context !== undefined) decipher.setAAD(context);
  decipher.setAuthTag(sealed.subarray(-TAG_OCTETS));
  try {
    return Buffer.concat([
      decipher.update(sealed.subarray(IV_OCTETS, -TAG_OCTETS)),
      decipher.final(),
    ]);
  } catch (cause) {
    throw new SealError('does not open: another key, or it was changed', { cause });
  }
}
