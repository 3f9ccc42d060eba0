import { parseResources } from '../domain/resource-file.ts';
import type { AccountSpec, ResourceFile, ResourceSet } from '../domain/resources.ts';
import type { ApplyErrors } from '../store/resources.ts';

const ALREADY_THERE = 'is there already';

/** A resource file with the one new account of a POST; an error when its name is taken. */
export function wantedAccount(
  current: ResourceSet,
  body: unknown,
): { ok: ResourceFile } | ApplyErrors {
  const wanted = accountFile(body);
  if ('errors' in wanted) return wanted;
  const [name] = wanted.ok.accounts?.keys() ?? [];
  if (name !== undefined && current.accounts.has(name)) {
    return { errors: [{ path: ['accounts', name], key: 'name', message: ALREADY_THERE }] };
  }
  return wanted;
}

/** Whether wantedAccount failed because the name is taken. */
export function isAlreadyThere(result: ApplyErrors): boolean {
  return result.errors.some((error) => error.message === ALREADY_THERE);
}

/** A resource file with one account after a merge patch (RFC 7396). Its name cannot change. */
export function patchedAccount(
  current: ResourceSet,
  name: string,
  patch: Readonly<Record<string, unknown>>,
): { ok: ResourceFile } | ApplyErrors {
  const account = current.accounts.get(name);
  if (account === undefined)
    return { errors: [{ path: ['accounts', name], key: 'name', message: 'is no account' }] };
  if (patch.name !== undefined && patch.name !== name) {
    return { errors: [{ path: ['accounts', name], key: 'name', message: 'cannot be changed' }] };
  }
  return accountFile(merged(account, withOneSecret(withKnownHashes(account, patch))));
}

/** One account through the checks of the resource file. JSON is YAML, so its reader takes it as it is. */
function accountFile(account: unknown): { ok: ResourceFile } | ApplyErrors {
  const parsed = parseResources(JSON.stringify({ accounts: [account] }));
  if (!('errors' in parsed)) return { ok: parsed.ok };
  return {
    errors: parsed.errors.map(({ key, message }) => ({
      path: [],
      key: key.replace(/^accounts\[0\]\.?/, ''),
      message,
    })),
  };
}

/** A patch may list binds without their passwords: a bind that exists keeps the one it has. */
function withKnownHashes(
  account: AccountSpec,
  patch: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const { binds } = patch;
  if (!Array.isArray(binds)) return patch;
  const hashes = new Map(account.binds.map((bind) => [bind.systemId, bind.passwordHash]));
  return {
    ...patch,
    binds: binds.map((bind: unknown) => {
      if (!isObject(bind) || 'password' in bind || 'passwordHash' in bind) return bind;
      const passwordHash = hashes.get(String(bind.systemId));
      return passwordHash === undefined ? bind : { ...bind, passwordHash };
    }),
  };
}

/** A new secret of the webhook takes the place of the stored one. */
function withOneSecret(
  patch: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const { webhook } = patch;
  if (!isObject(webhook) || webhook.secret === undefined) return patch;
  return { ...patch, webhook: { ...webhook, sealedSecret: null } };
}

function merged(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
