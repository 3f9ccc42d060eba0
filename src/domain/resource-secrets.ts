import { saltOf } from './password-hash.ts';
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
    const before = new Map(stored.binds.map((bind) => [bind.systemId, bind]));
    return {
      ...spec,
      ...(spec.webhook && { webhook: keepWebhook(spec.webhook, stored.webhook, matches) }),
      binds: spec.binds.map((bind) => keepHashes(bind, before.get(bind.systemId), matches)),
    };
  }
  return isCarrier(spec) && isCarrier(stored) ? keepSeals(spec, stored, matches) : spec;
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

/** Hashes a password of a system_id; `beside` is the hash of its other one, whose salt it is to share. */
export type PasswordHasher = (
  password: NewSecret,
  systemId: string,
  beside: string | undefined,
) => Promise<string>;

/** An account as it is stored: every new password replaced by what `hash` makes of it. Rejects when `hash` does. */
export async function withHashedPasswords(
  account: AccountSpec,
  hash: PasswordHasher,
): Promise<AccountSpec> {
  return {
    ...account,
    binds: await Promise.all(account.binds.map((bind) => withHashes(bind, hash))),
  };
}

/** An account as it is stored: a new secret of its webhook replaced by what `seal` makes of it. */
export function withSealedWebhook(
  account: AccountSpec,
  seal: (secret: string) => string,
): AccountSpec {
  if (account.webhook?.secret === undefined) return account;
  const { secret, ...rest } = account.webhook;
  return { ...account, webhook: { ...rest, sealedSecret: seal(secret) } };
}

/** A carrier as it is stored: new secrets (its password, the outbind's, the key of its certificate) replaced by what `seal` makes of them. */
export function withSealedSecrets(
  carrier: CarrierSpec,
  seal: (secret: NewSecret) => string,
): CarrierSpec {
  const { password, tls, outbind, ...rest } = carrier;
  return {
    ...rest,
    ...(password !== undefined && { sealedPassword: seal(password) }),
    ...(tls && { tls: tls.key === undefined ? tls : sealedTls(tls, seal(tls.key)) }),
    ...(outbind && {
      outbind:
        outbind.password === undefined ? outbind : sealedOutbind(outbind, seal(outbind.password)),
    }),
  };
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

async function withHashes(bind: BindSpec, hash: PasswordHasher): Promise<BindSpec> {
  const { password, formerPassword, ...rest } = bind;
  const { systemId } = rest;
  const current =
    password === undefined
      ? rest
      : { ...rest, passwordHash: await hash(password, systemId, rest.formerPasswordHash) };
  if (formerPassword === undefined) return current;
  const formerPasswordHash = await hash(formerPassword, systemId, current.passwordHash);
  return { ...current, formerPasswordHash };
}

function keepHashes(
  bind: BindSpec,
  stored: BindSpec | undefined,
  matches: SecretMatcher,
): BindSpec {
  const kept = keepFormer(bind, stored?.formerPasswordHash, matches);
  const { password, ...rest } = kept;
  if (!isStored(password, stored?.passwordHash, matches)) return kept;
  // Beside a former hash of another salt the same password is hashed again, so that one derivation tries both.
  const fits = areOneSalt(stored?.passwordHash, kept.formerPasswordHash);
  return fits || typeof password !== 'string'
    ? { ...rest, passwordHash: stored?.passwordHash }
    : kept;
}

function keepFormer(bind: BindSpec, stored: string | undefined, matches: SecretMatcher): BindSpec {
  const { formerPassword, ...rest } = bind;
  return isStored(formerPassword, stored, matches) ? { ...rest, formerPasswordHash: stored } : bind;
}

function keepSeals<Spec extends CarrierSpec>(
  carrier: Spec,
  stored: CarrierSpec,
  matches: SecretMatcher,
): Spec {
  const { password, ...rest } = carrier;
  const { tls, outbind } = carrier;
  const sealed = stored.sealedPassword;
  return {
    ...(isStored(password, sealed, matches) ? { ...rest, sealedPassword: sealed } : carrier),
    ...(isStored(tls?.key, stored.tls?.sealedKey, matches) && {
      tls: sealedTls(tls, stored.tls?.sealedKey),
    }),
    ...(isStored(outbind?.password, stored.outbind?.sealedPassword, matches) && {
      outbind: sealedOutbind(outbind, stored.outbind?.sealedPassword),
    }),
  } as Spec;
}

function sealedTls(tls: CarrierSpec['tls'], sealedKey: string | undefined): CarrierSpec['tls'] {
  if (tls === undefined) return undefined;
  const { key: _, ...rest } = tls;
  return { ...rest, sealedKey };
}

function sealedOutbind(
  outbind: CarrierSpec['outbind'],
  sealedPassword: string | undefined,
): CarrierSpec['outbind'] {
  if (outbind === undefined) return undefined;
  const { password: _, ...rest } = outbind;
  return { ...rest, sealedPassword };
}

function keepWebhook(
  webhook: WebhookSpec,
  stored: WebhookSpec | undefined,
  matches: SecretMatcher,
) {
  const { secret, ...rest } = webhook;
  return isStored(secret, stored?.sealedSecret, matches)
    ? { ...rest, sealedSecret: stored?.sealedSecret }
    : webhook;
}

function isStored(
  secret: NewSecret | undefined,
  stored: string | undefined,
  matches: SecretMatcher,
): stored is string {
  if (secret === undefined || stored === undefined) return false;
  return typeof secret === 'string' ? matches(secret, stored) : true;
}

function areOneSalt(hash: string | undefined, other: string | undefined): boolean {
  return hash === undefined || other === undefined || saltOf(hash) === saltOf(other);
}

type WebhookSpec = NonNullable<AccountSpec['webhook']>;

function isAccount(spec: object): spec is AccountSpec {
  return 'binds' in spec && Array.isArray(spec.binds);
}

function isCarrier(spec: object): spec is CarrierSpec {
  return 'host' in spec && 'port' in spec;
}
