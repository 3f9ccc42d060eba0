import { Readable } from 'node:stream';
import { z } from 'zod';
import { TRACES_MAX, type TraceSpec } from '../trace/hub.ts';
import { traceLines } from '../trace/lines.ts';
import { RECORDING_SECONDS_MAX, RECORDINGS_MAX } from '../trace/recordings.ts';
import { type Recording, recordingSchema } from '../trace/running-recording.ts';
import { type Api, type ApiDeps, actorOf, okSchema } from './api.ts';
import { auditContent, mayContent } from './content-access.ts';
import { badRequest, conflict, notFound, Problem } from './problem.ts';

/** Traces of sessions: live as a stream, and recorded into files. */
export function addTraceRoutes(app: Api, deps: ApiDeps): void {
  addStream(app, deps);
  addRecording(app, deps);
  addDownload(app, deps);
  addEnds(app, deps);
  // Streams do not end by themselves, and the server waits for its answers.
  app.addHook('preClose', async () => {
    await deps.traces.recordings.close();
    deps.traces.hub.close();
  });
}

/** A forgotten terminal does not trace for ever. */
const STREAM_SECONDS_MAX = 3_600;
const REASON_MAX = 500;

const ofWhom = {
  systemId: z.string().min(1).max(15).optional(),
  carrier: z.string().min(1).max(64).optional(),
};
const reasonField = z.string().trim().min(1).max(REASON_MAX);
const idParams = z.object({ id: z.string().min(1).max(64) });

function addStream(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/trace',
    {
      exposeHeadRoute: false,
      schema: {
        summary: "A customer's or a carrier's PDUs on this node as they pass, a line of JSON each",
        description:
          'application/x-ndjson; type start (the sessions bound now), pdu, lost (PDUs that you were too slow for), ' +
          'alive (each 10 s of silence), end. hex is the PDU without what you may not see. Passwords are never shown; ' +
          'texts and whole numbers only with content=true, which needs a role that may, and a reason, and is audited. ' +
          `${TRACES_MAX} traces at once, ${STREAM_SECONDS_MAX} s each.`,
        tags: ['traces'],
        querystring: z.object({
          ...ofWhom,
          content: z.enum(['true', 'false']).default('false'),
          reason: reasonField.optional(),
          seconds: z.coerce
            .number()
            .int()
            .min(1)
            .max(STREAM_SECONDS_MAX)
            .default(STREAM_SECONDS_MAX),
        }),
        response: { 200: z.string().describe('lines of JSON') },
      },
    },
    async (request, reply) => {
      const { content, reason, seconds } = request.query;
      const spec = specOf(deps, request.query, content === 'true');
      if (spec.content) {
        mayContent(request);
        if (reason === undefined) throw badRequest('content needs a reason');
        await auditContent(deps, request, 'trace.content', spec.peer, {
          side: spec.side,
          seconds,
          reason,
        });
      }
      const trace = deps.traces.hub.start(spec);
      if (trace === undefined) throw tooManyTraces();
      reply.raw.once('close', () => trace.stop());
      const lines = traceLines(trace, deps.now() + seconds * 1_000, deps.now);
      // One write ahead: what a slow reader does not take waits in the trace, which is bounded.
      const stream = Readable.from(withStart(startLine(deps, spec, seconds), lines), {
        highWaterMark: 1,
      });
      return reply
        .type('application/x-ndjson; charset=utf-8')
        .headers({ 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
        .send(stream);
    },
  );
}

function addRecording(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/traces',
    {
      schema: {
        summary: 'Recorded traces of this node',
        tags: ['traces'],
        response: { 200: z.object({ traces: z.array(recordingSchema) }) },
      },
    },
    async () => ({ traces: await deps.traces.recordings.list() }),
  );
  app.post(
    '/v1/traces',
    {
      schema: {
        summary: 'Record a trace into a pcap file in dataDir/traces (mode 0600)',
        description:
          'It ends after its seconds, or at 100 MiB; it is deleted a day after its begin. Audited. At most ' +
          `${RECORDINGS_MAX} are kept.`,
        tags: ['traces'],
        body: z.strictObject({
          ...ofWhom,
          seconds: z.int().min(1).max(RECORDING_SECONDS_MAX),
          content: z.boolean().default(false),
          reason: reasonField,
        }),
        response: { 201: recordingSchema },
      },
    },
    async (request, reply) => {
      const { seconds, content, reason } = request.body;
      const spec = specOf(deps, request.body, content);
      if (content) mayContent(request);
      const { side, peer } = spec;
      await auditContent(deps, request, 'trace.record', peer, { side, content, seconds, reason });
      const actor = actorOf(request);
      const recording = await deps.traces.recordings.begin(spec, { seconds, reason, actor });
      if (recording === 'tooManyTraces') throw tooManyTraces();
      if (recording === 'tooManyRecordings')
        throw conflict('too-many-recordings', `${RECORDINGS_MAX} are kept: delete one first`);
      return reply.code(201).send(recording);
    },
  );
}

function addDownload(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/traces/:id',
    {
      exposeHeadRoute: false,
      schema: {
        summary: 'The pcap file of a recorded trace',
        description: 'One with content needs a role that may see it, and a reason, and is audited.',
        tags: ['traces'],
        params: idParams,
        querystring: z.object({ reason: reasonField.optional() }),
        response: { 200: z.string().describe('application/vnd.tcpdump.pcap') },
      },
    },
    async (request, reply) => {
      const recording = await found(deps, request.params.id);
      const { id, side, peer, content } = recording;
      if (content) {
        mayContent(request);
        const { reason } = request.query;
        if (reason === undefined) throw badRequest('content needs a reason');
        await auditContent(deps, request, 'trace.download', peer, { side, id, reason });
      }
      if (recording.state === 'running')
        throw conflict('trace-running', `it runs until ${recording.until}: stop it, or wait`);
      return reply
        .type('application/vnd.tcpdump.pcap')
        .headers({
          'cache-control': 'no-store',
          'content-disposition': `attachment; filename="trace-${id}.pcap"`,
        })
        .send(deps.traces.recordings.read(recording));
    },
  );
}

function addEnds(app: Api, deps: ApiDeps): void {
  app.post(
    '/v1/traces/:id/stop',
    {
      schema: {
        summary: 'End a recording',
        tags: ['traces'],
        params: idParams,
        response: { 200: recordingSchema },
      },
    },
    async (request) => {
      const recording = await deps.traces.recordings.stop(request.params.id);
      if (recording === undefined) throw notFound('trace', request.params.id);
      return recording;
    },
  );
  app.delete(
    '/v1/traces/:id',
    {
      schema: {
        summary: 'Delete a recording, running or not',
        tags: ['traces'],
        params: idParams,
        response: { 200: okSchema },
      },
    },
    async (request) => {
      const { id, side, peer } = await found(deps, request.params.id);
      await auditContent(deps, request, 'trace.delete', peer, { side, id });
      await deps.traces.recordings.remove(id);
      return { ok: true };
    },
  );
}

/** Whose sessions: one that is configured, named by exactly one of both. */
function specOf(
  deps: ApiDeps,
  of: { readonly systemId?: string | undefined; readonly carrier?: string | undefined },
  content: boolean,
): TraceSpec {
  const { systemId, carrier } = of;
  const peer = systemId ?? carrier;
  if (peer === undefined || (systemId !== undefined && carrier !== undefined))
    throw badRequest('say whom: systemId, or carrier');
  const side = systemId === undefined ? 'carrier' : 'customer';
  if (!deps.runtime.bindLimits().some((one) => one.side === side && one.peer === peer))
    throw notFound(side === 'customer' ? 'system-id' : 'carrier', peer);
  const alphabet = side === 'customer' ? deps.runtime.alphabetOf(peer) : 'gsm7';
  return { side, peer, content, alphabet };
}

function tooManyTraces(): Problem {
  return new Problem(
    429,
    'too-many-traces',
    `${TRACES_MAX} traces run on this node: end one first`,
  );
}

async function found(deps: ApiDeps, id: string): Promise<Recording> {
  const recording = await deps.traces.recordings.find(id);
  if (recording === undefined) throw notFound('trace', id);
  return recording;
}

function startLine(deps: ApiDeps, spec: TraceSpec, seconds: number): string {
  const sessions = deps.runtime
    .binds()
    .filter((bind) => bind.side === spec.side && bind.peer === spec.peer)
    .map(({ session, address, port, type, tls }) => ({
      session,
      address,
      port,
      boundAs: type,
      tls,
    }));
  const start = {
    type: 'start',
    at: new Date(deps.now()).toISOString(),
    ...spec,
    seconds,
    sessions,
  };
  return `${JSON.stringify(start)}\n`;
}

async function* withStart(start: string, lines: AsyncIterable<string>): AsyncGenerator<string> {
  yield start;
  yield* lines;
}
