import { createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

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
 */
export async function hashPassword(password: string, pepper: Buffer): Promise<string> {
  const salt = randomBytes(SALT_OCTETS);
  return formatHash(salt, await derive(password, pepper, salt, COST));
}

/** Checks a password against a stored hash, in the time of one hash whatever it finds. */
export async function verifyPassword(
  password: string,
  stored: string,
  pepper: Buffer,
): Promise<boolean> {
  const parsed = parseHash(stored) ?? parseHash(DUMMY_HASH);
  if (parsed === undefined) throw new Error('the dummy hash must parse');
  const derived = await derive(password, pepper, parsed.salt, parsed.cost);
  return timingSafeEqual(derived, parsed.hash) && stored !== DUMMY_HASH;
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
