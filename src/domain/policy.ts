import type { PolicySpec, RuleSpec } from './policy-schema.ts';
import type { Refusal } from './refusal.ts';
import { compileWordList, type WordList } from './word-list.ts';

/** What the rules look at. */
export interface PolicyInput {
  readonly text: string;
  readonly sender: string;
  readonly destination: string;
}

/** What they decide. */
export type PolicyVerdict =
  | { readonly pass: true }
  | { readonly pass: false; readonly refusal: Refusal; readonly rule: string };

/** Content and conduct rules, compiled from a `policies` resource. */
export interface CompiledPolicy {
  readonly name: string;
  readonly version: number;
  /** Tries the rules in order; the first that does not pass decides. */
  judge(input: PolicyInput): PolicyVerdict;
}

/** Compiles the rules of a policy. A rule kind is one key of RuleSpec and one branch of `compileRule`. */
export function compilePolicy(name: string, version: number, spec: PolicySpec): CompiledPolicy {
  const rules = spec.rules.flatMap(compileRule);
  return {
    name,
    version,
    judge(input) {
      for (const rule of rules) {
        const verdict = rule(input);
        if (!verdict.pass) return verdict;
      }
      return PASS;
    },
  };
}

type CompiledRule = (input: PolicyInput) => PolicyVerdict;

const PASS: PolicyVerdict = { pass: true };

function compileRule(spec: RuleSpec): CompiledRule[] {
  return spec.bannedWords === undefined
    ? []
    : [bannedWords(spec.name ?? 'bannedWords', compileWordList(spec.bannedWords.words))];
}

/** The detail does not repeat the word: it goes to logs and timelines, where no content belongs. */
function bannedWords(rule: string, list: WordList): CompiledRule {
  const refused: PolicyVerdict = {
    pass: false,
    refusal: { key: 'contentRefused', detail: `the text has a word that rule ${rule} refuses` },
    rule,
  };
  return (input) => (list.foundIn(input.text) ? refused : PASS);
}
