import { describePdu, type Shown } from './describe.ts';
import type { Trace, TracedPdu } from './hub.ts';

/** An empty trace says so often that it lives: proxies and clients cut connections that are silent for a minute. */
const ALIVE_MS = 10_000;
/** Octets of PDUs in one write: as JSON and hex some four times as many. */
const OCTETS_AT_ONCE = 65_536;

/**
 * A trace as lines of JSON, each of a `type`: `pdu`, `lost` (so many PDUs, because the reader was too slow), `alive`,
 * and last `end` with its reason. Ends when the trace is stopped or at `untilMs`.
 * @param now unix ms
 */
export async function* traceLines(
  trace: Trace,
  untilMs: number,
  now: () => number,
): AsyncGenerator<string> {
  try {
    while (trace.running && now() < untilMs) {
      await trace.wait(Math.min(ALIVE_MS, Math.max(0, untilMs - now())));
      let silent = true;
      for (const lines of batches(trace)) {
        silent = false;
        yield lines;
      }
      if (silent && trace.running) yield line({ type: 'alive', at: new Date(now()).toISOString() });
    }
    const reason = trace.running ? 'time' : 'stopped';
    trace.stop();
    yield* batches(trace);
    yield line({ type: 'end', reason });
  } finally {
    trace.stop();
  }
}

function* batches(trace: Trace): Generator<string> {
  const { pdus, lost } = trace.take();
  let lines = '';
  let octets = 0;
  for (const pdu of pdus) {
    lines += line(pduLine(pdu, trace.spec));
    octets += pdu.octets.length;
    if (octets < OCTETS_AT_ONCE) continue;
    yield lines;
    lines = '';
    octets = 0;
  }
  if (lines !== '') yield lines;
  // The buffer was full behind these.
  if (lost > 0) yield line({ type: 'lost', pdus: lost });
}

function pduLine(pdu: TracedPdu, shown: Shown): Record<string, unknown> {
  const { session, direction, local, peer, tls, octets } = pdu;
  return {
    type: 'pdu',
    at: microsecondTime(pdu.atMs),
    session,
    direction,
    local,
    peer,
    tls,
    ...describePdu(pdu.redacted, shown),
    hex: octets.toString('hex'),
  };
}

/** ISO 8601 in UTC with six decimals. */
function microsecondTime(ms: number): string {
  const whole = Math.floor(ms);
  const micro = Math.floor((ms - whole) * 1_000);
  return `${new Date(whole).toISOString().slice(0, -1)}${String(micro).padStart(3, '0')}Z`;
}

function line(value: Record<string, unknown>): string {
  return `${JSON.stringify(value)}\n`;
}
