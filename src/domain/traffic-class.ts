import type { Catalog, CatalogAccount } from './catalog.ts';
import type { BindId } from './ids.ts';
import { foldSender } from './sender-id.ts';
import type { ClassBySpec } from './traffic-class-schema.ts';

/** An optional parameter of the customer's PDU. */
export interface ClassTlv {
  readonly tag: number;
  readonly value: { toString(encoding: 'latin1' | 'hex'): string };
}

/** What an account's messages say of their own traffic class, compiled from its `classBy`. */
export interface ClassBy {
  /** The class that a TLV or a sender names; undefined: neither does. */
  of(sender: string, tlvs: readonly ClassTlv[] | undefined): string | undefined;
}

/**
 * The traffic class of a message: what its TLV names, else its sender, else its system_id, else its account. An account
 * without `classBy` costs one look-up.
 */
export function trafficClassOf(
  { bindClasses }: Pick<Catalog, 'bindClasses'>,
  account: CatalogAccount,
  bind: BindId,
  sender: string,
  tlvs: readonly ClassTlv[] | undefined,
): string {
  const named = account.classBy?.of(sender, tlvs);
  return named ?? bindClasses.get(bind) ?? account.trafficClass;
}

/**
 * Compiles a `classBy`. A whole sender goes before the beginning of one, a longer beginning before a shorter; case makes
 * no other sender.
 */
export function compileClassBy({ tlv, senders }: ClassBySpec): ClassBy {
  const values = new Map(
    Object.entries(tlv?.values ?? {}).map(([text, name]) => [keyOf(text), name]),
  );
  const whole = new Map<string, string>();
  const beginnings: [beginning: string, name: string][] = [];
  for (const [sender, name] of Object.entries(senders ?? {})) {
    if (sender.endsWith('*')) beginnings.push([sender.slice(0, -1).toLowerCase(), name]);
    else whole.set(foldSender(sender), name);
  }
  beginnings.sort(([a], [b]) => b.length - a.length);
  return {
    of(sender, tlvs) {
      if (tlv !== undefined && tlvs !== undefined) {
        for (const { tag, value } of tlvs) {
          const named = tag === tlv.tag ? values.get(hexOf(value)) : undefined;
          if (named !== undefined) return named;
        }
      }
      const folded = foldSender(sender);
      const known = whole.get(folded);
      if (known !== undefined) return known;
      return beginnings.find(([beginning]) => folded.startsWith(beginning))?.[1];
    },
  };
}

/** Octets in hex: given so ("0x01"), or as text. */
function keyOf(text: string): string {
  return text.startsWith('0x')
    ? text.slice(2).toLowerCase()
    : Array.from(text, (char) => char.charCodeAt(0).toString(16).padStart(2, '0')).join('');
}

/** Without the NUL at the end of a C-Octet String, unless that is all there is. */
function hexOf(value: ClassTlv['value']): string {
  const hex = value.toString('hex');
  return hex.length > 2 && hex.endsWith('00') ? hex.slice(0, -2) : hex;
}
