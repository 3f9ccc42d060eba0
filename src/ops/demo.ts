import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pool } from 'pg';
import type { Catalog, CatalogCarrier } from '../domain/catalog.ts';
import type { GeneratedSecret } from '../store/resource-sealing.ts';

/** system_id of the demo's customer (config/demo.yaml). */
export const DEMO_SYSTEM_ID = 'demo';

/** Where the demo's generated SMPP password lies. */
export function demoPasswordPath(dataDir: string): string {
  return join(dataDir, 'demo-smpp-password');
}

/** Keeps the customer's password that `apply` generated, mode 0600: it stands in the database only as a hash. */
export function keepDemoPassword(dataDir: string, generated: readonly GeneratedSecret[]): void {
  const own = generated.find((secret) => secret.kind === 'bind' && secret.name === DEMO_SYSTEM_ID);
  if (own === undefined) return;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  writeFileSync(demoPasswordPath(dataDir), `${own.password}\n`, { mode: 0o600 });
}

/** The demo customer's password; undefined when its file is gone. */
export function readDemoPassword(dataDir: string): string | undefined {
  try {
    return readFileSync(demoPasswordPath(dataDir), 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** The carrier that the demo simulates: flagged as the demo's, with port 0 for "the simulator's". */
export function demoCarrierOf(catalog: Catalog): CatalogCarrier | undefined {
  return [...catalog.carriers.values()].find((carrier) => carrier.demo && carrier.port === 0);
}

/** The catalog with the simulator's port at the demo's carrier. */
export function withDemoPort(catalog: Catalog, port: number | undefined): Catalog {
  const demo = demoCarrierOf(catalog);
  if (demo === undefined || port === undefined) return catalog;
  return { ...catalog, carriers: new Map(catalog.carriers).set(demo.id, { ...demo, port }) };
}

/** Whether the catalog holds anything that the demo made. */
export function hasDemoObjects(catalog: Catalog): boolean {
  return [...catalog.accounts.values(), ...catalog.carriers.values()].some((object) => object.demo);
}

/** Prints how to bind, where the API is, and where password and token lie (never the values). */
export function printHowToGoOn(
  print: (line: string) => void,
  at: {
    readonly smpp: string;
    readonly address: string;
    readonly tokenPath: string | undefined;
    readonly dataDir: string;
  },
): void {
  const { smpp, address, tokenPath, dataDir } = at;
  const password = demoPasswordPath(dataDir);
  const token = tokenPath ?? 'ADMIN_TOKEN';
  print('');
  print(`Bind by SMPP at ${smpp}, system_id ${DEMO_SYSTEM_ID}, password in ${password}`);
  print(
    `HTTP API and page at ${address}, documentation at ${address}/docs, admin token in ${token}`,
  );
  print('Ctrl-C drains and stops; the next start keeps the data.');
}

/** What the demo needs of the running daemon, all of it from outside: the HTTP API and a port to bind to. */
export interface DemoTour {
  /** Sends one message by a real SMPP bind; settles with its message_id when its receipt came back. */
  sendSample(password: string): Promise<string>;
  /** GET of the HTTP API, parsed. */
  get(path: string): Promise<unknown>;
  readonly print: (line: string) => void;
  readonly dataDir: string;
}

/** Sends the sample message and shows its way as the API tells it. */
export async function showSample(tour: DemoTour): Promise<void> {
  const password = readDemoPassword(tour.dataDir);
  if (password === undefined) return;
  const before = await balance(tour);
  const id = await tour.sendSample(password);
  const message = (await settled(tour, id)) as { readonly events: readonly TimelineLine[] };
  tour.print('');
  tour.print(`A sample message went its way (GET /v1/messages/${id}):`);
  for (const line of message.events) tour.print(`  ${timelineText(line)}`);
  tour.print(`Balance before ${before}, after ${await balance(tour)} credits.`);
}

interface TimelineLine {
  readonly at: string;
  readonly event: string;
  readonly [detail: string]: unknown;
}

/** `12:03:04.005  charged  credits=0.05` */
function timelineText(line: TimelineLine): string {
  const { at, event, ...details } = line;
  const shown = Object.entries(details)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => `${name}=${String(value)}`);
  return `${at.slice(11, 23)}  ${event.padEnd(14)} ${shown.join(' ')}`.trimEnd();
}

async function balance(tour: DemoTour): Promise<string> {
  const { credits } = (await tour.get('/v1/accounts/demo/balance')) as { readonly credits: string };
  return credits;
}

/** The receipt is with the customer; that he took it is stored a moment later. */
const SETTLED_TRIES = 40;
const SETTLED_PAUSE_MS = 50;

async function settled(tour: DemoTour, id: string): Promise<unknown> {
  for (let tries = 1; ; tries++) {
    const message = (await tour.get(`/v1/messages/${id}`)) as {
      readonly events: readonly TimelineLine[];
    };
    if (tries === SETTLED_TRIES || message.events.some((line) => line.event === 'returned'))
      return message;
    await new Promise((resolve) => setTimeout(resolve, SETTLED_PAUSE_MS));
  }
}

/** Whether the database has what the demo made. */
export async function holdsDemo(pool: Pool): Promise<boolean> {
  const { rows } = await pool.query<{ demo: boolean }>(
    'select exists (select from account where demo) as demo',
  );
  return rows[0]?.demo === true;
}
