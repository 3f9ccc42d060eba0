import {
  type NewSecret,
  withHashedPasswords,
  withSealedSecrets,
  withSealedWebhook,
} from '../domain/resource-secrets.ts';
import type { AccountSpec, CarrierSpec, ResourceKind, SpecOf } from '../domain/resources.ts';

/** How secrets are kept; the keys stay outside the store. */
export interface SecretKeeper {
  /** A customer's password as it is stored; `beside` another stored one of the same bind, whose salt it is to share. */
  hash(password: string, beside?: string): Promise<string>;
  /** Whether a clear secret is the stored (hashed or sealed) one. */
  matches(clear: string, stored: string): Promise<boolean>;
  /** A secret that must be read again as it is stored: a carrier's password, a webhook's key. */
  seal(password: string): string;
  /** A random password of at most 8 characters. */
  generate(): string;
}

/** A password that was made because the file says `{generate: true}`. It is shown once and kept nowhere in clear. */
export interface GeneratedSecret {
  readonly kind: 'bind' | 'carrier';
  /** system_id of the bind, or name of the carrier. */
  readonly name: string;
  readonly password: string;
}

/**
 * A spec with no secret in clear: passwords of binds hashed, of carriers and secrets of webhooks sealed. What had to be generated is added to
 * `generated`.
 */
export async function clearedSpec<K extends ResourceKind>(
  kind: K,
  spec: SpecOf[K],
  secrets: SecretKeeper,
  generated: GeneratedSecret[],
): Promise<SpecOf[K]> {
  if (kind === 'accounts')
    return (await hashed(spec as AccountSpec, secrets, generated)) as SpecOf[K];
  if (kind === 'carriers') return sealed(spec as CarrierSpec, secrets, generated) as SpecOf[K];
  return spec;
}

async function hashed(
  account: AccountSpec,
  secrets: SecretKeeper,
  generated: GeneratedSecret[],
): Promise<AccountSpec> {
  const sealed = withSealedWebhook(account, (secret) => secrets.seal(secret));
  return withHashedPasswords(sealed, (password, systemId, beside) =>
    secrets.hash(clearOf(password, { kind: 'bind', name: systemId }, secrets, generated), beside),
  );
}

function sealed(
  carrier: CarrierSpec,
  secrets: SecretKeeper,
  generated: GeneratedSecret[],
): CarrierSpec {
  return withSealedSecrets(carrier, (password) =>
    secrets.seal(clearOf(password, { kind: 'carrier', name: carrier.name }, secrets, generated)),
  );
}

function clearOf(
  secret: NewSecret,
  owner: Pick<GeneratedSecret, 'kind' | 'name'>,
  secrets: SecretKeeper,
  generated: GeneratedSecret[],
): string {
  if (typeof secret === 'string') return secret;
  const password = secrets.generate();
  generated.push({ ...owner, password });
  return password;
}
