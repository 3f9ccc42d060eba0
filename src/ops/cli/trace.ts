import { closeSync, fchmodSync, openSync, writeSync } from 'node:fs';
import type { Command } from 'commander';
import { z } from 'zod';
import { PcapFormat } from '../trace/pcap.ts';
import { RECORDING_OCTETS_MAX, RECORDING_SECONDS_MAX } from '../trace/recordings.ts';
import { type ApiClient, pathOf, queryOf } from './api-client.ts';
import { apiClient, type CliContext, type JsonOption, print } from './context.ts';
import { CliError, EXIT, formatFields, formatTable } from './io.ts';
import { type PduLine, pduLineSchema, pduText } from './trace-text.ts';

/** `trace SYSTEM_ID` and `trace --carrier NAME`: live, into a pcap file, or recorded by the daemon. */
export function addTrace(program: Command, context: CliContext): void {
  program
    .command('trace')
    .description(
      "show a customer's or a carrier's PDUs as they pass, a line each, until Ctrl-C\n" +
        'Passwords are never shown; texts and whole numbers only with --content and --reason.',
    )
    .argument('[system-id]', "a customer's")
    .option('--carrier <name>', 'the sessions to a carrier instead')
    .option('--seconds <n>', 'end after so long')
    .option('--content', 'with texts and whole numbers: needs a token that may, and --reason')
    .option('--reason <text>', 'why; it stands in the audit')
    .option('--pcap <file>', 'write a capture for Wireshark (mode 0600; 100 MiB and 10 minutes)')
    .option('--record', 'let the daemon record into a file of its own (--seconds, --reason)')
    .option('--recordings', 'list the recordings of the daemon')
    .option('--fetch <id>', 'write a recording of the daemon to the file of --pcap')
    .option('--delete <id>', 'delete a recording of the daemon')
    .option('--json', 'print JSON, one object a line')
    .action((systemId: string | undefined, options: TraceOptions) =>
      actionOf(options)(context, apiClient(context), systemId, options),
    );
}

interface TraceOptions extends JsonOption {
  readonly carrier?: string;
  readonly seconds?: string;
  readonly content?: boolean;
  readonly reason?: string;
  readonly pcap?: string;
  readonly record?: boolean;
  readonly recordings?: boolean;
  readonly fetch?: string;
  readonly delete?: string;
}

type Action = (
  context: CliContext,
  api: ApiClient,
  systemId: string | undefined,
  options: TraceOptions,
) => Promise<void>;

function actionOf(options: TraceOptions): Action {
  if (options.recordings === true) return listRecordings;
  if (options.fetch !== undefined) return fetchRecording;
  if (options.delete !== undefined) return deleteRecording;
  if (options.record === true) return record;
  return options.pcap === undefined ? show : capture;
}

const show: Action = async (context, api, systemId, options) => {
  const path = tracePath(systemId, options, options.seconds);
  for await (const line of untilInterrupted((signal) => api.lines(path, signal))) {
    if (options.json === true) context.io.out(`${line}\n`);
    else {
      const text = eventText(JSON.parse(line));
      if (text !== undefined) context.io.out(`${text}\n`);
    }
  }
};

const capture: Action = async (context, api, systemId, options) => {
  const seconds = Math.min(Number(options.seconds ?? RECORDING_SECONDS_MAX), RECORDING_SECONDS_MAX);
  const path = tracePath(systemId, options, String(seconds));
  const file = new PrivateFile(options.pcap ?? '');
  const format = new PcapFormat();
  const count = { pdus: 0, lost: 0 };
  try {
    file.write(format.header());
    for await (const line of untilInterrupted((signal) => api.lines(path, signal))) {
      const event = eventSchema.parse(JSON.parse(line));
      if (event.type === 'lost') count.lost += event.pdus ?? 0;
      if (event.type !== 'pdu') continue;
      const packets = format.packets(capturedPdu(pduLineSchema.parse(event)));
      if (file.octets + packets.length > RECORDING_OCTETS_MAX) break;
      file.write(packets);
      count.pdus++;
    }
  } finally {
    file.close();
  }
  print(
    context,
    options,
    { file: options.pcap, octets: file.octets, ...count },
    (done) =>
      `${done.file}: ${done.pdus} PDUs, ${done.octets} octets${done.lost > 0 ? `, ${done.lost} PDUs lost` : ''}\n`,
  );
};

const record: Action = async (context, api, systemId, options) => {
  const { seconds, reason, content, carrier } = options;
  if (seconds === undefined || reason === undefined)
    throw new CliError('--record needs --seconds and --reason', EXIT.usage);
  const whom = whomOf(systemId, carrier);
  const body = { ...whom, seconds: Number(seconds), reason, content: content === true };
  const answer = await api.post(z.looseObject({ id: z.string() }), '/v1/traces', body);
  print(context, options, answer, (fields) => formatFields(fields));
};

const listRecordings: Action = async (context, api, _systemId, options) => {
  const answer = await api.get(recordingsSchema, '/v1/traces');
  print(context, options, answer, ({ traces }) =>
    formatTable(
      ['id', 'peer', 'content', 'state', 'started', 'pdus', 'lost', 'octets', 'by', 'reason'],
      traces.map((one) => [
        one.id,
        one.peer,
        one.content ? 'yes' : 'no',
        one.ended === undefined ? one.state : `${one.state} (${one.ended})`,
        one.startedAt,
        String(one.pdus),
        String(one.lost),
        String(one.octets),
        one.actor,
        one.reason,
      ]),
    ),
  );
};

const fetchRecording: Action = async (context, api, _systemId, options) => {
  const { fetch: id = '', pcap, reason } = options;
  if (pcap === undefined) throw new CliError('--fetch needs --pcap FILE', EXIT.usage);
  const path = `${pathOf('v1', 'traces', id)}${queryOf({ reason })}`;
  const octets = untilInterrupted((signal) => api.octets(path, signal));
  // The file is not touched before the daemon has agreed.
  const first = await octets.next();
  const file = new PrivateFile(pcap);
  try {
    if (!first.done) file.write(first.value);
    for await (const chunk of octets) file.write(chunk);
  } finally {
    file.close();
  }
  print(
    context,
    options,
    { file: pcap, octets: file.octets },
    (done) => `${done.file}: ${done.octets} octets\n`,
  );
};

const deleteRecording: Action = async (context, api, _systemId, options) => {
  const { delete: id = '' } = options;
  const answer = await api.delete(z.looseObject({}), pathOf('v1', 'traces', id));
  print(context, options, answer, () => `${id}: deleted\n`);
};

const recordingsSchema = z.looseObject({
  traces: z.array(
    z.looseObject({
      id: z.string(),
      peer: z.string(),
      content: z.boolean(),
      state: z.string(),
      ended: z.string().optional(),
      startedAt: z.string(),
      pdus: z.int(),
      lost: z.int(),
      octets: z.int(),
      actor: z.string(),
      reason: z.string(),
    }),
  ),
});

const eventSchema = z.looseObject({ type: z.string(), pdus: z.int().optional() });

/** A line for people; undefined for what only shows that the trace lives. */
function eventText(json: unknown): string | undefined {
  const event = z
    .looseObject({
      type: z.string(),
      pdus: z.int().optional(),
      reason: z.string().optional(),
      peer: z.unknown(),
      sessions: z.array(z.unknown()).optional(),
    })
    .parse(json);
  switch (event.type) {
    case 'pdu':
      return pduText(pduLineSchema.parse(json));
    case 'lost':
      return `... ${event.pdus ?? 0} PDUs lost: they came faster than they were taken`;
    case 'start':
      return `tracing ${String(event.peer)}, ${event.sessions?.length ?? 0} sessions bound`;
    case 'end':
      return event.reason === 'time' ? 'the time is over' : 'the daemon ended the trace';
    default:
      return undefined;
  }
}

function tracePath(
  systemId: string | undefined,
  options: TraceOptions,
  seconds: string | undefined,
): string {
  const { content, reason, carrier } = options;
  if (content === true && reason === undefined)
    throw new CliError('--content needs --reason', EXIT.usage);
  const wanted = { ...whomOf(systemId, carrier), seconds, reason };
  return `/v1/trace${queryOf({ ...wanted, content: content === true ? 'true' : undefined })}`;
}

function whomOf(
  systemId: string | undefined,
  carrier: string | undefined,
): { systemId?: string; carrier?: string } {
  if ((systemId === undefined) === (carrier === undefined))
    throw new CliError('say a SYSTEM_ID, or --carrier NAME', EXIT.usage);
  return systemId === undefined ? { ...(carrier !== undefined && { carrier }) } : { systemId };
}

function capturedPdu(line: PduLine): Parameters<PcapFormat['packets']>[0] {
  const { direction, local, peer, session } = line;
  const [from, to] = direction === 'in' ? [peer, local] : [local, peer];
  return { atMs: unixMs(line.at), session, from, to, octets: Buffer.from(line.hex, 'hex') };
}

/** Date.parse knows three decimals; the other three come on top. */
function unixMs(at: string): number {
  return Date.parse(at) + Number(at.slice(-4, -1)) / 1_000;
}

/** Gives out what a request brings until it ends or Ctrl-C ends it in order. */
async function* untilInterrupted<T>(
  begin: (signal: AbortSignal) => AsyncIterable<T>,
): AsyncGenerator<T> {
  const abort = new AbortController();
  const onSignal = (): void => abort.abort();
  process.once('SIGINT', onSignal);
  try {
    yield* begin(abort.signal);
  } finally {
    process.off('SIGINT', onSignal);
    abort.abort();
  }
}

/** A file that only its owner may read, also when it was there before. */
class PrivateFile {
  octets = 0;
  readonly #fd: number;

  constructor(path: string) {
    try {
      this.#fd = openSync(path, 'w', 0o600);
      fchmodSync(this.#fd, 0o600);
    } catch (error) {
      throw new CliError(`${path} cannot be written: ${String(error)}`);
    }
  }

  write(octets: Uint8Array): void {
    for (let at = 0; at < octets.length; ) at += writeSync(this.#fd, octets, at);
    this.octets += octets.length;
  }

  close(): void {
    closeSync(this.#fd);
  }
}
