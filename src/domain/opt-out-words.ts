import { foldText } from './fold-text.ts';

/** What a subscriber's message asks of the opt-out list. */
export type OptOutWish = 'out' | 'in' | undefined;

/**
 * Words that stop messages, by default. English: the CTIA's Short Code Monitoring Handbook; Russian and Arabic: what
 * operators there ask for, in the spellings that handsets send; Urdu from general knowledge.
 */
export const STOP_WORDS: readonly string[] = [
  ...['STOP', 'STOPALL', 'STOP ALL', 'UNSUBSCRIBE', 'CANCEL', 'END', 'QUIT'],
  ...['СТОП', 'ОТПИСАТЬСЯ', 'ОТПИСКА', 'ОТМЕНА', 'ОТКАЗ'],
  ...[
    'إيقاف',
    'ايقاف',
    'أوقف',
    'اوقف',
    'توقف',
    'قف',
    'إلغاء',
    'الغاء',
    'إلغاء الاشتراك',
    'الغاء الاشتراك',
  ],
  ...['بند', 'بند کریں', 'بند کرو', 'روکیں', 'ختم', 'ختم کریں'],
];

/** Words that allow them again, by default. */
export const START_WORDS: readonly string[] = [
  ...['START', 'UNSTOP'],
  ...['СТАРТ', 'ПОДПИСАТЬСЯ'],
  ...['ابدأ', 'ابدا', 'اشتراك', 'اشترك'],
  ...['شروع', 'شروع کریں', 'چالو'],
];

/** The words of a policy, compiled. */
export interface OptOutWords {
  /** A wish is a message that is one of the words or phrases and nothing else: "END of sale?" is none. */
  wishOf(text: string): OptOutWish;
}

/** Compiles the words; a stop word stands above the same start word. */
export function compileOptOutWords(
  stopWords: readonly string[],
  startWords: readonly string[],
): OptOutWords {
  const wishes = new Map<string, OptOutWish>();
  for (const word of startWords) wishes.set(plain(word), 'in');
  for (const word of stopWords) wishes.set(plain(word), 'out');
  wishes.delete('');
  return {
    wishOf: (text) => (text.length > TEXT_CHARACTERS ? undefined : wishes.get(plain(text))),
  };
}

/** Longer texts say more than one word or phrase. */
const TEXT_CHARACTERS = 200;
const NO_WORD = /[^\p{L}\p{N}\p{M}]+/u;

/** Folded words with one blank between. */
function plain(text: string): string {
  return foldText(text)
    .split(NO_WORD)
    .filter((word) => word !== '')
    .join(' ');
}
