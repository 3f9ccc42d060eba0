import { type Logger, pino } from 'pino';

/** What a line of the log may carry: names and counts. A number, a text or a password has no field here. */
export type LogFields = Readonly<
  Record<string, string | number | boolean | bigint | undefined | readonly string[] | Error>
>;

/** The product's log: one event a line. `event` is a short fixed phrase, what varies stands in the fields. */
export interface OpsLog {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/** Where the lines go: process.stdout, or a collector in tests. */
export interface LogSink {
  write(line: string): unknown;
  readonly isTTY?: boolean;
}

/**
 * Fields that must never be printed, whoever put them there: a second net under the rule that they are not passed at
 * all. pino replaces them at the first and second level.
 */
export const REDACTED_FIELDS = [
  'password',
  'passwordHash',
  'sealedPassword',
  'sealedKey',
  'sealedSecret',
  'token',
  'authorization',
  'key',
  'text',
  'short_message',
  'message_payload',
  'destination',
  'destination_addr',
  'sender',
  'source_addr',
  'msisdn',
] as const;

/**
 * A log of one JSON object a line (pino: time in ISO 8601, level in words), or readable lines when the sink is a
 * terminal. Writes are synchronous: what happened before a crash is in the log; the hot path logs nothing a message.
 */
export function createLog(level: LogLevel, sink: LogSink): OpsLog {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: REDACTED_FIELDS.flatMap((field) => [field, `*.${field}`]),
        censor: '[hidden]',
      },
    },
    sink.isTTY === true
      ? { write: (line: string) => sink.write(readable(line)) }
      : { write: (line: string) => sink.write(line) },
  );
  return {
    debug: (event, fields) => write(logger, 'debug', event, fields),
    info: (event, fields) => write(logger, 'info', event, fields),
    warn: (event, fields) => write(logger, 'warn', event, fields),
    error: (event, fields) => write(logger, 'error', event, fields),
  };
}

function write(
  logger: Logger,
  level: keyof OpsLog,
  event: string,
  fields: LogFields | undefined,
): void {
  if (fields === undefined) logger[level](event);
  else logger[level](printable(fields), event);
}

/** bigint has no JSON form and an Error none of its own: ids become decimal strings, an error its message. */
function printable(fields: LogFields): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === 'bigint') out[name] = value.toString();
    else if (value instanceof Error) out[name] = value.message;
    else out[name] = value;
  }
  return out;
}

const TIME_OF_DAY = { start: 'YYYY-MM-DDT'.length, end: 'YYYY-MM-DDTHH:MM:SS.mmm'.length };

/** `12:03:04.005 warn  carrier down carrier=sim reason="connection refused"` */
function readable(line: string): string {
  const { time, level, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const clock = String(time).slice(TIME_OF_DAY.start, TIME_OF_DAY.end);
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${shown(value)}`);
  return `${clock} ${String(level).padEnd(5)} ${String(msg)}${rest.join('')}\n`;
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /[\s"=]/.test(text) ? JSON.stringify(text) : text;
}
