import { createPrivateKey, X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { isCidr } from './cidr.ts';
import { clearPassword, rate, systemId, whole } from './schema-parts.ts';

/*
 * How a carrier is connected to: the keys of a carrier's resource that say so.
 */

const ADDRESSES_MAX = 8; // beside host and port: what a carrier names in its interface document
const SYSTEM_TYPE_OCTETS = 12; // SMPP 3.4 §4.1.1: 13 with its NUL
const ADDRESS_RANGE_OCTETS = 40; // SMPP 3.4 §4.1.1: 41 with its NUL
const PEM_CHARS = 262_144; // a bundle of some hundred CAs
const NETWORKS_MAX = 100;

const hostName = z.string().min(1).max(253);
const port = whole(1, 65_535);
const wireText = (octets: number) =>
  z
    .string()
    .regex(/^[\x20-\x7e]*$/, 'must be printable ASCII')
    .max(octets, `must be at most ${octets} octets (SMPP)`);
const seconds = (least: number, most: number) => {
  const error = `must be a number of seconds from ${least} to ${most}`;
  return z.number(error).min(least, error).max(most, error);
};
const certificates = z
  .string()
  .max(PEM_CHARS)
  .refine(areCertificates, 'must be one or more certificates as PEM');
/** The message never repeats it. */
const privateKey = z
  .string()
  .max(PEM_CHARS)
  .refine(isPrivateKey, 'must be an unencrypted private key as PEM');

const tls = z
  .strictObject({
    verify: z.boolean().default(true),
    ca: certificates.optional(),
    serverName: hostName.optional(),
    cert: certificates.optional(),
    key: privateKey.optional(),
    sealedKey: z.string().min(1).optional(),
  })
  .refine(({ key, sealedKey }) => key === undefined || sealedKey === undefined, {
    path: ['key'],
    error: 'needs either key or sealedKey',
  })
  .refine(
    ({ cert, key, sealedKey }) => (cert === undefined) === ((key ?? sealedKey) === undefined),
    {
      path: ['cert'],
      error: 'cert and key belong together',
    },
  )
  .refine(({ cert, key }) => cert === undefined || key === undefined || belongTogether(cert, key), {
    path: ['key'],
    error: 'is not the key of cert',
  });

const outbind = z
  .strictObject({
    listenPort: port,
    listenHost: hostName.default('0.0.0.0'),
    allowFrom: z
      .array(z.string().refine(isCidr, 'must be a network such as 192.0.2.0/24'))
      .min(1, 'must name at least one network')
      .max(NETWORKS_MAX),
    bindAs: z.enum(['receiver', 'transceiver']).default('receiver'),
    systemId: systemId.optional(),
    password: clearPassword.optional(),
    sealedPassword: z.string().min(1).optional(),
  })
  .refine(
    ({ password, sealedPassword }) => password === undefined || sealedPassword === undefined,
    {
      path: ['password'],
      error: 'needs either password or sealedPassword',
    },
  );

/** Keys of a carrier's resource, to be spread into its schema. */
export const carrierLinkShape = {
  hosts: z
    .array(z.strictObject({ host: hostName, port }))
    .max(ADDRESSES_MAX)
    .default([]),
  tls: tls.optional(),
  systemType: wireText(SYSTEM_TYPE_OCTETS).default(''),
  /** YAML reads 3.4 as a number. */
  interfaceVersion: z
    .union([z.enum(['3.3', '3.4', '5.0']), z.literal(3.3), z.literal(3.4), z.literal(5)], {
      error: 'must be 3.3, 3.4 or 5.0',
    })
    .transform((version) => (typeof version === 'number' ? VERSION_TEXTS[version] : version))
    .default('3.4'),
  addressRange: z
    .strictObject({
      ton: whole(0, 255).default(0),
      npi: whole(0, 255).default(0),
      range: wireText(ADDRESS_RANGE_OCTETS).default(''),
    })
    .default({ ton: 0, npi: 0, range: '' }),
  burst: rate.optional(),
  enquireLinkSeconds: seconds(1, 3_600).default(30),
  responseSeconds: seconds(1, 600).default(30),
  connectSeconds: seconds(1, 120).default(10),
  reconnect: z
    .strictObject({
      firstSeconds: seconds(0.1, 60).default(0.5),
      maxSeconds: seconds(1, 3_600).default(30),
    })
    .refine(({ firstSeconds, maxSeconds }) => firstSeconds <= maxSeconds, {
      path: ['maxSeconds'],
      error: 'must not be less than firstSeconds',
    })
    .default({ firstSeconds: 0.5, maxSeconds: 30 }),
  outbind: outbind.optional(),
};

/** Outbind is a plain connection: under it our password would leave in clear although TLS is asked for. */
export function mayOutbind(carrier: {
  readonly tls?: unknown;
  readonly outbind?: unknown;
}): boolean {
  return carrier.tls === undefined || carrier.outbind === undefined;
}

const VERSION_TEXTS = { 3.3: '3.3', 3.4: '3.4', 5: '5.0' } as const;

function areCertificates(pem: string): boolean {
  const found = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return found.length > 0 && found.every((one) => parses(() => new X509Certificate(one)));
}

function isPrivateKey(pem: string): boolean {
  return parses(() => createPrivateKey(pem));
}

function belongTogether(cert: string, key: string): boolean {
  if (!areCertificates(cert) || !isPrivateKey(key)) return true; // said already
  return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
}

function parses(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    return false;
  }
}
