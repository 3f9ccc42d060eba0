import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pool } from 'pg';
import type { ParkedReceiptView } from '../../src/gateway/parked-receipts.ts';
import type { ReceiptExplanation } from '../../src/gateway/receipt-explain.ts';
import type { Api } from '../../src/ops/http/api.ts';
import type { AccessToken } from '../../src/ops/http/auth.ts';
import { buildHttpServer } from '../../src/ops/http/server.ts';
import { createLog } from '../../src/ops/logs.ts';
import { createMetrics, type Metrics } from '../../src/ops/metrics.ts';
import type {
  BanView,
  CarrierQualityView,
  CarrierView,
  OpsRuntime,
  Readiness,
} from '../../src/ops/runtime.ts';
import { createSecretKeeper } from '../../src/ops/secret-keeper.ts';
import { storedGauges } from '../../src/ops/stored-gauges.ts';
import { TraceHub } from '../../src/ops/trace/hub.ts';
import { Recordings } from '../../src/ops/trace/recordings.ts';
import { createStorePool } from '../../src/store/pool.ts';
import type { SecretKeeper } from '../../src/store/resource-sealing.ts';
import { Sealing } from '../../src/store/sealing.ts';
import { createDatabase } from '../support/postgres.ts';

export const ADMIN_TOKEN = 'the-admin-token-of-this-test';

/** Under keys that only tests have, newest first. */
export function testSealing(keys: readonly string[] = ['key of this test']): Sealing {
  return new Sealing(
    keys.map((key) => createHash('sha256').update(key).digest()),
    randomBytes,
  );
}

/** A secret keeper with keys that only tests have, newest first. */
export function testSecrets(keys: readonly string[] = ['key of this test']): SecretKeeper & {
  open(sealed: string): string;
} {
  const sealing = testSealing(keys);
  const pepper = Buffer.from('pepper of this test');
  return {
    ...createSecretKeeper({ sealing, pepper }),
    open: (sealed) => sealing.openSecret(sealed),
  };
}

/** The living daemon of a test: what it was told to do is written down, what it says can be set. */
export interface TestRuntime extends OpsRuntime {
  readiness: Readiness;
  carrierViews: CarrierView[];
  banViews: BanView[];
  qualityViews: CarrierQualityView[];
  parkedViews: ParkedReceiptView[];
  requeuing: boolean | undefined;
  /** What was committed of lists is in force. */
  listsLive: boolean;
  facts: OpsRuntime['facts'];
  readonly told: string[];
}

const EXPLANATION: ReceiptExplanation = {
  carrier: 'sim',
  read: {
    ids: [{ source: 'text', id: '7', means: [{ reading: 'same', key: '7' }] }],
    state: 'DELIVRD',
    stat: 'DELIVRD',
    err: '000',
    intermediate: false,
    destination: '966500000001',
    sender: 'Shop',
    submitDate: undefined,
    doneDate: undefined,
    userReference: undefined,
  },
  learnt: [
    { source: 'text', reading: 'same', evidence: { same: 5, hexToDecimal: 0, decimalToHex: 0 } },
  ],
  candidates: [
    {
      message: '12',
      segment: 1,
      attempt: 1,
      carrier: 'sim',
      upstreamId: '07',
      sentAt: new Date(0),
      source: 'text',
      reading: 'same',
      destination: 'other',
      reference: 'unknown',
      state: 'open',
      verdict: 'otherDestination',
    },
  ],
  matched: undefined,
  reason: 'otherDestination',
  does: 'kept',
  hints: ['look at it'],
};

export function testRuntime(): TestRuntime {
  const told: string[] = [];
  const runtime: TestRuntime = {
    told,
    readiness: { ok: true, reasons: [], warnings: [] },
    carrierViews: [],
    banViews: [],
    qualityViews: [],
    parkedViews: [],
    requeuing: false,
    listsLive: true,
    facts: { version: '1.2.3', node: 'node <a>', startedAtMs: 0, resourcesFile: undefined },
    ready: async () => runtime.readiness,
    isResourcesFileInForce: () => undefined,
    carriers: () => runtime.carrierViews,
    destinationsOf: async () => new Map(),
    binds: () => [
      {
        side: 'customer',
        peer: 'acme',
        account: 'acme',
        session: 12,
        systemId: 'acme',
        type: 'transceiver',
        interfaceVersion: 0x34,
        tls: true,
        address: '192.0.2.7',
        port: 40_001,
        boundAtMs: 0,
        windowInUse: 3,
        windowMax: 100,
        deliversInUse: 2,
        deliversMax: 100,
        outboundOctets: 36,
        submits: 1_000,
        delivers: 900,
      },
    ],
    bindHistoryLost: () => 5,
    alphabetOf: () => 'latin1',
    traces: () => 1,
    bindLimits: () => [{ side: 'customer', peer: 'acme', limit: 8 }],
    bans: () => runtime.banViews,
    liftBan: (address, systemId) => {
      told.push(`liftBan ${address} ${systemId}`);
      return true;
    },
    queues: () => [{ carrier: 'sim', class: 'otp', messages: 7, oldestSeconds: 2.5 }],
    quality: () => runtime.qualityViews,
    throughput: () => ({ submitsPerSecond: 12.34, segmentsPerSecond: 15, receiptsPerSecond: 11 }),
    receiptsWaiting: () => new Map([['acme', 4]]),
    explainRoute: ({ destination, account, sender, trafficClass, atMs }) =>
      account === 'nobody'
        ? { noSuchAccount: account }
        : {
            destination,
            at: new Date(atMs).toISOString(),
            account: account ?? null,
            sender,
            class: trafficClass ?? null,
            network: { code: '42001', operator: 'stc', from: 'number' },
            unitPrice: account === undefined ? null : '0.05',
            routes: [
              { name: '966', open: true },
              { name: '', open: true },
            ],
            route: '966',
            prefix: '966',
            why: 'it has the longer prefix',
            select: 'priority',
            candidates: [
              {
                carrier: 'sim',
                priority: 1,
                weight: 1,
                allowLoss: false,
                usable: false,
                reason: 'not bound',
                cost: '0.04',
                margin: '0.01',
                share: 1,
              },
            ],
            waits: true,
            refused: null,
          },
    explainReceipt: async (carrier, receipt) =>
      carrier === 'sim' ? { ...EXPLANATION, does: `explains ${receipt.text}` } : undefined,
    parkedReceipts: async ({ carrier }) => (carrier === 'none' ? undefined : runtime.parkedViews),
    explainParked: async (id) => {
      const parked = runtime.parkedViews.find((one) => one.parked === id);
      return parked && { parked, explanation: EXPLANATION };
    },
    probeCarrier: async (name, { waitMs }) => {
      told.push(`probeCarrier ${name} ${waitMs}`);
      return { failed: 'refused by this test' };
    },
    isRequeuing: () => runtime.requeuing,
    requeue: async ({ carrier }) => {
      told.push(`requeue ${carrier ?? 'all'}`);
      return { moved: 7, kept: 3, done: true };
    },
    catalogChanged: async () => {
      told.push('catalogChanged');
    },
    listChanged: async () => runtime.listsLive,
    accountStopped: async (account, reason) => {
      told.push(`accountStopped ${account}: ${reason}`);
    },
    heldContent: async (held) =>
      new Map(
        held.map(({ id }) => [id, { from: 'Shop', to: '12025550101', text: 'please donate' }]),
      ),
    refuseHeld: async (id) => {
      told.push(`refuseHeld ${id}`);
    },
    confirm: async (account, names) => {
      told.push(`confirm ${account}: ${names.join(' ')}`);
      return { counted: names.length, repeated: [], unknown: [], late: [] };
    },
    replayPolicy: async ({ limit }) => {
      told.push(`replayPolicy ${limit}`);
      return undefined;
    },
    drain: (actor) => {
      told.push(`drain by ${actor}`);
    },
  };
  return runtime;
}

/** A database (or the pool of one that the caller made), and the HTTP server listening before it on a free port. */
export interface OpsBench {
  readonly url: string;
  readonly pool: Pool;
  readonly runtime: TestRuntime;
  readonly metrics: Metrics;
  readonly secrets: SecretKeeper;
  readonly logged: string[];
  readonly traces: { readonly hub: TraceHub; readonly recordings: Recordings };
  readonly tracesFolder: string;
  readonly app: Api;
  now: number;
  /** A request with the admin token; a body becomes JSON. */
  request(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer>;
  stop(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  readonly json: ReturnType<typeof JSON.parse>;
}

export async function startOps(
  options: { tokens?: AccessToken[]; metricsToken?: string; pool?: Pool } = {},
): Promise<OpsBench> {
  const database = options.pool ? undefined : await createDatabase();
  const pool =
    options.pool ?? createStorePool({ url: database?.url ?? '', applicationName: 'test' });
  const runtime = testRuntime();
  const metrics = createMetrics();
  metrics.attach(runtime, storedGauges(pool));
  const logged: string[] = [];
  const secrets = testSecrets();
  const log = createLog('info', { write: (line) => logged.push(line) });
  const hub = new TraceHub({ now: Date.now, monotonic: () => performance.now() });
  const folder = mkdtempSync(join(tmpdir(), 'smppgate-traces-'));
  const recordings = new Recordings({
    folder: join(folder, 'traces'),
    hub,
    log,
    now: () => bench.now,
  });
  const traces = { hub, recordings };
  const app = await buildHttpServer({
    pool,
    runtime,
    metrics,
    secrets,
    log,
    traces,
    sealing: testSealing(),
    now: () => bench.now,
    tls: undefined,
    tokens: options.tokens ?? [{ name: 'admin', role: 'admin', token: ADMIN_TOKEN }],
    metricsToken: options.metricsToken,
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const bench: OpsBench = {
    url,
    pool,
    traces,
    tracesFolder: join(folder, 'traces'),
    runtime,
    metrics,
    secrets,
    logged,
    app,
    now: Date.now(),
    request: (method, path, body, headers) =>
      request(`${url}${path}`, method, body, {
        authorization: `Bearer ${ADMIN_TOKEN}`,
        ...headers,
      }),
    async stop() {
      await app.close();
      metrics.close();
      rmSync(folder, { recursive: true });
      if (database === undefined) return;
      await pool.end();
      await database.drop();
    },
  };
  return bench;
}

/** The destination hash of these tests. */
export function testHash(msisdn: string): Buffer {
  return testSealing().numberHash(msisdn);
}

export async function request(
  url: string,
  method: string,
  body: unknown,
  headers: Record<string, string>,
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: {
      ...(body !== undefined && typeof body !== 'string' && { 'content-type': 'application/json' }),
      connection: 'close',
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const type = response.headers.get('content-type') ?? '';
  return {
    status: response.status,
    type,
    text,
    json: type.includes('json') ? JSON.parse(text) : undefined,
  };
}
