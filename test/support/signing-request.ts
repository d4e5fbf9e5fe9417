import { webcrypto } from 'node:crypto';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** `spec.request` of a CertificateSigningRequest: base64 of the PEM, with a key of its own. */
export async function signingRequest(
  commonName: string | readonly string[],
  organization = 'system:nodes',
): Promise<string> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: new x509.Name([{ O: [organization] }, ...[commonName].flat().map((name) => ({ CN: [name] }))]),
    keys,
    signingAlgorithm: algorithm,
  });
  return Buffer.from(request.toString('pem')).toString('base64');
}
