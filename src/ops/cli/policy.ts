import type { Command } from 'commander';
import type { CliContext } from './context.ts';
import { addPolicyMeasure } from './policy-measure.ts';
import { addPolicyReplay } from './policy-replay.ts';
import { addPolicyTest } from './policy-test.ts';
import { addPolicyWords } from './policy-words.ts';
import { addVersions } from './resource-versions.ts';

/** `policy show|versions|test|replay|measure|words`. */
export function addPolicy(program: Command, context: CliContext): void {
  const policy = program.command('policy').description('content and conduct rules');
  addVersions(policy, context, { path: 'policies', what: 'a policy' });
  addPolicyTest(policy, context);
  addPolicyReplay(policy, context);
  addPolicyMeasure(policy, context);
  addPolicyWords(policy, context);
}
