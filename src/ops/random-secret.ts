import { randomInt } from 'node:crypto';
import { suggestSecret } from '../domain/resource-secrets.ts';

/** A random password or system_id of 8 characters. */
export function randomSecret(): string {
  return suggestSecret((below) => randomInt(below));
}
