/** Resources of a test: what is not given has the schema's defaults. */
export interface TestResources {
  /** By name, each with the fields of the resource. */
  readonly terms?: Readonly<Record<string, object>>;
  readonly policies?: Readonly<Record<string, object>>;
  readonly tariffs?: Readonly<Record<string, Readonly<Record<string, string>> | readonly object[]>>;
  /** By name, which is the system_id, too; `bind` has fields of its one bind. */
  readonly accounts: Readonly<Record<string, TestAccount>>;
  /** By name; `prefix` is the route that leads there. */
  readonly carriers: Readonly<Record<string, TestCarrier>>;
  readonly inbound?: readonly object[];
  /** In place of a route to each carrier by its prefix. */
  readonly routes?: readonly object[];
}

export interface TestAccount {
  readonly bind?: object;
  readonly [field: string]: unknown;
}

export interface TestCarrier {
  readonly port: number;
  readonly prefix?: string;
  readonly [field: string]: unknown;
}

/** Of carriers that come back: by default that is noticed only half a minute later, after a while. */
export const BACK_SOON = { reconnect: { firstSeconds: 0.1, maxSeconds: 1 } };

/** Password of every bind in tests. */
export const PASSWORD = 'secret';

/** A resource file, as JSON: `apply` reads YAML, of which that is a part. */
export function resources(given: TestResources): string {
  const { accounts, carriers } = given;
  return JSON.stringify({
    tariffs: given.tariffs ?? {
      standard: { '966': '0.05', '9665': '0.06', '7': '0.00645', '*': '0.1' },
    },
    terms: { usual: {}, ...given.terms },
    policies: { open: { rules: [] }, ...given.policies },
    accounts: Object.entries(accounts).map(([name, { bind, ...fields }]) => ({
      name,
      tariff: 'standard',
      terms: 'usual',
      credit: '10',
      ...fields,
      binds: [{ systemId: name, password: PASSWORD, ...bind }],
    })),
    carriers: Object.entries(carriers).map(([name, { prefix: _, ...fields }]) => ({
      name,
      host: '127.0.0.1',
      systemId: 'gw',
      password: 'gw',
      ...fields,
    })),
    ...(given.inbound && { inbound: given.inbound }),
    routes:
      given.routes ??
      Object.entries(carriers).map(([name, { prefix }]) => ({
        prefix,
        carriers: [{ name }],
      })),
  });
}
