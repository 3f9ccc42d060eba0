import type { z } from 'zod';
import { hoursOverlap, hoursText } from './route-hours.ts';
import type { routeSchema } from './route-schema.ts';

/** A route as data. */
export type RouteSpec = z.output<typeof routeSchema>;

/**
 * What a route is called: what it fits, so that the same route has the same name wherever it stands in the file. One of
 * a prefix alone is called by it; others such as `network 42001`, `966 account=acme sender=ACME* class=otp` or
 * `any hours="daily 22:00-06:00 Asia/Riyadh"`.
 */
export function routeName(spec: RouteSpec): string {
  const { prefix, network, account, sender, class: trafficClass, hours } = spec;
  const where = network === undefined ? (prefix ?? '') : `network ${network}`;
  const narrowed = [
    account === undefined ? '' : ` account=${account}`,
    sender === undefined ? '' : ` sender=${quoted(sender)}`,
    trafficClass === undefined ? '' : ` class=${trafficClass}`,
    hours === undefined ? '' : ` hours=${quoted(hoursText(hours))}`,
  ].join('');
  return narrowed === '' ? where : `${where === '' ? 'any' : where}${narrowed}`;
}

/** Two routes that would both be the most exact for some message. */
export interface RouteConflict {
  readonly first: number;
  readonly second: number;
  readonly why: string;
}

/** Routes (by place in the list) that fit the same at the same time; the same route twice is not told here. */
export function routeConflicts(specs: readonly RouteSpec[]): RouteConflict[] {
  const conflicts: RouteConflict[] = [];
  const timed = specs.flatMap((spec, at) => (spec.hours === undefined ? [] : [{ spec, at }]));
  const alike = Map.groupBy(timed, ({ spec }) => routeName({ ...spec, hours: undefined }));
  for (const group of alike.values()) {
    for (const [i, { spec, at: second }] of group.entries()) {
      for (const { spec: other, at: first } of group.slice(0, i)) {
        const why = conflictOf(spec, other);
        if (why !== undefined) conflicts.push({ first, second, why });
      }
    }
  }
  return conflicts;
}

function conflictOf({ hours: one }: RouteSpec, { hours: other }: RouteSpec): string | undefined {
  if (one === undefined || other === undefined || hoursText(one) === hoursText(other))
    return undefined;
  if (one.timeZone !== other.timeZone) return 'has hours of another time zone than';
  return hoursOverlap(one, other) ? 'is open at the same time as' : undefined;
}

/** Carriers of routes with `select: leastCost` that have no `cost`. */
export function uncostedCarriers(
  routes: ReadonlyMap<string, RouteSpec>,
  costOf: (carrier: string) => string | undefined,
): { readonly route: string; readonly index: number }[] {
  const found: { route: string; index: number }[] = [];
  for (const [route, { select, carriers }] of routes) {
    if (select !== 'leastCost') continue;
    for (const [index, { name }] of carriers.entries())
      if (costOf(name) === undefined) found.push({ route, index });
  }
  return found;
}

/** In quotes where a blank or a quote would make two names of one. */
function quoted(text: string): string {
  return /^[A-Za-z0-9*+._-]+$/.test(text) ? text : JSON.stringify(text);
}
