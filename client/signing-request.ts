/**
 * A PKCS#10 certificate signing request for an elliptic-curve key, written byte by byte: the agent makes one every two months, and needs no
 * library of X.509 in its memory for that.
 * @see RFC 2986, RFC 5280 section 4.2.1.6
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';

const tag = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  /** Context-specific: attributes of the request; a DNS name; an address. */
  attributes: 0xa0,
  dnsName: 0x82,
  ipAddress: 0x87,
} as const;

/** Object identifiers, encoded. */
const oid = {
  commonName: Buffer.from([0x55, 0x04, 0x03]),
  organization: Buffer.from([0x55, 0x04, 0x0a]),
  /** 1.2.840.10045.4.3.2 */
  ecdsaWithSha256: Buffer.from([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]),
  /** 1.2.840.113549.1.9.14 */
  extensionRequest: Buffer.from([0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e]),
  subjectAltName: Buffer.from([0x55, 0x1d, 0x11]),
} as const;

export interface SigningRequestOptions {
  /** PEM of a P-256 key. */
  readonly privateKey: string;
  readonly organization: string;
  readonly commonName: string;
  /** DNS names and IPv4 addresses that the certificate shall be for. */
  readonly hosts?: readonly string[];
}

/** A new P-256 key: PKCS#8 in PEM. */
export function createPrivateKeyPem(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** DER of the public half of a private key. */
export function publicKeyOf(privateKey: string): Buffer {
  return createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
}

/** @returns PEM */
export function createSigningRequest(options: SigningRequestOptions): string {
  const { privateKey, organization, commonName, hosts = [] } = options;
  const info = der(
    tag.sequence,
    der(tag.integer, Buffer.from([0])),
    der(tag.sequence, attribute(oid.organization, organization), attribute(oid.commonName, commonName)),
    publicKeyOf(privateKey),
    der(tag.attributes, ...(hosts.length === 0 ? [] : [extensions(hosts)])),
  );
  const signature = sign('sha256', info, createPrivateKey(privateKey));
  const algorithm = der(tag.sequence, der(tag.oid, oid.ecdsaWithSha256));
  const request = der(tag.sequence, info, algorithm, der(tag.bitString, Buffer.from([0]), signature));
  const lines = request.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join('\n')}\n-----END CERTIFICATE REQUEST-----\n`;
}

function attribute(type: Buffer, value: string): Buffer {
  const pair = der(tag.sequence, der(tag.oid, type), der(tag.utf8String, Buffer.from(value)));
  return der(tag.set, pair);
}

function extensions(hosts: readonly string[]): Buffer {
  const names = der(tag.sequence, ...hosts.map(alternativeName));
  const extension = der(tag.sequence, der(tag.oid, oid.subjectAltName), der(tag.octetString, names));
  return der(tag.sequence, der(tag.oid, oid.extensionRequest), der(tag.set, der(tag.sequence, extension)));
}

function alternativeName(host: string): Buffer {
  return /^[0-9.]+$/.test(host)
    ? der(tag.ipAddress, Buffer.from(host.split('.').map(Number)))
    : der(tag.dnsName, Buffer.from(host));
}

/** One element: tag, length, contents. */
function der(type: number, ...contents: readonly Buffer[]): Buffer {
  const body = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([type]), lengthOf(body.length), body]);
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  if (length < 0x100) return Buffer.from([0x81, length]);
  return Buffer.from([0x82, length >> 8, length & 0xff]);
}
