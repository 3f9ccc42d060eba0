import { createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { saltOf } from '../domain/password-hash.ts';

/**
 * scrypt cost: N=2048, r=8, p=1 takes 2 MiB and about 5 ms of one core here. A bind password has at
 * most 8 octets (SMPP 3.4 §4.1), so the pepper, not the cost, protects a stolen table.
 */
const COST = { N: 2048, r: 8, p: 1 } as const;
const SALT_OCTETS = 16;
const HASH_OCTETS = 32;

/** A stored hash that no password has: unknown names are checked against it, at the same cost. */
export const DUMMY_HASH = formatHash(Buffer.alloc(SALT_OCTETS), Buffer.alloc(HASH_OCTETS));

/**
 * Hashes a bind password for storage: `scrypt$N$r$p$salt$hash`, base64 without padding.
 * @param pepper key derived from crypto.key; without it the stored hashes cannot be tried
 * @param beside another hash of the same bind: this one gets its salt, so that one derivation tries both
 */
export async function hashPassword(
  password: string,
  pepper: Buffer,
  beside?: string,
): Promise<string> {
  const salt = (beside === undefined ? undefined : saltBeside(beside)) ?? randomBytes(SALT_OCTETS);
  return formatHash(salt, await derive(password, pepper, salt, COST));
}

/** Checks a password against a stored hash, in the time of one hash whatever it finds. */
export async function verifyPassword(
  password: string,
  stored: string,
  pepper: Buffer,
): Promise<boolean> {
  return (await findMatch(password, [stored], pepper)) !== undefined;
}

/**
 * The stored hash, of those that a bind has, that a password matches; in the time of one hash for those with one salt,
 * which apply sees to, whatever it finds.
 */
export async function findMatch(
  password: string,
  stored: readonly string[],
  pepper: Buffer,
): Promise<string | undefined> {
  let match: string | undefined;
  for (const hashes of Map.groupBy(stored, saltOf).values()) {
    const [first = DUMMY_HASH] = hashes;
    const { cost, salt } = parseHash(first) ?? DUMMY;
    const derived = await derive(password, pepper, salt, cost);
    for (const hash of hashes) {
      const { hash: wanted } = parseHash(hash) ?? DUMMY;
      if (timingSafeEqual(derived, wanted) && hash !== DUMMY_HASH) match ??= hash;
    }
  }
  return match;
}

interface Cost {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

function derive(password: string, pepper: Buffer, salt: Buffer, cost: Cost): Promise<Buffer> {
  const peppered = createHmac('sha256', pepper).update(password, 'latin1').digest();
  return new Promise((resolve, reject) => {
    scrypt(peppered, salt, HASH_OCTETS, cost, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}

/** The salt of a hash that was made at today's cost. */
function saltBeside(stored: string): Buffer | undefined {
  const parsed = parseHash(stored);
  const isOurs = parsed?.cost.N === COST.N && parsed.cost.r === COST.r && parsed.cost.p === COST.p;
  return isOurs ? parsed.salt : undefined;
}

function formatHash(salt: Buffer, hash: Buffer): string {
  return [
    'scrypt',
    COST.N,
    COST.r,
    COST.p,
    salt.toString('base64url'),
    hash.toString('base64url'),
  ].join('$');
}

/** Costs above these are refused: a stored hash must not be able to take a second of CPU. */
const COST_MAX = { N: 32768, r: 16, p: 4 } as const;

function parseHash(stored: string): { cost: Cost; salt: Buffer; hash: Buffer } | undefined {
  const [scheme, N, r, p, salt, hash] = stored.split('$');
  const cost = { N: Number(N), r: Number(r), p: Number(p) };
  const sane = cost.N >= 2 && cost.N <= COST_MAX.N && cost.r <= COST_MAX.r && cost.p <= COST_MAX.p;
  if (scheme !== 'scrypt' || !sane || salt === undefined || hash === undefined) return undefined;
  const octets = Buffer.from(hash, 'base64url');
  if (octets.length !== HASH_OCTETS) return undefined;
  return { cost, salt: Buffer.from(salt, 'base64url'), hash: octets };
}

const DUMMY = {
  cost: COST,
  salt: Buffer.alloc(SALT_OCTETS),
  hash: Buffer.alloc(HASH_OCTETS),
} as const;
