/**
 * The cluster's certificates. One authority signs everything; keys are P-256, certificates last 90 days.
 * Clients are told apart by common name and organisation, as Kubernetes reads them: user and groups.
 */
import { randomBytes, webcrypto } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { systemClock } from '../base/clock.ts';
import { pairText, readIfPresent, replaceSecretFile } from '../client/certificate-file.ts';

/** PEM texts. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateRequest {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  /** DNS names and IPv4 addresses the certificate is for, when it serves. */
  readonly hosts?: readonly string[];
}

interface Authority {
  readonly cert: x509.X509Certificate;
  readonly key: webcrypto.CryptoKey;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const validityMs = 90 * 24 * 3_600_000;
/** A certificate with less time left is made anew: long before it ends, and with time to see that it was not. */
export const renewBeforeMs: number = validityMs / 3;
/** Nodes renew theirs themselves, long before; what they could not renew, because they were off, is made anew for them. */
const renewNodesBeforeMs = 24 * 3_600_000;

export class CertificateAuthority {
  readonly #authority: Authority;
  readonly #renewAll: boolean;
  readonly certPem: string;
  /** Whether the authority's own certificate was made just now. */
  readonly isNew: boolean;

  private constructor(
    authority: Authority,
    options: { readonly isNew: boolean; readonly renewAll: boolean },
  ) {
    this.#authority = authority;
    this.#renewAll = options.renewAll;
    this.isNew = options.isNew;
    this.certPem = authority.cert.toString('pem');
  }

  /**
   * Reads the authority from `directory`, or makes it there. One that ends soon gets a new certificate for its key, so
   * that what it has signed stays valid and hashes of its key go on naming it.
   *
   * @param options renewAll: make every certificate anew, whatever time it has left; name: of the authority, told apart by
   *   it from others that the same server trusts
   */
  static async open(
    directory: string,
    { renewAll = false, name = 'coracle-ca' }: { readonly renewAll?: boolean; readonly name?: string } = {},
  ): Promise<CertificateAuthority> {
    const certFile = join(directory, 'ca.crt');
    const keyFile = join(directory, 'ca.key');
    if (existsSync(certFile) && existsSync(keyFile)) {
      const key = await webcrypto.subtle.importKey(
        'pkcs8',
        derOf(readFileSync(keyFile, 'utf8')),
        algorithm,
        true,
        ['sign'],
      );
      const cert = new x509.X509Certificate(readFileSync(certFile, 'utf8'));
      if (!renewAll && isFresh(cert))
        return new CertificateAuthority({ cert, key }, { isNew: false, renewAll });
      const publicKey = await cert.publicKey.export(algorithm, ['verify']);
      const renewed = await selfSign({ privateKey: key, publicKey }, name);
      await writeWhole(certFile, renewed.cert.toString('pem'), 0o644);
      return new CertificateAuthority(renewed, { isNew: true, renewAll });
    }
    const made = await createAuthority(name);
    await writePair(directory, 'ca', { cert: made.cert.toString('pem'), key: await keyPem(made.key) });
    return new CertificateAuthority(made, { isNew: true, renewAll });
  }

  async issue(request: CertificateRequest): Promise<KeyPair> {
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const names = (request.hosts ?? []).map(
      (host): x509.JsonGeneralName =>
        /^[0-9.]+$/.test(host) ? { type: 'ip', value: host } : { type: 'dns', value: host },
    );
    const nowMs = systemClock.nowMs();
    const cert = await x509.X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject: subjectOf(request),
      issuer: this.#authority.cert.subject,
      notBefore: new Date(nowMs - 60_000),
      notAfter: new Date(nowMs + validityMs),
      publicKey: keys.publicKey,
      signingKey: this.#authority.key,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([
          x509.ExtendedKeyUsage.clientAuth,
          ...(names.length > 0 ? [x509.ExtendedKeyUsage.serverAuth] : []),
        ]),
        ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
      ],
    });
    return { cert: cert.toString('pem'), key: await keyPem(keys.privateKey) };
  }

  /** Issues into `<directory>/<name>.crt` and `.key`, unless they are there and have time left. */
  async ensure(directory: string, name: string, request: CertificateRequest): Promise<KeyPair> {
    const found = readPair(directory, name);
    if (found !== undefined && !this.#renewAll && isFresh(new x509.X509Certificate(found.cert))) return found;
    const pair = await this.issue(request);
    await writePair(directory, name, pair);
    return pair;
  }

  /** A node's, certificate and key in one file, unless it is there and does not end at once. */
  async ensureForNode(file: string, request: CertificateRequest): Promise<void> {
    const found = await readIfPresent(file);
    const isLasting = found !== undefined && isFresh(new x509.X509Certificate(found), renewNodesBeforeMs);
    if (!isLasting || this.#renewAll) await replaceSecretFile(file, pairText(await this.issue(request)));
  }
}

async function createAuthority(name: string): Promise<Authority> {
  return selfSign(await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']), name);
}

async function selfSign(keys: webcrypto.CryptoKeyPair, name: string): Promise<Authority> {
  const nowMs = systemClock.nowMs();
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=${name}`,
    notBefore: new Date(nowMs - 60_000),
    notAfter: new Date(nowMs + validityMs),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  return { cert, key: keys.privateKey };
}

const isFresh = (cert: x509.X509Certificate, beforeMs = renewBeforeMs): boolean =>
  cert.notAfter.getTime() - systemClock.nowMs() > beforeMs;

/** Positive and 16 bytes long. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0] ?? 0) & 0x7f;
  return bytes.toString('hex');
}

function subjectOf(request: CertificateRequest): x509.JsonName {
  return [
    ...(request.organizations ?? []).map((organization) => ({ O: [organization] })),
    { CN: [request.commonName] },
  ];
}

async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
}

const derOf = (pem: string): Buffer => Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');

function readPair(directory: string, name: string): KeyPair | undefined {
  const cert = join(directory, `${name}.crt`);
  const key = join(directory, `${name}.key`);
  if (!existsSync(cert) || !existsSync(key)) return undefined;
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
}

async function writePair(directory: string, name: string, pair: KeyPair): Promise<void> {
  await writeSecret(join(directory, `${name}.key`), pair.key);
  await writeWhole(join(directory, `${name}.crt`), pair.cert, 0o644);
}

/** Writes a file that only root may read, its directory too. */
export async function writeSecret(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeWhole(file, text, 0o600);
}

/** A reader finds the old text or the new one, never a part. */
async function writeWhole(file: string, text: string, mode: number): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(`${file}.new`, text, { mode });
  await rename(`${file}.new`, file);
}
