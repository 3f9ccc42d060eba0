import { z } from 'zod';
import { name } from './schema-parts.ts';
import { foldSender } from './sender-id.ts';

/** Values of a TLV, or senders, of one account: its brands, its kinds of traffic. */
const NAMED_MAX = 1_000;
/** Tags below are the specification's own (SMPP 3.4 §5.3.2: 0x1400 to 0x3FFF are for vendors). */
const VENDOR_TAG_MIN = 0x1400;
const VENDOR_TAG_MAX = 0x3fff;
/** Octets as "0x01ff", or printable ASCII text. */
const TLV_VALUE = /^(?:0x(?:[0-9a-fA-F]{2}){1,32}|(?!0x)[\x20-\x7e]{1,32})$/;
const SENDER = /^(?:[^*]{1,21}\*?|\*)$/;

/** How a message of an account says of which traffic class it is. */
export const classBySchema = z
  .strictObject({
    tlv: z
      .strictObject({
        tag: z
          .int("must be a vendor's tag, 0x1400 to 0x3FFF")
          .min(VENDOR_TAG_MIN, "must be a vendor's tag, 0x1400 to 0x3FFF")
          .max(VENDOR_TAG_MAX, "must be a vendor's tag, 0x1400 to 0x3FFF"),
        values: namesBy(TLV_VALUE, 'must be text, or octets such as 0x01'),
      })
      .optional(),
    senders: namesBy(SENDER, 'must be a sender, or its beginning and "*"')
      .superRefine((names, ctx) => {
        const byFolded = new Map<string, string>();
        for (const [sender, of] of Object.entries(names)) {
          const folded = foldSender(sender);
          if ((byFolded.get(folded) ?? of) !== of)
            ctx.addIssue({ code: 'custom', path: [sender], message: 'is of another class above' });
          byFolded.set(folded, of);
        }
      })
      .optional(),
  })
  .refine(({ tlv, senders }) => tlv !== undefined || senders !== undefined, {
    error: 'needs tlv or senders',
  });

/** As data. */
export type ClassBySpec = z.output<typeof classBySchema>;

function namesBy(key: RegExp, error: string) {
  return z
    .record(z.string().regex(key, error), name)
    .refine((names) => Object.keys(names).length <= NAMED_MAX, `at most ${NAMED_MAX}`);
}
