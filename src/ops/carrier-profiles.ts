import { readdirSync, readFileSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import {
  type CarrierProfile,
  type CarrierProfiles,
  carrierProfileSchema,
} from '../domain/carrier-profile.ts';

/** Shipped with the product, beside `dist` as beside `src`. */
const FOLDER = new URL('../../config/carrier-profiles/', import.meta.url);

/**
 * The ready profiles by name, in alphabetical order, from their files; read once.
 * @throws Error that names the file, for one that is no profile: they are part of the product, and its tests read them
 */
export function carrierProfiles(): CarrierProfiles {
  known ??= readProfiles();
  return known;
}

let known: CarrierProfiles | undefined;

function readProfiles(): CarrierProfiles {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'));
  return new Map(files.sort().map((name) => [name.slice(0, -'.yaml'.length), readProfile(name)]));
}

function readProfile(file: string): CarrierProfile {
  const parsed = carrierProfileSchema.safeParse(
    parseYaml(readFileSync(new URL(file, FOLDER), 'utf8')),
  );
  if (!parsed.success)
    throw new Error(`the carrier profile ${file} is wrong: ${parsed.error.message}`);
  return parsed.data;
}
