import type { SubmitSm } from '../smpp/pdu.ts';

/**
 * What a customer's submit_sm said before a rule rewrote it, and he goes by: his sender, which his receipts and his
 * cancel_sm name, and his data_coding, in which a replace_sm comes.
 */
export type OwnFields = Pick<
  SubmitSm,
  'source_addr_ton' | 'source_addr_npi' | 'source_addr' | 'data_coding'
>;

/** In stored content alone, never on a wire: SMPP reserves 0x4000 to 0xFFFF (5.0 §4.8.4.1). */
const TAG = 0xfffe;
/** ton, npi, data_coding; then the address. */
const ADDRESS_AT = 3;

/** Takes out of a submit_sm what would pass for stored fields: no customer says them, and no carrier hears of them. */
export function dropForgedFields(pdu: SubmitSm): void {
  if (pdu.tlvs?.some(isOwn) === true) pdu.tlvs = pdu.tlvs.filter((tlv) => !isOwn(tlv));
}

function isOwn({ tag }: { readonly tag: number }): boolean {
  return tag === TAG;
}

/** The customer's own fields of a submit_sm that is about to be rewritten. */
export function ownFieldsOf(pdu: OwnFields): OwnFields {
  const { source_addr_ton, source_addr_npi, source_addr, data_coding } = pdu;
  return { source_addr_ton, source_addr_npi, source_addr, data_coding };
}

/** The submit_sm to be stored: with the own fields, where it was rewritten. */
export function withOwnFields(pdu: SubmitSm, own: OwnFields | undefined): SubmitSm {
  if (own === undefined) return pdu;
  const head = [own.source_addr_ton, own.source_addr_npi, own.data_coding];
  const value = Buffer.concat([Buffer.from(head), Buffer.from(own.source_addr, 'latin1')]);
  return { ...pdu, tlvs: [...(pdu.tlvs ?? []), { tag: TAG, value }] };
}

/** Takes the own fields out of what was stored; undefined: it was not rewritten. */
export function takeOwnFields(pdu: SubmitSm): OwnFields | undefined {
  const value = pdu.tlvs?.find(isOwn)?.value;
  if (value === undefined) return undefined;
  const others = pdu.tlvs?.filter((tlv) => !isOwn(tlv)) ?? [];
  pdu.tlvs = others.length === 0 ? undefined : others;
  const [source_addr_ton, source_addr_npi, data_coding] = value;
  if (source_addr_ton === undefined || source_addr_npi === undefined || data_coding === undefined)
    return undefined;
  const source_addr = value.toString('latin1', ADDRESS_AT);
  return { source_addr_ton, source_addr_npi, source_addr, data_coding };
}
