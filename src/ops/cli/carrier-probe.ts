import type { Command } from 'commander';
import { z } from 'zod';
import { pathOf } from './api-client.ts';
import { apiClient, type CliContext, type JsonOption, print } from './context.ts';
import { CliError, EXIT, formatTable } from './io.ts';

interface ProbeOptions extends JsonOption {
  readonly to: string;
  readonly from?: string;
  readonly text?: string;
  readonly wait?: string;
}

/** `carrier probe NAME --to NUMBER`. */
export function addCarrierProbe(carrier: Command, context: CliContext): void {
  carrier
    .command('probe')
    .description('send test messages over one more bind, and propose the profile of a carrier')
    .argument('<name>')
    .requiredOption('--to <number>', 'a number of your own, international: it gets seven messages')
    .option('--from <sender>', 'sender (default smppgate)')
    .option('--text <text>', 'what the messages begin with, where templates are registered')
    .option('--wait <seconds>', 'for receipts after the last answer, at most 300 (default 60)')
    .option('--json', 'print JSON')
    .action(async (name: string, options: ProbeOptions) => {
      const { to, from, text, wait } = options;
      const waitSeconds = wait === undefined ? undefined : Number(wait);
      if (waitSeconds !== undefined && !(waitSeconds >= 0))
        throw new CliError('--wait must be a number of seconds', EXIT.usage);
      const path = pathOf('v1', 'carriers', name, 'probe');
      const body = { to, from, text, waitSeconds };
      const answer = await apiClient(context).post(probeSchema, path, body);
      print(context, options, answer, probeText);
    });
}

function probeText(probe: z.output<typeof probeSchema>): string {
  const { messages, findings, receipts, receiptsRead, yaml } = probe;
  const sent = formatTable(
    ['message', 'part', 'status', 'message_id', 'ms'],
    messages.map(({ purpose, part, status, messageId, answerMs }) => [
      purpose,
      String(part),
      status ?? 'unanswered',
      messageId ?? '',
      answerMs === null ? '' : String(answerMs),
    ]),
  );
  const seen = findings.map(({ key, seen }) => `- ${key === '' ? '' : `${key}: `}${seen}\n`);
  return `${sent}\n${seen.join('')}\n# proposed for ${probe.carrier}; with it ${receiptsRead} of ${receipts} receipts are read and matched\n${yaml}`;
}

const probeSchema = z.looseObject({
  carrier: z.string(),
  messages: z.array(
    z.looseObject({
      purpose: z.string(),
      part: z.int(),
      status: z.string().nullable(),
      messageId: z.string().nullable(),
      answerMs: z.number().nullable(),
    }),
  ),
  receipts: z.int(),
  receiptsRead: z.int(),
  findings: z.array(z.looseObject({ key: z.string(), seen: z.string() })),
  yaml: z.string(),
});
