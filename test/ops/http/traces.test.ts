import { once } from 'node:events';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createLog } from '../../../src/ops/logs.ts';
import { TRACES_MAX } from '../../../src/ops/trace/hub.ts';
import {
  RECORDING_KEPT_MS,
  RECORDINGS_MAX,
  Recordings,
} from '../../../src/ops/trace/recordings.ts';
import {
  answerOk,
  BIND_TRANSCEIVER,
  Opened,
  pduHex,
  type RawPeer,
  sessionAndPeer,
  TestClock,
} from '../../session/support.ts';
import { eventually } from '../../support/gateway.ts';
import { ADMIN_TOKEN, type Answer, type OpsBench, request, startOps } from '../ops-bench.ts';
import { pdusOf, readCapture, streamOf } from '../trace/capture-file.ts';

const TOKENS = { operator: 'token-operator', inspector: 'token-inspector', viewer: 'token-viewer' };
type Name = keyof typeof TOKENS | 'admin';

let ops: OpsBench;
const opened = new Opened();
beforeAll(async () => {
  ops = await startOps({
    tokens: [
      { name: 'admin', role: 'admin', token: ADMIN_TOKEN },
      { name: 'olga', role: 'operator', token: TOKENS.operator },
      { name: 'ivan', role: 'inspector', token: TOKENS.inspector },
      { name: 'vera', role: 'viewer', token: TOKENS.viewer },
    ],
  });
});
afterEach(async () => {
  await opened.release();
  for (const { id } of await ops.traces.recordings.list()) await ops.traces.recordings.remove(id);
});
afterAll(() => ops.stop());

function as(name: Name): Record<string, string> {
  return { authorization: `Bearer ${name === 'admin' ? ADMIN_TOKEN : TOKENS[name]}` };
}

function ask(name: Name, method: string, path: string, body?: unknown): Promise<Answer> {
  return request(`${ops.url}${path}`, method, body, as(name));
}

/** A live trace as its reader sees it. */
async function follow(name: Name, query: string) {
  const abort = new AbortController();
  const response = await fetch(`${ops.url}/v1/trace?${query}`, {
    headers: as(name),
    signal: abort.signal,
  });
  if (response.body === null) throw new Error('a stream has a body');
  let text = '';
  const done = (async () => {
    for await (const chunk of response.body ?? []) text += Buffer.from(chunk).toString();
  })().catch(() => {});
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    text: () => text,
    pdus: () => events(text).filter((event) => event.type === 'pdu'),
    done,
    async leave() {
      abort.abort();
      await done;
    },
  };
}

function events(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

/** source "Shop", destination 966512345678, short_message "come at nine" (SMPP 3.4 §4.4.1). */
const SUBMIT = pduHex(
  0x04,
  0,
  2,
  `00 0500 53686f7000 0101 ${Buffer.from('966512345678').toString('hex')}00 00 00 00 00 00 00 00 00 00 0c ${Buffer.from('come at nine').toString('hex')}`,
);

function seq(n: number): string {
  return n.toString(16).padStart(8, '0');
}

/** The customer acme, with the password "secret", submits once. */
async function traffic(): Promise<RawPeer> {
  const { handler, peer } = await sessionAndPeer(opened, new TestClock(), {
    tap: ops.traces.hub.customers,
  });
  handler.answer = answerOk;
  peer.write(BIND_TRANSCEIVER + SUBMIT);
  await peer.take(2);
  return peer;
}

async function audited(): Promise<unknown[]> {
  const { rows } = await ops.pool.query(
    "select actor, action, subject, detail from audit where action like 'trace.%' order by id",
  );
  await ops.pool.query("delete from audit where action like 'trace.%'");
  return rows;
}

describe('GET /v1/trace', () => {
  it('streams PDUs to a viewer without password, text and whole numbers, unaudited', async () => {
    const stream = await follow('viewer', 'systemId=acme');
    expect([stream.status, stream.type]).toEqual([200, 'application/x-ndjson; charset=utf-8']);
    await traffic();
    await eventually(() => expect(stream.pdus()).toHaveLength(4));
    await stream.leave();
    const [start] = events(stream.text());
    expect(start).toMatchObject({
      type: 'start',
      content: false,
      sessions: [{ session: 12, address: '192.0.2.7', boundAs: 'transceiver', tls: true }],
    });
    for (const secret of ['secret', 'come at nine', '966512345678']) {
      expect(stream.text()).not.toContain(secret);
      expect(stream.text()).not.toContain(Buffer.from(secret).toString('hex'));
    }
    expect(await audited()).toEqual([]);
    await eventually(() => expect(ops.traces.hub.running).toBe(0));
  });

  it('shows content to an inspector with a reason, and the audit says so', async () => {
    const stream = await follow(
      'inspector',
      'systemId=acme&content=true&reason=ticket+17&seconds=60',
    );
    await traffic();
    await eventually(() => expect(stream.pdus()).toHaveLength(4));
    await stream.leave();
    const submit = stream.pdus().find((pdu) => pdu.command === 'submit_sm');
    expect(submit).toMatchObject({
      fields: {
        destination_addr: '966512345678',
        short_message: { octets: 12, text: 'come at nine' },
      },
      hex: SUBMIT,
    });
    expect(stream.text()).not.toContain('secret');
    expect(await audited()).toEqual([
      {
        actor: 'ivan',
        action: 'trace.content',
        subject: 'acme',
        detail: { side: 'customer', seconds: 60, reason: 'ticket 17' },
      },
    ]);
  });

  it('refuses content without a reason or a role that may, and whom it does not know', async () => {
    const refusal = async (name: Name, query: string) => {
      const { status, json } = await ask(name, 'GET', `/v1/trace?${query}`);
      return [status, String(json.type).split(':').at(-1)];
    };
    expect(await refusal('admin', 'systemId=acme&content=true')).toEqual([400, 'bad-request']);
    expect(await refusal('admin', 'systemId=acme&content=true&reason=%20')).toEqual([
      400,
      'bad-request',
    ]);
    for (const name of ['operator', 'viewer'] as const)
      expect(await refusal(name, 'systemId=acme&content=true&reason=x')).toEqual([
        403,
        'role-too-low',
      ]);
    expect(await refusal('admin', 'systemId=nobody')).toEqual([404, 'system-id-not-found']);
    expect(await refusal('admin', 'carrier=acme')).toEqual([404, 'carrier-not-found']);
    expect(await refusal('admin', 'systemId=acme&carrier=sim')).toEqual([400, 'bad-request']);
    expect(await refusal('admin', '')).toEqual([400, 'bad-request']);
    expect(await audited()).toEqual([]);
    expect(ops.traces.hub.running).toBe(0);
  });

  it('loses and counts what a reader that stalls does not take, and goes on when he does', async () => {
    const request = get(`${ops.url}/v1/trace?systemId=acme`, {
      headers: as('viewer'),
      agent: false,
    });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const peer = await traffic();
    const batch = Array.from({ length: 2_000 }, (_, n) =>
      SUBMIT.replace('00000002', seq(n + 3)),
    ).join('');
    for (let n = 0; n < 15; n++) {
      peer.write(batch);
      await peer.take(2_000);
    }
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    await eventually(() => expect(text).toContain('"type":"lost"'));
    const before = text.length;
    peer.write(SUBMIT);
    await eventually(() => expect(text.slice(before)).toContain('"command":"submit_sm_resp"'));
    const closed = once(request, 'close');
    request.destroy();
    await closed;
    const seen = events(text);
    const lost = seen.reduce(
      (sum, event) => sum + (event.type === 'lost' ? Number(event.pdus) : 0),
      0,
    );
    expect(seen.filter((event) => event.type === 'pdu').length + lost).toBe(4 + 2 * 30_000 + 2);
    await eventually(() => expect(ops.traces.hub.running).toBe(0));
  });

  it('is not begun by HEAD, runs so many times at once, and ends with its time', async () => {
    const head = { method: 'HEAD', headers: as('admin') };
    expect((await fetch(`${ops.url}/v1/trace?systemId=acme`, head)).status).toBe(404);
    const streams = [];
    for (let n = 0; n < TRACES_MAX; n++)
      streams.push(await follow('admin', 'systemId=acme&seconds=1'));
    const refused = await ask('admin', 'GET', '/v1/trace?systemId=acme');
    expect([refused.status, refused.json.type]).toEqual([
      429,
      'urn:smppgate:problem:too-many-traces',
    ]);
    ops.now += 1_000;
    await traffic(); // wakes them to look at the clock
    await Promise.all(streams.map((stream) => stream.done));
    for (const stream of streams)
      expect(events(stream.text()).at(-1)).toEqual({ type: 'end', reason: 'time' });
    expect(ops.traces.hub.running).toBe(0);
  });
});

describe('POST /v1/traces', () => {
  const wanted = { systemId: 'acme', seconds: 60, reason: 'ticket 18' };

  it('records into a file that only the daemon may read, until it is stopped', async () => {
    const begun = await ask('operator', 'POST', '/v1/traces', wanted);
    expect(begun.status).toBe(201);
    expect(begun.json).toMatchObject({
      peer: 'acme',
      state: 'running',
      content: false,
      actor: 'olga',
    });
    const { id } = begun.json;
    expect((await ask('viewer', 'GET', `/v1/traces/${id}`)).json.type).toContain('trace-running');
    const peer = await traffic();
    const { json } = await ask('operator', 'POST', `/v1/traces/${id}/stop`);
    expect(json).toMatchObject({ state: 'done', ended: 'stopped', pdus: 4, lost: 0 });
    const files = readdirSync(ops.tracesFolder);
    expect(files.toSorted()).toEqual([`${id}.json`, `${id}.pcap`]);
    for (const file of files)
      expect(statSync(join(ops.tracesFolder, file)).mode & 0o777).toBe(0o600);
    const response = await fetch(`${ops.url}/v1/traces/${id}`, { headers: as('viewer') });
    expect(response.headers.get('content-type')).toBe('application/vnd.tcpdump.pcap');
    const file = Buffer.from(await response.arrayBuffer());
    expect(file).toHaveLength(json.octets);
    const { localPort = 0, remotePort = 0 } = peer.socket;
    const sent = pdusOf(streamOf(readCapture(file), localPort, remotePort));
    expect(sent.map((pdu) => pdu.length)).toEqual([BIND_TRANSCEIVER.length / 2, SUBMIT.length / 2]);
    for (const secret of ['secret', 'come at nine', '966512345678'])
      expect(file.includes(secret)).toBe(false);
    expect(await audited()).toMatchObject([
      { actor: 'olga', action: 'trace.record', detail: { reason: 'ticket 18' } },
    ]);
  });

  it('keeps content for those who may see it, each with a reason of their own', async () => {
    expect((await ask('operator', 'POST', '/v1/traces', { ...wanted, content: true })).status).toBe(
      403,
    );
    for (const name of ['viewer', 'inspector'] as const)
      expect((await ask(name, 'POST', '/v1/traces', wanted)).status).toBe(403);
    const { id } = (await ask('admin', 'POST', '/v1/traces', { ...wanted, content: true })).json;
    await traffic();
    await ask('operator', 'POST', `/v1/traces/${id}/stop`);
    expect((await ask('viewer', 'GET', `/v1/traces/${id}?reason=x`)).status).toBe(403);
    expect((await ask('inspector', 'GET', `/v1/traces/${id}`)).status).toBe(400);
    const got = await ask('inspector', 'GET', `/v1/traces/${id}?reason=court+order`);
    expect(got.text).toContain('come at nine');
    expect(got.text).not.toContain('secret');
    expect((await audited()).at(-1)).toMatchObject({
      actor: 'ivan',
      action: 'trace.download',
      subject: 'acme',
      detail: { id, reason: 'court order' },
    });
  });

  it('ends after its seconds, and is deleted after a day, also what a killed daemon left', async () => {
    const { id } = (await ask('admin', 'POST', '/v1/traces', { ...wanted, seconds: 600 })).json;
    ops.now += 600_000;
    await eventually(async () =>
      expect(await ops.traces.recordings.find(id)).toMatchObject({ state: 'done', ended: 'time' }),
    );
    const left = `${(ops.now - RECORDING_KEPT_MS).toString(36)}-0123456789ab`;
    writeFileSync(join(ops.tracesFolder, `${left}.pcap`), 'cut short');
    await ops.traces.recordings.sweep();
    expect(readdirSync(ops.tracesFolder)).toHaveLength(2);
    ops.now += RECORDING_KEPT_MS - 600_000;
    await eventually(async () => {
      await ops.traces.recordings.sweep();
      expect(readdirSync(ops.tracesFolder)).toEqual([]);
    });
    expect((await ask('admin', 'GET', '/v1/traces')).json).toEqual({ traces: [] });
  });

  it('refuses more than ten minutes, more than are kept, and ids that are paths', async () => {
    expect((await ask('admin', 'POST', '/v1/traces', { ...wanted, seconds: 601 })).status).toBe(
      400,
    );
    expect(
      (await ask('admin', 'POST', '/v1/traces', { systemId: 'acme', seconds: 1 })).status,
    ).toBe(400);
    for (let n = 0; n < RECORDINGS_MAX; n++) {
      const { status, json } = await ask('admin', 'POST', '/v1/traces', wanted);
      expect(status).toBe(201);
      await ask('admin', 'POST', `/v1/traces/${json.id}/stop`);
    }
    const refused = await ask('admin', 'POST', '/v1/traces', wanted);
    expect([refused.status, refused.json.type]).toEqual([
      409,
      'urn:smppgate:problem:too-many-recordings',
    ]);
    for (const id of ['..%2Fadmin-token', '%2e%2e', 'x'])
      expect((await ask('admin', 'GET', `/v1/traces/${id}`)).status).toBe(404);
    const [{ id }] = (await ask('admin', 'GET', '/v1/traces')).json.traces;
    expect((await ask('admin', 'DELETE', `/v1/traces/${id}`)).json).toEqual({ ok: true });
    expect((await ask('admin', 'DELETE', `/v1/traces/${id}`)).status).toBe(404);
  });
});

describe('Recordings', () => {
  it('ends at its size with whole packets', async () => {
    const recordings = new Recordings({
      folder: ops.tracesFolder,
      hub: ops.traces.hub,
      log: createLog('silent', { write: () => {} }),
      octetsMax: 300,
      now: () => ops.now,
    });
    const spec = { side: 'customer', peer: 'acme', content: false, alphabet: 'gsm7' } as const;
    const begun = await recordings.begin(spec, { seconds: 60, reason: 'size', actor: 'test' });
    if (typeof begun === 'string') throw new Error(begun);
    await traffic();
    await eventually(async () =>
      expect(await recordings.find(begun.id)).toMatchObject({
        state: 'done',
        ended: 'size',
        pdus: 2,
      }),
    );
    const { size } = statSync(join(ops.tracesFolder, `${begun.id}.pcap`));
    expect(size).toBeLessThanOrEqual(300);
    await recordings.close();
  });
});

describe('GET /v1/binds', () => {
  it('lists live sessions with what they carry, of whom is asked for', async () => {
    const { json } = await ask('viewer', 'GET', '/v1/binds');
    expect(json).toEqual({
      node: 'node <a>',
      total: 1,
      historyLost: 5,
      binds: [
        {
          session: 12,
          side: 'customer',
          systemId: 'acme',
          account: 'acme',
          address: '192.0.2.7',
          port: 40_001,
          boundAs: 'transceiver',
          version: '3.4',
          tls: true,
          since: '1970-01-01T00:00:00.000Z',
          window: { submits: 3, submitsMax: 100, receipts: 2, receiptsMax: 100 },
          outboundOctets: 36,
          submits: 1_000,
          receipts: 900,
        },
      ],
    });
    for (const query of ['systemId=other', 'carrier=acme', 'account=other'])
      expect((await ask('viewer', 'GET', `/v1/binds?${query}`)).json.total).toBe(0);
  });
});

describe('GET /v1/binds/history', () => {
  it('lists sessions and refusals of a time, newest first', async () => {
    await ops.pool.query(
      "insert into node_epoch (number, name, valid_until, id_limit_ms) values (1, 'n1', now(), 0)",
    );
    await ops.pool.query(
      `insert into bind_session (epoch, session, side, peer, address, port, bound_as, version, tls, bound_at, ended_at,
         reason, detail, submits, receipts)
       select max(epoch), 1, 0, 'acme', '192.0.2.7', 40001, 'receiver', 80, true, '2020-11-22T10:00:00Z',
         '2020-11-22T11:00:00Z', 'socketError', 'ECONNRESET', 0, 900 from node_epoch`,
    );
    await ops.pool.query(
      "insert into bind_count values ('2020-11-22T10:30:00Z', 0, '-', '198.51.100.1', 'password', 17)",
    );
    const between = 'from=2020-11-22T10:59:00Z&until=2020-11-22T12:00:00Z';
    expect((await ask('viewer', 'GET', `/v1/binds/history?${between}`)).json.binds).toHaveLength(1);
    const all = 'from=2020-11-22T00:00:00Z&until=2020-11-23T00:00:00Z';
    const { json } = await ask('viewer', 'GET', `/v1/binds/history?${all}`);
    expect(json.binds).toEqual([
      {
        event: 'refused',
        side: 'customer',
        systemId: '-',
        address: '198.51.100.1',
        boundAt: '2020-11-22T10:30:00.000Z',
        reason: 'password',
        count: 17,
      },
      {
        event: 'session',
        side: 'customer',
        systemId: 'acme',
        address: '192.0.2.7',
        port: 40_001,
        boundAs: 'receiver',
        version: '5.0',
        tls: true,
        boundAt: '2020-11-22T10:00:00.000Z',
        endedAt: '2020-11-22T11:00:00.000Z',
        reason: 'socketError',
        detail: 'ECONNRESET',
        submits: 0,
        receipts: 900,
        count: 1,
        node: 'n1',
      },
    ]);
    const own = await ask('viewer', 'GET', `/v1/binds/history?${all}&systemId=acme`);
    expect(own.json.binds).toHaveLength(1);
    expect((await ask('viewer', 'GET', '/v1/binds/history')).json.binds).toEqual([]);
  });
});
