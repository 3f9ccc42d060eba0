import type {
  Catalog,
  CatalogAccount,
  CatalogBind,
  CatalogCarrier,
  CreditWarnings,
  QueueLane,
  ReceiptFormat,
  Webhook,
} from './catalog.ts';
import { parseCidrs } from './cidr.ts';
import { compileCarrier, sharingReceipts } from './compile-carrier.ts';
import { type AccountId, accountId, type BindId, bindId, type CarrierId } from './ids.ts';
import { compileInbound, type InboundSpec, type InboundTable } from './inbound.ts';
import { type Credits, parseCredits } from './money.ts';
import { compileNetworks } from './networks.ts';
import { countryOf } from './number-country.ts';
import { type CompiledPolicy, compilePolicy } from './policy.ts';
import { PrefixTable } from './prefix-table.ts';
import {
  type BindSpec,
  BUILT_IN_CLASSES,
  BUILT_IN_POLICIES,
  type ClassSpec,
  type StoredAccount,
  type StoredResource,
  type StoredResources,
  type TermsSpec,
} from './resources.ts';
import { compileHours } from './route-hours.ts';
import { compileRoutes, type RouteTable } from './routing.ts';
import {
  ANY_DESTINATION,
  type CompiledTariff,
  compileTariffSpec,
  overriddenTariff,
  priceEntries,
} from './tariff.ts';
import type { TariffSpec } from './tariff-schema.ts';
import type { CompiledTerms } from './terms.ts';
import { compileClassBy } from './traffic-class.ts';
import { compileTrafficPrefixes } from './traffic-prefix.ts';

const HOUR_MS = 3_600_000;
const LANES: Readonly<Record<ClassSpec['lane'], QueueLane>> = { fast: 0, normal: 1, bulk: 2 };

/** The policies that there are: what is stored and what exists without it. */
export function policiesOf({ policies }: Pick<StoredResources, 'policies'>) {
  return [...builtIns(BUILT_IN_POLICIES), ...policies];
}

/** The same without their rules: for whoever reckons with prices, and judges nothing. */
export function policiesWithoutRules(
  stored: Pick<StoredResources, 'policies'>,
): ReadonlyMap<string, CompiledPolicy> {
  return compiled(policiesOf(stored), ({ name, version, spec }) =>
    compilePolicy(name, version, { ...spec, rules: [] }),
  );
}

/**
 * Compiles what the store holds into what the gateway reads.
 * @param policies of policiesOf, compiled with the stored word lists: a node does it in turns (gateway/policies-in-force.ts)
 * @throws Error when a stored resource refers to one that is not there: apply never stores that
 */
export function compileCatalog(
  stored: StoredResources,
  policies: ReadonlyMap<string, CompiledPolicy> = compiled(policiesOf(stored), (policy) =>
    compilePolicy(policy.name, policy.version, policy.spec),
  ),
): Catalog {
  const parts: AccountParts = {
    tariffs: compiled(stored.tariffs, tariffOf),
    terms: compiled(stored.terms, compileTerms),
    policies,
    lanes: compiled(
      [...builtIns(BUILT_IN_CLASSES), ...stored.classes],
      (found) => LANES[found.spec.lane],
    ),
  };
  const binds = new Map<string, CatalogBind>();
  const bindClasses = new Map<BindId, string>();
  const accounts = new Map<AccountId, CatalogAccount>();
  const accountsByName = new Map<string, CatalogAccount>();
  for (const each of stored.accounts) {
    const account = accountOf(each, parts);
    accounts.set(account.id, account);
    accountsByName.set(account.name, account);
    for (const spec of each.spec.binds) {
      const bind = bindOf(spec, each, account, parts);
      binds.set(bind.systemId, bind);
      if (spec.trafficClass !== undefined) bindClasses.set(bind.id, spec.trafficClass);
    }
  }
  const carriers = new Map<CarrierId, CatalogCarrier>();
  const carriersByName = new Map<string, CatalogCarrier>();
  for (const each of stored.carriers) {
    const carrier = compileCarrier(each, sharingReceipts(each, stored.carriers));
    carriers.set(carrier.id, carrier);
    carriersByName.set(carrier.name, carrier);
  }
  const costs = costsOf(stored, parts.tariffs);
  const routes = routesOf(stored, { accounts: accountsByName, carriers: carriersByName, costs });
  const inbound = inboundOf(stored.inbound, accountsByName, carriersByName);
  const networks = compileNetworks(stored.networks.map(({ name, spec }) => [name, spec]));
  const prefixes = compileTrafficPrefixes(
    stored.routes.flatMap((route) => route.spec.prefix ?? []),
  );
  return {
    version: stored.version,
    binds,
    bindClasses,
    lanes: parts.lanes,
    accounts,
    accountsByName,
    carriers,
    routes,
    prefixes,
    costs: new Map(
      [...costs].map(([name, cost]) => [found(carriersByName, name, 'cost').id, cost]),
    ),
    pricePrefixes: compileTrafficPrefixes(pricePrefixesOf(stored)),
    networks,
    inbound,
  };
}

interface AccountParts {
  readonly tariffs: ReadonlyMap<string, CompiledTariff>;
  readonly terms: ReadonlyMap<string, CompiledTerms>;
  readonly policies: ReadonlyMap<string, CompiledPolicy>;
  readonly lanes: ReadonlyMap<string, QueueLane>;
}

function compiled<Spec, T>(
  resources: readonly StoredResource<Spec>[],
  compile: (resource: StoredResource<Spec>) => T,
): ReadonlyMap<string, T> {
  return new Map(resources.map((resource) => [resource.name, compile(resource)]));
}

/** What exists without being stored has version 0. */
function builtIns<Spec>(specs: ReadonlyMap<string, Spec>): StoredResource<Spec>[] {
  return [...specs].map(([name, spec]) => ({ id: 0, name, version: 0, spec }));
}

function tariffOf(tariff: StoredResource<TariffSpec>): CompiledTariff {
  return compileTariffSpec(tariff.name, tariff.version, tariff.spec);
}

/** With the account's own prices before its tariff's. */
function pricesOf({ prices }: StoredAccount['spec'], tariff: CompiledTariff): CompiledTariff {
  return prices === undefined
    ? tariff
    : overriddenTariff(tariff, compileTariffSpec(tariff.name, tariff.version, prices));
}

/** Terms as the gateway reckons by them. */
export function compileTerms(terms: StoredResource<TermsSpec>): CompiledTerms {
  return {
    ...terms.spec,
    name: terms.name,
    version: terms.version,
    topUpMinimum: moneyOf(terms.spec.topUpMinimum),
  };
}

function accountOf(stored: StoredAccount, parts: AccountParts): CatalogAccount {
  const spec = stored.spec;
  const used = `account ${stored.name}`;
  return {
    id: accountId(stored.id),
    name: stored.name,
    status: stored.status,
    bindsDropped: stored.bindsDropped,
    madeMs: stored.createdAtMs,
    allows: allowsOf(spec),
    demo: stored.demo,
    tariff: pricesOf(spec, found(parts.tariffs, spec.tariff, used)),
    terms: found(parts.terms, spec.terms, used),
    policy: found(parts.policies, spec.policy, used),
    trafficClass: spec.trafficClass,
    classBy: spec.classBy && compileClassBy(spec.classBy),
    classes: spec.classes && new Set(spec.classes),
    lane: found(parts.lanes, spec.trafficClass, used),
    validityDefaultMs: Math.round(spec.validityDefaultHours * HOUR_MS),
    validityMaxMs: Math.round(spec.validityMaxHours * HOUR_MS),
    segmentsPerSecond: spec.limits.segmentsPerSecond,
    receipts: receiptFormatOf(spec.receipts),
    refusals: spec.refusals,
    statusFor: spec.statusFor,
    defaultAlphabet: spec.defaultAlphabet,
    dedupe: spec.dedupe,
    profile: spec.profile,
    trial: spec.trial,
    warnings: warningsOf(spec.warnings),
    webhook: webhookOf(spec.webhook),
  };
}

/** What closedPrefixes opens to an account. */
export function allowsOf({
  allowedPrefixes,
  allowedCountries,
}: Pick<StoredAccount['spec'], 'allowedPrefixes' | 'allowedCountries'>): CatalogAccount['allows'] {
  if (allowedPrefixes.length === 0 && allowedCountries.length === 0) return undefined;
  const prefixes = new PrefixTable(allowedPrefixes.map((prefix) => [prefix, true]));
  const countries = new Set(allowedCountries);
  return (destination) =>
    prefixes.longest(destination) === true || countries.has(countryOf(destination) ?? '');
}

function warningsOf(spec: StoredAccount['spec']['warnings']): CreditWarnings | undefined {
  return (
    spec && {
      expiryDays: spec.expiryDays.toSorted((a, b) => b - a),
      balanceBelow: spec.balanceBelow === undefined ? undefined : moneyOf(spec.balanceBelow),
    }
  );
}

/** Without a sealed secret nothing could be signed: apply never stores that. */
function webhookOf(spec: StoredAccount['spec']['webhook']): Webhook | undefined {
  if (spec?.sealedSecret === undefined) return undefined;
  return { url: spec.url, sealedSecret: spec.sealedSecret };
}

function receiptFormatOf(spec: StoredAccount['spec']['receipts']): ReceiptFormat {
  return {
    text: spec.format !== 'tlv',
    tlv: spec.format !== 'text',
    idBase: spec.idBase,
    utcOffsetMinutes: utcOffsetMinutes(spec.dates),
    keepMs: Math.round(spec.keepHours * HOUR_MS),
    replayPerSecond: spec.replayPerSecond,
  };
}

/** "utc" or "+03:00". */
function utcOffsetMinutes(dates: string): number {
  const match = /^([+-])(\d\d):(\d\d)$/.exec(dates);
  if (match === null) return 0;
  const minutes = Number(match[2]) * 60 + Number(match[3]);
  return match[1] === '-' ? -minutes : minutes;
}

function bindOf(
  spec: BindSpec,
  stored: StoredAccount,
  account: CatalogAccount,
  { lanes }: AccountParts,
): CatalogBind {
  const id = stored.bindIds.get(spec.systemId);
  if (id === undefined || spec.passwordHash === undefined) {
    throw new Error(
      `the stored bind ${spec.systemId} of account ${account.name} has no id or no password hash`,
    );
  }
  return {
    id: bindId(id),
    systemId: spec.systemId,
    account,
    passwordHash: spec.passwordHash,
    former: formerOf(spec),
    certificates: spec.certificates && new Set(spec.certificates),
    allowFrom: spec.allowFrom === undefined ? undefined : parseCidrs(spec.allowFrom),
    bindsMax: spec.bindsMax,
    windowMax: spec.windowMax,
    segmentsPerSecond: spec.segmentsPerSecond,
    burst: spec.burst ?? spec.segmentsPerSecond,
    lane:
      spec.trafficClass === undefined
        ? account.lane
        : found(lanes, spec.trafficClass, `bind ${spec.systemId}`),
    queuedMax: spec.queuedMax,
    maxPduOctets: spec.maxPduOctets,
    enquireLinkIntervalMs: spec.enquireLinkSeconds * 1_000,
    inactivityMs: spec.idleSeconds * 1_000,
  };
}

function formerOf({ formerPasswordHash, formerPasswordUntil }: BindSpec): CatalogBind['former'] {
  if (formerPasswordHash === undefined || formerPasswordUntil === undefined) return undefined;
  return { passwordHash: formerPasswordHash, untilMs: Date.parse(formerPasswordUntil) };
}

/** Of tariffs and of accounts' own prices. */
function pricePrefixesOf({ tariffs, accounts }: StoredResources): readonly string[] {
  const prefixes = new Set<string>();
  const add = (spec: TariffSpec) => {
    for (const { prefix } of priceEntries(spec)) if (prefix !== undefined) prefixes.add(prefix);
  };
  for (const { spec } of tariffs) add(spec);
  for (const { spec } of accounts) if (spec.prices !== undefined) add(spec.prices);
  prefixes.delete(ANY_DESTINATION);
  return [...prefixes];
}

/** By carrier's name. */
function costsOf(
  { carriers }: StoredResources,
  tariffs: AccountParts['tariffs'],
): ReadonlyMap<string, CompiledTariff> {
  const costs = new Map<string, CompiledTariff>();
  for (const { name, spec } of carriers)
    if (spec.cost !== undefined) costs.set(name, found(tariffs, spec.cost, `carrier ${name}`));
  return costs;
}

interface RouteParts {
  readonly costs: ReadonlyMap<string, CompiledTariff>;
  readonly accounts: ReadonlyMap<string, CatalogAccount>;
  readonly carriers: ReadonlyMap<string, CatalogCarrier>;
}

function routesOf(stored: StoredResources, { costs, accounts, carriers }: RouteParts): RouteTable {
  return compileRoutes(
    stored.routes.map(({ name, spec }) => {
      const used = `route "${name}"`;
      const { prefix, network, account, sender, hours, select } = spec;
      return {
        name,
        prefix,
        network,
        account: account === undefined ? undefined : found(accounts, account, used).id,
        sender,
        trafficClass: spec.class,
        hours: hours && compileHours(hours),
        select,
        candidates: spec.carriers.map(({ name: carrier, weight, priority, allowLoss }) => ({
          carrier: found(carriers, carrier, used).id,
          weight,
          priority,
          allowLoss,
          cost: costs.get(carrier),
        })),
      };
    }),
  );
}

function inboundOf(
  routes: readonly StoredResource<InboundSpec>[],
  accounts: ReadonlyMap<string, CatalogAccount>,
  carriers: ReadonlyMap<string, CatalogCarrier>,
): InboundTable {
  return compileInbound(
    routes.map(({ name, spec: { number, from, to, keyword, account, carrier } }) => {
      const used = `inbound ${name}`;
      return {
        number,
        from,
        to,
        keyword,
        account: found(accounts, account, used).id,
        carrier: carrier === undefined ? undefined : found(carriers, carrier, used).id,
      };
    }),
  );
}

function found<T>(map: ReadonlyMap<string, T>, name: string, usedBy: string): T {
  const value = map.get(name);
  if (value === undefined) throw new Error(`${usedBy} refers to ${name}, which is not stored`);
  return value;
}

function moneyOf(text: string): Credits {
  const parsed = parseCredits(text);
  if (typeof parsed !== 'bigint') throw new Error(`stored money ${text} ${parsed.error}`);
  return parsed;
}
