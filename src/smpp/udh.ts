/**
 * User data headers: 3GPP TS 23.040 §9.2.3.24. The header is one octet of length (UDHL), then
 * information elements of one octet identifier, one octet length, data.
 */

/** esm_class bit 6: the short message begins with a user data header (SMPP 3.4 §5.2.12). */
export const ESM_CLASS_UDHI = 0x40;

/** Concatenation with an 8-bit and with a 16-bit reference (TS 23.040 §9.2.3.24.1 and .8). */
export const IEI_CONCAT_8 = 0x00;
export const IEI_CONCAT_16 = 0x08;

/** One information element; `data` is a view when it was parsed. */
export interface InformationElement {
  id: number;
  data: Buffer;
}

/** The place of one part in a long message; parts count from 1. */
export interface PartOfMessage {
  reference: number;
  total: number;
  part: number;
}

/**
 * How many octets the header at the beginning of `octets` takes, UDHL included; undefined when
 * it goes beyond them.
 */
export function udhOctets(octets: Buffer): number | undefined {
  if (octets.length === 0) return undefined;
  const length = 1 + (octets[0] as number);
  return length <= octets.length ? length : undefined;
}

/** The elements in order; undefined when the header or an element in it goes beyond its end. */
export function parseUdh(octets: Buffer): InformationElement[] | undefined {
  const end = udhOctets(octets);
  if (end === undefined) return undefined;
  const elements: InformationElement[] = [];
  let position = 1;
  while (position < end) {
    if (position + 2 > end) return undefined;
    const start = position + 2;
    const next = start + (octets[position + 1] as number);
    if (next > end) return undefined;
    elements.push({ id: octets[position] as number, data: octets.subarray(start, next) });
    position = next;
  }
  return elements;
}

/** The header of these elements, UDHL first. @throws RangeError when they take over 255 octets. */
export function buildUdh(elements: readonly InformationElement[]): Buffer {
  const length = elements.reduce((sum, element) => sum + 2 + element.data.length, 0);
  if (length > 255) throw new RangeError(`a user data header of ${length} octets`);
  const udh = Buffer.allocUnsafe(1 + length);
  udh[0] = length;
  let position = 1;
  for (const { id, data } of elements) {
    udh[position] = id;
    udh[position + 1] = data.length;
    data.copy(udh, position + 2);
    position += 2 + data.length;
  }
  return udh;
}

/** The header of one part, 6 octets with an 8-bit reference, 7 with a 16-bit one. The reference is cut to its bits. */
export function concatUdh(bits: 8 | 16, place: PartOfMessage): Buffer {
  const { reference, total, part } = place;
  return bits === 8
    ? Buffer.from([5, IEI_CONCAT_8, 3, reference & 0xff, total, part])
    : Buffer.from([6, IEI_CONCAT_16, 4, (reference >> 8) & 0xff, reference & 0xff, total, part]);
}

/**
 * The place that a header states; undefined when it states none or one that makes no sense
 * (part 0, part over total), which TS 23.040 says to ignore. The last element counts when
 * there are several.
 */
export function concatOf(octets: Buffer): PartOfMessage | undefined {
  const end = udhOctets(octets);
  if (end === undefined) return undefined;
  let place: PartOfMessage | undefined;
  let position = 1;
  while (position + 2 <= end) {
    const id = octets[position] as number;
    const length = octets[position + 1] as number;
    const data = position + 2;
    if (data + length > end) break;
    if (id === IEI_CONCAT_8 && length === 3)
      place = placeAt(octets, data, octets[data] as number, 1);
    if (id === IEI_CONCAT_16 && length === 4)
      place = placeAt(octets, data, octets.readUInt16BE(data), 2);
    position = data + length;
  }
  return place;
}

function placeAt(
  octets: Buffer,
  data: number,
  reference: number,
  size: number,
): PartOfMessage | undefined {
  const total = octets[data + size] as number;
  const part = octets[data + size + 1] as number;
  return part >= 1 && part <= total ? { reference, total, part } : undefined;
}
