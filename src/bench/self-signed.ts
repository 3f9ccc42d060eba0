import { generateKeyPairSync, sign } from 'node:crypto';

/**
 * A key and a self-signed certificate, made now and valid for a day: none that expires lies in the
 * repository, and no openssl is needed. X.509 version 1 (RFC 5280 §4.1), ECDSA P-256 with SHA-256
 * (RFC 5758 §3.2).
 */
export function selfSigned(commonName: string, endsInMs = DAY_MS): { key: string; cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  // ecdsa-with-SHA256: 1.2.840.10045.4.3.2
  const algorithm = der(0x30, der(0x06, Buffer.from('2a8648ce3d040302', 'hex')));
  // id-at-commonName: 2.5.4.3
  const attribute = der(
    0x30,
    der(0x06, Buffer.from('550403', 'hex')),
    der(0x0c, Buffer.from(commonName)),
  );
  const name = der(0x30, der(0x31, attribute));
  const validity = der(0x30, utcTime(Date.now() - DAY_MS), utcTime(Date.now() + endsInMs));
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const serial = der(0x02, Buffer.of(1));
  const body = der(0x30, serial, algorithm, name, validity, name, spki);
  const signature = der(0x03, Buffer.of(0), sign('sha256', body, privateKey));
  const certificate = der(0x30, body, algorithm, signature);
  const base64 = certificate.toString('base64').replaceAll(/.{64}(?!$)/g, '$&\n');
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
  };
}

const DAY_MS = 24 * 3600 * 1000;

/** A DER value of at most 65,535 octets; its length takes as few as can be (X.690 §10.1). */
function der(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const octets =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...octets), content]);
}

function utcTime(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replaceAll(/[-:T]/g, '').slice(2, 14);
  return der(0x17, Buffer.from(`${digits}Z`));
}
