import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { lifeOfCertificate, readIfPresent } from '../../client/certificate-file.ts';
import { certificateFiles, type NodeCertificatesOptions } from './node-certificates.ts';

/** The node cannot say any more who it is. Only a human can let it in again. */
export class EndedCertificateError extends Error {
  readonly code = 'NODE_CERTIFICATE_ENDED';
}

/**
 * A node that was off for so long that its certificate has ended is nobody to the API server, which would refuse it without end.
 * @throws EndedCertificateError, which says what to do
 */
export async function refuseEndedCertificate(
  { certDir, nodeName }: NodeCertificatesOptions['flags'],
  clock: Clock,
): Promise<void> {
  if (certDir === undefined) return;
  const path = join(certDir, certificateFiles.client);
  const text = await readIfPresent(path);
  if (text === undefined) return;
  const { endMs } = lifeOfCertificate(text);
  if (clock.nowMs() < endMs) return;
  const ended = new Date(endMs).toISOString();
  throw new EndedCertificateError(
    `the certificate of node ${nodeName} (${path}) ended at ${ended}, and this machine's clock says ${new Date(clock.nowMs()).toISOString()}: ` +
      `delete the Node ("kubectl delete node ${nodeName}") and join again with the line that "kubectl-lite join-command" prints; a host of "deploy/up" gets a new one from "deploy/up"`,
  );
}
