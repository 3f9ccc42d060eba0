import type { AccountSpec, BindSpec, CarrierSpec, ResourceFile, ResourceSet } from './resources.ts';

/** Whether a secret in clear is the stored (hashed or sealed) one. */
export type SecretMatcher = (clear: string, stored: string) => boolean;

/** A secret that is not stored yet. */
export type NewSecret = string | { readonly generate: true };

/**
 * A spec with the stored secret in place of a clear one that matches it, or of `{generate: true}`: what is generated
 * is generated once. Specs without secrets come back as they are.
 */
export function keepSecrets<Spec extends object>(
  spec: Spec,
  stored: Spec | undefined,
  matches: SecretMatcher,
): Spec {
  if (stored === undefined) return spec;
  if (isAccount(spec) && isAccount(stored)) {
    const before = new Map(stored.binds.map((bind) => [bind.systemId, bind.passwordHash]));
    return {
      ...spec,
      binds: spec.binds.map((bind) => keepHash(bind, before.get(bind.systemId), matches)),
    };
  }
  return isCarrier(spec) && isCarrier(stored)
    ? keepSeal(spec, stored.sealedPassword, matches)
    : spec;
}

/**
 * Every pair of clear and stored secret that a diff will ask its matcher about: a caller whose comparison is slow
 * (a password hash) can answer them ahead, away from the event loop.
 */
export function secretPairs(
  current: ResourceSet,
  next: ResourceFile,
): (readonly [clear: string, stored: string])[] {
  const pairs: (readonly [string, string])[] = [];
  const note: SecretMatcher = (clear, stored) => {
    pairs.push([clear, stored]);
    return false;
  };
  for (const [name, spec] of next.accounts ?? [])
    keepSecrets(spec, current.accounts.get(name), note);
  for (const [name, spec] of next.carriers ?? [])
    keepSecrets(spec, current.carriers.get(name), note);
  return pairs;
}

/** An account as it is stored: every new password replaced by what `hash` makes of it. Rejects when `hash` does. */
export async function withHashedPasswords(
  account: AccountSpec,
  hash: (password: NewSecret, systemId: string) => Promise<string>,
): Promise<AccountSpec> {
  const binds = account.binds.map(async ({ password, ...rest }) =>
    password === undefined ? rest : { ...rest, passwordHash: await hash(password, rest.systemId) },
  );
  return { ...account, binds: await Promise.all(binds) };
}

/** A carrier as it is stored: a new password replaced by what `seal` makes of it. */
export function withSealedPassword(
  carrier: CarrierSpec,
  seal: (password: NewSecret) => string,
): CarrierSpec {
  const { password, ...rest } = carrier;
  return password === undefined ? rest : { ...rest, sealedPassword: seal(password) };
}

/** Without the characters that people mix up (0 O 1 l I), 57 of them: 8 are 46 bits. */
const SUGGESTED = '23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const SUGGESTED_LENGTH = 8; // the longest password of SMPP

/** A random password or system_id. @param randomInt a secure whole number in [0, below) */
export function suggestSecret(randomInt: (below: number) => number): string {
  let text = '';
  for (let i = 0; i < SUGGESTED_LENGTH; i++) text += SUGGESTED.charAt(randomInt(SUGGESTED.length));
  return text;
}

function keepHash(bind: BindSpec, stored: string | undefined, matches: SecretMatcher): BindSpec {
  const { password, ...rest } = bind;
  return isStored(password, stored, matches) ? { ...rest, passwordHash: stored } : bind;
}

function keepSeal<Spec extends CarrierSpec>(
  carrier: Spec,
  stored: string | undefined,
  matches: SecretMatcher,
): Spec {
  const { password, ...rest } = carrier;
  return isStored(password, stored, matches)
    ? ({ ...rest, sealedPassword: stored } as Spec)
    : carrier;
}

function isStored(
  secret: NewSecret | undefined,
  stored: string | undefined,
  matches: SecretMatcher,
): stored is string {
  if (secret === undefined || stored === undefined) return false;
  return typeof secret === 'string' ? matches(secret, stored) : true;
}

function isAccount(spec: object): spec is AccountSpec {
  return 'binds' in spec && Array.isArray(spec.binds);
}

function isCarrier(spec: object): spec is CarrierSpec {
  return 'host' in spec && 'port' in spec;
}
