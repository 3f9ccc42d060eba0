/** A sender in the form in which it is judged and sent upstream, or why it is malformed. */
export type SenderId =
  | {
      readonly kind: 'numeric' | 'alphanumeric' | 'none';
      readonly addr: string;
      readonly ton: number;
      readonly npi: number;
    }
  | { readonly malformed: string };

const TON_UNKNOWN = 0; // SMPP 3.4 §5.2.5
const TON_INTERNATIONAL = 1;
const TON_ALPHANUMERIC = 5;
const TON_ABBREVIATED = 6;
const NPI_UNKNOWN = 0; // SMPP 3.4 §5.2.6
const DIGITS_MAX = 15; // ITU-T E.164 §6.1
const SEPTETS_MAX = 11; // 3GPP TS 23.040 §9.1.2.5: ten octets of packed septets

/**
 * Normalises a source address: up to 15 digits, or an alphanumeric of up to 11 GSM characters (an extension
 * character such as "[" counts two). Letters are alphanumeric whatever TON of the standard they come under: Jasmin
 * puts 2 (national) on every sender unless it is told otherwise. An empty address is allowed (SMPP 3.4 §4.4.1: the
 * SMSC's default) and has kind `none`.
 */
export function checkSender(addr: string, ton: number, npi: number): SenderId {
  if (addr === '') return NONE;
  if (ton === TON_ALPHANUMERIC) return alphanumeric(addr);
  if (ton < TON_UNKNOWN || ton > TON_ABBREVIATED) return { malformed: 'source_addr_ton is over 6' };
  const digits = addr.startsWith('+') ? addr.slice(1) : addr;
  if (/^[0-9]+$/.test(digits)) {
    if (digits.length > DIGITS_MAX)
      return { malformed: `the sender has more than ${DIGITS_MAX} digits` };
    const international = digits !== addr ? TON_INTERNATIONAL : ton;
    return { kind: 'numeric', addr: digits, ton: international, npi };
  }
  return alphanumeric(addr);
}

/**
 * A sender by which rules know it again, whatever its case and the blanks around it: handsets show them alike. The
 * same on every node; what was counted by it stands in the store.
 */
export function foldSender(sender: string): string {
  return sender.trim().toLowerCase();
}

const NONE: SenderId = { kind: 'none', addr: '', ton: TON_UNKNOWN, npi: NPI_UNKNOWN };
/** Of ASCII and Latin-1: what the GSM 7-bit default alphabet has (3GPP TS 23.038 §6.2.1), but for control characters. */
const GSM_BASIC = /^[ !"#$%&'()*+,\-./0-9:;<=>?@A-Z_a-z£¥èéùìòÇØøÅåÆæßÉ¤¡ÄÖÑÜ§¿äöñüà]$/;
/** What its extension table has (§6.2.1.1), two septets each. */
const GSM_EXTENDED = /^[\^{}\\[~\]|]$/;

function alphanumeric(addr: string): SenderId {
  let septets = 0;
  for (const char of addr) {
    if (GSM_BASIC.test(char)) septets += 1;
    else if (GSM_EXTENDED.test(char)) septets += 2;
    else return { malformed: 'the sender has a character outside the GSM alphabet' };
  }
  if (septets > SEPTETS_MAX)
    return { malformed: `the sender has more than ${SEPTETS_MAX} characters` };
  if (addr.trim() === '') return { malformed: 'the sender is blank' };
  return { kind: 'alphanumeric', addr, ton: TON_ALPHANUMERIC, npi: NPI_UNKNOWN };
}
