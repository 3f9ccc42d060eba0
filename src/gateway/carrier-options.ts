import { type ConnectionOptions, createSecureContext, getCACertificates } from 'node:tls';
import type { CarrierTls } from '../domain/carrier-connection.ts';
import type { CatalogCarrier } from '../domain/catalog.ts';
import type { CarrierLinkOptions } from '../session/carrier-link.ts';
import type { OutbindOptions } from '../session/outbind-listener.ts';
import type { SessionOptions } from '../session/session-types.ts';

/**
 * The options of a carrier's link as its resource says.
 * @param open opens a sealed secret
 * @throws Error when a sealed secret does not open, or a certificate is not usable
 */
export function carrierLinkOptions(
  carrier: CatalogCarrier,
  session: SessionOptions,
  open: (sealed: string) => string,
): Omit<CarrierLinkOptions, 'random' | 'slowsDown'> {
  const { host, port, systemId, bindAs, binds, segmentsPerSecond, burst, connection } = carrier;
  const password = open(carrier.sealedPassword);
  const { tls, addressRange, reconnect } = connection;
  return {
    host,
    port,
    addresses: connection.addresses,
    ...(tls && { tls: tlsOptions(tls, open) }),
    systemId,
    password,
    systemType: connection.systemType,
    interfaceVersion: connection.interfaceVersion,
    addrTon: addressRange.ton,
    addrNpi: addressRange.npi,
    addressRange: addressRange.range,
    connectTimeoutMs: connection.connectMs,
    backoff: { firstMs: reconnect.firstMs, maxMs: reconnect.maxMs },
    bindAs,
    binds,
    segmentsPerSecond,
    ...(burst !== undefined && { burst }),
    session: {
      ...session,
      enquireLinkIntervalMs: connection.enquireLinkMs,
      responseTimeoutMs: connection.responseMs,
      sessionInitMs: connection.connectMs,
    },
    ...(connection.outbind && { outbind: outbindOptions(carrier, password, open) }),
  };
}

/** What cannot be changed on a link that is bound. */
export function needsNewLink(now: CatalogCarrier, next: CatalogCarrier): boolean {
  return (
    now.host !== next.host ||
    now.port !== next.port ||
    now.systemId !== next.systemId ||
    now.sealedPassword !== next.sealedPassword ||
    now.bindAs !== next.bindAs ||
    now.binds !== next.binds ||
    // Plain data of one compiler: the order of its keys is fixed.
    JSON.stringify(now.connection) !== JSON.stringify(next.connection)
  );
}

/** Whether two links are of one account at one machine, where the carrier counts the binds of both together. */
export function isSamePlace(now: CatalogCarrier, next: CatalogCarrier): boolean {
  return now.host === next.host && now.port === next.port && now.systemId === next.systemId;
}

function tlsOptions(tls: CarrierTls, open: (sealed: string) => string): ConnectionOptions {
  const { client, serverName } = tls;
  const secureContext = createSecureContext({
    ca: tls.ca ?? systemCas(),
    ...(client && { cert: client.cert, key: open(client.sealedKey) }),
  });
  return {
    secureContext,
    rejectUnauthorized: tls.verify,
    ...(serverName !== undefined && { servername: serverName }),
  };
}

/** The CAs of the system; where it has none (a bare container), those that come with Node. */
function systemCas(): string[] {
  const system = getCACertificates('system');
  return system.length > 0 ? system : getCACertificates('bundled');
}

function outbindOptions(
  carrier: CatalogCarrier,
  password: string,
  open: (sealed: string) => string,
): OutbindOptions {
  const { outbind } = carrier.connection;
  if (outbind === undefined) throw new Error(`${carrier.name} has no outbind`);
  const { host, port, allowFrom, bindAs, systemId, sealedPassword } = outbind;
  return {
    host,
    port,
    allows: (address) => allowFrom.contains(address),
    systemId: systemId ?? carrier.systemId,
    password: sealedPassword === undefined ? password : open(sealedPassword),
    command: bindAs === 'receiver' ? 'bind_receiver' : 'bind_transceiver',
  };
}
