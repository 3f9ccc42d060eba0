import { X509Certificate } from 'node:crypto';

/** SHA-256 of a certificate, as openssl's `-fingerprint -sha256` but in lower case and without colons. */
export function fingerprintOf(pem: string): string {
  return new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase();
}
