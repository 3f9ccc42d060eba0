/** One field that differs. Values are texts for people; a secret or personal one has none. */
export interface FieldChange {
  /** `binds[acme].windowMax` */
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
  /** The value must not be shown: a password, a profile field. */
  readonly hidden: boolean;
}

/** Keys of secrets, and what a change of one is called. */
const SECRETS: ReadonlyMap<string, string> = new Map([
  ['password', 'password'],
  ['passwordHash', 'password'],
  ['sealedPassword', 'password'],
  ['key', 'key'],
  ['sealedKey', 'key'],
  ['formerPassword', 'formerPassword'],
  ['formerPasswordHash', 'formerPassword'],
  ['secret', 'secret'],
  ['sealedSecret', 'secret'],
]);
/** Personal data: shown by name only. */
const PERSONAL: ReadonlySet<string> = new Set(['profile']);
/** By which key the members of a list are told apart. */
const IDENTITIES = ['systemId', 'name'] as const;
/** Lists whose order counts: the first rule that refuses decides, the first address is tried first. */
const ORDERED: ReadonlySet<string> = new Set(['rules', 'hosts']);
const SHOWN_CHARS = 80;

/** How two specs (plain JSON) differ; lists of plain values are compared as sets, order and repeats do not count. */
export function specChanges(before: object, after: object): FieldChange[] {
  const changes: FieldChange[] = [];
  compare('', before, after, false, changes);
  return changes;
}

/** A change in words. */
export function fieldChangeText(change: FieldChange): string {
  if (change.hidden) return `${change.path} changed`;
  if (change.before === undefined) return `${change.path} ${change.after} added`;
  return change.after === undefined
    ? `${change.path} ${change.before} removed`
    : `${change.path} ${change.before} -> ${change.after}`;
}

function compare(
  path: string,
  before: unknown,
  after: unknown,
  hidden: boolean,
  changes: FieldChange[],
): void {
  if (Array.isArray(before) && Array.isArray(after))
    return compareLists(path, before, after, hidden, changes);
  if (isPlainObject(before) && isPlainObject(after))
    return compareObjects(path, before, after, hidden, changes);
  if (before === after) return;
  changes.push({ path, before: shown(before, hidden), after: shown(after, hidden), hidden });
}

function compareObjects(
  path: string,
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
  hidden: boolean,
  changes: FieldChange[],
): void {
  const secretsSeen = new Set<string>();
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const secret = SECRETS.get(key);
    if (secret !== undefined) {
      // A stored hash replaced by a clear password is one change, not two.
      if (before[key] === after[key] || secretsSeen.has(secret)) continue;
      secretsSeen.add(secret);
      changes.push({
        path: inner(path, secret),
        before: undefined,
        after: undefined,
        hidden: true,
      });
    } else {
      compare(inner(path, key), before[key], after[key], hidden || PERSONAL.has(key), changes);
    }
  }
}

function compareLists(
  path: string,
  before: readonly unknown[],
  after: readonly unknown[],
  hidden: boolean,
  changes: FieldChange[],
): void {
  const members = [...before, ...after];
  if (members.some(isPlainObject)) {
    const ordered = ORDERED.has(path);
    const old = keyed(before, ordered);
    const fresh = keyed(after, ordered);
    for (const key of new Set([...old.keys(), ...fresh.keys()])) {
      compare(`${path}[${key}]`, old.get(key), fresh.get(key), hidden, changes);
    }
    return;
  }
  const old = new Set(before);
  const fresh = new Set(after);
  const removed = [...old].filter((each) => !fresh.has(each));
  const added = [...fresh].filter((each) => !old.has(each));
  if (removed.length > 0)
    changes.push({ path, before: shown(removed, hidden), after: undefined, hidden });
  if (added.length > 0)
    changes.push({ path, before: undefined, after: shown(added, hidden), hidden });
}

/** Members by their identity, or by place where they have none or their order counts. */
function keyed(list: readonly unknown[], ordered: boolean): Map<string, unknown> {
  return new Map(
    list.map((member, index) => [
      (ordered ? undefined : identityOf(member)) ?? String(index),
      member,
    ]),
  );
}

function identityOf(member: unknown): string | undefined {
  if (!isPlainObject(member)) return undefined;
  for (const key of IDENTITIES) {
    const value = member[key];
    if (typeof value === 'string') return value;
  }
  return undefined;
}

function shown(value: unknown, hidden: boolean): string | undefined {
  if (value === undefined || hidden) return undefined;
  if (Array.isArray(value) && value.length > 5) return `${value.length} entries`;
  const text = JSON.stringify(value, (key, inside: unknown) =>
    SECRETS.has(key) || PERSONAL.has(key) ? undefined : inside,
  );
  return text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}...` : text;
}

function inner(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
