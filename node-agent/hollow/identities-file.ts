/** Who the hollow nodes of a process are, and whom they trust. One file, so that it is replaced in one step. */
import { readFile, stat } from 'node:fs/promises';
import { messageOf } from '../../base/invariant.ts';
import type { CertificatePair } from '../../client/certificate-file.ts';
import type { ClientConfig } from '../../client/client-config.ts';

export interface HollowIdentities {
  readonly server: string;
  /** PEM of the authority. */
  readonly ca: string;
  /** When the first of the certificates ends, in ms since the epoch. */
  readonly endMs: number;
  /** By the node's name: the certificate of `system:node:<name>`. */
  readonly pairs: Readonly<Record<string, CertificatePair>>;
}

/** @throws Error with one line that names the file */
export async function readIdentities(path: string): Promise<HollowIdentities> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as HollowIdentities;
  } catch (error) {
    throw new Error(`--identities: ${messageOf(error)}`, { cause: error });
  }
}

/** @throws Error when the file does not have the node */
export function configOf({ server, ca, pairs }: HollowIdentities, name: string): ClientConfig {
  const pair = pairs[name];
  if (pair === undefined) throw new Error(`--identities: there is no certificate of ${name}`);
  return { server, ca, ...pair };
}

/** Another one after each change. */
export async function identitiesVersion(path: string): Promise<number> {
  return (await stat(path)).mtimeMs;
}
