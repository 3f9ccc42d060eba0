import type { AddressInfo } from 'node:net';
import { printHowToGoOn, showSample } from './demo.ts';
import type { OpsLog } from './logs.ts';
import type { SmppDoors } from './smpp-doors.ts';

/** Where the HTTP API is, and its first token. */
export interface HttpDoor {
  readonly address: string;
  readonly token: string;
  readonly tokenPath: string | undefined;
}

export interface DemoAnnouncement {
  readonly smpp: AddressInfo;
  /** As it is set. */
  readonly smppHost: string;
  readonly http: HttpDoor;
  readonly dataDir: string;
  readonly log: OpsLog;
  /** Sends one message over a bind of its own; undefined: not the first start. */
  readonly sendSample:
    | ((target: { host: string; port: number; password: string }) => Promise<string>)
    | undefined;
}

const LOOPBACK = /^(localhost|127\.|::1$)/;

/** Where a node that serves is reached. */
export interface ServingAnnouncement {
  readonly smpp: AddressInfo;
  /** Undefined: no door with TLS. */
  readonly smppTls: AddressInfo | undefined;
  readonly http: HttpDoor;
  readonly version: string;
  readonly doors: Pick<SmppDoors, 'isCertificateValid' | 'certificate'>;
}

/** Says that the node serves, where, and warns of a certificate that is not valid. */
export function announceServing(log: OpsLog, at: ServingAnnouncement): void {
  const { smpp, smppTls, http, version, doors } = at;
  log.info('serving', {
    smpp: addressText(smpp),
    ...(smppTls && { smppTls: addressText(smppTls) }),
    http: http.address,
    version,
  });
  if (!doors.isCertificateValid)
    log.warn('the certificate is not valid now', { ...doors.certificate });
}

/** Says that there is a demo, shows the way of a sample message at its first start, and how to go on. */
export async function announceDemo(demo: DemoAnnouncement): Promise<void> {
  const { smpp, http, dataDir, log, sendSample } = demo;
  if (!LOOPBACK.test(demo.smppHost))
    log.warn('demo objects exist beside a listener that is not loopback', {
      smpp: addressText(smpp),
    });
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  if (sendSample !== undefined) {
    const target = { host: '127.0.0.1', port: smpp.port };
    await showSample({
      sendSample: (password) => sendSample({ ...target, password }),
      get: (path) => getJson(`${http.address}${path}`, http.token),
      print,
      dataDir,
    }).catch((error) => log.warn('the sample message failed', { reason: String(error) }));
  }
  printHowToGoOn(print, { smpp: addressText(smpp), ...http, dataDir });
}

/** An address as it is written: "[::1]:2775". */
export function addressText({ address, port, family }: AddressInfo): string {
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}

async function getJson(url: string, token: string): Promise<unknown> {
  const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
  return response.json();
}
