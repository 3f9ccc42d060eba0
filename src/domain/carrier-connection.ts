import { type CidrList, parseCidrs } from './cidr.ts';
import type { CarrierSpec } from './resources.ts';

/** How a carrier is connected to, beside its host, port and login. */
export interface CarrierConnection {
  /** Tried in order after host and port. */
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
  /** Undefined: plain TCP. */
  readonly tls: CarrierTls | undefined;
  readonly systemType: string;
  /** On the wire: 0x33, 0x34 or 0x50. */
  readonly interfaceVersion: number;
  readonly addressRange: { readonly ton: number; readonly npi: number; readonly range: string };
  readonly enquireLinkMs: number;
  /** Of a request of ours; then its session ends. */
  readonly responseMs: number;
  /** To be connected, TLS included, and as long again until the bind is answered. */
  readonly connectMs: number;
  readonly reconnect: { readonly firstMs: number; readonly maxMs: number };
  /** Undefined: the carrier does not ask us to bind. */
  readonly outbind: CarrierOutbind | undefined;
}

/** TLS towards a carrier. */
export interface CarrierTls {
  readonly verify: boolean;
  /** PEM; undefined: the system's CAs. */
  readonly ca: string | undefined;
  /** Undefined: the host's name. */
  readonly serverName: string | undefined;
  /** PEM, with its key sealed; undefined: we show none. */
  readonly client: { readonly cert: string; readonly sealedKey: string } | undefined;
}

/** The port on which a carrier asks us to bind. */
export interface CarrierOutbind {
  readonly host: string;
  readonly port: number;
  readonly allowFrom: CidrList;
  readonly bindAs: 'receiver' | 'transceiver';
  /** What its outbind says; undefined: what we bind with. */
  readonly systemId: string | undefined;
  readonly sealedPassword: string | undefined;
}

/** The connection that a stored carrier asks for. */
export function compileConnection(spec: CarrierSpec): CarrierConnection {
  return {
    addresses: spec.hosts,
    tls: compileTls(spec.tls),
    systemType: spec.systemType,
    interfaceVersion: VERSIONS[spec.interfaceVersion],
    addressRange: spec.addressRange,
    enquireLinkMs: milliseconds(spec.enquireLinkSeconds),
    responseMs: milliseconds(spec.responseSeconds),
    connectMs: milliseconds(spec.connectSeconds),
    reconnect: {
      firstMs: milliseconds(spec.reconnect.firstSeconds),
      maxMs: milliseconds(spec.reconnect.maxSeconds),
    },
    outbind: compileOutbind(spec.outbind),
  };
}

const VERSIONS = { '3.3': 0x33, '3.4': 0x34, '5.0': 0x50 } as const;

function compileTls(spec: CarrierSpec['tls']): CarrierTls | undefined {
  if (spec === undefined) return undefined;
  const { verify, ca, serverName, cert, sealedKey } = spec;
  const client = cert === undefined || sealedKey === undefined ? undefined : { cert, sealedKey };
  return { verify, ca, serverName, client };
}

function compileOutbind(spec: CarrierSpec['outbind']): CarrierOutbind | undefined {
  if (spec === undefined) return undefined;
  const { listenHost, listenPort, allowFrom, bindAs, systemId, sealedPassword } = spec;
  return {
    host: listenHost,
    port: listenPort,
    allowFrom: parseCidrs(allowFrom),
    bindAs,
    systemId,
    sealedPassword,
  };
}

function milliseconds(seconds: number): number {
  return Math.round(seconds * 1_000);
}
