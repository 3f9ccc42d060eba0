import type { WriteStream } from 'node:fs';
import { z } from 'zod';
import type { Trace } from './hub.ts';
import { PcapFormat } from './pcap.ts';

/** Octets given to the disk and not written; above it the trace's own buffer fills, and then PDUs are lost. */
const WRITE_AHEAD_OCTETS = 4 * 1_048_576;
/** How often the end of its time is looked at. */
const LOOK_MS = 250;

/** What is known of a recording, kept beside it. */
export type Recording = z.infer<typeof recordingSchema>;

/** Also what the API answers. */
export const recordingSchema = z.object({
  id: z.string(),
  side: z.enum(['customer', 'carrier']),
  peer: z.string().describe('system_id, or name of the carrier'),
  content: z.boolean(),
  reason: z.string(),
  actor: z.string(),
  startedAt: z.iso.datetime(),
  until: z.iso.datetime().describe('when it ends at the latest'),
  state: z.enum(['running', 'done', 'interrupted']),
  ended: z.string().optional().describe('time, stopped, size, shutdown, or what failed'),
  pdus: z.int().describe('recorded'),
  lost: z.int().describe('not recorded: the disk was too slow'),
  octets: z.int().describe('of the file'),
});

/** One recording under way: from a trace into its file. */
export class RunningRecording {
  /** When all is written, its facts included. */
  done: Promise<void> = Promise.resolve();
  readonly #trace: Trace;
  readonly #file: WriteStream;
  readonly #format = new PcapFormat();
  readonly #facts: Recording;
  readonly #untilMs: number;
  readonly #octetsMax: number;
  readonly #now: () => number;
  #ended: string | undefined;

  constructor(
    trace: Trace,
    file: WriteStream,
    facts: Recording,
    limits: { readonly octetsMax: number; now(): number },
  ) {
    this.#trace = trace;
    this.#file = file;
    this.#facts = { ...facts };
    this.#untilMs = Date.parse(facts.until);
    this.#octetsMax = limits.octetsMax;
    this.#now = limits.now;
    file.on('error', (error: NodeJS.ErrnoException) => this.stop(error.code ?? error.message));
  }

  facts(): Recording {
    return { ...this.#facts };
  }

  /** The first reason counts. */
  stop(why: string): void {
    this.#ended ??= why;
    this.#trace.stop();
  }

  /** Until it was stopped and all is written. Never rejects. */
  async run(): Promise<void> {
    this.#write(this.#format.header());
    while (this.#trace.running) {
      await this.#trace.wait(LOOK_MS);
      if (this.#file.writableLength < WRITE_AHEAD_OCTETS) this.#take();
      else await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      if (this.#now() >= this.#untilMs) this.stop('time');
    }
    this.#take();
    this.#facts.state = 'done';
    this.#facts.ended = this.#ended ?? 'stopped';
    await new Promise<void>((resolve) => {
      this.#file.once('close', resolve);
      if (this.#file.closed) resolve();
      this.#file.end();
    });
  }

  #take(): void {
    if (this.#ended === 'size') return;
    const { pdus, lost } = this.#trace.take();
    this.#facts.lost += lost;
    for (const pdu of pdus) {
      const packets = this.#format.packets(pdu);
      if (this.#facts.octets + packets.length > this.#octetsMax) return this.stop('size');
      this.#write(packets);
      this.#facts.pdus++;
    }
  }

  #write(octets: Buffer): void {
    this.#facts.octets += octets.length;
    if (this.#file.writable) this.#file.write(octets);
  }
}
