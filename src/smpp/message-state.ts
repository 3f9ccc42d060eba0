/** message_state values: SMPP 3.4 §5.2.28, and 5.0 §4.7.15 for SCHEDULED and SKIPPED. */
export const MESSAGE_STATES = {
  SCHEDULED: 0,
  ENROUTE: 1,
  DELIVERED: 2,
  EXPIRED: 3,
  DELETED: 4,
  UNDELIVERABLE: 5,
  ACCEPTED: 6,
  UNKNOWN: 7,
  REJECTED: 8,
  SKIPPED: 9,
} as const;

/** The word of a receipt's `stat` field: 3.4 appendix B. */
export type StatWord =
  | 'SCHEDLD'
  | 'ENROUTE'
  | 'DELIVRD'
  | 'EXPIRED'
  | 'DELETED'
  | 'UNDELIV'
  | 'ACCEPTD'
  | 'UNKNOWN'
  | 'REJECTD'
  | 'SKIPPED';

/** Index = message_state. */
const WORDS: readonly StatWord[] = [
  'SCHEDLD',
  'ENROUTE',
  'DELIVRD',
  'EXPIRED',
  'DELETED',
  'UNDELIV',
  'ACCEPTD',
  'UNKNOWN',
  'REJECTD',
  'SKIPPED',
];

/** Whole words and spellings that carriers use for them. */
const STATES: ReadonlyMap<string, number> = new Map([
  ...WORDS.map((word, state): [string, number] => [word, state]),
  ['SCHEDULED', MESSAGE_STATES.SCHEDULED],
  ['DELIVERED', MESSAGE_STATES.DELIVERED],
  ['UNDELIVERABLE', MESSAGE_STATES.UNDELIVERABLE],
  ['UNDELIVERED', MESSAGE_STATES.UNDELIVERABLE],
  ['UNDELIVRD', MESSAGE_STATES.UNDELIVERABLE],
  ['ACCEPTED', MESSAGE_STATES.ACCEPTED],
  ['REJECTED', MESSAGE_STATES.REJECTED],
]);

/** The receipt's word of a message_state; undefined for a value of no version. */
export function statWordOf(state: number): StatWord | undefined {
  return WORDS[state];
}

/** The message_state of a receipt's word in any case; undefined for a word of no meaning here. */
export function stateOfWord(word: string): number | undefined {
  return STATES.get(word) ?? STATES.get(word.toUpperCase());
}
