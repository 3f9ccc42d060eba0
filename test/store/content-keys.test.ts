import { createCipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accountId, messageId } from '../../src/domain/ids.ts';
import { ContentKeys } from '../../src/store/content-keys.ts';
import { createStorePool } from '../../src/store/pool.ts';
import { parseMasterKey, SealError, Sealing } from '../../src/store/sealing.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';

let database: TestDatabase;
let pool: Pool;
const master = randomBytes(32);
const account = accountId(7);
const noon = Date.parse('2026-11-22T12:00:00Z');

beforeAll(async () => {
  database = await createDatabase();
  pool = createStorePool({ url: database.url, applicationName: 'test' }, 4);
});
afterAll(async () => {
  await pool?.end();
  await database?.drop();
});

const keysUnder = (...masters: Buffer[]) =>
  new ContentKeys({ pool, sealing: new Sealing(masters, randomBytes), random: randomBytes });

describe('ContentKeys', () => {
  it('makes one key per account and day (UTC), the same for every node', async () => {
    const [one, other] = [keysUnder(master), keysUnder(master)];
    expect(one.get(account, noon)).toBeUndefined();
    const [a, b, c] = await Promise.all([
      one.ensure(account, noon),
      one.ensure(account, noon + 1),
      other.ensure(account, noon),
    ]);
    expect(b).toBe(a);
    expect(c.id).toBe(a.id);
    expect(c.secret.equals(a.secret)).toBe(true);
    expect(one.get(account, Date.parse('2026-11-22T23:59:59.999Z'))).toBe(a);
    expect(one.get(account, Date.parse('2026-11-23T00:00:00Z'))).toBeUndefined();
    expect(one.get(accountId(8), noon)).toBeUndefined();
    expect((await one.ensure(account, noon + 86_400_000)).id).not.toBe(a.id);
    expect((await one.ensure(accountId(8), noon)).id).not.toBe(a.id);
  });

  it('seals as AES-256-GCM with the IV of message and version, tag at the end', async () => {
    const keys = keysUnder(master);
    const key = await keys.ensure(account, noon);
    const id = messageId(0x0102030405060708n);
    const cipher = createCipheriv(
      'aes-256-gcm',
      key.secret,
      Buffer.from('010203040506070800000003', 'hex'),
    );
    const expected = Buffer.concat([cipher.update('hello'), cipher.final(), cipher.getAuthTag()]);
    expect(keys.seal(key, id, 3, Buffer.from('hello'))).toEqual(expected);
  });

  it('opens what it sealed, on a node that reads the key from the store', async () => {
    const keys = keysUnder(master);
    const key = await keys.ensure(account, noon);
    const sealed = keys.seal(key, messageId(5n), 0, Buffer.from('text'));
    const other = keysUnder(master);
    expect(other.open(key.id, messageId(5n), 0, sealed)).toBeUndefined();
    await other.load([key.id, key.id, 999_999]);
    expect(other.open(key.id, messageId(5n), 0, sealed)?.toString()).toBe('text');
    expect(() => other.open(key.id, messageId(6n), 0, sealed)).toThrow(SealError);
    expect(() => other.open(key.id, messageId(5n), 1, sealed)).toThrow(SealError);
    sealed[0] = (sealed[0] ?? 0) ^ 1;
    expect(() => other.open(key.id, messageId(5n), 0, sealed)).toThrow(SealError);
    expect(() => other.open(key.id, messageId(5n), 0, Buffer.alloc(3))).toThrow(SealError);
  });

  it('reads keys of before a rotation, and not without the old crypto.key', async () => {
    const key = await keysUnder(master).ensure(account, noon);
    const fresh = randomBytes(32);
    const rotated = keysUnder(fresh, master);
    expect((await rotated.ensure(account, noon)).secret.equals(key.secret)).toBe(true);
    await expect(keysUnder(fresh).ensure(account, noon)).rejects.toThrow('crypto.key holds no key');
  });

  it('opens nothing of a destroyed key, and makes a new one for the rest of that day', async () => {
    const keys = keysUnder(master);
    const gone = await keys.ensure(accountId(9), noon);
    const sealed = keys.seal(gone, messageId(5n), 0, Buffer.from('text'));
    await pool.query('update content_key set wrapped = null, destroyed_at = now() where id = $1', [
      gone.id,
    ]);
    keys.forgetOf((one) => one === accountId(9));
    expect(keys.get(accountId(9), noon)).toBeUndefined();
    await keys.load([gone.id]);
    expect(keys.open(gone.id, messageId(5n), 0, sealed)).toBeUndefined();
    expect((await keys.ensure(accountId(9), noon)).id).not.toBe(gone.id);
  });

  it('says that the store is away, and recovers from it', async () => {
    const keys = new ContentKeys({
      pool: { query: () => Promise.reject(new Error('connect ECONNREFUSED')) } as unknown as Pool,
      sealing: new Sealing([master], randomBytes),
      random: randomBytes,
    });
    await expect(keys.ensure(account, noon)).rejects.toMatchObject({ kind: 'connection' });
    await expect(keys.ensure(account, noon)).rejects.toMatchObject({ kind: 'connection' });
  });
});

describe('Sealing', () => {
  const sealing = new Sealing([master], randomBytes);

  it('seals secrets and records, each time differently', () => {
    const sealed = sealing.sealSecret('pässword');
    expect(sealed).not.toContain('ssword');
    expect(sealing.sealSecret('pässword')).not.toBe(sealed);
    expect(sealing.openSecret(sealed)).toBe('pässword');
    const record = Buffer.from([1, 2, 3]);
    expect(sealing.openRecord(sealing.sealRecord(record))).toEqual(record);
    expect(() => sealing.openSecret('secret')).toThrow(SealError);
    expect(() => new Sealing([randomBytes(32)], randomBytes).openSecret(sealed)).toThrow(SealError);
  });

  it('opens under an older key and seals under the current one', () => {
    const fresh = randomBytes(32);
    const rotated = new Sealing([fresh, master], randomBytes);
    expect(rotated.openSecret(sealing.sealSecret('x'))).toBe('x');
    expect(() => sealing.openSecret(rotated.sealSecret('x'))).toThrow(SealError);
  });

  it('opens a wrapped key only for what it was wrapped for', () => {
    const { master: name, wrapped } = sealing.wrap(Buffer.alloc(32, 1), 'content 1 2026-11-22');
    expect(sealing.unwrap(name, wrapped, 'content 1 2026-11-22')).toEqual(Buffer.alloc(32, 1));
    expect(() => sealing.unwrap(name, wrapped, 'content 2 2026-11-22')).toThrow(SealError);
  });

  it('hashes numbers by HMAC-SHA-256 under a key of their own, first 16 octets', () => {
    const key = Buffer.from(hkdfSync('sha256', master, '', 'smppgate number', 32));
    const expected = createHmac('sha256', key).update('966500000001').digest().subarray(0, 16);
    expect(sealing.numberHash('966500000001')).toEqual(expected);
    const rotated = new Sealing([randomBytes(32), master], randomBytes);
    expect(rotated.numberHashes('966500000001')[1]).toEqual(expected);
    expect(rotated.numberHash('966500000001')).toEqual(rotated.numberHashes('966500000001')[0]);
  });

  it('takes 32 octets as hex or base64, and nothing else', () => {
    expect(parseMasterKey(master.toString('hex'))).toEqual(master);
    expect(parseMasterKey(` ${master.toString('base64')}\n`)).toEqual(master);
    expect(parseMasterKey('short')).toHaveProperty('error');
    expect(() => new Sealing([], randomBytes)).toThrow('crypto.key holds no key');
    expect(() => new Sealing([Buffer.alloc(16)], randomBytes)).toThrow('16 octets');
  });
});
