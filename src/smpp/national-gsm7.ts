import { decodeGsm7, GSM7_ESCAPE } from './gsm7.ts';
import { parseUdh } from './udh.ts';

/*
 * National language tables of the GSM 7-bit alphabet that a user data header names: 3GPP TS 23.038 §6.2.1.2 and annex A,
 * TS 23.040 §9.2.3.24.15 and .16. Of the languages only Urdu writes letters that the default alphabet reads as others;
 * tables of Latin letters differ from it in accents, and those of Indian scripts are read as the default alphabet.
 */

/** Information elements: the table behind an escape, and the one in place of the default alphabet. */
const IEI_SINGLE_SHIFT = 0x24;
const IEI_LOCKING_SHIFT = 0x25;
const URDU = 13;

/** Annex A.3.13; 0x1b is the escape. */
const URDU_LOCKING =
  'اآبٻڀپڦتۂٿ\nٹٽ\rٺټثجځڄڃڅچڇحخد\u001bڌڈډڊ' +
  ' !ڏڍذرڑړ)(ڙز,ږ.ژ0123456789:;ښسش?' +
  'صضطظعفقکڪګگڳڱلمنںڻڼوۄەہھءیېے\u064d\u0650\u064f\u0657' +
  '\u0654abcdefghijklmnopqrstuvwxyz\u0655\u0651\u0653\u0656\u0670';

/** Annex A.2.13, from septet 0 on; what it has not is the character of the table in force. */
const URDU_SINGLE =
  '@£$¥¿"¤%&\'\f*+\r-/<=>¡^¡_#*\u0600\u0601\u001b۰۱۲۳۴۵۶۷۸۹،؍{}؎؏\u0610\u0611\u0612\\' +
  '\u0613\u0614؛؟ـ\u0652\u0658٫٬ٲٳۍ[~]۔|ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const SEPTET_EURO = 0x65;

/**
 * The text of unpacked septets behind a header that names tables.
 * @param header the message from its header on
 * @returns undefined: it names none that is read otherwise than the default alphabet
 */
export function nationalText(header: Buffer, septets: Buffer): string | undefined {
  let isLocked = false;
  let isShifted = false;
  for (const { id, data } of parseUdh(header) ?? []) {
    if (data.length !== 1 || data[0] !== URDU) continue;
    isLocked ||= id === IEI_LOCKING_SHIFT;
    isShifted ||= id === IEI_SINGLE_SHIFT;
  }
  return isLocked || isShifted ? decodeUrdu(septets, isLocked, isShifted) : undefined;
}

function decodeUrdu(septets: Buffer, isLocked: boolean, isShifted: boolean): string {
  const plain = (at: number): string => {
    const octet = septets[at] ?? 0;
    return isLocked ? (URDU_LOCKING[octet] ?? '\ufffd') : decodeGsm7(septets.subarray(at, at + 1));
  };
  let text = '';
  for (let at = 0; at < septets.length; at++) {
    if (septets[at] !== GSM7_ESCAPE) text += plain(at);
    else if (at + 1 === septets.length) text += ' ';
    else {
      const next = septets[++at] ?? 0;
      const shifted = isShifted ? urduShifted(next) : extended(next);
      text += shifted ?? plain(at);
    }
  }
  return text;
}

function urduShifted(septet: number): string | undefined {
  return septet === SEPTET_EURO ? '€' : URDU_SINGLE[septet];
}

/** Of the extension table; undefined where it has none. */
function extended(septet: number): string | undefined {
  const pair = decodeGsm7(Buffer.from([GSM7_ESCAPE, septet]));
  return pair === decodeGsm7(Buffer.from([septet])) ? undefined : pair;
}
