import type { Command } from 'commander';
import type { CliContext } from './context.ts';
import { addVersions } from './resource-versions.ts';

/** `terms show|versions`. */
export function addTerms(program: Command, context: CliContext): void {
  const terms = program.command('terms').description('money rules');
  addVersions(terms, context, { path: 'terms', what: 'terms' });
}
