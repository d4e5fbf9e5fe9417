/**
 * A PKCS#10 certificate signing request for an elliptic-curve key, written byte by byte: the agent makes one every two months, and needs no
 * library of X.509 in its memory for that.
 * @see RFC 2986, RFC 5280 section 4.2.1.6
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { der, oid, pemOf, signedBody, subjectName, tag } from './der.ts';

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
    subjectName(organization, commonName),
    publicKeyOf(privateKey),
    der(tag.first, ...(hosts.length === 0 ? [] : [extensions(hosts)])),
  );
  const signature = sign('sha256', info, createPrivateKey(privateKey));
  return pemOf('CERTIFICATE REQUEST', signedBody(info, signature));
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
