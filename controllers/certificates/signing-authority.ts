import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import type { SigningSettings } from '../context.ts';
import { alternativeNames, RequestError } from './request-facts.ts';

/** Clocks differ: a certificate is valid from a little before it was made. */
const backdateMs = 300_000;
const minSeconds = 600;

/** Pure: how long a certificate lasts. */
export function lifetimeSeconds(asked: number | undefined, longest: number): number {
  if (asked === undefined || asked >= longest) return longest;
  return Math.max(asked, minSeconds);
}

const keyUsageFlags: Readonly<Record<string, x509.KeyUsageFlags>> = {
  signing: x509.KeyUsageFlags.digitalSignature,
  'digital signature': x509.KeyUsageFlags.digitalSignature,
  'content commitment': x509.KeyUsageFlags.nonRepudiation,
  'key encipherment': x509.KeyUsageFlags.keyEncipherment,
  'key agreement': x509.KeyUsageFlags.keyAgreement,
  'data encipherment': x509.KeyUsageFlags.dataEncipherment,
};
const extendedUsages: Readonly<Record<string, x509.ExtendedKeyUsage>> = {
  'client auth': x509.ExtendedKeyUsage.clientAuth,
  'server auth': x509.ExtendedKeyUsage.serverAuth,
};

/** Signs with the cluster's own authority. */
export class SigningAuthority {
  readonly #issuer: x509.X509Certificate;
  readonly #key: webcrypto.CryptoKey;
  readonly #algorithm: Algorithm;
  readonly #durationSeconds: number;

  private constructor(issuer: x509.X509Certificate, key: ImportedKey, durationSeconds: number) {
    this.#issuer = issuer;
    this.#key = key.key;
    this.#algorithm = key.algorithm;
    this.#durationSeconds = durationSeconds;
  }

  static async open({ certPem, keyPem, durationSeconds }: SigningSettings): Promise<SigningAuthority> {
    return new SigningAuthority(new x509.X509Certificate(certPem), await importKey(keyPem), durationSeconds);
  }

  /** @returns PEM. @throws RequestError when the request is not signed by the key that it is for */
  async sign(
    request: x509.Pkcs10CertificateRequest,
    asked: {
      readonly usages: readonly string[];
      readonly seconds: number | undefined;
      readonly nowMs: number;
    },
  ): Promise<string> {
    if (!(await request.verify())) throw new RequestError('unable to verify certificate request signature');
    const lifeMs = lifetimeSeconds(asked.seconds, this.#durationSeconds) * 1000;
    const endMs = Math.min(asked.nowMs + lifeMs, this.#issuer.notAfter.getTime());
    const names = alternativeNames(request);
    const flags = asked.usages.reduce((sum, usage) => sum | (keyUsageFlags[usage] ?? 0), 0);
    const extended = asked.usages.flatMap((usage) => extendedUsages[usage] ?? []);
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject: request.subjectName,
      issuer: this.#issuer.subjectName,
      notBefore: new Date(asked.nowMs - backdateMs),
      notAfter: new Date(endMs),
      publicKey: request.publicKey,
      signingKey: this.#key,
      signingAlgorithm: this.#algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        ...(flags === 0 ? [] : [new x509.KeyUsagesExtension(flags, true)]),
        ...(extended.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension(extended)]),
        await x509.AuthorityKeyIdentifierExtension.create(this.#issuer.publicKey),
        ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
      ],
    });
    return `${certificate.toString('pem')}\n`;
  }
}

type Algorithm = (webcrypto.EcKeyImportParams & { readonly hash: string }) | webcrypto.RsaHashedImportParams;

interface ImportedKey {
  readonly key: webcrypto.CryptoKey;
  readonly algorithm: Algorithm;
}

const curves: Readonly<Record<string, string>> = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
};

async function importKey(pem: string): Promise<ImportedKey> {
  const key = createPrivateKey(pem);
  const der = key.export({ type: 'pkcs8', format: 'der' });
  const namedCurve = curves[key.asymmetricKeyDetails?.namedCurve ?? ''];
  const algorithm: Algorithm =
    namedCurve === undefined
      ? { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
      : { name: 'ECDSA', namedCurve, hash: 'SHA-256' };
  return { key: await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']), algorithm };
}

/** Positive and 16 bytes long. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0] ?? 0) & 0x7f;
  return bytes.toString('hex');
}
