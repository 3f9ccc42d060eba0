import { GSM7_BASIC, GSM7_ESCAPE, GSM7_EXTENDED } from './gsm7.ts';
import { LOCKING_TABLES, SINGLE_TABLES } from './national-tables.ts';
import { buildUdh, parseUdh } from './udh.ts';

/** Information elements: the table behind an escape, and the one in place of the default alphabet. */
const IEI_SINGLE_SHIFT = 0x24;
const IEI_LOCKING_SHIFT = 0x25;

/**
 * The text of unpacked septets behind a header that names national language tables (TS 23.040 §9.2.3.24.15 and .16, TS
 * 23.038 §6.2.1.2). Of several elements of a kind the last counts; a language that has no such table is the default.
 * @param header the message from its header on
 * @returns undefined: it names none
 */
export function nationalText(header: Buffer, septets: Buffer): string | undefined {
  let locking: string | undefined;
  let single: readonly (string | undefined)[] | undefined;
  for (const { id, data } of parseUdh(header) ?? []) {
    const [language = 0] = data;
    if (data.length !== 1) continue;
    if (id === IEI_LOCKING_SHIFT) locking = LOCKING_TABLES.get(language);
    else if (id === IEI_SINGLE_SHIFT) single = SINGLE_TABLES.get(language);
  }
  if (locking === undefined && single === undefined) return undefined;
  return decode(septets, locking ?? GSM7_BASIC, single ?? GSM7_EXTENDED);
}

/** A header without the elements that name such tables; without any other element nothing is left of it. */
export function withoutShifts(header: Buffer): Buffer {
  const others = (parseUdh(header) ?? []).filter(({ id }) => !SHIFTS.has(id));
  return others.length === 0 ? Buffer.alloc(0) : buildUdh(others);
}

const SHIFTS: ReadonlySet<number> = new Set([IEI_SINGLE_SHIFT, IEI_LOCKING_SHIFT]);

/** What the table behind an escape lacks is the character of the other one; a lone escape is a blank. */
function decode(septets: Buffer, plain: string, shifted: readonly (string | undefined)[]): string {
  let text = '';
  for (let at = 0; at < septets.length; at++) {
    const septet = septets[at] ?? 0;
    if (septet !== GSM7_ESCAPE) text += plain[septet] ?? '\ufffd';
    else if (++at === septets.length) text += ' ';
    else {
      const next = septets[at] ?? 0;
      text += shifted[next] ?? plain[next] ?? '\ufffd';
    }
  }
  return text;
}
