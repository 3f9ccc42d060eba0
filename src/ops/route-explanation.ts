import type { WeighedCandidate } from '../domain/carrier-choice.ts';
import type { Catalog } from '../domain/catalog.ts';
import { type Credits, formatCredits, subtract } from '../domain/money.ts';
import type { Route, RouteMatch } from '../domain/routing.ts';
import { senderKindOf } from '../domain/sender-kind.ts';
import type { RouteDecision, Router } from '../gateway/router.ts';
import type { CarrierView, RouteExplanation, RouteQuestionView } from './runtime.ts';

/** What explanations are made of. */
export interface ExplanationParts {
  readonly router: Router;
  readonly catalog: Catalog;
  readonly carriers: readonly CarrierView[];
}

/** Lays open how a message would be routed: the router decides, here it is put into words. */
export function explainRoute(
  { router, catalog, carriers }: ExplanationParts,
  question: RouteQuestionView,
): RouteExplanation | { noSuchAccount: string } {
  const { destination, account: name, sender, atMs } = question;
  const account = name === undefined ? undefined : catalog.accountsByName.get(name);
  if (name !== undefined && account === undefined) return { noSuchAccount: name };
  const named = account?.classBy?.of(question.sender, undefined);
  const trafficClass = question.trafficClass ?? named ?? account?.trafficClass ?? '';
  const unitPrice = account?.tariff.priceFor(destination, {
    network: router.networkOf(destination),
    trafficClass,
    sender: senderKindOf(sender),
    atMs,
  });
  const decision = router.explain({
    destination,
    sender,
    account: account?.id,
    trafficClass,
    unitPrice,
    atMs,
  });
  // A number without a price is refused before it is routed.
  const isUnpriced = account !== undefined && unitPrice === undefined;
  const refused = isUnpriced ? NO_PRICE : decision.refused;
  const { route, network, matches } = decision;
  return {
    destination,
    at: new Date(atMs).toISOString(),
    account: name ?? null,
    sender,
    class: trafficClass === '' ? null : trafficClass,
    network: network === undefined ? null : networkView(network, catalog),
    unitPrice: priceText(unitPrice),
    routes: matches.map((match) => ({ name: match.route.name, open: match.isOpen })),
    route: route?.name ?? null,
    prefix: route?.prefix ?? null,
    why: route === undefined ? null : whyFirst(route, matches),
    select: route?.select ?? null,
    candidates: decision.candidates.map((weighed) =>
      candidateView(weighed, unitPrice, carriers, catalog, refused === undefined),
    ),
    waits: refused === undefined && decision.waits,
    refused: refused ?? null,
  };
}

const NO_PRICE = 'no price for this number';

/** Why a route comes before the next open one that fits as well. */
export function whyFirst(route: Route, matches: readonly RouteMatch[]): string {
  const next = matches.find((match) => match.isOpen && match.route !== route)?.route;
  if (next === undefined) return matches.length > 1 ? 'no other is open' : 'no other fits';
  if (route.account !== next.account) return 'it names the account';
  if (route.sender !== next.sender)
    return isExact(route.sender) || next.sender === undefined
      ? 'it names the sender'
      : 'it names more of the sender';
  if (route.trafficClass !== next.trafficClass) return 'it names the class';
  if (route.network !== next.network)
    return next.network === undefined ? 'it names the network' : 'it names the operator';
  return route.prefix === next.prefix ? 'it has hours' : 'it has the longer prefix';
}

function isExact(sender: string | undefined): boolean {
  return sender !== undefined && !sender.endsWith('*');
}

function networkView(
  { code, from }: NonNullable<RouteDecision['network']>,
  catalog: Catalog,
): RouteExplanation['network'] {
  return { code, operator: catalog.networks.operatorOf(code) ?? null, from };
}

function candidateView(
  { candidate, verdict, cost, share }: WeighedCandidate,
  unitPrice: Credits | undefined,
  carriers: readonly CarrierView[],
  catalog: Catalog,
  isTaken: boolean,
): RouteExplanation['candidates'][number] {
  const { carrier, priority, weight, allowLoss } = candidate;
  const name = catalog.carriers.get(carrier)?.name ?? String(carrier);
  const view = carriers.find((one) => one.name === name);
  const reasons: Record<typeof verdict, string | null> = {
    usable: null,
    weightZero: 'weight 0',
    tried: 'tried before',
    noCost: `the tariff ${candidate.cost?.name} has no cost for this number`,
    overCost: `costs ${priceText(cost)}, over the price of ${priceText(unitPrice)}`,
    notUp: view?.reason ?? view?.state ?? 'not running',
  };
  return {
    carrier: name,
    priority,
    weight,
    allowLoss,
    usable: verdict === 'usable',
    reason: reasons[verdict],
    cost: priceText(cost),
    margin:
      cost === undefined || unitPrice === undefined ? null : priceText(subtract(unitPrice, cost)),
    share: isTaken ? share : 0,
  };
}

function priceText(price: Credits | undefined): string | null {
  return price === undefined ? null : formatCredits(price);
}
