import { readFileSync } from 'node:fs';
import convict from 'convict';
import { SETTINGS, type Setting } from './config-settings.ts';
import { type DataPath, keyText, readYaml } from './domain/yaml-document.ts';

/** A setting that is wrong, in one line that never repeats a secret. */
export interface ConfigError {
  readonly key: string;
  readonly message: string;
}

/** The file's values by setting; numbers stay texts, so that every source is read by the same rules. */
export function readFile(file: string, errors: ConfigError[]): Map<string, unknown> {
  const values = new Map<string, unknown>();
  const content = contentOf(file);
  if (typeof content !== 'string') {
    errors.push({ key: file, message: `cannot be read (${content.code})` });
    return values;
  }
  const document = readYaml(content, () => true);
  if ('errors' in document) {
    for (const { line, key, message } of document.errors)
      errors.push({ key: `${file}:${line} ${key}`.trim(), message });
    return values;
  }
  const known = new Map(SETTINGS.map((setting) => [setting.key, setting]));
  const visit = (path: DataPath, value: unknown) => {
    const key = keyText(path);
    if (known.has(key)) values.set(key, value);
    else if (
      isGroup(value) &&
      (key === '' || SETTINGS.some((setting) => setting.key.startsWith(`${key}.`)))
    ) {
      for (const [name, inner] of Object.entries(value)) visit([...path, name], inner);
    } else if (value !== null || key !== '') {
      errors.push({
        key: `${file}:${document.lineOf(path)} ${key}`.trim(),
        message: 'is not a known setting',
      });
    }
  };
  visit([], document.value);
  return values;
}

/** What a setting's environment variable says, and which variable it was: the setting's own or its _FILE. */
export interface EnvironmentValue {
  readonly variable: string;
  readonly text: string;
}

/** An empty variable counts as not set: that is how compose files leave one out. */
export function readEnvironment(
  env: NodeJS.ProcessEnv,
  errors: ConfigError[],
): Map<string, EnvironmentValue> {
  const values = new Map<string, EnvironmentValue>();
  for (const setting of SETTINGS) {
    const text = env[setting.env];
    if (text) values.set(setting.key, { variable: setting.env, text });
    const variable = `${setting.env}_FILE`;
    const path = setting.secret ? env[variable] : undefined;
    if (!path) continue;
    const content = contentOf(path);
    if (text)
      errors.push({ key: setting.key, message: `is set by both ${setting.env} and ${variable}` });
    else if (typeof content !== 'string') {
      errors.push({
        key: setting.key,
        message: `${variable}: its file cannot be read (${content.code})`,
      });
    } else values.set(setting.key, { variable, text: content.trim() });
  }
  return values;
}

/** Flags by setting key. */
export function readFlags(
  flags: Readonly<Record<string, string | undefined>>,
  errors: ConfigError[],
): Map<string, string> {
  const values = new Map<string, string>();
  for (const [key, text] of Object.entries(flags)) {
    if (text === undefined) continue;
    if (SETTINGS.some((setting) => setting.key === key)) values.set(key, text);
    else errors.push({ key, message: 'is not a known setting' });
  }
  return values;
}

/**
 * Lets convict put file, environment and flags over the defaults. Its own validation is not used: its messages print
 * values, and it takes "2775x" for a port; each setting's `problem` judges what comes out.
 */
export function merge(
  fromFile: ReadonlyMap<string, unknown>,
  fromEnv: ReadonlyMap<string, EnvironmentValue>,
  fromFlags: ReadonlyMap<string, string>,
): ReadonlyMap<string, unknown> {
  const env = Object.fromEntries(
    SETTINGS.map(({ key, env: name }) => [name, fromEnv.get(key)?.text]),
  );
  const schema = nested(
    SETTINGS.map((setting) => [setting.key, convictNode(setting)]),
  ) as convict.Schema<unknown>;
  const config = convict(schema, { env, args: [] });
  config.load(nested([...fromFile]));
  for (const [key, text] of fromFlags) config.set(key, text);
  const merged = config.getProperties();
  return new Map(SETTINGS.map(({ key }) => [key, valueAt(merged, key)]));
}

function convictNode(setting: Setting): convict.SchemaObj<unknown> {
  const format = `smppgate ${setting.key}`;
  convict.addFormat({
    name: format,
    validate: () => undefined,
    coerce: (value: string) => setting.parse(value),
  });
  return {
    format,
    default: setting.default,
    env: setting.env,
    doc: setting.doc,
    sensitive: setting.secret,
    nullable: true,
  };
}

function contentOf(path: string): string | { readonly code: string } {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    return { code: (error as NodeJS.ErrnoException).code ?? 'unreadable' };
  }
}

/** Dotted keys to nested objects, as convict wants them. */
function nested(entries: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const [key, value] of entries) {
    const path = key.split('.');
    const last = path.pop() ?? key;
    let node = root;
    for (const part of path) {
      node[part] ??= {};
      node = node[part] as Record<string, unknown>;
    }
    node[last] = value;
  }
  return root;
}

function valueAt(root: unknown, key: string): unknown {
  return key
    .split('.')
    .reduce<unknown>((node, part) => (isGroup(node) ? node[part] : undefined), root);
}

function isGroup(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
