import { afterEach, describe, expect, it } from 'vitest';
import {
  TRACE_OCTETS_MAX,
  TRACE_PDUS_MAX,
  TRACES_MAX,
  type Trace,
  TraceHub,
} from '../../../src/ops/trace/hub.ts';
import { traceLines } from '../../../src/ops/trace/lines.ts';
import {
  answerOk,
  BIND_TRANSCEIVER,
  Opened,
  type RawPeer,
  sessionAndPeer,
  submitHex,
  TestClock,
} from '../../session/support.ts';

const opened = new Opened();
afterEach(() => opened.release());

function newHub(): TraceHub {
  return new TraceHub({ now: Date.now, monotonic: () => performance.now() });
}

function started(hub: TraceHub, peer = 'acme', side: 'customer' | 'carrier' = 'customer'): Trace {
  const trace = hub.start({ side, peer, content: false, alphabet: 'gsm7' });
  if (trace === undefined) throw new Error('there is room for a trace');
  return trace;
}

async function customer(hub: TraceHub): Promise<RawPeer> {
  const { handler, peer } = await sessionAndPeer(opened, new TestClock(), { tap: hub.customers });
  handler.answer = answerOk;
  return peer;
}

const commands = (trace: Trace): number[] =>
  trace.take().pdus.map((pdu) => pdu.octets.readUInt32BE(4));

describe('TraceHub', () => {
  it('opens a tap only while a trace of its side runs, of carriers only of that carrier', () => {
    const hub = newHub();
    const [sim, other] = [hub.carrier('sim'), hub.carrier('other')];
    const open = (): boolean[] => [hub.customers.open, sim.open, other.open];
    expect(open()).toEqual([false, false, false]);
    const carrier = started(hub, 'sim', 'carrier');
    expect(open()).toEqual([false, true, false]);
    const acme = started(hub);
    carrier.stop();
    expect(open()).toEqual([true, false, false]);
    acme.stop();
    expect(open()).toEqual([false, false, false]);
    started(hub, 'late', 'carrier');
    expect(hub.carrier('late').open).toBe(true);
  });

  it('gives a trace what its customer sends and gets, from his bind on, and nothing of others', async () => {
    const hub = newHub();
    const [acme, other] = [started(hub), started(hub, 'other')];
    const peer = await customer(hub);
    peer.write(BIND_TRANSCEIVER + submitHex(2));
    await peer.take(2);
    expect(commands(acme)).toEqual([0x09, 0x80000009, 0x04, 0x80000004]);
    expect(commands(other)).toEqual([]);
    // Begun in the midst of a session it sees what comes.
    const later = started(hub);
    peer.write(submitHex(3));
    await peer.take(1);
    expect(commands(later)).toEqual([0x04, 0x80000004]);
    later.stop();
    peer.write(submitHex(4));
    await peer.take(1);
    expect(commands(later)).toEqual([]);
  });

  it('traces a bind that is refused by the name that it gave', async () => {
    const hub = newHub();
    const trace = started(hub);
    const { handler, peer } = await sessionAndPeer(opened, new TestClock(), { tap: hub.customers });
    handler.bind = (session) => session.rejectBind(0x0d);
    peer.write(BIND_TRANSCEIVER);
    await peer.take(1);
    const { pdus } = trace.take();
    expect(pdus.map((pdu) => pdu.octets.readUInt32BE(8))).toEqual([0, 0x0d]);
    expect(pdus.some((pdu) => pdu.octets.includes('secret'))).toBe(false);
  });

  it('runs only so many at once', () => {
    const hub = newHub();
    const traces = Array.from({ length: TRACES_MAX }, () => started(hub));
    expect(
      hub.start({ side: 'customer', peer: 'acme', content: false, alphabet: 'gsm7' }),
    ).toBeUndefined();
    traces[0]?.stop();
    started(hub);
    expect(hub.running).toBe(TRACES_MAX);
  });

  it('counts what its buffer cannot hold, and the lines say so', async () => {
    const hub = newHub();
    const trace = started(hub);
    const peer = await customer(hub);
    const submits = TRACE_PDUS_MAX / 2;
    const all = Array.from({ length: submits + 10 }, (_, n) => submitHex(n + 2)).join('');
    peer.write(BIND_TRANSCEIVER + all);
    await peer.take(submits + 11);
    trace.stop();
    const text = [];
    for await (const lines of traceLines(trace, Number.POSITIVE_INFINITY, Date.now))
      text.push(lines);
    const events = text
      .join('')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.filter((event) => event.type === 'pdu')).toHaveLength(TRACE_PDUS_MAX);
    expect(events.slice(-2)).toEqual([
      { type: 'lost', pdus: 2 + 2 * (submits + 10) - TRACE_PDUS_MAX },
      { type: 'end', reason: 'stopped' },
    ]);
    expect(TRACE_OCTETS_MAX).toBeGreaterThan(0);
  });
});
