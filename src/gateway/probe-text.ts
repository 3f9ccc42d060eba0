import { stateOfWord } from '../smpp/message-state.ts';
import { isKnownName, parseDialectDate } from '../smpp/receipt-dialect.ts';
import type { ReceiptText } from '../smpp/receipt-fields.ts';

/** What a receipt's text of an unknown format says, and what its fields are called. */
export interface LearntText {
  readonly id: string | undefined;
  readonly stat: string | undefined;
  readonly err: string | undefined;
  readonly submitDate: string | undefined;
  readonly doneDate: string | undefined;
  /** Names that no parser of ours knows by itself, as they stand in the text. */
  readonly fields: Partial<Record<keyof ReceiptText, string>>;
  /** Fields without names, by their place. */
  readonly columns:
    | { readonly separator: string; readonly fields: (keyof ReceiptText | '-')[] }
    | undefined;
}

/** A date's format and the zone of its clock, in quarters of an hour east of UTC; undefined: it states its zone. */
export interface LearntDate {
  readonly format: string;
  readonly quarters: number | undefined;
}

/** What is known about the message when its receipt is read. */
export interface LearnFrom {
  /** Whether a word is the message's id, in whatever base. */
  isId(word: string): boolean;
  /** What the text of the message begins with. */
  readonly marker: string;
  /** Its dates lie between these, but for the zone. */
  readonly sentAtMs: number;
  readonly receivedAtMs: number;
}

/** Formats that carriers were seen to write, the compact ones of appendix B first. */
const DATE_FORMATS = [
  'YYMMDDhhmm',
  'YYMMDDhhmmss',
  'YYYYMMDDhhmm',
  'YYYYMMDDhhmmss',
  'iso',
  'epoch',
  'epochMs',
  'YYYYMMDD hh:mm:ss',
  'YYYYMMDDThhmmss',
  'YYYY/MM/DD hh:mm:ss',
  'YYYY/MM/DD hh:mm',
  'DD/MM/YYYY hh:mm:ss',
  'DD/MM/YYYY hh:mm',
  'MM/DD/YYYY hh:mm:ss',
  'DD-MM-YYYY hh:mm:ss',
  'DD.MM.YYYY hh:mm:ss',
  'DD.MM.YY hh:mm:ss',
  'DDMMYYhhmm',
  'DDMMYYhhmmss',
  'DDMMYYYYhhmmss',
] as const;
const QUARTER_MS = 900_000;
/** No zone is further from UTC: +14:00 (Kiribati). */
const QUARTERS_MAX = 56;
/** A date states minutes, and clocks are not quite right. */
const CLOCK_MS = 90_000;
const SEPARATORS = [',', ';', '|', '\t'] as const;
const COLUMNS_LEAST = 3;

/** Reads a text by what is known of its message; undefined when the message's id is not in it. */
export function learnText(text: string, from: LearnFrom): LearntText | undefined {
  const pairs = pairsOf(text);
  const id = pairs.find(({ value }) => from.isId(firstWord(value)));
  return id === undefined ? learnColumns(text, from) : learnPairs(pairs, id, from);
}

/** The format of a date, and its zone; undefined when no format makes it a date of this message. */
export function learnDate(
  date: string,
  { sentAtMs, receivedAtMs }: Pick<LearnFrom, 'sentAtMs' | 'receivedAtMs'>,
): LearntDate | undefined {
  for (const format of DATE_FORMATS) {
    const ms = parseDialectDate(date, [format], undefined);
    if (ms === undefined) continue;
    const quarters = Math.round((ms - sentAtMs) / QUARTER_MS);
    const utcMs = ms - quarters * QUARTER_MS;
    if (Math.abs(quarters) > QUARTERS_MAX) continue;
    if (utcMs < sentAtMs - CLOCK_MS || utcMs > receivedAtMs + CLOCK_MS) continue;
    const statesZone = format.startsWith('epoch') || /(?:Z|[+-]\d\d:?\d\d)$/i.test(date);
    return { format, quarters: statesZone && quarters === 0 ? undefined : quarters };
  }
  return undefined;
}

/** A name before ':' or '=', and what stands to the next name. */
interface Pair {
  readonly name: string;
  readonly value: string;
}

/** Every name and value: a name is the words right before the sign, of which the value before keeps the first. */
function pairsOf(text: string): Pair[] {
  const found: { name: string; nameAt: number; valueAt: number }[] = [];
  const sign = /["']?\s*[:=]/g;
  for (let match = sign.exec(text); match !== null; match = sign.exec(text)) {
    const before = text.slice(found.at(-1)?.valueAt ?? 0, match.index);
    const words = /(?:[A-Za-z][A-Za-z0-9_.-]*)(?: [A-Za-z][A-Za-z0-9_.-]*)*$/.exec(
      before.slice(-NAME_CHARACTERS),
    )?.[0];
    // Within a clock ("20:17") and a URL no name stands before the colon.
    if (words === undefined || /^\/\//.test(text.slice(sign.lastIndex))) continue;
    const isValue = found.length > 0 && before.trim() === words.trim();
    const name = isValue ? words.split(' ').slice(1).join(' ') : words;
    if (name === '') continue;
    found.push({ name, nameAt: match.index - name.length, valueAt: sign.lastIndex });
  }
  return found.map(({ name, valueAt }, i) => ({
    name,
    value: text
      .slice(valueAt, found[i + 1]?.nameAt ?? text.length)
      .replace(/^[\s"']+|[\s"',;|&{}\0]+$/g, ''),
  }));
}

const NAME_CHARACTERS = 40;

function learnPairs(pairs: readonly Pair[], id: Pair, from: LearnFrom): LearntText {
  const dates = pairs.filter(({ value }) => learnDate(value, from) !== undefined);
  const others = pairs.filter((pair) => pair !== id && !dates.includes(pair));
  const stat =
    others.find(({ value }) => stateOfWord(firstWord(value)) !== undefined) ??
    others.find(({ name }) => /stat|result|outcome|event/i.test(name));
  const text = others.find(({ value }) => value.startsWith(from.marker.slice(0, 10)));
  const err = others.find(
    (pair) => pair !== stat && pair !== text && /err|code|reason|cause/i.test(pair.name),
  );
  const done = dates.find(({ name }) => /done|final|deliver|complete|end|status/i.test(name));
  const submit = dates.find((pair) => pair !== done);
  const fields: Partial<Record<keyof ReceiptText, string>> = {};
  const named = { id, stat, err, text, submitDate: submit, doneDate: done };
  for (const [field, pair] of Object.entries(named))
    if (pair !== undefined && !isKnownName(pair.name, field as keyof ReceiptText))
      fields[field as keyof ReceiptText] = pair.name;
  return {
    id: firstWord(id.value),
    stat: stat && firstWord(stat.value),
    err: err && firstWord(err.value),
    submitDate: submit?.value,
    doneDate: done?.value,
    fields,
    columns: undefined,
  };
}

/** No names: each field is known by what it is. */
function learnColumns(text: string, from: LearnFrom): LearntText | undefined {
  for (const separator of SEPARATORS) {
    const values = text.split(separator).map((value) => value.trim());
    const idAt = values.findIndex((value) => from.isId(value));
    if (values.length < COLUMNS_LEAST || idAt < 0) continue;
    const dates = [...values.keys()].filter(
      (at) => learnDate(values[at] ?? '', from) !== undefined,
    );
    const statAt = values.findIndex((value) => stateOfWord(value) !== undefined);
    const [submitAt = -1, doneAt = -1] = dates;
    const fields = values.map((_, at): keyof ReceiptText | '-' => {
      if (at === idAt) return 'id';
      if (at === statAt) return 'stat';
      if (at === submitAt) return 'submitDate';
      return at === doneAt ? 'doneDate' : '-';
    });
    return {
      id: values[idAt],
      stat: values[statAt],
      err: undefined,
      submitDate: values[submitAt],
      doneDate: values[doneAt],
      fields: {},
      columns: { separator, fields },
    };
  }
  return undefined;
}

function firstWord(value: string): string {
  return /^[^\s,;|&"'{}]*/.exec(value)?.[0] ?? '';
}
