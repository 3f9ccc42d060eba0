import { compileOptOutWords, type OptOutWords } from './opt-out-words.ts';
import type { PolicySpec, RuleSpec } from './policy-schema.ts';
import type { Refusal } from './refusal.ts';
import { compileWordList, type WordList } from './word-list.ts';

/** What the rules look at. */
export interface PolicyInput {
  readonly text: string;
  readonly sender: string;
  readonly destination: string;
  /** Whether the destination is on the account's opt-out list; looked up only where optOutWords are. */
  readonly optedOut?: boolean;
}

/** What they decide. */
export type PolicyVerdict =
  | { readonly pass: true }
  | { readonly pass: false; readonly refusal: Refusal; readonly rule: string };

/** Content and conduct rules, compiled from a `policies` resource. */
export interface CompiledPolicy {
  readonly name: string;
  readonly version: number;
  /** What subscribers send to opt out and in; undefined: no rule of the policy is about that. */
  readonly optOutWords: OptOutWords | undefined;
  /** Tries the rules in order; the first that does not pass decides. */
  judge(input: PolicyInput): PolicyVerdict;
}

/** Compiles the rules of a policy. A rule kind is one key of RuleSpec and one branch of `compileRule`. */
export function compilePolicy(name: string, version: number, spec: PolicySpec): CompiledPolicy {
  const rules = spec.rules.flatMap(compileRule);
  return {
    name,
    version,
    optOutWords: optOutWordsOf(spec),
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
  const rules: CompiledRule[] = [];
  if (spec.optOut !== undefined) rules.push(optOut(spec.name ?? 'optOut'));
  if (spec.bannedWords !== undefined)
    rules.push(bannedWords(spec.name ?? 'bannedWords', compileWordList(spec.bannedWords.words)));
  return rules;
}

/** The words of all its rules of this kind. */
function optOutWordsOf(spec: PolicySpec): OptOutWords | undefined {
  const rules = spec.rules.flatMap((rule) => rule.optOut ?? []);
  if (rules.length === 0) return undefined;
  const stopWords = rules.flatMap((rule) => rule.stopWords);
  return compileOptOutWords(
    stopWords,
    rules.flatMap((rule) => rule.startWords),
  );
}

/** The detail does not say the number. */
function optOut(rule: string): CompiledRule {
  const refused: PolicyVerdict = {
    pass: false,
    refusal: { key: 'optedOut', detail: 'the recipient has opted out' },
    rule,
  };
  return (input) => (input.optedOut === true ? refused : PASS);
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
