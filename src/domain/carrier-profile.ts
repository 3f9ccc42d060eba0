import { z } from 'zod';

/*
 * Ready profiles: what a kind of carrier, or one provider, wants and writes, from its public documents.
 */

/** Where a fact comes from, and when it was read there. */
const sourceSchema = z.strictObject({
  url: z.url({ protocol: /^https?$/ }),
  read: z.iso.date(),
  says: z.string().min(1),
});

/** One file of config/carrier-profiles. */
export const carrierProfileSchema = z.strictObject({
  title: z.string().min(1),
  sources: z.array(sourceSchema).min(1),
  /** Keys of a carrier, as a resources file has them. */
  carrier: z.record(z.string(), z.unknown()),
});

/** A ready profile. */
export type CarrierProfile = z.output<typeof carrierProfileSchema>;
/** Profiles by name. */
export type CarrierProfiles = ReadonlyMap<string, CarrierProfile>;

/** A carrier that names a profile that does not exist. */
export interface UnknownProfile {
  /** Its place in the list of carriers. */
  readonly index: number;
  readonly message: string;
}

/**
 * A resources file (plain data, not checked yet) in which every carrier with a `profile` has that profile's keys
 * where it has none of its own. Maps and groups of keys are joined key by key, lists are the carrier's whole. A carrier
 * with a sealed password comes from `export`: it has all its keys already, and stays as it was stored.
 */
export function withProfiles(
  file: unknown,
  profiles: CarrierProfiles,
): { readonly file: unknown; readonly unknown: readonly UnknownProfile[] } {
  const carriers = isObject(file) ? file.carriers : undefined;
  if (!Array.isArray(carriers)) return { file, unknown: [] };
  const unknown: UnknownProfile[] = [];
  const filled = carriers.map((carrier: unknown, index) => {
    const name = isObject(carrier) ? carrier.profile : undefined;
    if (!isObject(carrier) || typeof name !== 'string') return carrier;
    const profile = profiles.get(name);
    if (profile === undefined) unknown.push({ index, message: unknownMessage(name, profiles) });
    return profile === undefined || carrier.sealedPassword !== undefined
      ? carrier
      : joined(profile.carrier, carrier);
  });
  return { file: { ...(file as object), carriers: filled }, unknown };
}

function unknownMessage(name: string, profiles: CarrierProfiles): string {
  return `${name} is no profile: ${[...profiles.keys()].sort().join(', ')}`;
}

function joined(base: Readonly<Record<string, unknown>>, own: Readonly<Record<string, unknown>>) {
  const both: Record<string, unknown> = { ...base, ...own };
  for (const [key, value] of Object.entries(base)) {
    const over = own[key];
    if (isObject(value) && isObject(over)) both[key] = joined(value, over);
  }
  return both;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
