import { z } from 'zod';
import { PlaceHours } from '../local-hours.ts';
import { countryOf, zonesOf } from '../number-country.ts';
import { ruleKind } from '../policy-rule.ts';
import { timeRange, timeZone } from '../schema-parts.ts';
import { DAYS } from '../week.ts';
import { country } from './parts.ts';

const TIMES_MAX = 24; // an hour each
const HOLIDAYS_MAX = 1_000; // of all countries for some years
const ZONES_MAX = 50; // no country has more
const RECIPIENTS = 'recipient';

const schema = z.strictObject({
  /** `recipient`: by the number's first digits, in each zone that he may be in. */
  timeZone: z
    .union([z.literal(RECIPIENTS), timeZone], 'must be recipient or a time zone')
    .default(RECIPIENTS),
  days: z
    .array(z.enum(DAYS))
    .min(1, 'must name at least one day')
    .default([...DAYS]),
  /** A range that ends before it begins ends on the day after. */
  times: z.array(timeRange).min(1, 'must have at least one range').max(TIMES_MAX),
  /** Local dates without any open hour, everywhere or in some countries. */
  holidays: z
    .array(z.strictObject({ date: z.iso.date(), countries: z.array(country).min(1).optional() }))
    .max(HOLIDAYS_MAX)
    .default([]),
  /** In place of all zones of a country, where numbers do not tell: those in which its recipients are. */
  zones: z.record(country, z.array(timeZone).min(1).max(ZONES_MAX)).default({}),
});

/**
 * `hours`: a message that would go outside the open hours, by the recipient's own clock. Where his number does not say in which of
 * several zones he is, it must be open in all of them; a number without a country is judged by UTC. `action: defer`
 * releases the message at the first open minute. What waited is asked again when it goes.
 */
export const hours = ruleKind({
  schema,
  actions: ['refuse', 'defer', 'hold', 'rewrite', 'flag', 'suspend'],
  asksAgain: true,
  compile(spec) {
    const places = new Map<string, PlaceHours>();
    const placeOf = (destination: string): PlaceHours => {
      const recipients = countryOf(destination) ?? '';
      const zones = zonesFor(spec, recipients, destination);
      const key = `${recipients} ${zones.join()}`;
      const known = places.get(key);
      if (known !== undefined) return known;
      const place = new PlaceHours(zones, { ...spec, closedOn: holidaysIn(spec, recipients) });
      places.set(key, place);
      return place;
    };
    const found = {
      refusal: { key: 'outsideHours', detail: 'it is outside the hours for such messages' },
    } as const;
    return ({ destination, atMs, goesAtMs = atMs }) => {
      const place = placeOf(destination);
      if (place.isOpen(goesAtMs)) return undefined;
      return { ...found, untilMs: place.opensAt(goesAtMs) ?? Number.POSITIVE_INFINITY };
    };
  },
});

type Spec = z.output<typeof schema>;

function zonesFor(
  { timeZone, zones }: Spec,
  recipients: string,
  destination: string,
): readonly string[] {
  if (timeZone !== RECIPIENTS) return [timeZone];
  const found = zones[recipients] ?? zonesOf(destination);
  return found.length > 0 ? found : ['UTC'];
}

function holidaysIn({ holidays }: Spec, recipients: string): ReadonlySet<string> {
  return new Set(
    holidays
      .filter(({ countries }) => countries === undefined || countries.includes(recipients))
      .map(({ date }) => date),
  );
}
