import { decodeGsm7, unpackSeptets } from './gsm7.ts';
import type { ReceiptDialect } from './receipt-dialect.ts';

/** The octets of a receipt as text, of a carrier that writes them so whatever data_coding says; half a UTF-16 unit is left out. */
export function textOfOctets(
  octets: Buffer,
  form: Exclude<ReceiptDialect['octets'], 'auto'>,
): string {
  const even = octets.subarray(0, octets.length & ~1);
  switch (form) {
    case 'latin1':
      return octets.toString('latin1');
    case 'gsm7':
      return decodeGsm7(octets);
    case 'ucs2':
      return Buffer.from(even).swap16().toString('utf16le');
    case 'ucs2le':
      return even.toString('utf16le');
    case 'gsm7-packed':
      return decodeGsm7(unpackSeptets(octets));
  }
}
