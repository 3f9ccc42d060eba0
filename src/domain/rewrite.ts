import { z } from 'zod';
import { maskText } from './mask-text.ts';
import type { PolicyFacts, PolicyInput, RuleCheck } from './policy-rule.ts';
import { checkSender } from './sender-id.ts';

/** An SMS of 160 characters: more than that is another message. */
const ADDED_MAX = 160;
/** Ten SMS. */
const TEXT_MAX = 1_600;
/** What stands in a sender for the customer's own. */
const OWN_SENDER = '{sender}';

/** How a rule rewrites a message: its sender, its text, or both. */
export const rewriteSchema = z
  .strictObject({
    /** In place of the customer's, which stands in it as {sender}. */
    sender: z.string().min(1).max(40).optional(),
    /** Before and behind the text, unless it begins or ends so. */
    prepend: z.string().min(1).max(ADDED_MAX).optional(),
    append: z.string().min(1).max(ADDED_MAX).optional(),
    /** In place of the text. */
    text: z.string().min(1).max(TEXT_MAX).optional(),
    /** A sign for each character of the words that the rule finds. */
    mask: z
      .string()
      .regex(/^[!-/:-@_]$/, 'must be one sign, such as "*"')
      .optional(),
  })
  .refine((rewrite) => Object.keys(rewrite).length > 0, {
    error: 'needs one of: sender, prepend, append, text, mask',
  })
  .refine(({ text, mask }) => text === undefined || mask === undefined, {
    path: ['mask'],
    error: 'must not stand beside text, in which nothing is found',
  })
  .refine(({ sender }) => sender === undefined || isSender(sender), {
    path: ['sender'],
    error: 'must be up to 15 digits or 11 characters, {sender} among them',
  });

/** How a rule rewrites, as data. */
export type RewriteSpec = z.output<typeof rewriteSchema>;

/** What a rule makes of a message. */
export interface Rewritten {
  readonly text?: string;
  readonly sender?: string;
}

/**
 * What a rule makes of a message in which it found something.
 * @returns undefined: it cannot be rewritten so. The text is a part of a longer one or no text, what masks cannot reach
 *   is still found, the sender would be none.
 */
export type Rewriter = (input: PolicyInput, facts: PolicyFacts) => Rewritten | undefined;

/** @param ofText the rule looks at the text: of a part it does not tell what the whole would say */
export function compileRewrite(spec: RewriteSpec, check: RuleCheck, ofText: boolean): Rewriter {
  const { sender, prepend, append, text, mask } = spec;
  const isTextChanged = [prepend, append, text, mask].some((one) => one !== undefined);
  return (input, facts) => {
    if (input.isFixed === true && (isTextChanged || ofText)) return undefined;
    const newSender = sender && senderOf(sender, input.sender);
    if (sender !== undefined && newSender === undefined) return undefined;
    const isFound = (part: string) => check({ ...input, text: part }, facts) !== undefined;
    const base = text ?? (mask === undefined ? input.text : maskText(input.text, mask, isFound));
    if (base === undefined) return undefined;
    return {
      ...(isTextChanged && { text: between(prepend, base, append) }),
      ...(newSender !== undefined && { sender: newSender }),
    };
  };
}

function isSender(template: string): boolean {
  return senderOf(template, template.includes(OWN_SENDER) ? 'x' : '') !== undefined;
}

function senderOf(template: string, own: string): string | undefined {
  if (own === '' && template.includes(OWN_SENDER)) return undefined;
  const sender = template.replaceAll(OWN_SENDER, own);
  return 'malformed' in checkSender(sender, 0, 0) ? undefined : sender;
}

function between(prepend = '', text: string, append = ''): string {
  const begun = text.startsWith(prepend) ? text : prepend + text;
  return begun.endsWith(append) ? begun : begun + append;
}
