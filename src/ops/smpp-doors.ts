import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { Config } from '../config.ts';
import { parseCidrs } from '../domain/cidr.ts';
import type { Door } from '../gateway/node.ts';
import type { TlsMaterial } from '../session/arrivals.ts';
import { ProxyProtocol } from '../session/proxy-protocol.ts';

/** What of a certificate an operator wants to see when it comes into force. */
export interface CertificateFacts {
  /** As openssl prints it. */
  readonly sha256: string;
  /** ISO time. */
  readonly validUntil: string;
}

/**
 * The doors for customers as the settings want them, with the certificate in force: read at the start, and again by
 * {@link reload} from the same files.
 */
export class SmppDoors {
  readonly #config: Config['smpp'];
  readonly #now: () => number;
  #tls: LoadedTls | undefined;

  /**
   * @param now Unix ms
   * @throws Error of one line that names the setting when the files of smpp.tls cannot be used
   */
  constructor(config: Config['smpp'], now: () => number) {
    this.#config = config;
    this.#now = now;
    this.#tls = config.tls && loadTls(config.tls);
  }

  /** In the order of the node's listeners. */
  get doors(): readonly Door[] {
    const { host, port, tls, proxyProtocol } = this.#config;
    const { trusted } = proxyProtocol;
    const proxies = trusted.length > 0 && { preamble: new ProxyProtocol(parseCidrs(trusted)) };
    const plain: Door = { host, port, ...proxies };
    if (tls === undefined || this.#tls === undefined) return [plain];
    const { material } = this.#tls;
    const setting = 'smpp.tls.port';
    return [plain, { setting, host, port: tls.port, tls: material, ...proxies }];
  }

  /** What the door with TLS is to use now; undefined without TLS. */
  get tls(): TlsMaterial | undefined {
    return this.#tls?.material;
  }

  /** Undefined without TLS. */
  get certificate(): CertificateFacts | undefined {
    return this.#tls && factsOf(this.#tls.certificate);
  }

  /** Whether the certificate in force has run out, or is not valid yet: customers that look will not connect. */
  get isCertificateValid(): boolean {
    return this.#tls === undefined || isValidAt(this.#tls.certificate, this.#now());
  }

  /**
   * Reads the files again. What is not usable, or not valid now, is not taken: the old stays.
   * @returns what the doors with TLS are to use from now on; undefined without TLS
   * @throws Error of one line that names the setting
   */
  reload(): TlsMaterial | undefined {
    if (this.#config.tls === undefined) return undefined;
    const loaded = loadTls(this.#config.tls);
    if (!isValidAt(loaded.certificate, this.#now())) {
      const { validFrom, validTo } = loaded.certificate;
      throw new Error(`smpp.tls.cert is valid from ${validFrom} to ${validTo}, not now`);
    }
    this.#tls = loaded;
    return loaded.material;
  }
}

interface LoadedTls {
  readonly material: TlsMaterial;
  readonly certificate: X509Certificate;
}

function loadTls(files: NonNullable<Config['smpp']['tls']>): LoadedTls {
  const cert = readPem('smpp.tls.cert', files.cert);
  const key = readPem('smpp.tls.key', files.key);
  const ca =
    files.clientCa === undefined ? {} : { ca: readPem('smpp.tls.clientCa', files.clientCa) };
  const material = { cert, key, ...ca };
  const [certificate] = certificatesOf('smpp.tls.cert', cert);
  // OpenSSL takes a file without any certificate for an authority that signed nobody.
  if (ca.ca !== undefined) certificatesOf('smpp.tls.clientCa', ca.ca);
  try {
    createSecureContext(material);
  } catch (error) {
    throw new Error(`smpp.tls.cert and smpp.tls.key cannot be used: ${reasonOf(error)}`);
  }
  return { material, certificate };
}

function readPem(setting: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`${setting} cannot be read: ${reasonOf(error)}`);
  }
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** Every certificate of a PEM file; at least one. */
function certificatesOf(setting: string, pem: string): [X509Certificate, ...X509Certificate[]] {
  const blocks = pem.match(PEM_CERTIFICATE) ?? [];
  try {
    const [first, ...rest] = blocks.map((block) => new X509Certificate(block));
    if (first !== undefined) return [first, ...rest];
  } catch (error) {
    throw new Error(`${setting} has a certificate that cannot be read: ${reasonOf(error)}`);
  }
  throw new Error(`${setting} has no certificate (PEM)`);
}

function isValidAt({ validFrom, validTo }: X509Certificate, nowMs: number): boolean {
  return Date.parse(validFrom) <= nowMs && nowMs < Date.parse(validTo);
}

function factsOf({ fingerprint256, validTo }: X509Certificate): CertificateFacts {
  return { sha256: fingerprint256, validUntil: new Date(validTo).toISOString() };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
