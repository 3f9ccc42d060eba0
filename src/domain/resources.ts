import type { z } from 'zod';
import { carrierSchema } from './carrier-schema.ts';
import type { AccountStatus } from './catalog.ts';
import type { InboundSpec } from './inbound.ts';
import type { NetworkSpec } from './networks.ts';
import type { PolicySpec } from './policy-schema.ts';
import { policySchema } from './policy-schema.ts';
import { accountSchema, type bindSchema, classSchema, termsSchema } from './resource-schema.ts';
import type { RouteSpec } from './route-name.ts';
import { inboundSchema, networkSchema, routeSchema } from './route-schema.ts';
import { type TariffSpec, tariffSchema } from './tariff-schema.ts';
import { type WordListSpec, wordListSchema } from './word-list-schema.ts';

/** Money rules as data. */
export type TermsSpec = z.output<typeof termsSchema>;
/** A traffic class as data. */
export type ClassSpec = z.output<typeof classSchema>;
/** A customer as data, his binds within. */
export type AccountSpec = z.output<typeof accountSchema>;
/** One system_id as data. */
export type BindSpec = z.output<typeof bindSchema>;
/** An upstream SMSC as data. */
export type CarrierSpec = z.output<typeof carrierSchema>;

/** The spec of each kind. All of them are plain JSON: money is a decimal string. */
export interface SpecOf {
  tariffs: TariffSpec;
  terms: TermsSpec;
  classes: ClassSpec;
  wordLists: WordListSpec;
  policies: PolicySpec;
  accounts: AccountSpec;
  carriers: CarrierSpec;
  networks: NetworkSpec;
  routes: RouteSpec;
  inbound: InboundSpec;
}

/** A kind of resource: a top-level key of the file. */
export type ResourceKind = keyof SpecOf;

/** Every kind, in the order of the file; what a kind refers to comes before it. */
export const RESOURCE_KINDS = [
  'tariffs',
  'terms',
  'classes',
  'wordLists',
  'policies',
  'accounts',
  'carriers',
  'networks',
  'routes',
  'inbound',
] as const satisfies readonly ResourceKind[];

/** Resources of every kind by name (of routes see routeName and inboundName). */
export type ResourceSet = { readonly [K in ResourceKind]: ReadonlyMap<string, SpecOf[K]> };

/** What a file holds: only the kinds that it names. */
export type ResourceFile = Partial<ResourceSet>;

/** A resource in the store. `spec` of an account and a carrier has its secrets hashed or sealed, never clear. */
export interface StoredResource<Spec> {
  readonly id: number;
  readonly name: string;
  /** Rises with each change of the spec. */
  readonly version: number;
  readonly spec: Spec;
}

/** An account in the store. */
export interface StoredAccount extends StoredResource<AccountSpec> {
  readonly status: AccountStatus;
  /** A suspension that ended its sessions. */
  readonly bindsDropped: boolean;
  readonly demo: boolean;
  readonly createdAtMs: number;
  /** Row ids by system_id. */
  readonly bindIds: ReadonlyMap<string, number>;
}

/** A carrier in the store. */
export interface StoredCarrier extends StoredResource<CarrierSpec> {
  readonly paused: boolean;
  readonly demo: boolean;
}

/** Everything that the store holds of the configuration, as plain data. */
export interface StoredResources {
  /** Rises with each apply. */
  readonly version: number;
  readonly tariffs: readonly StoredResource<TariffSpec>[];
  readonly terms: readonly StoredResource<TermsSpec>[];
  readonly classes: readonly StoredResource<ClassSpec>[];
  readonly wordLists: readonly StoredResource<WordListSpec>[];
  readonly policies: readonly StoredResource<PolicySpec>[];
  readonly accounts: readonly StoredAccount[];
  readonly carriers: readonly StoredCarrier[];
  readonly networks: readonly StoredResource<NetworkSpec>[];
  readonly routes: readonly StoredResource<RouteSpec>[];
  readonly inbound: readonly StoredResource<InboundSpec>[];
}

/** The traffic classes that always exist; a file may change their lane and add others. */
export const BUILT_IN_CLASSES: ReadonlyMap<string, ClassSpec> = new Map([
  ['otp', { lane: 'fast' }],
  ['transactional', { lane: 'normal' }],
  ['promotional', { lane: 'bulk' }],
  ['personal', { lane: 'normal' }],
]);

/** The policy that always exists: no rules. */
export const BUILT_IN_POLICIES: ReadonlyMap<string, PolicySpec> = new Map([
  ['open', { rules: [], partsWaitSeconds: 10 }],
]);

const SCHEMAS: { readonly [K in ResourceKind]: z.ZodType<SpecOf[K]> } = {
  tariffs: tariffSchema,
  terms: termsSchema,
  classes: classSchema,
  wordLists: wordListSchema,
  policies: policySchema,
  accounts: accountSchema,
  carriers: carrierSchema,
  networks: networkSchema,
  routes: routeSchema,
  inbound: inboundSchema,
};

/**
 * Reads a spec as the store gave it back (JSON), with the defaults of fields that are newer than it.
 * @throws ZodError for what no version of ours has written
 */
export function readStoredSpec<K extends ResourceKind>(kind: K, json: unknown): SpecOf[K] {
  return SCHEMAS[kind].parse(json);
}

/** The stored specs by kind and name: what a file is compared with and what `export` writes. */
export function resourceSetOf(stored: StoredResources): ResourceSet {
  return {
    tariffs: byName(stored.tariffs),
    terms: byName(stored.terms),
    classes: byName(stored.classes),
    wordLists: byName(stored.wordLists),
    policies: byName(stored.policies),
    accounts: byName(stored.accounts),
    carriers: byName(stored.carriers),
    networks: byName(stored.networks),
    routes: byName(stored.routes),
    inbound: byName(stored.inbound),
  };
}

/** No resources at all: a new store. */
export function emptyResourceSet(): ResourceSet {
  return {
    tariffs: new Map(),
    terms: new Map(),
    classes: new Map(),
    wordLists: new Map(),
    policies: new Map(),
    accounts: new Map(),
    carriers: new Map(),
    networks: new Map(),
    routes: new Map(),
    inbound: new Map(),
  };
}

function byName<Spec>(resources: readonly StoredResource<Spec>[]): ReadonlyMap<string, Spec> {
  return new Map(resources.map((resource) => [resource.name, resource.spec]));
}
