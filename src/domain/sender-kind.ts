/** What prices tell senders apart by. */
export const SENDER_KINDS = ['alphanumeric', 'shortCode', 'number'] as const;

/** A name, a short code or a number. */
export type SenderKind = (typeof SENDER_KINDS)[number];

/** Digits of a short code at most. Shorter than any international number with its country code (ITU-T E.164: from 7 on). */
const SHORT_CODE_DIGITS = 6;

/** What a sender is, as the customer gave it; undefined: there is none. */
export function senderKindOf(addr: string): SenderKind | undefined {
  if (addr === '') return undefined;
  const first = addr.charCodeAt(0) === PLUS ? 1 : 0;
  for (let i = first; i < addr.length; i++) {
    const digit = addr.charCodeAt(i) - ZERO_CODE;
    if (digit < 0 || digit > 9) return 'alphanumeric';
  }
  return addr.length - first <= SHORT_CODE_DIGITS ? 'shortCode' : 'number';
}

const PLUS = 0x2b;
const ZERO_CODE = 0x30;
