import type { SubmitPlan } from './carrier-plan.ts';

/** One way in which a carrier can fail its peer. */
export interface Misbehaviour {
  /** Shown by `smppgate simulate carrier --help`. */
  describe: string;
  plan: Partial<SubmitPlan>;
  /**
   * What it is about. Of `answer` one at most happens to a submit; `message` is drawn alike for all segments of a
   * long message.
   */
  about: 'answer' | 'receipt' | 'message' | 'link';
  /** The last four digits of a destination (after 99) that make it happen. */
  digits: string;
  /** It harms a whole session: `everything=P` gives it a fiftieth of P. */
  harsh?: true;
}

/** Share of submits, 0 to 1, by misbehaviour. */
export type Mix = Partial<Record<MisbehaviourName, number>>;

/** `slow` answers after this. */
const slowAnswerMs = 5000;
/** `late` receipts come so much later: long after anything that a gateway keeps at hand for answers under way. */
const lateMs = 30_000;
/** Receipts of `shuffled` segments are spread over this. */
const shuffleMs = 1000;

const none = { status: undefined, state: undefined } as const;

/** Every misbehaviour by its name, in the order in which they are drawn. */
export const misbehaviours = {
  silent: answer('0001', 'never answered, no receipt', none, true),
  mute: answer('0002', 'never answered, but the receipt comes', { status: undefined }, true),
  cut: answer(
    '0009',
    'the session is cut, the receipt comes',
    { status: undefined, cut: true },
    true,
  ),
  drop: answer(
    '0010',
    'the session is cut before the message is taken',
    { ...none, cut: true },
    true,
  ),
  slow: answer('0003', 'answered after 5 s', { answerDelayMs: slowAnswerMs }),
  throttled: answer('0004', 'ESME_RTHROTTLED 0x58', { status: 0x58, state: undefined }),
  full: answer('0007', 'ESME_RMSGQFUL 0x14', { status: 0x14, state: undefined }),
  'reused-id': answer('0046', 'answered with the id of the message before', { reusesId: true }),
  early: receipt('0030', 'the receipt comes before the answer', { early: true }),
  late: receipt('0035', 'the receipt comes 30 s later', { lateMs }),
  duplicate: receipt('0031', 'the receipt comes twice', { copies: 2 }),
  contradicting: receipt('0036', 'DELIVRD and UNDELIV, in either order', { contradicts: true }),
  intermediate: receipt('0033', 'ENROUTE, then the final receipt', { intermediate: true }),
  'data-sm': receipt('0038', 'the receipt in a data_sm', { carriage: 'data_sm' }),
  'text-only': receipt('0040', 'the receipt without TLVs', { format: 'text' }),
  'tlv-only': receipt('0039', 'the receipt without text', { format: 'tlv' }),
  binary: receipt('0041', 'the receipt with data_coding 4', { binary: true }),
  'other-number': receipt(
    '0037',
    'the number in the receipt as +N or without its first three digits',
    {
      otherNumber: true,
    },
  ),
  'strange-id': receipt('0034', 'a receipt with a strange id', { unfit: 'strange-id' }),
  unparsable: receipt('0042', 'a receipt whose text is none', { unfit: 'unparsable' }),
  'unknown-state': receipt('0043', 'a receipt with stat:NOIDEA', { unfit: 'unknown-state' }),
  missing: receipt('0032', 'no receipt', { state: undefined }),
  'one-segment': message('0044', 'of a long message only the last segment has a receipt', {
    lastSegmentOnly: true,
  }),
  shuffled: message('0045', 'receipts of segments in any order', { spreadMs: shuffleMs }),
  garbage: link('0047', 'malformed PDUs and responses to nothing come beside the answer', {
    garbage: 'framed',
  }),
  framing: link(
    '0048',
    'an impossible command_length follows the answer',
    { garbage: 'unframed' },
    true,
  ),
  unbind: link('0049', 'an unbind follows the answer', { unbinds: true }, true),
} satisfies Record<string, Misbehaviour>;

/** A name of the table. */
export type MisbehaviourName = keyof typeof misbehaviours;

/** `everything=P`: the harsh ones get this part of P, or nothing else would ever be answered. */
const harshPart = 1 / 50;

/** Whether a word names one. */
export function isMisbehaviour(word: string): word is MisbehaviourName {
  return Object.hasOwn(misbehaviours, word);
}

/** Every misbehaviour at a share, 0 to 1. */
export function everything(share: number): Mix {
  const mix: Mix = {};
  for (const [name, { harsh }] of table) mix[name] = harsh ? share * harshPart : share;
  return mix;
}

/** What is drawn from a mix for one submit. */
export interface Drawn {
  plan: Partial<SubmitPlan>;
  names: MisbehaviourName[];
}

/**
 * Draws each misbehaviour of a mix by itself; of the answer's the first one that falls.
 * @param random for what concerns one submit
 * @param ofMessage in [0, 1) by name, the same for all segments of a message
 */
export function drawMix(
  mix: Mix,
  random: () => number,
  ofMessage: (name: MisbehaviourName) => number,
): Drawn {
  const drawn: Drawn = { plan: {}, names: [] };
  let isAnswered = false;
  for (const [name, { about, plan }] of table) {
    const share = mix[name] ?? 0;
    if (share === 0 || (about === 'answer' && isAnswered)) continue;
    if ((about === 'message' ? ofMessage(name) : random()) >= share) continue;
    isAnswered ||= about === 'answer';
    // Without a receipt it stays.
    const isRefused = 'state' in drawn.plan;
    Object.assign(drawn.plan, plan);
    if (isRefused) drawn.plan.state = undefined;
    drawn.names.push(name);
  }
  return drawn;
}

function answer(
  digits: string,
  describe: string,
  plan: Partial<SubmitPlan>,
  harsh = false,
): Misbehaviour {
  return { about: 'answer', digits, describe, plan, ...(harsh && { harsh: true }) };
}

function receipt(digits: string, describe: string, plan: Partial<SubmitPlan>): Misbehaviour {
  return { about: 'receipt', digits, describe, plan };
}

function message(digits: string, describe: string, plan: Partial<SubmitPlan>): Misbehaviour {
  return { about: 'message', digits, describe, plan };
}

function link(
  digits: string,
  describe: string,
  plan: Partial<SubmitPlan>,
  harsh = false,
): Misbehaviour {
  return { about: 'link', digits, describe, plan, ...(harsh && { harsh: true }) };
}

const table = Object.entries(misbehaviours) as [MisbehaviourName, Misbehaviour][];
