import type { CharKind, Pattern, PatternItem } from './automaton.ts';

/** The longest a variable may be made: a whole message of ten segments. */
const VARIABLE_MAX = 1_600;
/** What a variable without lengths holds: as India's registry of templates has it. */
const VARIABLE_DEFAULT = 30;

/** Somewhere in the text. */
export function containing(text: string): Pattern {
  return { items: literally(text), fromStart: false, toEnd: false };
}

/** At the start of the text. */
export function beginningWith(text: string): Pattern {
  return { items: literally(text), fromStart: true, toEnd: false };
}

/** The whole text; `*` stands for any characters, `?` for one. */
export function wildcard(text: string): Pattern {
  const items = Array.from(text, (char): PatternItem => {
    if (char === '*') return { kind: 'any', min: 0 };
    return char === '?' ? { kind: 'any', min: 1, max: 1 } : { char, min: 1, max: 1 };
  });
  return { items, fromStart: true, toEnd: true };
}

/**
 * The whole text; `{v}` stands for 1 to 30 characters, `{#var#}` for 0 to 30, and a kind for characters of it:
 * `{digits}`, `{letters}`, `{alnum}`, `{text}`, with lengths of its own as `{digits:4-8}` or `{digits:6}`. `{{` is a
 * brace.
 * @returns what is wrong with it, else the pattern
 */
export function template(text: string): Pattern | { readonly error: string } {
  const items: PatternItem[] = [];
  for (let at = 0; at < text.length; ) {
    if (text.startsWith('{{', at)) {
      items.push({ char: '{', min: 1, max: 1 });
      at += 2;
    } else if (text[at] === '{') {
      const end = text.indexOf('}', at);
      if (end < 0) return { error: 'a variable has no "}"' };
      const variable = variableOf(text.slice(at + 1, end));
      if ('error' in variable) return variable;
      items.push(variable);
      at = end + 1;
    } else {
      items.push({ char: text[at] ?? '', min: 1, max: 1 });
      at += 1;
    }
  }
  return { items, fromStart: true, toEnd: true };
}

const KIND_OF: Readonly<Record<string, CharKind>> = {
  v: 'any',
  text: 'any',
  digits: 'digit',
  letters: 'letter',
  alnum: 'alnum',
};

function variableOf(variable: string): PatternItem | { readonly error: string } {
  if (variable === '#var#') return { kind: 'any', min: 0, max: VARIABLE_DEFAULT };
  const [, name = '', from, to] =
    /^([a-z]+)(?::([0-9]{1,4})(?:-([0-9]{1,4}))?)?$/.exec(variable) ?? [];
  const kind = KIND_OF[name];
  if (kind === undefined)
    return { error: `{${variable}} is none of {v} {text} {digits} {letters} {alnum} {#var#}` };
  const min = from === undefined ? 1 : Number(from);
  const max = from === undefined ? VARIABLE_DEFAULT : Number(to ?? from);
  if (max < 1 || min > max || max > VARIABLE_MAX)
    return { error: `{${variable}} must hold 1 to ${VARIABLE_MAX} characters at the most` };
  return { kind, min, max };
}

function literally(text: string): PatternItem[] {
  return Array.from(text, (char) => ({ char, min: 1, max: 1 }));
}
