/**
 * A certificate and its key in one file, so that both are replaced in one step: whoever reads it finds a pair that fits.
 */
import { X509Certificate } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from '../base/invariant.ts';

export interface CertificatePair {
  /** PEM, the certificate first when there is a chain. */
  readonly cert: string;
  /** PEM */
  readonly key: string;
}

/** From when to when a certificate is valid, in ms since the epoch. */
export interface CertificateLife {
  readonly beginMs: number;
  readonly endMs: number;
}

export const pairText = ({ cert, key }: CertificatePair): string => `${cert.trimEnd()}\n${key.trimEnd()}\n`;

/** Of the first certificate in a PEM text. @throws when there is none */
export function lifeOfCertificate(pem: string): CertificateLife {
  const { validFrom, validTo } = new X509Certificate(pem);
  return { beginMs: Date.parse(validFrom), endMs: Date.parse(validTo) };
}

/** Undefined when there is no such file. */
export async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Writes a file that only its owner may read, and its directory where that is missing. A reader finds the old text or the new one,
 * also after a power loss.
 */
export async function replaceSecretFile(path: string, text: string): Promise<void> {
  const directory = dirname(path);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const next = `${path}.new`;
  const file = await open(next, 'w', 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(next, path);
  const parent = await open(directory, 'r');
  try {
    await parent.sync();
  } finally {
    await parent.close();
  }
}
